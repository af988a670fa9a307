package endtoend_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const alarmsPipeline = `
resource "iot_pipeline" "gh" {
  name          = "` + name + `"
  devices       = { "soil-001" = {} }
  archive       = { enabled = false }
  monitoring    = { alarms = { no_telemetry = { enabled = true } }, dashboard = false }
  force_destroy = true
}
`

// An alarm goes off and is over, and people hear of both from the pipeline's own function.
func TestAlarm(t *testing.T) {
	w := deploy(t, alarmsPipeline)
	inbox := w.subscribe(t)
	m := must(local.ReadManifest(t.Context(), w.aws, name))(t)
	for n, step := range []struct {
		alarm string
		state types.StateValue
		told  string
	}{
		{"dead_letters", types.StateValueAlarm, "alert"},
		{name + "-dead-letters", types.StateValueOk, "resolved"}, // the name in full
		{"rule_losses/telemetry", types.StateValueAlarm, "alert"},
	} {
		alarm := must(local.SetAlarm(t.Context(), w.aws, m, step.alarm, step.state))(t)
		got := w.receive(t, inbox)
		if got.State != step.told || got.Rule != alarm || got.Pipeline != name || got.Thing != "" ||
			!strings.Contains(got.Message, "Runbooks") {
			t.Errorf("after %s %s, the notice is %+v", alarm, step.state, got)
		}
		w.await(t, n+1, func(e runlog.Event) bool {
			return e.Kind == runlog.Acted && strings.HasPrefix(e.Action, "alarm ") && e.Error == "" &&
				strings.HasSuffix(e.Target, ":"+name+"-alerts")
		})
	}
}
