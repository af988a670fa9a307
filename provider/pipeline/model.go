package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// model is one value of the resource (configuration, plan or state): as a tree, which keeps what is null and what is
// unknown, and as the description that internal/pipeline understands.
type model struct {
	tree    map[string]any
	spec    pipeline.Spec
	unknown tfvalue.Paths // among the arguments
	missed  bool          // an apply has to restore what only a deep check finds missing
}

// newModel reads a value. It returns nil for null.
func newModel(v tftypes.Value) (*model, error) {
	if v.IsNull() {
		return nil, nil
	}
	tree, err := tfvalue.Tree(v)
	if err != nil {
		return nil, err
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the value is %T, not an object", tree)
	}
	return modelOf(object)
}

func modelOf(tree map[string]any) (*model, error) {
	m := &model{tree: tree}
	return m, m.describe()
}

// describe reads the arguments from the tree again after a change.
func (m *model) describe() error {
	written := maps.Clone(m.tree)
	for name := range computed() {
		delete(written, name)
	}
	rest, unknown := tfvalue.Known(written)
	text, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	m.spec, m.unknown = pipeline.Spec{}, unknown
	return json.Unmarshal(text, &m.spec)
}

// takeSecrets completes the description with the write-only values of the configuration. The tree, which becomes the
// state, does not get them.
func (m *model) takeSecrets(config tftypes.Value) error {
	written, err := newModel(config)
	if err == nil && written != nil {
		m.spec.TakeSecrets(written.spec)
	}
	return err
}

// value returns the model as a value of the resource's type.
func (m *model) value(t tftypes.Type) (tftypes.Value, error) { return tfvalue.Value(t, m.tree) }

// setIdentity completes a plan with what an operation needs: the owner token and the recorded identities of the
// devices.
func (m *model) setIdentity(owner string, identities any) {
	m.tree["id"], m.tree["identities"] = owner, identities
}

// timeout is the configured timeout of an operation, or nil.
func (m *model) timeout(operation string) *string {
	t := m.spec.Timeouts
	if t == nil {
		return nil
	}
	return map[string]*string{"create": t.Create, "read": t.Read, "update": t.Update, "delete": t.Delete}[operation]
}

// limit is how long an operation may take.
func (m *model) limit(operation string, otherwise time.Duration) time.Duration {
	if text := m.timeout(operation); text != nil {
		if d, err := time.ParseDuration(*text); err == nil {
			return d
		}
	}
	return otherwise
}

// text is a known string, or empty.
func (m *model) text(name string) string {
	s, _ := m.tree[name].(string)
	return s
}

func (m *model) region() string { return m.text("region") }

// set puts the tree of anything that can be marshaled under a name.
func (m *model) set(name string, source any) error {
	tree, err := tfvalue.Of(source)
	if err != nil {
		return err
	}
	m.tree[name] = tree
	return nil
}

// read fills target from an attribute without its unknown values. It reports whether the attribute was known and not
// null.
func (m *model) read(name string, target any) (bool, error) {
	tree := m.tree[name]
	if tree == nil || tfvalue.IsUnknown(tree) {
		return false, nil
	}
	rest, _ := tfvalue.Known(tree)
	text, err := json.Marshal(rest)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, target)
}

// tagsAll are the recorded or planned tags of all objects.
func (m *model) tagsAll() (map[string]string, bool) {
	tags := map[string]string{}
	ok, err := m.read("tags_all", &tags)
	return tags, ok && err == nil && !tfvalue.IsUnknown(m.tree["tags_all"])
}

// identityState is what the state holds of a device: what does not follow from its name. Both are null for a device
// behind a gateway.
type identityState struct {
	CertificateID *string `json:"certificate_id"`
	Credentials   *string `json:"credentials"`
	// CertificateVersion is nil if the provider has not made the key.
	CertificateVersion *int64 `json:"certificate_version"`
}

func newIdentityState(name string, id spec.DeviceIdentity) identityState {
	if contract.GatewayOf(name) != "" {
		return identityState{}
	}
	now := identityState{CertificateID: &id.CertificateID, Credentials: &id.Credentials}
	if id.CertificateVersion > 0 {
		now.CertificateVersion = &id.CertificateVersion
	}
	return now
}

func textOf(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// identities are the recorded identities of the devices, with what follows from their names.
func (m *model) identities(naming pipeline.Naming) map[string]spec.DeviceIdentity {
	var recorded map[string]identityState
	if ok, err := m.read("identities", &recorded); !ok || err != nil {
		return nil
	}
	identities := make(map[string]spec.DeviceIdentity, len(recorded))
	for name, r := range recorded {
		identities[name] = spec.DeviceIdentity{
			ThingARN:       naming.Thing(name),
			CertificateARN: naming.Certificate(textOf(r.CertificateID)),
			CertificateID:  textOf(r.CertificateID),
			Credentials:    textOf(r.Credentials),
		}
		if r.CertificateVersion != nil {
			identity := identities[name]
			identity.CertificateVersion = *r.CertificateVersion
			identities[name] = identity
		}
	}
	return identities
}

// imported reports whether the model comes from an import: nothing is recorded yet.
func (m *model) imported() bool { return m.tree["parts"] == nil && m.text("id") != "" }

// partState is a record in the attribute parts, under its key.
type partState struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	ID      string            `json:"id"`
	ARN     string            `json:"arn"`
	Status  string            `json:"status"`
	Needs   []string          `json:"needs"`
	Outputs map[string]string `json:"outputs,omitempty"`
}

// records are the recorded parts.
func (m *model) records() ([]assembly.Record, error) {
	var parts map[string]partState
	if _, err := m.read("parts", &parts); err != nil {
		return nil, err
	}
	list := make([]assembly.Record, 0, len(parts))
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		p := parts[key]
		list = append(list, assembly.Record{Key: key, Kind: p.Kind, Name: p.Name, ID: p.ID, ARN: p.ARN,
			Outputs: p.Outputs, Needs: p.Needs, Status: assembly.Status(p.Status)})
	}
	return list, nil
}

// setRecords puts records into the attribute parts.
func (m *model) setRecords(records []assembly.Record) error {
	parts := make(map[string]partState, len(records))
	for _, r := range records {
		needs := r.Needs
		if needs == nil {
			needs = []string{}
		}
		parts[r.Key] = partState{
			Kind:    r.Kind,
			Name:    r.Name,
			ID:      r.ID,
			ARN:     r.ARN,
			Status:  string(r.Status),
			Needs:   needs,
			Outputs: r.Outputs,
		}
	}
	return m.set("parts", parts)
}
