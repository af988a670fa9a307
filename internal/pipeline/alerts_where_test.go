package pipeline

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

func TestAlertWhereText(t *testing.T) {
	for _, tc := range []struct {
		why   string
		rules map[string]AlertRuleSpec
		want  string
		reads []string // the paths of which a payload that is not a plain object may lack one
	}{
		{"one condition becomes a Boolean", rulesOf("data.humidity < 35"),
			"get_or_default(data.humidity < 35, FALSE)", []string{"data.humidity"}},
		{"each alternative is guarded on its own, in the order of the names", rulesOf("b > 1", "a > 1"),
			"get_or_default(b > 1, FALSE) OR get_or_default(a > 1, FALSE)", []string{"a", "b"}},
		{"two alerts with one condition need it once", rulesOf("a > 1", "a > 1"),
			"get_or_default(a > 1, FALSE)", []string{"a"}},
		{"the device is the level of the topic", rulesOf("thing = 'pump' AND flow = 0"),
			"get_or_default(topic(3) = 'pump' AND flow = 0, FALSE)", []string{"flow"}},
		{"a threshold may have any value, so the field matters", rulesOf("data.t > threshold.max"),
			"get_or_default(NOT isUndefined(data.t), FALSE)", []string{"data.t"}},
		{"what can be decided still is", rulesOf("data.t > threshold.max AND site = 'a'"),
			"get_or_default(NOT isUndefined(data.t) AND site = 'a', FALSE)", []string{"data.t", "site"}},
		{"the other alternative of OR may hold alone", rulesOf("a > threshold.x OR b > 1"),
			"get_or_default(NOT isUndefined(a) OR b > 1, FALSE)", []string{"a", "b"}},
		{"two thresholds say nothing about the message", rulesOf("threshold.x > threshold.y"), "", nil},
		{"one condition that every message may meet lets all through", rulesOf("a > 1", "abs(threshold.x - a) IN b"),
			"", nil},
		{"a name in a nested query is the element's", rulesOf("EXISTS (SELECT * FROM a WHERE n = thing)"), "", nil},
		{"a notice of the end needs the messages for which the condition does not hold",
			map[string]AlertRuleSpec{"a": {When: "a > 1", NotifyResolved: ptr(true)}},
			"get_or_default(NOT isUndefined(a > 1), FALSE)", []string{"a"}},
		{"what may be something else than a Boolean is asked whether it is TRUE", rulesOf("data.flag"),
			"get_or_default((data.flag) = TRUE, FALSE)", []string{"data.flag"}},
		{"what needs no rewriting stays as written", rulesOf("(a > 1)  = FALSE"),
			"get_or_default((a > 1)  = FALSE, FALSE)", []string{"a"}},
		{"and so where a threshold decides a half",
			map[string]AlertRuleSpec{"a": {When: "a > 1 AND b > threshold.x", NotifyResolved: ptr(true)}},
			"get_or_default(NOT isUndefined(a > 1) AND NOT isUndefined(b), FALSE)", []string{"a", "b"}},
	} {
		got, err := alertWhere(tc.rules, 3)
		if err != nil {
			t.Errorf("%s: %v", tc.why, err)
		}
		want := tc.want
		if tc.reads != nil {
			want += " OR (" + contract.NotPlain + " AND (" + contract.Lacking(tc.reads) + "))"
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", tc.why, got, want)
		}
	}
}

func rulesOf(conditions ...string) map[string]AlertRuleSpec {
	rules := map[string]AlertRuleSpec{}
	for i, c := range conditions {
		rules[string(rune('a'+i))] = AlertRuleSpec{When: c}
	}
	return rules
}

// conditions of every form that is rewritten, and messages that make their parts true, false, Undefined, Null and of
// other types.
var (
	whereConditions = []string{
		"data.t > 50", "data.h < 35 AND data.t > 10", "data.h < 35 OR data.t > 10", "NOT (data.t > 50)",
		"thing = 'pump'", "thing = 'pump' AND data.t > 10", "data.flag", "data.t", "isUndefined(data.t)", "data.t <> 3",
		"data.t > threshold.max", "threshold.max < data.t", "data.t > threshold.max AND data.h < 35",
		"data.t > threshold.max OR data.h < 35", "NOT (data.t > threshold.max)",
		"NOT (data.t > threshold.max OR data.h > 10)",
		"NOT (data.t > threshold.max AND data.h > 10)", "data.t + threshold.max > data.h",
		"threshold.max > threshold.min",
		"data.t > threshold.missing", "isUndefined(data.t > threshold.max)", "data.t IN [threshold.max, 20]",
		"get_or_default(data.t, 0) < threshold.max", "CASE data.kind WHEN 'a' THEN TRUE ELSE FALSE END",
		"EXISTS (SELECT * FROM data.list AS l WHERE l.v > threshold.max)",
		"EXISTS (SELECT * FROM data.list AS l WHERE l.v = thing)",
		"(data.t > threshold.max) = FALSE", "startswith(data.kind, 'a') AND data.t >= threshold.min",
	}
	wherePayloads = []string{
		`{}`, `{"data":null}`, `{"data":{}}`, `{"data":{"t":60}}`, `{"data":{"t":20,"h":30}}`,
		`{"data":{"t":60,"h":90}}`, `{"data":{"h":20}}`,
		`{"data":{"t":null,"h":20}}`, `{"data":{"t":"x","h":20}}`, `{"data":{"t":"70"}}`, `{"data":{"flag":true}}`,
		`{"data":{"flag":"true"}}`,
		`{"data":{"flag":false,"kind":"a","t":5}}`, `{"data":{"kind":"abc","t":30}}`,
		`{"data":{"list":[{"v":60},{"v":"pump"}]}}`,
		`{"data":{"t":{"x":1},"h":[1]}}`, `{"thing":"pump","data":{"t":60}}`,
	}
)

// TestAlertWhereMissesNothing: a message for which the function raises an alert passes the rule, alone and beside each
// other condition; with notice of the end, so does one for which a condition that held would no longer.
func TestAlertWhereMissesNothing(t *testing.T) {
	bound := map[string]json.RawMessage{"threshold": json.RawMessage(`{"max":50,"min":10}`)}
	for _, thing := range []string{"pump", "lamp"} {
		bound["thing"] = json.RawMessage(`"` + thing + `"`)
		for _, payload := range wherePayloads {
			m := &iotsql.Message{
				Topic:   "farm/north/" + thing + "/telemetry",
				Payload: []byte(payload),
				Time:    time.Unix(1790000000, 0),
			}
			function := *m
			function.Bindings = bound
			for _, first := range whereConditions {
				raised, decided := decide(t, first, &function)
				for _, second := range whereConditions {
					if raised && !passes(t, rulesOf(first, second), m) {
						t.Errorf("%s of %s: alert %q is raised, and the rule beside %q does not pass the message",
							payload, thing, first, second)
					}
				}
				resolving := map[string]AlertRuleSpec{
					"a": {When: first, NotifyResolved: ptr(true)},
					"b": {When: "data.nowhere > 1"},
				}
				if decided && !passes(t, resolving, m) {
					t.Errorf("%s of %s: alert %q is decided, and the rule does not pass the message that could end it",
						payload, thing, first)
				}
			}
		}
	}
}

// TestAlertWhereIsNarrow: what the rule can decide does not cost an invocation.
func TestAlertWhereIsNarrow(t *testing.T) {
	m := &iotsql.Message{
		Topic:   "farm/north/pump/telemetry",
		Payload: []byte(`{"data":{"t":20,"h":40}}`),
		Time:    time.Unix(1790000000, 0),
	}
	for _, condition := range []string{"data.t > 50", "thing = 'lamp'", "data.t > threshold.max AND data.h < 35",
		"data.missing > threshold.max", "data.t"} {
		if passes(t, rulesOf(condition), m) {
			t.Errorf("%q cannot hold, and the rule passes the message", condition)
		}
	}
}

// TestAlertWherePassesWhatItCannotRead: a payload that may hold the measures in another form passes if it lacks a member
// that a condition reads. A plain object never passes for that.
func TestAlertWherePassesWhatItCannotRead(t *testing.T) {
	for payload, passed := range map[string]bool{
		`[{"temperature":20}]`:                         true,
		" [\n{\"temperature\":20}]":                    true,
		`{"readings":[{"ts":1,"temperature":20}]}`:     true,
		`{"data":[{"name":"temperature","value":20}]}`: true,
		`[{"bn":"urn:","n":"temperature","v":20}]`:     true,
		`{"data":{"list":[]}}`:                         true,
		`{"data":{"note":"[x]"}}`:                      true,
		"\ufeff" + `{"data":{"temperature":20}}`:       true,
		`{"data":{"temperature":20}}` + "\x00":         true,
		`"text"`:                                       true, `20`: true, `not JSON`: true,
		`{"data":{"temperature":20},"location":[1,2]}`:        false, // the rule decides
		`{"data":{"temperature":20},"gateways":[{"rssi":1}]}`: false,
		"{\n  \"data\": {}\n}\n":                              false,
		`{}`:                                                  false, `{"temperature":20}`: false, "\xff[": false,
	} {
		m := &iotsql.Message{Topic: "farm/north/pump/telemetry", Payload: []byte(payload), Time: time.Unix(1790000000, 0)}
		for _, condition := range []string{"data.temperature > 50", "data.temperature > threshold.max AND thing = 'x'"} {
			if got := passes(t, rulesOf(condition), m); got != passed {
				t.Errorf("%q with %q passes: %v", payload, condition, got)
			}
		}
	}
}

// decide evaluates a condition as the function does, and says whether it is TRUE, and whether it is TRUE or FALSE.
func decide(t *testing.T, condition string, m *iotsql.Message) (raised, decided bool) {
	t.Helper()
	eval := func(text string) bool {
		c, err := iotsql.CompileCondition(text, iotsql.Options{Names: bindings})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		ok, err := c.Eval(context.Background(), m)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return ok
	}
	raised = eval(condition)
	return raised, raised || eval("("+condition+") = FALSE")
}

// passes evaluates the whole rule as AWS does: without the function's names.
func passes(t *testing.T, rules map[string]AlertRuleSpec, m *iotsql.Message) bool {
	t.Helper()
	b := newBuilder(Spec{Name: "north", TopicPrefix: ptr("farm/north"), Alerts: &AlertsSpec{Rules: rules}}, testEnv())
	sql, err := b.alertSQL()
	if err != nil {
		t.Fatal(err)
	}
	q, err := iotsql.Compile(sql, iotsql.Options{})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	r, err := q.Eval(context.Background(), m)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return r.Matched
}
