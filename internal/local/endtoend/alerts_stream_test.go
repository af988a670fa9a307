package endtoend_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const alertsPipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "soil-001" = {}, "soil-002" = {} }
  archive       = { enabled = false }
  stream        = { mode = "MODE" }
  processor     = { batch_size = 10, batch_window_seconds = 0 }
  force_destroy = true
  alerts = {
    evaluate   = "EVALUATE"
    thresholds = { limit = 80 }
    rules = {
      hot = {
        when             = "data.temperature > 50"
        message          = "Hot: $${data.temperature} on $${thing}, $${topic(2)}"
        command          = "$${data.temperature}"
        cooldown_seconds = 0
      }
      dry = {
        when             = "data.humidity < 35"
        message          = "Dry"
        notify_resolved  = true
        cooldown_seconds = 0
      }
      loud   = { when = "noise > threshold.limit", message = "Loud", cooldown_seconds = 0 }
      second = { when = "thing = 'soil-002' AND data.humidity < 90", message = "Second", cooldown_seconds = 0 }
      odd    = { when = "isUndefined(data) AND state = 'odd'", message = "Odd", cooldown_seconds = 3600 }
    }
  }
}
`

// alertMessages are what the devices send each time.
var alertMessages = []struct{ thing, payload string }{
	{"soil-001", `{"data":{"temperature":20,"humidity":40}}`},
	{"soil-001", `{"data":{"temperature":51,"humidity":40}}`},
	{"soil-002", `{"data":{"temperature":52}}`},
	{"soil-001", `{"data":{"humidity":30}}`},
	{"soil-001", `{"data":{"humidity":31}}`},
	{"soil-001", `{"data":{"humidity":45}}`}, // resolved
	{"soil-001", `{"data":{"humidity":46}}`},
	{"soil-002", `{"data":{"humidity":30}}`},
	{"soil-001", `{"noise":79}`},
	{"soil-001", `{"noise":81}`},
	{"soil-001", `{"state":"odd"}`},
	{"soil-001", `{"state":"odd"}`}, // within the cooldown
	{"soil-001", `{"data":{"temperature":"99"}}`},
	{"soil-001", `[{"temperature":20},{"temperature":61}]`},
	{"soil-001", `{"readings":[{"ts":1767225600,"temperature":20},{"ts":1767225660,"temperature":62}]}`},
	{"soil-001", `[{"bn":"urn:dev:","n":"temperature","v":63},{"n":"humidity","v":40}]`},
	{"soil-001", "\uFEFF" + `{"data":{"temperature":64}}`},
	{"soil-001", `not JSON`},
	{"soil-001", `{"data":{"temperature":`},
	{"soil-001", `{}`},
	{"soil-001", ``},
	{"soil-001", `{"data":{"temperature":1e400}}`},
}

// The rule and the processor raise the same alerts for the same messages, and the processor also with a queue in place
// of the stream, and for those that come by Basic Ingest.
func TestAlertsOfBothModesAreTheSame(t *testing.T) {
	raised := map[string][]string{}
	for _, mode := range []string{"rule", "stream", "stream, Basic Ingest", "stream, queue"} {
		evaluate, how, _ := strings.Cut(mode, ", ")
		basic, stream := how == "Basic Ingest", "on_demand"
		if how == "queue" {
			stream = how
		}
		w := deploy(t, strings.NewReplacer("NAME", name, "EVALUATE", evaluate, "MODE", stream).Replace(alertsPipeline))
		inbox := w.subscribe(t)
		devices := map[string]*device{"soil-001": w.connect(t, "soil-001"), "soil-002": w.connect(t, "soil-002")}
		for _, m := range alertMessages {
			d := devices[m.thing]
			topic := d.Topics.Telemetry
			if basic {
				topic = "$aws/rules/" + contract.RuleName(name, "telemetry") + "/" + topic
			}
			d.publish(t, topic, m.payload)
			w.drain(t)
		}
		for len(devices["soil-001"].commands) > 0 {
			raised[mode] = append(raised[mode], "command "+<-devices["soil-001"].commands)
		}
		raised[mode] = append(raised[mode], w.notices(t, inbox)...)
		byRule := w.count(func(e runlog.Event) bool { return strings.HasSuffix(e.Rule, "_alerts") })
		if (byRule > 0) != (evaluate == "rule") {
			t.Errorf("%s: %d actions of the alerts rule", mode, byRule)
		}
	}
	want := raised["rule"]
	if len(want) < 15 {
		t.Errorf("the rule raises %d alerts and commands only: %s", len(want), strings.Join(want, "\n"))
	}
	for mode, got := range raised {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-rule +%s):\n%s", mode, mode, diff)
		}
	}
}

// notices are those that have arrived, sorted.
func (w *deployment) notices(t *testing.T, queue string) []string {
	t.Helper()
	var all []string
	for {
		out := must(w.aws.SQS().ReceiveMessage(t.Context(),
			&sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10}))(t)
		if len(out.Messages) == 0 {
			slices.Sort(all)
			return all
		}
		for _, m := range out.Messages {
			must(w.aws.SQS().DeleteMessage(t.Context(),
				&sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}))(t)
			var n struct {
				Rule, Severity, State, Thing, Message, When string
				Values                                      map[string]json.RawMessage
			}
			if err := json.Unmarshal([]byte(*m.Body), &n); err != nil {
				t.Fatalf("%s: %v", *m.Body, err)
			}
			values := must(json.Marshal(n.Values))(t)
			all = append(all, fmt.Sprint(n.Rule, " ", n.Severity, " ", n.State, " ", n.Thing, " ", n.Message, " ", n.When, " ",
				string(values)))
		}
	}
}
