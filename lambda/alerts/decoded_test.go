package alerts

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

const hotAndDry = `{"version":1,"rules":{
	"hot":{"when":"data.temperature > 50","severity":"critical","message":"${data.temperature} at ${timestamp}",
	       "cooldown_seconds":0,"notify_resolved":true},
	"dry":{"when":"humidity < 35","severity":"warning","message":"${humidity}","cooldown_seconds":0}}}`

// TestConditionsSeeTheDecodedForm: a condition means the same whatever the format of the payload.
func TestConditionsSeeTheDecodedForm(t *testing.T) {
	binary, err := cbor.Marshal(map[string]any{"temperature": 60, "humidity": 30, "ts": 1767268799})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, options, payload string
		want                  []string // messages of the notices
	}{
		{"CBOR", `{"format":"cbor"}`, string(binary), []string{"30", "60 at 1767268799000"}},
		{"a path", `{"data_path":"up.decoded"}`,
			`{"time":"2026-01-01T11:59:59Z","up":{"decoded":{"temperature":60,"humidity":40},"rssi":[1]}}`,
			[]string{"60 at 1767268799000"}},
		{"renamed, from a string", `{"convert_strings":true,"rename":{"tC":"temperature"}}`,
			`{"tC":"60","ts":1767268799}`,
			[]string{"60 at 1767268799000"}},
		{"the first of several readings that is hot", `{"convert_strings":true}`,
			`[{"ts":1767268799,"temperature":70},{"ts":1767268798,"temperature":60},{"ts":1767268797,"temperature":40}]`,
			[]string{"60 at 1767268798000"}},
		{"an array, with the default format written out", `{"format":"json"}`, `[{"ts":1767268799,"temperature":60}]`,
			[]string{"60 at 1767268799000"}},
		{"a payload that cannot be decoded, of which the processor makes a dead letter", `{"format":"cbor"}`, "{}",
			nil},
	} {
		f := newFixtureWith(t, hotAndDry, map[string]string{"IOT_TELEMETRY": c.options})
		f.mustSend("soil-001", c.payload)
		var got []string
		for _, p := range f.notices() {
			got = append(got, p.notice.Message)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

// TestResolvedWithinOneMessage: the last reading decides whether an alert is over.
func TestResolvedWithinOneMessage(t *testing.T) {
	f := newFixtureWith(t, hotAndDry, map[string]string{"IOT_TELEMETRY": `{"convert_strings":true}`})
	f.mustSend("soil-001", `[{"ts":1767268797,"temperature":60},{"ts":1767268799,"temperature":40}]`)
	var got []string
	for _, p := range f.notices() {
		got = append(got, p.notice.State+" "+string(p.notice.Values["temperature"]))
	}
	if diff := cmp.Diff([]string{"alert 60", "resolved 40"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestConditionsOnProtobuf: the function finds the descriptor in its environment, as the processor does.
func TestConditionsOnProtobuf(t *testing.T) {
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(`name: "r.proto" package: "farm" syntax: "proto3" message_type { name: "Reading"
		field { name: "ts" number: 1 label: LABEL_OPTIONAL type: TYPE_INT64 }
		field { name: "temperature" number: 2 label: LABEL_OPTIONAL type: TYPE_DOUBLE } }`), &file); err != nil {
		t.Fatal(err)
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{&file}})
	if err != nil {
		t.Fatal(err)
	}
	descriptor, err := protoset.Pack(set, "farm.Reading")
	if err != nil {
		t.Fatal(err)
	}
	options, err := json.Marshal(telemetry.Options{Format: "protobuf",
		Protobuf: &telemetry.Protobuf{Descriptor: descriptor, Message: "farm.Reading"}})
	if err != nil {
		t.Fatal(err)
	}
	payload := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1767268799)
	payload = protowire.AppendFixed64(protowire.AppendTag(payload, 2, protowire.Fixed64Type), math.Float64bits(60))
	f := newFixtureWith(t, hotAndDry, map[string]string{"IOT_TELEMETRY": string(options)})
	f.mustSend("soil-001", string(payload))
	notices := f.notices()
	if len(notices) != 1 || notices[0].notice.Message != "60 at 1767268799000" {
		t.Errorf("notices %+v", notices)
	}
}

func TestDecodedForm(t *testing.T) {
	reading := telemetry.Reading{Time: time.UnixMilli(5), Measures: []telemetry.Measure{
		{Name: "wind.speed", Text: "3.5"}, {Name: "wind.gust.max", Text: "7"},
		{Name: "ok", Text: "true", Kind: telemetry.Bool},
		{Name: "note", Text: `"x`, Kind: telemetry.String}, {Name: "a", Text: "1"}, {Name: "a.b", Text: "2"},
		{Name: "data", Text: "3"},
	}}
	text, err := reading.Form()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	data := map[string]any{"wind": map[string]any{"speed": 3.5, "gust": map[string]any{"max": 7.0}}, "ok": true,
		"note": `"x`,
		"a":    1.0, "a.b": 2.0, "data": 3.0}
	want := map[string]any{"wind": data["wind"], "ok": true, "note": `"x`, "a": 1.0, "a.b": 2.0, "data": data,
		"timestamp": 5.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
