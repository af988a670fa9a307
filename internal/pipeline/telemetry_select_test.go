package pipeline

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	payload "github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// selecting changes the telemetry block by its JSON.
func selecting(text string) func(*Spec) {
	return func(s *Spec) {
		s.Telemetry = &TelemetrySpec{}
		if err := json.Unmarshal([]byte(text), s.Telemetry); err != nil {
			s.Telemetry.Select = ptr("the test is wrong: " + err.Error())
		}
	}
}

var selectMistakes = []mistake{
	{"nothing to select", selecting(`{"select":""}`), "telemetry.select", []string{"1:1: expected an expression"}},
	{"a whole statement", selecting(`{"select":"SELECT a FROM 'b'"}`), "telemetry.select",
		[]string{"1:1: a select list is written without SELECT", "\n    ^"}},
	{"a topic of one's own", selecting(`{"select":"a,\n  b FROM 'c'"}`), "telemetry.select",
		[]string{"2:5: a select list is written without FROM", "\n        ^"}},
	{"a condition in the list", selecting(`{"select":"a WHERE b"}`), "telemetry.select",
		[]string{"1:3: a select list is written without WHERE"}},
	{"an unknown function", selecting(`{"select":"uper(a) AS b"}`), "telemetry.select",
		[]string{"did you mean upper?"}},
	{"a function that needs a role", selecting(`{"select":"get_dynamodb('t', 'k', a, 'arn:aws:iam::1:role/r') AS b"}`),
		"telemetry.select", []string{"1:1: get_dynamodb calls another service", "in the sql of a route"}},
	{"a Lambda function", selecting(`{"where":"aws_lambda('arn:f', *) = 1"}`), "telemetry.where",
		[]string{"1:1: aws_lambda calls another service", "in the sql of a route"}},
	{"a single value", selecting(`{"select":"VALUE topic(2)"}`), "telemetry.select", []string{"neither", "AS"}},
	{"the form of a status message", selecting(`{"select":"a AS status_payload, b AS status_topic"}`),
		"telemetry.select", []string{"status message"}},
	{"the form of a command's result", selecting(`{"select":"a AS result_payload, b AS result_topic"}`),
		"telemetry.select", []string{"command's result", "result_topic"}},
	{"JSON is not CBOR", selecting(`{"select":"a","format":"cbor"}`), "telemetry.format",
		[]string{"format and select are both set", "JSON"}},
	{"JSON is not gzip", selecting(`{"select":"a","compression":"gzip"}`), "telemetry.compression",
		[]string{"compression and select are both set"}},
	{"an empty condition", selecting(`{"where":" "}`), "telemetry.where", []string{"isUndefined(debug)"}},
	{"half a condition", selecting(`{"where":"a >"}`), "telemetry.where", []string{"1:4: expected an expression"}},
	{"a condition with more behind it", selecting(`{"where":"a > 1 FROM 'b'"}`), "telemetry.where", []string{"1:7:"}},
	{"a member of what is not JSON", selecting(`{"where":"topic(2) = 'x' OR a.b = 1","format":"msgpack"}`),
		"telemetry.where", []string{"a.b is always Undefined"}},
	{"a member of what is compressed", selecting(`{"where":"a = 1","compression":"gzip"}`), "telemetry.where",
		[]string{"cannot read"}},
}

func TestSelectWarnings(t *testing.T) {
	for _, tc := range []struct{ why, telemetry, path, says string }{
		{"only the time", `{"select":"timestamp() AS timestamp"}`, "telemetry.select", "no measure"},
		{"only a time of another name", `{"select":"a AS at","time_path":"at"}`, "telemetry.select", "no measure"},
		{"all ignored", `{"select":"data.a AS x.y, b AS z","ignore":["x.*","z"]}`, "telemetry.select", "no measure"},
		{"data that is not selected", `{"select":"a, b AS c.d","data_path":"e.f"}`, "telemetry.data_path",
			`only a, c.d, and`},
		{"readings that are not selected", `{"select":"a","readings_path":"b"}`, "telemetry.readings_path",
			"leads to nothing"},
		{"a comparison that never holds", `{"where":"topic(2) = 1"}`, "telemetry.where", "always false"},
	} {
		problems := Validate(edit(selecting(tc.telemetry)), nil)
		if len(problems) != 1 || !problems[0].Warning || problems[0].Path != tc.path ||
			!strings.Contains(problems[0].Summary+problems[0].Detail, tc.says) {
			t.Errorf("%s: a warning at %s is expected, got %s", tc.why, tc.path, encode(problems))
		}
	}
}

func TestSelectSound(t *testing.T) {
	for _, text := range []string{
		`{"select":"*"}`,
		`{"select":"*, topic(2) AS name"}`,
		`{"select":"data.t AS temperature, timestamp() AS timestamp","where":"isUndefined(debug)"}`,
		`{"select":"a AS data.x","data_path":"data"}`,
		`{"select":"uplink","data_path":"uplink.decoded"}`,
		`{"select":"VALUE readings"}`,
		`{"select":"VALUE e","format":"senml"}`,
		`{"select":"a, timestamp","ignore":["b"],"format":"json"}`,
		`{"where":"topic(2) <> 'test'","format":"cbor","compression":"gzip"}`,
		`{"where":"length(encode(*, 'base64')) > 10","format":"cbor"}`,
	} {
		if problems := Validate(edit(selecting(text)), nil); len(problems) > 0 {
			t.Errorf("%s is sound, and yet: %s", text, encode(problems))
		}
	}
	// An argument that is not known yet may be anything.
	for _, unknown := range []string{"telemetry.select", "telemetry.format"} {
		config := edit(selecting(`{"select":"a FROM","format":"cbor"}`))
		for _, p := range Validate(config, func(path string) bool { return path == unknown }) {
			if p.Path == unknown || unknown == "telemetry.select" {
				t.Errorf("%s is not known, and yet: %+v", unknown, p)
			}
		}
	}
}

// TestTelemetryRule: what the rule of a built pipeline writes to the stream, and what the processor reads of it.
func TestTelemetryRule(t *testing.T) {
	const sent = `{"id":7,"t":215,"debug":null,"log":[{"ts":1767225600,"v":1},{"ts":1767225660,"v":2}]}`
	arrival := time.UnixMilli(1767225700000)
	for _, tc := range []struct {
		telemetry string
		sql       string
		output    string // "" if the rule leaves the message out
		want      []string
	}{
		{`{}`, "SELECT * FROM 'greenhouse/+/telemetry'", sent,
			[]string{"1767225600000 v=1", "1767225660000 v=2 id=7 t=215"}},
		{`{"select":"t / 10 AS temperature, timestamp() - 500 AS timestamp"}`,
			"SELECT t / 10 AS temperature, timestamp() - 500 AS timestamp FROM 'greenhouse/+/telemetry'",
			`{"temperature":21.5,"timestamp":1767225699500}`, []string{"1767225699500 temperature=21.5"}},
		{`{"select":"VALUE log","time_path":"ts"}`, "SELECT VALUE log FROM 'greenhouse/+/telemetry'",
			`[{"ts":1767225600,"v":1},{"ts":1767225660,"v":2}]`, []string{"1767225600000 v=1", "1767225660000 v=2"}},
		{`{"select":"\n  *,\n  topic(2) AS name\n","where":"t > 200 OR FALSE","ignore":["log"]}`,
			"SELECT *,\n  topic(2) AS name FROM 'greenhouse/+/telemetry' WHERE t > 200 OR FALSE",
			strings.TrimSuffix(sent, "}") + `,"name":"soil"}`, []string{"1767225700000 id=7 t=215 name=soil"}},
		{`{"select":"missing AS a"}`, "SELECT missing AS a FROM 'greenhouse/+/telemetry'", "{}",
			[]string{"dead letter nothing_selected"}},
		{`{"select":"debug, timestamp() AS timestamp"}`,
			"SELECT debug, timestamp() AS timestamp FROM 'greenhouse/+/telemetry'",
			`{"debug":null,"timestamp":1767225700000}`, []string{"1767225700000"}},
		{`{"where":"isNull(debug) AND t < 200"}`,
			"SELECT * FROM 'greenhouse/+/telemetry' WHERE isNull(debug) AND t < 200", "", nil},
	} {
		config := edit(selecting(tc.telemetry))
		rule, ok := telemetryRule(t, config)
		if !ok || rule.SQL != tc.sql {
			t.Errorf("%s: the rule is %q, want %q", tc.telemetry, rule.SQL, tc.sql)
			continue
		}
		query, err := iotsql.Compile(rule.SQL, iotsql.Options{})
		if err != nil {
			t.Fatal(err)
		}
		result, err := query.Eval(t.Context(),
			&iotsql.Message{Topic: "greenhouse/soil/telemetry", Payload: []byte(sent), Time: arrival})
		if err != nil || string(result.Payload) != tc.output || result.Matched != (tc.output != "") {
			t.Errorf("%s: the stream gets %q, %v", tc.telemetry, result.Payload, err)
			continue
		}
		if !result.Matched {
			continue
		}
		if diff := cmp.Diff(tc.want, decoded(t, config, result.Payload, arrival)); diff != "" {
			t.Errorf("%s: readings (-want +got):\n%s", tc.telemetry, diff)
		}
	}
}

// TestTelemetryRuleIsChecked: a text that no plan knew is refused before AWS gets it.
func TestTelemetryRuleIsChecked(t *testing.T) {
	for _, text := range []string{`{"select":"a FROM 'other/#'"}`, `{"where":"b c"}`,
		`{"select":"aws_lambda('f', *) AS a"}`} {
		b := newBuilder(Defaults(edit(selecting(text))), testEnv())
		if sql, err := b.telemetrySQL(); err == nil {
			t.Errorf("%s: the rule is %s", text, sql)
		}
	}
}

// TestAlertsSeeWhatTheDeviceSent: settings that describe what the telemetry rule selects are not for alerts.
func TestAlertsSeeWhatTheDeviceSent(t *testing.T) {
	for text, passesAll := range map[string]bool{
		`{"select":"a AS b","data_field":"c","time_field":"d","ignore":["e"]}`: false,
		`{"where":"a > 1"}`:                         false,
		`{"where":"topic(2) = 'x'","ignore":["e"]}`: true,
	} {
		config := edit(alert(AlertRuleSpec{When: "a > 1"}))
		selecting(text)(&config)
		b := newBuilder(Defaults(config), testEnv())
		var err error
		if b.telemetry, err = b.telemetryOptions(); err != nil {
			t.Fatal(err)
		}
		sql, err := b.alertSQL()
		if err != nil || strings.Contains(sql, " WHERE get_or_default(a > 1, FALSE) OR ") == passesAll {
			t.Errorf("%s: the alerts rule is %s, %v", text, sql, err)
		}
		e := b.alertsEnvironment()
		if e["IOT_DATA_FIELD"] != "" || e["IOT_TIME_FIELD"] != "" || e["IOT_TELEMETRY"] != "" != passesAll {
			t.Errorf("%s: the alerts function gets %v", text, e)
		}
	}
}

func telemetryRule(t *testing.T, config Spec) (spec.TopicRule, bool) {
	t.Helper()
	for _, p := range build(t, config) {
		if p.Key != "rule/telemetry" {
			continue
		}
		want, err := p.Want(upstream(build(t, config), p.Needs))
		if err != nil {
			t.Fatal(err)
		}
		rule, ok := plain(want).(spec.TopicRule)
		return rule, ok
	}
	return spec.TopicRule{}, false
}

// decoded writes the readings that the processor makes of a record.
func decoded(t *testing.T, config Spec, record []byte, arrival time.Time) []string {
	t.Helper()
	options, err := payload.ParseOptions(config.Telemetry.options(nil), DefaultDataField, DefaultTimeField)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := payload.New(options)
	if err != nil {
		t.Fatal(err)
	}
	readings, err := decoder.Append(nil, string(record), arrival)
	if refused := (*payload.Error)(nil); errors.As(err, &refused) {
		return []string{"dead letter " + string(refused.Reason)}
	}
	var lines []string
	for _, r := range readings {
		line := itoa(int(r.Time.UnixMilli()))
		for _, m := range r.Measures {
			line += " " + m.Name + "=" + m.Text
		}
		lines = append(lines, line)
	}
	return lines
}
