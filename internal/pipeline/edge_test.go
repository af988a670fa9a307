package pipeline

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func edgeSpec(r rules.Rule) Spec {
	return Spec{Name: "greenhouse", Edge: &EdgeSpec{Rules: map[string]rules.Rule{"hot": r}}}
}

// Commands for children go to their gateway, with the bytes that were sent, and others do not.
func TestCommandsForChildrenGoToTheGateway(t *testing.T) {
	s := Spec{Name: "greenhouse", TopicPrefix: ptr("farm/north"), Edge: &EdgeSpec{}}
	rule, ok := resolve(t, build(t, s))[contract.KeyChildrenRule].(spec.TopicRule)
	if !ok || len(rule.Actions) != 1 || rule.Actions[0].Republish == nil {
		t.Fatalf("the rule is %+v", rule)
	}
	query, err := iotsql.Compile(rule.SQL, iotsql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	template, err := iotsql.CompileTemplate(rule.Actions[0].Republish.Topic, iotsql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{
		"farm/north/gw-1:soil-1/commands": "farm/north/gw-1/children/gw-1:soil-1/commands",
		"farm/north/gw-1/commands":        "",
		"farm/north/:x/commands":          "",
		// Its own result, and where the pipeline publishes: nothing is delivered twice.
		contract.CommandTopic("farm/north", "gw-1:soil-1", true): "",
		"farm/north/gw-1:soil-1/commands/7/result":               "",
		"farm/north/gw-1:soil-1:deeper/commands":                 "farm/north/gw-1/children/gw-1:soil-1:deeper/commands",
		"farm/south/gw-1:soil-1/commands":                        "",
		"farm/north/gw-1:soil-1/children/gw-1:x/commands":        "",
	} {
		m := &iotsql.Message{Topic: topic, Payload: []byte("open")}
		result, err := query.Eval(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if result.Matched {
			if got, err = query.EvalTemplate(t.Context(), template, m); err != nil {
				t.Fatal(err)
			}
			if string(result.Payload) != "open" {
				t.Errorf("%s: the payload is %q", topic, result.Payload)
			}
		}
		if got != want {
			t.Errorf("%s goes to %q; want %q", topic, got, want)
		}
	}
}

// Without the block, there is nothing of it.
func TestNoEdge(t *testing.T) {
	for key := range resolve(t, build(t, Spec{Name: "greenhouse"})) {
		if strings.Contains(key, "children") || strings.Contains(key, "gateway") {
			t.Errorf("a pipeline without gateways has %s", key)
		}
	}
	if out := OutputsOf(Spec{Name: "greenhouse"}, testEnv(), nil); out.EdgeSettingsJSON != nil {
		t.Errorf("a pipeline without gateways has the settings %s", *out.EdgeSettingsJSON)
	}
}

// The settings are what a gateway reads.
func TestEdgeSettings(t *testing.T) {
	s := edgeSpec(rules.Rule{SQL: "SELECT * FROM 'greenhouse/+/telemetry' WHERE t > 1", Action: rules.ActionDrop})
	s.Telemetry, s.API = &TelemetrySpec{DataField: ptr("values")}, &APISpec{}
	out := OutputsOf(s, testEnv(), nil)
	const want = `{"rules":{"hot":{"sql":"SELECT * FROM 'greenhouse/+/telemetry' WHERE t > 1","action":"drop"}},` +
		`"data_field":"values","command_results":true}`
	if out.EdgeSettingsJSON == nil || *out.EdgeSettingsJSON != want {
		t.Errorf("settings %v; want %s", deref(out.EdgeSettingsJSON), want)
	}
	if out := OutputsOf(Spec{Name: "greenhouse", Edge: &EdgeSpec{}}, testEnv(), nil); deref(out.EdgeSettingsJSON) != "{}" {
		t.Errorf("without rules, the settings are %s", deref(out.EdgeSettingsJSON))
	}
}

func TestEdgeProblems(t *testing.T) {
	const all = "SELECT * FROM 'greenhouse/+/telemetry'"
	good := rules.Rule{SQL: all}
	for _, c := range []struct {
		spec       Spec
		path, says string
	}{
		{edgeSpec(good), "", ""},
		{edgeSpec(rules.Rule{SQL: "SELECT * FROM 'barn/+/telemetry'"}), `edge.rules["hot"].sql`, "not below the topic prefix"},
		{edgeSpec(rules.Rule{SQL: all + " WHERE"}), `edge.rules["hot"].sql`, "1:"},
		{edgeSpec(rules.Rule{SQL: all, Window: &rules.Window{Seconds: 60, Aggregates: []string{"median"}}}),
			`edge.rules["hot"].window.aggregates[0]`, "use one of min"},
		{edgeSpec(rules.Rule{SQL: all, Report: &rules.Report{DeadBand: map[string]rules.DeadBand{"t": {}}}}),
			`edge.rules["hot"].report.dead_band["t"]`, "one of absolute and percent"},
		{Spec{Name: "greenhouse", Edge: &EdgeSpec{Unmatched: ptr("keep")}}, "edge.unmatched", "drop"},
		{Spec{Name: "greenhouse", Edge: &EdgeSpec{Rules: map[string]rules.Rule{"a-b": good}}}, `edge.rules["a-b"]`, "name"},
		{Spec{Name: "greenhouse", Telemetry: &TelemetrySpec{Format: ptr("cbor")}, Edge: edgeSpec(good).Edge}, "edge.rules",
			"telemetry.format"},
	} {
		problems := Validate(c.spec, nil)
		if c.path == "" {
			if len(problems) > 0 {
				t.Errorf("a good rule: %v", problems)
			}
			continue
		}
		if len(problems) != 1 || problems[0].Path != c.path || !strings.Contains(problems[0].Detail, c.says) {
			t.Errorf("%v; want %s: %s", problems, c.path, c.says)
		}
	}
	unknown := func(path string) bool { return path == `edge.rules["hot"].sql` }
	if problems := Validate(edgeSpec(rules.Rule{}), unknown); len(problems) > 0 {
		t.Errorf("SQL that is not known yet: %v", problems)
	}
}
