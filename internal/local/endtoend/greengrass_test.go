package endtoend_test

import (
	"archive/zip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const greengrassPipeline = `
resource "iot_pipeline" "gh" {
  name       = "NAME"
  devices    = { "gw-1" = { gateway = {} }, "gw-2" = { gateway = {} }, "other" = {} }
  timestream = {}
  archive    = { enabled = false }
  processor  = { batch_window_seconds = 0 }
  edge = {
    greengrass = { artifacts = { ARCHITECTURE = "PATH" } }
    rules = {
      warm = { sql = "SELECT * FROM 'NAME/+/telemetry' WHERE data.t > LIMIT" }
    }
    unmatched = "drop"
  }
  force_destroy = true
}
`

// architectures are the words of the arguments and of recipes for Go's.
var architectures = map[string][2]string{"arm64": {"arm64", "aarch64"}, "amd64": {"x86_64", "amd64"}}

// TestGreengrass: what the pipeline deploys runs on gateways as it is. A small imitation of the nucleus takes component
// and configuration from the deployment, fetches the artifact, replaces the variables of the recipe, and runs its scripts,
// beside the nucleus's own connection with the same certificate. Readings of a child arrive as the rules say.
//
// Rules come by the deployment alone: a gateway that has not got a revision yet keeps its rules, whatever its shadow says,
// and one that refuses the settings of a revision goes on with those before.
func TestGreengrass(t *testing.T) {
	words, ok := architectures[runtime.GOARCH]
	if !ok {
		t.Fatalf("iot-edge is not released for %s", runtime.GOARCH)
	}
	path := zipEdge(t)
	with := func(limit string) string {
		return strings.NewReplacer("NAME", name, "ARCHITECTURE", words[0], "PATH", path, "LIMIT", limit).
			Replace(greengrassPipeline)
	}
	w := deploy(t, with("10"))
	line := startLine(t, w.runtime.MQTTAddr())
	one, two := newNucleus(t, w, "gw-1", words[1], line), newNucleus(t, w, "gw-2", words[1], line)
	connection := must(w.try(t, "gw-1", "gw-1"))(t)
	for thing, id := range map[string]string{"other": "other#edge", "gw-1": "gw-10"} {
		if _, err := w.try(t, thing, id); err == nil {
			t.Errorf("%s may connect as %s", thing, id)
		}
	}
	must(w.aws.IoTData().UpdateThingShadow(t.Context(), &iotdataplane.UpdateThingShadowInput{ThingName: aws.String("gw-1"),
		ShadowName: aws.String(contract.EdgeShadow), Payload: []byte(`{"state":{"desired":{"rules":{},"unmatched":"forward"}}}`)}))(t)
	one.edge.write(t, "work/desired.json", json.RawMessage(`{"rules":{},"unmatched":"forward"}`))
	for _, n := range []*nucleus{one, two} {
		if err := n.takes(t); err != nil {
			t.Fatal(err)
		}
		n.sends(t, 5, 15, 8, 25)
	}
	if !connection.IsConnected() {
		t.Error("the nucleus has lost its connection to iot-edge")
	}
	if files, err := os.ReadDir(filepath.Join(one.work, "queue")); err != nil || len(files) == 0 {
		t.Errorf("the queue is not in the component's work directory: %v, %v", files, err)
	}

	w.configure(with("20"))
	w.Apply()
	first := two.version(t)
	if err := one.takes(t); err != nil {
		t.Fatal(err)
	}
	if second := one.version(t); second == first || two.version(t) != first {
		t.Errorf("the settings have the versions %d and %d, and had %d", second, two.version(t), first)
	}
	one.sends(t, 16, 26)
	two.sends(t, 17, 27) // has not got the revision

	one.revise(t, `{"rules":{"bad":{"sql":"SELECT"}}}`)
	if err := one.takes(t); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("settings with a mistake do not fail the deployment: %v", err)
	}
	one.sends(t, 18, 28)
	w.drain(t)
	for n, want := range map[*nucleus]string{one: "15 25 26 28", two: "15 25 17 27"} {
		if got := n.arrived(t); got != want {
			t.Errorf("of %s, %s are stored, want %s", n.thing, got, want)
		}
	}
	if n := w.count(func(e runlog.Event) bool {
		return e.Kind == runlog.Failed || e.Kind == runlog.Refused && e.Action != "iot:Connect"
	}); n > 0 {
		t.Errorf("%d actions failed or were refused", n)
	}
}

// zipEdge builds iot-edge for this machine and zips it as a release does.
func zipEdge(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "iot-edge")
	build := exec.Command("go", "build", "-o", program, "../../../cmd/iot-edge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building iot-edge: %v\n%s", err, out)
	}
	content := must(os.ReadFile(program))(t)
	file := must(os.Create(program + ".zip"))(t)
	defer file.Close()
	archive := zip.NewWriter(file)
	out := must(archive.Create("iot-edge"))(t)
	if _, err := out.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return program + ".zip"
}
