package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	payload "github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// TestTheFunctionsKnowTheSettings: what a plan accepts, the functions accept.
func TestTheFunctionsKnowTheSettings(t *testing.T) {
	for what, lists := range map[string][2][]string{
		"formats":      {TelemetryFormats.Values, payload.Formats},
		"compressions": {TelemetryCompressions.Values, payload.Compressions},
		"time formats": {TelemetryTimeFormats.Values, payload.TimeFormats},
	} {
		if diff := cmp.Diff(lists[1], lists[0]); diff != "" {
			t.Errorf("%s (-functions +plan):\n%s", what, diff)
		}
	}
	s := TelemetrySpec{Select: ptr("*"), Where: ptr("a"), DataField: ptr("d"), DataPath: ptr("a.b"), TimePath: ptr("t"), TimeFormat: ptr("seconds"),
		ReadingsPath: ptr("r"), Pairs: &PairsSpec{Name: "n", Value: "v"}, ConvertStrings: ptr(true),
		Ignore: []string{"x.*"}, Rename: map[string]string{"a": "b"}, Format: ptr("cbor"), Compression: ptr("gzip")}
	got, err := payload.ParseOptions(s.options(), "d", "")
	want := payload.Options{DataField: "d", DataPath: "a.b", TimePath: "t", TimeFormat: "seconds", ReadingsPath: "r",
		Pairs: &payload.Pairs{Name: "n", Value: "v"}, ConvertStrings: true, Ignore: []string{"x.*"},
		Rename: map[string]string{"a": "b"}, Format: "cbor", Compression: "gzip"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if text := (TelemetrySpec{DataField: ptr("d")}).options(); text != "" {
		t.Errorf("without settings, the functions get %q", text)
	}
}

var telemetryMistakes = []mistake{
	{
		"no field",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{DataField: ptr("")} },
		"telemetry.data_field",
		[]string{"1 to 256 characters"},
	},
	{
		"one field for two",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{DataField: ptr("d"), TimeField: ptr("d")} },
		"telemetry.time_field",
		[]string{"the same"},
	},
	{
		"a path with an empty step",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{DataPath: ptr("a..b")} },
		"telemetry.data_path",
		[]string{"not a path"},
	},
	{
		"data in two places",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{DataPath: ptr("a.b"), DataField: ptr("d")} },
		"telemetry.data_path",
		[]string{"both set"},
	},
	{
		"an unknown format",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{Format: ptr("xml")} },
		"telemetry.format",
		[]string{"msgpack"},
	},
	{
		"an unknown compression",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{Compression: ptr("zstd")} },
		"telemetry.compression",
		[]string{"gzip"},
	},
	{
		"a layout of strftime",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{TimeFormat: ptr("%d.%m.%Y")} },
		"telemetry.time_format",
		[]string{"2 January 2006"},
	},
	{
		"pairs without a value",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{Pairs: &PairsSpec{Name: "n"}} },
		"telemetry.pairs.value",
		[]string{"1 to 256"},
	},
	{
		"an empty name to ignore",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{Ignore: []string{""}} },
		"telemetry.ignore[0]",
		[]string{"not a path"},
	},
	{
		"two measures of one name",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{Rename: map[string]string{"a": "c", "b": "c"}} },
		`telemetry.rename["b"]`,
		[]string{"same name"},
	},
	{
		"more than the environment holds",
		func(s *Spec) {
			s.Telemetry = &TelemetrySpec{Ignore: slices.Repeat([]string{strings.Repeat("x", 200)}, 12)}
		},
		"telemetry",
		[]string{"at most 2048 bytes"},
	},
}

// TestAlertsReadAsTheProcessorDoes: with telemetry settings, the rules engine cannot evaluate the conditions.
func TestAlertsReadAsTheProcessorDoes(t *testing.T) {
	s := testSpec(t, "greenhouse")
	s.Telemetry = &TelemetrySpec{Format: ptr("cbor")}
	var rule spec.TopicRule
	var function spec.Function
	for _, p := range build(t, s) {
		want, err := p.Want(assembly.Upstream{"dead_letters": {Outputs: map[string]string{"url": "u"}}})
		if err != nil {
			t.Fatal(p.Key, err)
		}
		switch p.Key {
		case "rule/alerts":
			rule, _ = want.(spec.TopicRule)
		case "function/alerts":
			function, _ = want.(spec.Function)
		}
	}
	if rule.SQL == "" || strings.Contains(rule.SQL, "WHERE") {
		t.Errorf("the alerts rule is %q, want one that passes every message", rule.SQL)
	}
	if got := function.Environment["IOT_TELEMETRY"]; got != `{"format":"cbor"}` {
		t.Errorf("the alerts function gets %q", got)
	}
}
