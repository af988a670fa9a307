package policy

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"strconv"
	"strings"
)

// The actions of a device in policies.
const (
	Connect       = "iot:Connect"
	Publish       = "iot:Publish"
	RetainPublish = "iot:RetainPublish"
	Subscribe     = "iot:Subscribe"
	Receive       = "iot:Receive"
)

// The values of the condition key iot:ConnectAttributes: what a client may ask for when it connects. [AWS 3]
const (
	PersistentConnect = "PersistentConnect"
	LastWill          = "LastWill"
)

// A Subject is one MQTT connection.
type Subject struct {
	ClientID string
	SourceIP string
	// Thing is the thing that has the client ID as its name and the certificate attached; "" if there is none.
	Thing      string
	ThingType  string
	Attributes map[string]string
	// Certificate is the client certificate; it may be nil.
	Certificate *x509.Certificate
}

// A Set holds the compiled policies of one subject.
type Set struct {
	allow, deny []compiled
	subject     Subject
}

type compiled struct {
	actions    []glob
	resources  []glob
	conditions []condition
}

// Compile resolves the policy variables of the documents for the subject.
func Compile(documents []*Document, subject Subject) *Set {
	s := &Set{subject: subject}
	for _, d := range documents {
		for _, st := range d.statements {
			c := compileStatement(st, subject)
			if st.deny {
				s.deny = append(s.deny, c)
			} else {
				s.allow = append(s.allow, c)
			}
		}
	}
	return s
}

func compileStatement(st statement, subject Subject) compiled {
	c := compiled{conditions: st.conditions}
	for _, a := range st.actions {
		// As in IAM, the case of actions does not matter.
		if g, ok := compile(strings.ToLower(a), none); ok {
			c.actions = append(c.actions, g)
		}
	}
	for _, r := range st.resources {
		// [AWS 3 TPV] a resource with an unresolved variable matches nothing.
		if g, ok := compile(r, subject.value); ok {
			c.resources = append(c.resources, g)
		}
	}
	return c
}

func none(string) (string, bool) { return "", false }

// Allows reports whether the action on the resource (a full ARN) is allowed and not denied. connect holds the
// attributes of a Connect; it is empty for every other action.
func (s *Set) Allows(action, resource string, connect ...string) bool {
	action = strings.ToLower(action)
	for _, c := range s.deny {
		// A condition that cannot be evaluated holds for a Deny and fails for an Allow: when in doubt, deny.
		if c.matches(action, resource) && s.hold(c.conditions, connect, true) {
			return false
		}
	}
	for _, c := range s.allow {
		if c.matches(action, resource) && s.hold(c.conditions, connect, false) {
			return true
		}
	}
	return false
}

func (c compiled) matches(action, resource string) bool {
	return anyGlob(c.actions, action) && anyGlob(c.resources, resource)
}

func anyGlob(globs []glob, s string) bool {
	for _, g := range globs {
		if g.match(s) {
			return true
		}
	}
	return false
}

// value resolves a policy variable. [AWS 3 BPV, TPV, CPV]
func (s Subject) value(name string) (string, bool) {
	switch name {
	case "iot:ClientId":
		return s.ClientID, true
	case "aws:SourceIp":
		return s.SourceIP, s.SourceIP != ""
	case "iot:Connection.Thing.ThingName":
		return s.Thing, s.Thing != ""
	case "iot:Connection.Thing.ThingTypeName":
		return s.ThingType, s.ThingType != ""
	case "iot:Connection.Thing.IsAttached":
		return strconv.FormatBool(s.Thing != ""), true
	}
	if attribute, ok := strings.CutPrefix(name, "iot:Connection.Thing.Attributes["); ok {
		v, found := s.Attributes[strings.TrimSuffix(attribute, "]")]
		return v, found
	}
	if s.Certificate != nil {
		if field, ok := strings.CutPrefix(name, "iot:Certificate.Subject."); ok {
			return nameField(s.Certificate.Subject, field)
		}
		if field, ok := strings.CutPrefix(name, "iot:Certificate.Issuer."); ok {
			return nameField(s.Certificate.Issuer, field)
		}
		if name == "iot:Certificate.SerialNumber" {
			return s.Certificate.SerialNumber.String(), true
		}
	}
	return "", false
}

// nameField returns a field of an X.509 name: its first value, or with ".n" its n-th.
func nameField(n pkix.Name, field string) (string, bool) {
	field, number, indexed := strings.Cut(field, ".")
	values := map[string][]string{
		"CommonName":         {n.CommonName},
		"SerialNumber":       {n.SerialNumber},
		"Country":            n.Country,
		"Organization":       n.Organization,
		"OrganizationalUnit": n.OrganizationalUnit,
		"LocalityName":       n.Locality,
		"State":              n.Province,
	}[field]
	i := 0
	if indexed {
		var err error
		if i, err = strconv.Atoi(number); err != nil || i < 0 {
			return "", false
		}
	}
	if i >= len(values) || values[i] == "" {
		return "", false
	}
	return values[i], true
}

func (s *Set) hold(conditions []condition, connect []string, unknown bool) bool {
	for _, c := range conditions {
		if !s.holds(c, connect, unknown) {
			return false
		}
	}
	return true
}

// holds evaluates one condition; unknown is the result for an unsupported operator.
func (s *Set) holds(c condition, connect []string, unknown bool) bool {
	operator, quantifier := c.operator, ""
	if q, rest, ok := strings.Cut(operator, ":"); ok {
		quantifier, operator = q, rest
	}
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	actual := connect
	if c.key != "iot:ConnectAttributes" {
		actual = nil
		if v, ok := s.subject.value(c.key); ok {
			actual = []string{v}
		}
	}
	if len(actual) == 0 && (ifExists || quantifier == "ForAllValues") {
		return true // the empty set satisfies the condition
	}
	test, negated := operators[strings.TrimPrefix(operator, "Not")], false
	if rest, ok := strings.CutPrefix(operator, "StringNot"); ok {
		test, negated = operators["String"+rest], true
	} else if operator == "NotIpAddress" {
		negated = true
	}
	if test == nil {
		return unknown
	}
	within := func(v string) bool { return s.oneOf(test, v, c.values) != negated }
	if quantifier == "ForAllValues" {
		for _, v := range actual {
			if !within(v) {
				return false
			}
		}
		return true
	}
	for _, v := range actual {
		if within(v) {
			return true
		}
	}
	return negated && len(actual) == 0 && quantifier == ""
}

func (s *Set) oneOf(test func(actual, expected string, subject Subject) bool, actual string, expected []string) bool {
	for _, w := range expected {
		if test(actual, w, s.subject) {
			return true
		}
	}
	return false
}

// operators compare an actual value with a policy's value, which may contain variables.
var operators = map[string]func(actual, expected string, subject Subject) bool{
	"Bool":                   func(a, w string, _ Subject) bool { return strings.EqualFold(a, w) },
	"StringEquals":           func(a, w string, s Subject) bool { return a == literal(w, s) },
	"StringEqualsIgnoreCase": func(a, w string, s Subject) bool { return strings.EqualFold(a, literal(w, s)) },
	"StringLike": func(a, w string, s Subject) bool {
		g, ok := compile(w, s.value)
		return ok && g.match(a)
	},
	"IpAddress": func(a, w string, _ Subject) bool {
		address, err := netip.ParseAddr(a)
		if err != nil {
			return false
		}
		if prefix, err := netip.ParsePrefix(w); err == nil {
			return prefix.Contains(address)
		}
		one, err := netip.ParseAddr(w)
		return err == nil && one == address
	},
}

// literal resolves the variables of a value in which wildcards are plain characters. If a variable has no value, it
// returns "\xff", which equals nothing.
func literal(expected string, s Subject) string {
	g, ok := compile(expected, s.value)
	if !ok {
		return "\xff"
	}
	return strings.NewReplacer(string([]byte{anyText}), "*", string([]byte{anyChar}), "?").Replace(string(g))
}
