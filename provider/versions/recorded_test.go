package versions

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// record writes the fixture again. After the first release, a schema that cannot read the fixture needs an upgrade, and a
// release adds a fixture of its own.
var record = flag.Bool("update", false, "write testdata/state-v0.json with the state that the provider makes now")

const recordedState = "testdata/state-v0.json"

// wide is a pipeline with most of what a state can hold.
const wide = `
resource "iot_pipeline" "test" {
  name         = "greenhouse"
  tags         = { team = "plants" }
  topic_prefix = "farm/north"
  devices = {
    a = { attributes = { bay = "1" } }
    b = { enabled = false }
  }
  credentials  = { store = "secretsmanager" }
  stream       = { retention_hours = 48 }
  device_state = { ttl_days = 30 }
  recent       = {}
  metrics      = {}
  archive      = { expire_after_days = 30 }
  monitoring   = { silence_minutes = 10 }
  api          = {}
  alerts = {
    emails = ["ops@example.com"]
    rules  = { hot = { when = "data.temperature > 50", severity = "critical", command = jsonencode({ action = "rest" }) } }
  }
  routes   = { copy = { sql = "SELECT * FROM 'farm/north/+/telemetry'", sns = { target_arn = "arn:aws:sns:us-east-1:123456789012:t" } } }
  timeouts = { create = "30m" }
}
`

// instance is the one resource of a state, as Terraform writes it down.
type instance struct {
	SchemaVersion int64           `json:"schema_version"`
	Attributes    json.RawMessage `json:"attributes"`
}

// A state that an earlier provider wrote is read without losing anything.
func TestRecordedState(t *testing.T) {
	if *record {
		recordState(t)
	}
	text, err := os.ReadFile(recordedState)
	if err != nil {
		t.Fatal(err)
	}
	var recorded instance
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	server, err := providerserver.NewProtocol6WithError(provider.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	upgraded, err := server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{
		TypeName: "iot_pipeline", Version: recorded.SchemaVersion,
		RawState: &tfprotov6.RawState{JSON: recorded.Attributes},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range upgraded.Diagnostics {
		t.Fatalf("%s: %s: %s", d.Severity, d.Summary, d.Detail)
	}
	var want any
	decoder := json.NewDecoder(bytes.NewReader(recorded.Attributes))
	decoder.UseNumber()
	if err := decoder.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(withoutNulls(want), withoutNulls(stateTree(t, server, upgraded.UpgradedState))); diff != "" {
		t.Errorf("the state as read (-written +read):\n%s", diff)
	}
}

// withoutNulls leaves out what is null: an attribute that came later is null in a state from before.
func withoutNulls(v any) any {
	object, isObject := v.(map[string]any)
	if !isObject {
		return v
	}
	kept := map[string]any{}
	for name, member := range object {
		if member != nil {
			kept[name] = withoutNulls(member)
		}
	}
	return kept
}

// stateTree is a state as a tree, by the schema that the provider has now.
func stateTree(t *testing.T, server tfprotov6.ProviderServer, state *tfprotov6.DynamicValue) any {
	t.Helper()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := state.Unmarshal(schemas.ResourceSchemas["iot_pipeline"].Block.ValueType().(tftypes.Object))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tfvalue.Tree(value)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// recordState applies a pipeline and writes down what Terraform keeps of it.
func recordState(t *testing.T) {
	t.Helper()
	_, env := account(t)
	p := tftest.New(t, env...)
	p.Write("main.tf", providerBlock+wide)
	p.Apply()
	text, err := os.ReadFile(state(p))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Resources []struct{ Instances []instance }
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	fixture, err := json.MarshalIndent(kept.Resources[0].Instances[0], "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	//nolint:gosec // a file of the repository
	if err := os.WriteFile(recordedState, append(fixture, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
