package pipeline

import (
	"errors"
	"fmt"
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
		Ignore: []string{"x.*"}, Rename: map[string]string{"a": "b"}, Format: ptr("protobuf"), Compression: ptr("gzip"),
		Protobuf: &ProtobufSpec{DescriptorFile: "f.desc", Message: "f.M"}}
	got, err := payload.ParseOptions(s.options(&protobufOptions{"descriptor", "f.M"}), "d", "")
	want := payload.Options{DataField: "d", DataPath: "a.b", TimePath: "t", TimeFormat: "seconds", ReadingsPath: "r",
		Pairs: &payload.Pairs{Name: "n", Value: "v"}, ConvertStrings: true, Ignore: []string{"x.*"},
		Rename: map[string]string{"a": "b"}, Format: "protobuf", Compression: "gzip",
		Protobuf: &payload.Protobuf{Descriptor: "descriptor", Message: "f.M"}, Selected: true}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if text := (TelemetrySpec{DataField: ptr("d")}).options(nil); text != "" {
		t.Errorf("without settings, the functions get %q", text)
	}
}

// TestTheDescriptor: the function gets the description of the message, and the manifest does not.
func TestTheDescriptor(t *testing.T) {
	s := testSpec(t, "minimal")
	s.Telemetry = &TelemetrySpec{Format: ptr("protobuf"),
		Protobuf: &ProtobufSpec{DescriptorFile: "fleet.desc", Message: "fleet.Reading"}}
	env := testEnv()
	descriptor := "of-fleet"
	env.Descriptor = func(path, message string) (string, error) {
		if path != "fleet.desc" || message != "fleet.Reading" {
			t.Errorf("asked for %s in %s", message, path)
		}
		return descriptor, nil
	}
	parts, err := Build(s, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		want, err := p.Want(upstream(parts, p.Needs))
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%+v", want)
		if strings.Contains(text, "of-fleet") != (p.Key == "function/processor" || p.Key == "function/archiver") {
			t.Errorf("%s: %s", p.Key, text)
		}
	}
	descriptor = strings.Repeat("x", maxTelemetryOptions)
	var problem *ProblemError
	if _, err = Build(s, env); !errors.As(err, &problem) || problem.Path != "telemetry.protobuf" ||
		!strings.Contains(problem.Detail, "fleet.Reading") {
		t.Errorf("a descriptor that is too large: %v", err)
	}
	s.Telemetry.Protobuf.DescriptorFile = "" // not known yet
	if _, err := Build(s, env); err != nil {
		t.Errorf("a file that is not known yet: %v", err)
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
		"Protobuf without a message",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{Format: ptr("protobuf")} },
		"telemetry.format",
		[]string{"descriptor_file"},
	},
	{
		"a message of another format",
		func(s *Spec) {
			s.Telemetry = &TelemetrySpec{Protobuf: &ProtobufSpec{DescriptorFile: "f.desc", Message: "f.M"}}
		},
		"telemetry.protobuf",
		[]string{`format = "protobuf"`},
	},
	{
		"no file",
		func(s *Spec) {
			s.Telemetry = &TelemetrySpec{Format: ptr("protobuf"), Protobuf: &ProtobufSpec{Message: "f.M"}}
		},
		"telemetry.protobuf.descriptor_file",
		[]string{"--include_imports"},
	},
	{
		"no message",
		func(s *Spec) {
			s.Telemetry = &TelemetrySpec{Format: ptr("protobuf"), Protobuf: &ProtobufSpec{DescriptorFile: "f.desc"}}
		},
		"telemetry.protobuf.message",
		[]string{"1 to 256"},
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
