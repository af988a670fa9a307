package template

import (
	"crypto/sha1" // for a name, as AWS names policies; nothing rests on it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Plan is what shall be registered for one device.
type Plan struct {
	Thing         *Thing // nil: none
	CertificateID string // as the template says it; the caller checks that it is the device's
	Active        bool   // what becomes of the certificate; else it stays INACTIVE
	Policies      []Policy
	Configuration map[string]any // for the device: JSON values; never nil
}

// A Thing is the wanted thing. What is nil or empty is not mentioned in the template.
type Thing struct {
	Name         string
	Attributes   map[string]string
	Type         string
	Groups       []string
	BillingGroup string
	Override     Overrides
}

// Overrides say what to do with each property of a thing that exists; "" is not a setting.
type Overrides struct{ Attributes, Type, Groups Override }

// An Override is one of AWS's OverrideSettings. [AWS 4 Thing props]
type Override string

// The settings.
const (
	DoNothing Override = "DO_NOTHING"
	Replace   Override = "REPLACE"
	Fail      Override = "FAIL"
	Merge     Override = "MERGE"
)

// A Policy is one to attach to the certificate. With a Document it is created if no policy has its name.
type Policy struct{ Name, Document string }

// What AWS takes for names and values of things. [AWS 1.3]
var (
	thingName      = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	attributeName  = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#-]{1,128}$`)
	attributeValue = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}$`)
)

// Attributes per thing, with and without a thing type. [AWS 1.3]
const maxTyped, maxUntyped = 50, 3

// Resolve evaluates the template for a device. A parameter that the template does not declare is ignored here (at
// AWS, too, it is for the hook only); one that is declared, not given and without a default is an error where it is
// referred to.
func (t *Template) Resolve(parameters map[string]string, certificateID string) (*Plan, error) {
	s := &scope{values: map[string]string{}, mappings: t.mappings}
	for name, fallback := range t.parameters {
		if v, ok := parameters[name]; ok {
			s.values[name] = v
		} else if fallback != nil {
			s.values[name] = *fallback
		}
	}
	s.values[CertificateID] = certificateID // whatever a device says
	p := &Plan{Active: !t.certificate.inactive, Configuration: map[string]any{}}
	var err error
	if p.CertificateID, err = evalText(t.certificate.id, s); err != nil {
		return nil, fmt.Errorf("CertificateId: %w", err)
	}
	if t.thing != nil {
		if p.Thing, err = t.thing.resolve(s); err != nil {
			return nil, err
		}
	}
	for _, one := range t.policies {
		policy, err := one.resolve(s)
		if err != nil {
			return nil, err
		}
		p.Policies = append(p.Policies, policy)
	}
	for _, name := range slices.Sorted(maps.Keys(t.configuration)) {
		if p.Configuration[name], err = t.configuration[name].eval(s); err != nil {
			return nil, fmt.Errorf("DeviceConfiguration.%s: %w", name, err)
		}
	}
	return p, nil
}

func (t *thing) resolve(s *scope) (*Thing, error) {
	r := &Thing{Override: t.override}
	for _, property := range []struct {
		name string
		from expression
		to   *string
	}{{"ThingName", t.name, &r.Name}, {"ThingTypeName", t.kind, &r.Type},
		{"BillingGroup", t.billingGroup, &r.BillingGroup}} {
		if property.from == nil {
			continue
		}
		var err error
		if *property.to, err = evalText(property.from, s); err != nil {
			return nil, fmt.Errorf("%s: %w", property.name, err)
		}
	}
	if !thingName.MatchString(r.Name) {
		return nil, fmt.Errorf("ThingName: %.130q cannot be the name of a thing", r.Name)
	}
	if t.groups != nil {
		var err error
		if r.Groups, err = evalTexts(t.groups, s); err != nil {
			return nil, fmt.Errorf("ThingGroups: %w", err)
		}
	}
	if t.attributes == nil {
		return r, nil
	}
	r.Attributes = make(map[string]string, len(t.attributes))
	for _, name := range slices.Sorted(maps.Keys(t.attributes)) {
		value, err := evalText(t.attributes[name], s)
		if err == nil && (!attributeName.MatchString(name) || !attributeValue.MatchString(value)) {
			err = fmt.Errorf("the registry does not take the value %.80q, or an attribute of that name", value)
		}
		if err != nil {
			return nil, fmt.Errorf("AttributePayload.%s: %w", name, err)
		}
		r.Attributes[name] = value
	}
	if most := map[bool]int{true: maxUntyped, false: maxTyped}[r.Type == ""]; len(r.Attributes) > most {
		return nil, fmt.Errorf("AttributePayload: %d attributes are more than the %d that a thing can have",
			len(r.Attributes), most)
	}
	return r, nil
}

// resolve gives a policy without a name one made of its document, as AWS does.
func (p policy) resolve(s *scope) (r Policy, err error) {
	if p.name != nil {
		if r.Name, err = evalText(p.name, s); err != nil {
			return r, fmt.Errorf("PolicyName: %w", err)
		}
		return r, nil
	}
	v, err := p.document.eval(s)
	if err != nil {
		return r, fmt.Errorf("PolicyDocument: %w", err)
	}
	switch v := v.(type) {
	case string:
		r.Document = v
	case map[string]any:
		text, err := json.Marshal(v)
		if err != nil {
			return r, fmt.Errorf("PolicyDocument: %w", err)
		}
		r.Document = string(text)
	default:
		return r, fmt.Errorf("PolicyDocument: it is neither an object nor the text of one")
	}
	sum := sha1.Sum([]byte(r.Document))
	r.Name = strings.ToUpper(hex.EncodeToString(sum[:]))
	return r, nil
}
