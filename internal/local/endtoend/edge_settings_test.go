package endtoend_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

const settledPipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "gw-1" = { gateway = {} }, "gw-1:soil-1" = { attributes = { bay = "1" } } }
  edge          = { rules = { boring = { sql = "SELECT * FROM 'NAME/+/telemetry' WHERE CONDITION", action = "drop" } } }
  timestream    = {}
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0 }
  force_destroy = true
}
`

// TestEdgeSettings: an apply writes the rules into the gateway's shadow, and the gateway that runs takes them over.
func TestEdgeSettings(t *testing.T) {
	with := func(condition string) string {
		return strings.NewReplacer("NAME", name, "CONDITION", condition).Replace(settledPipeline)
	}
	w := deploy(t, with("data.t < 10"))
	g := newEdge(t, w, startLine(t, w.runtime.MQTTAddr()).listener.Addr(), "soil-1")
	g.run(t)
	first := w.awaitSettled(t, "gw-1", 0)
	begin := time.Now().Add(-time.Minute).Truncate(time.Second)
	n := 0
	send := func(value int) {
		t.Helper()
		n++
		g.children(t, "soil-1").send(t, fmt.Sprintf(`{"timestamp":%d,"data":{"t":%d}}`,
			begin.Add(time.Duration(n)*time.Second).UnixMilli(), value))
	}
	send(5)
	send(50)
	w.configure(with("data.t > 40"))
	w.Apply()
	w.awaitSettled(t, "gw-1", first)
	send(6)
	send(60)
	g.forwards(t)
	w.drain(t)
	stored := w.stored(t, "gw-1:soil-1")
	if len(stored) != 2 {
		t.Errorf("stored %v, want the readings 50 and 6", stored)
	}
	for at, want := range map[int]string{2: "50", 3: "6"} {
		got := stored[fmt.Sprint(begin.Add(time.Duration(at)*time.Second).UnixMilli())]["t"]
		if value, _, _ := strings.Cut(got, " "); strings.TrimSuffix(value, ".0") != want {
			t.Errorf("reading %d is %q, want %s", at, got, want)
		}
	}
}

// awaitSettled waits until a gateway has applied the settings in its shadow, and returns their version, which is
// another one than before.
func (w *deployment) awaitSettled(t *testing.T, gateway string, before int64) int64 {
	t.Helper()
	timeout, again := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer again.Stop()
	for {
		out, err := w.aws.IoTData().GetThingShadow(t.Context(), &iotdataplane.GetThingShadowInput{ThingName: &gateway,
			ShadowName: aws.String(contract.EdgeShadow)})
		if err != nil {
			t.Fatal(err)
		}
		var shadow struct {
			State struct {
				Desired  struct{ Version int64 }
				Reported contract.EdgeReported
			}
		}
		if err := json.Unmarshal(out.Payload, &shadow); err != nil {
			t.Fatalf("%s: %v", out.Payload, err)
		}
		if r := shadow.State.Reported; r.Status == contract.EdgeRejected {
			t.Fatalf("the gateway refuses its settings: %s", *r.Error)
		} else if r.Version == shadow.State.Desired.Version && r.Version != before {
			return r.Version
		}
		select {
		case <-again.C:
		case <-timeout:
			t.Fatalf("the gateway has not applied %s", out.Payload)
		}
	}
}
