package migrate

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// Types of resources that the migration takes over or rewrites.
const (
	kindThing            = "aws_iot_thing"
	kindCertificate      = "aws_iot_certificate"
	kindAttachment       = "aws_iot_thing_principal_attachment"
	kindMembership       = "aws_iot_thing_group_membership"
	kindPolicyAttachment = "aws_iot_policy_attachment"
	kindRule             = "aws_iot_topic_rule"
)

// Options say what is migrated.
type Options struct {
	Pipeline string   // its name
	Things   []string // names of the things that become devices; nil: all of the state
	Region   string   // empty: the region of the things, if they are in one
}

// migration is what becomes of a state.
type migration struct {
	name        string
	region      string
	topicPrefix string
	devices     map[string]*device
	byResource  [][]*object // instances by resource, in order of addresses
	taken       map[*object]bool
	policies    []*object // attachments of policies to certificates that are taken
	notes       []note
}

// device is a thing with what is attached to it.
type device struct {
	arn          string
	attributes   map[string]string
	certificates []string // ARNs
	disabled     bool
}

// note is something that a person has to know or to do.
type note struct{ about, text string }

func (m *migration) note(about, format string, args ...any) {
	m.notes = append(m.notes, note{about, fmt.Sprintf(format, args...)})
}

// Write reads a state, as terraform show -json or terraform state pull prints it, and writes the configuration of the
// migration. It writes no private key.
func Write(to io.Writer, state io.Reader, o Options) error {
	objects, err := read(state)
	if err != nil {
		return err
	}
	m, err := plan(objects, o)
	if err != nil {
		return err
	}
	_, err = to.Write(m.configuration())
	return err
}

// plan decides what becomes of the objects.
func plan(objects []*object, o Options) (*migration, error) {
	m := &migration{name: o.Pipeline, devices: map[string]*device{}, taken: map[*object]bool{}}
	m.group(objects)
	if err := m.findThings(objects, o); err != nil {
		return nil, err
	}
	m.attach(objects)
	m.judgeCertificates(objects)
	if err := m.validate(); err != nil {
		return nil, err
	}
	m.take(objects)
	m.findPrefix(objects)
	m.noteOthers(objects)
	return m, nil
}

// group sorts the objects by resource.
func (m *migration) group(objects []*object) {
	groups := map[string][]*object{}
	for _, object := range objects {
		address := traversalText(object.resource)
		groups[address] = append(groups[address], object)
	}
	for _, address := range slices.Sorted(maps.Keys(groups)) {
		slices.SortFunc(groups[address], func(a, b *object) int {
			x, isX := a.key.(float64)
			y, isY := b.key.(float64)
			if isX && isY {
				return cmp.Compare(x, y)
			}
			return cmp.Compare(a.address, b.address)
		})
		m.byResource = append(m.byResource, groups[address])
	}
}

// findThings makes devices of the chosen things.
func (m *migration) findThings(objects []*object, o Options) error {
	regions, accounts := map[string]bool{}, map[string]bool{}
	missing := slices.Clone(o.Things)
	for _, object := range objects {
		name, arn := object.text("name"), object.text("arn")
		if object.kind != kindThing || len(o.Things) > 0 && !slices.Contains(o.Things, name) {
			continue
		}
		missing = slices.DeleteFunc(missing, func(wanted string) bool { return wanted == name })
		if name == "" || arn == "" {
			m.note(object.address, "the state does not say which thing it is; its creation may have failed")
			continue
		}
		region, account := placeOf(arn)
		if o.Region != "" && region != o.Region {
			m.note(object.address, "the thing is in region %s", region)
			continue
		}
		regions[region], accounts[account] = true, true
		m.devices[name] = &device{arn: arn, attributes: texts(object.values["attributes"])}
	}
	found := slices.Sorted(maps.Keys(regions))
	switch {
	case len(missing) > 0:
		return fmt.Errorf("the state has no aws_iot_thing with the name %s", strings.Join(missing, ", "))
	case len(found) == 0:
		return errors.New("the state has no aws_iot_thing to take over")
	case len(found) > 1:
		return fmt.Errorf("the things are in the regions %s, and a pipeline is in one: choose it with --region",
			strings.Join(found, ", "))
	case len(accounts) > 1:
		return fmt.Errorf("the things are in the accounts %s, and a pipeline is in one: choose them with --thing",
			strings.Join(slices.Sorted(maps.Keys(accounts)), ", "))
	}
	m.region = found[0]
	return nil
}

func placeOf(arn string) (region, account string) {
	if fields := strings.SplitN(arn, ":", 6); len(fields) == 6 {
		return fields[3], fields[4]
	}
	return "", ""
}

// texts are the members of a map of strings.
func texts(value any) map[string]string {
	members, _ := value.(map[string]any)
	all := map[string]string{}
	for key, v := range members {
		if text, ok := v.(string); ok {
			all[key] = text
		}
	}
	return all
}

// attach gives each device the certificates that are attached to its thing.
func (m *migration) attach(objects []*object) {
	for _, object := range objects {
		d := m.devices[object.text("thing")]
		if object.kind != kindAttachment || d == nil {
			continue
		}
		principal := object.text("principal")
		// A thing of the same name can be in another region.
		place, _, _ := strings.Cut(d.arn, ":thing/")
		if strings.HasPrefix(principal, place+":cert/") && !slices.Contains(d.certificates, principal) {
			d.certificates = append(d.certificates, principal)
		}
	}
	for _, d := range m.devices {
		slices.Sort(d.certificates)
	}
}

// judgeCertificates leaves out devices that share a certificate, and disables those that have none that is active.
func (m *migration) judgeCertificates(objects []*object) {
	inactive, users := map[string]bool{}, map[string][]string{}
	for _, object := range objects {
		switch active, known := object.values["active"].(bool); {
		case object.kind == kindCertificate && known && !active:
			inactive[object.text("arn")] = true
		case object.kind == kindAttachment:
			thing := object.text("thing")
			if principal := object.text("principal"); !slices.Contains(users[principal], thing) {
				users[principal] = append(users[principal], thing)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.devices)) {
		m.judge(name, m.devices[name], inactive, users)
	}
}

// judge looks at the certificates of one device; users are the things of each certificate.
func (m *migration) judge(name string, d *device, inactive map[string]bool, users map[string][]string) {
	if len(d.certificates) == 0 {
		m.note("thing "+name, "the state attaches no certificate to it. If one is attached, or if the device uses one "+
			"that only has a policy, add its ARN as certificate_arns; otherwise the device gets a new one")
	}
	off := 0
	for _, arn := range d.certificates {
		if others := without(users[arn], name); len(others) > 0 {
			m.leaveOut(name, "its certificate %s is attached to %s too; give each device its own", arn,
				strings.Join(others, ", "))
		}
		if inactive[arn] {
			off++
		}
	}
	switch {
	case off > 0 && off == len(d.certificates):
		d.disabled = true
	case off > 0:
		m.note("thing "+name, "some of its certificates are inactive: detach these, and remove them from "+
			"certificate_arns; the plan refuses them")
	}
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

func (m *migration) leaveOut(name, format string, args ...any) {
	if m.devices[name] != nil {
		delete(m.devices, name)
		m.note("thing "+name, "left out: "+format, args...)
	}
}

// validate asks of the devices what a plan asks, and leaves out those that a pipeline cannot have.
func (m *migration) validate() error {
	for _, problem := range pipeline.Validate(m.spec(), nil) {
		rest, isDevice := strings.CutPrefix(problem.Path, "devices[")
		quoted, err := strconv.QuotedPrefix(rest)
		name, unquoted := strconv.Unquote(quoted)
		switch {
		case problem.Warning && problem.Path == "devices":
			m.note(problem.Path, "%s. Adopt them in steps with --thing, or move them into a file (devices_from) when "+
				"they are adopted: they stay so", problem.Summary)
		case problem.Warning:
			m.note(problem.Path, "%s. %s", problem.Summary, problem.Detail)
		case !isDevice || err != nil || unquoted != nil:
			return fmt.Errorf("%s: %s", problem.Summary, problem.Detail)
		default:
			m.leaveOut(name, "%s. %s", problem.Summary, problem.Detail)
		}
	}
	if len(m.devices) == 0 {
		return fmt.Errorf("the pipeline can take over none of the things: %s", joinNotes(m.notes))
	}
	return nil
}

func joinNotes(notes []note) string {
	lines := make([]string, len(notes))
	for i, n := range notes {
		lines[i] = n.about + ": " + n.text
	}
	return strings.Join(lines, "; ")
}

// spec is the pipeline with its devices.
func (m *migration) spec() pipeline.Spec {
	s := pipeline.Spec{Name: m.name, Region: &m.region, Devices: map[string]pipeline.DeviceSpec{}}
	for name, d := range m.devices {
		enabled := !d.disabled
		s.Devices[name] = pipeline.DeviceSpec{Attributes: d.attributes, Enabled: &enabled,
			Adopt: &pipeline.AdoptSpec{ThingARN: d.arn, CertificateARNs: d.certificates}}
	}
	return s
}

// take notes which objects the pipeline takes over, and which attachments of policies name one of them.
func (m *migration) take(objects []*object) {
	owner := map[string]bool{} // certificates of devices
	for _, d := range m.devices {
		for _, arn := range d.certificates {
			owner[arn] = true
		}
	}
	for _, object := range objects {
		switch object.kind {
		case kindThing:
			d := m.devices[object.text("name")]
			m.taken[object] = d != nil && d.arn == object.text("arn")
		case kindCertificate:
			m.taken[object] = owner[object.text("arn")]
		case kindAttachment:
			m.taken[object] = m.devices[object.text("thing")] != nil && owner[object.text("principal")]
		case kindMembership:
			region := object.text("region") // since version 6 of the AWS provider
			m.taken[object] = m.devices[object.text("thing_name")] != nil && (region == "" || region == m.region)
		case kindPolicyAttachment:
			if owner[object.text("target")] {
				m.policies = append(m.policies, object)
			}
		}
	}
}

// telemetry is the end of the filter of a rule that reads what the pipeline's rule reads.
const telemetry = "/+/telemetry"

// findPrefix takes the topic prefix from the rules, if they agree.
func (m *migration) findPrefix(objects []*object) {
	prefixes := map[string]bool{}
	for _, object := range objects {
		if object.kind != kindRule {
			continue
		}
		q, err := iotsql.Compile(object.text("sql"), iotsql.Options{Version: object.text("sql_version")})
		if err != nil {
			continue
		}
		if prefix, ok := strings.CutSuffix(q.Topic(), telemetry); ok && !strings.ContainsAny(prefix, "+#$") {
			prefixes[prefix] = true
		}
	}
	found := slices.Sorted(maps.Keys(prefixes))
	switch len(found) {
	case 0:
		m.note("topic_prefix", "no rule reads <prefix>%s. The devices must publish to "+
			"<topic_prefix>/<thing>/telemetry: compare it with their firmware, and write a route for other topics",
			telemetry)
	case 1:
		m.topicPrefix = found[0]
	default:
		m.note("topic_prefix", "rules read %s; choose one, or migrate each fleet into its own pipeline with --thing",
			strings.Join(found, telemetry+", ")+telemetry)
	}
}
