package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// With alerts in the stream there is no topic rule for them: the processor has the statement, and may invoke the
// function, which no rule may invoke any more.
func TestAlertsInTheStream(t *testing.T) {
	const statement = "SELECT encode(*, 'base64') AS payload, topic() AS topic, topic(2) AS thing, " +
		"'stream' AS evaluated, timestamp() AS received_at, traceid() AS trace_id FROM 'greenhouse/+/telemetry' WHERE " +
		"get_or_default(data.v > 5, FALSE) OR "
	s := Spec{Name: "greenhouse"}
	inStream(AlertRuleSpec{When: "data.v > 5"})(&s)
	if _, ok := wanted[spec.TopicRule](t, s, "rule/alerts"); ok {
		t.Error("there is a topic rule for the alerts")
	}
	var document contract.AlertRules[float64]
	text := must[spec.TableItem](t, s, "alert_rules").Document
	if err := json.Unmarshal([]byte(text), &document); err != nil || !strings.HasPrefix(document.Stream, statement) {
		t.Errorf("the statement is %q, %v", document.Stream, err)
	}
	if got := must[spec.Function](t, s, "function/processor").Environment[contract.EnvAlertsFunction]; got !=
		"greenhouse-alerts" {
		t.Errorf("the processor knows the function %q", got)
	}
	if callers := must[spec.Function](t, s, "function/alerts").Permissions; len(callers) != 0 {
		t.Errorf("others may invoke the alerts function: %+v", callers)
	}
	if text := encode(must[spec.Role](t, s, "role/processor")); !strings.Contains(text, "lambda:InvokeFunction") ||
		!strings.Contains(text, "function:greenhouse-alerts") {
		t.Errorf("the role of the processor does not allow the call: %s", text)
	}
	parts := build(t, s)
	at := slices.IndexFunc(parts, func(p assembly.Part) bool { return p.Key == keyProcessorMapping })
	for _, need := range []string{"alert_rules", "alert_topic", "function/alerts"} {
		if !slices.Contains(parts[at].Needs, need) {
			t.Errorf("the mapping does not need %s: %v", need, parts[at].Needs)
		}
	}
}

// Without rules, and with the default, the processor knows nothing of alerts.
func TestAlertsThatAreNotInTheStream(t *testing.T) {
	for why, change := range map[string]func(*Spec){
		"the default": alert(AlertRuleSpec{When: "a > 1"}),
		"no rules":    func(s *Spec) { s.Alerts = &AlertsSpec{Evaluate: ptr("stream")} },
	} {
		s := Spec{Name: "greenhouse"}
		change(&s)
		if text := encode(must[spec.Role](t, s, "role/processor")) +
			encode(must[spec.Function](t, s, "function/processor").Environment); strings.Contains(text, "greenhouse-alerts") {
			t.Errorf("%s: the processor has %s", why, text)
		}
		if item, ok := wanted[spec.TableItem](t, s, "alert_rules"); ok && strings.Contains(item.Document, "SELECT") {
			t.Errorf("%s: the document has %s", why, item.Document)
		}
	}
}
