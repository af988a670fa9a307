package telemetry

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
)

// fleet is what protoc makes of:
//
//	message Reading {
//	  google.protobuf.Timestamp time = 1;  double temperature = 2;      optional int32 rssi = 3;
//	  Mode mode = 4;                       map<string, double> level = 5; Wind wind = 6;
//	  optional bytes raw = 7;              google.protobuf.Struct extra = 8;
//	  google.protobuf.FloatValue humidity = 9;  repeated double fft = 10;  google.protobuf.Duration uptime = 11;
//	  Reading previous = 12;               optional fixed64 big = 13;   google.protobuf.Value any = 14;
//	}
//	message Batch { repeated Reading readings = 1; optional string site = 2; }
const fleet = `name: "fleet.proto" package: "fleet" syntax: "proto3"
dependency: "google/protobuf/timestamp.proto" dependency: "google/protobuf/struct.proto"
dependency: "google/protobuf/wrappers.proto" dependency: "google/protobuf/duration.proto"
message_type { name: "Reading"
  field { name: "time" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" }
  field { name: "temperature" number: 2 label: LABEL_OPTIONAL type: TYPE_DOUBLE }
  field { name: "rssi" number: 3 label: LABEL_OPTIONAL type: TYPE_INT32 oneof_index: 0 proto3_optional: true }
  field { name: "mode" number: 4 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".fleet.Mode" }
  field { name: "level" number: 5 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".fleet.Reading.LevelEntry" }
  field { name: "wind" number: 6 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".fleet.Wind" }
  field { name: "raw" number: 7 label: LABEL_OPTIONAL type: TYPE_BYTES oneof_index: 1 proto3_optional: true }
  field { name: "extra" number: 8 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Struct" }
  field { name: "humidity" number: 9 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: ".google.protobuf.FloatValue" }
  field { name: "fft" number: 10 label: LABEL_REPEATED type: TYPE_DOUBLE }
  field { name: "uptime" number: 11 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: ".google.protobuf.Duration" }
  field { name: "previous" number: 12 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".fleet.Reading" }
  field { name: "big" number: 13 label: LABEL_OPTIONAL type: TYPE_FIXED64 oneof_index: 2 proto3_optional: true }
  field { name: "any" number: 14 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Value" }
  oneof_decl { name: "_rssi" } oneof_decl { name: "_raw" } oneof_decl { name: "_big" }
  nested_type { name: "LevelEntry" options { map_entry: true }
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_DOUBLE } } }
message_type { name: "Wind" field { name: "speed" number: 1 label: LABEL_OPTIONAL type: TYPE_FLOAT } }
message_type { name: "Batch"
  field { name: "readings" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".fleet.Reading" }
  field { name: "site" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 proto3_optional: true }
  oneof_decl { name: "_site" } }
enum_type { name: "Mode" value { name: "OFF" number: 0 } value { name: "ECO" number: 1 } }`

// protobufOptions are the options for a message of fleet.
func protobufOptions(t testing.TB, message string) Options {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(fleet), file); err != nil {
		t.Fatal(err)
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(timestamppb.File_google_protobuf_timestamp_proto),
		protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto),
		protodesc.ToFileDescriptorProto(wrapperspb.File_google_protobuf_wrappers_proto),
		protodesc.ToFileDescriptorProto(durationpb.File_google_protobuf_duration_proto), file}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := protoset.Pack(set, message)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Format: "protobuf", Protobuf: &Protobuf{Descriptor: text, Message: message}}
}

// encoded is a message whose JSON form is given.
func encoded(t testing.TB, of protoreflect.MessageDescriptor, text string) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(of)
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	payload, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func messageOf(t testing.TB, o Options) protoreflect.MessageDescriptor {
	t.Helper()
	of, err := protoset.Unpack(o.Protobuf.Descriptor, o.Protobuf.Message)
	if err != nil {
		t.Fatal(err)
	}
	return of
}

func TestProtobuf(t *testing.T) {
	for _, c := range []struct {
		why, message, payload string
		change                func(*Options)
		want                  []string
	}{
		{"every kind of value", "fleet.Reading", `{"time":"2026-01-01T00:00:01.5Z","temperature":21.5,"rssi":-70,
			"mode":"ECO","level":{"b":2,"a":1},"wind":{"speed":3.25},"raw":"AQI=","extra":{"on":true,"none":null},
			"humidity":40.5,"uptime":"90.5s","big":"9223372036854775808","any":"x"}`, nil,
			[]string{`1.5: temperature=21.5 rssi=-70 mode="ECO" level.a=1 level.b=2 wind.speed=3.25 raw="AQI=" ` +
				`extra.on=true humidity=40.5 uptime=90.5 big=9.223372036854776e+18 any="x"`}},
		{"a field without presence is zero, not missing", "fleet.Reading", `{"time":"2026-01-01T00:00:01Z"}`, nil,
			[]string{`1: temperature=0 mode="OFF"`}},
		{"an enum's value that has no name", "fleet.Reading", `{"mode":7}`, nil,
			[]string{`arrival: temperature=0 mode="7"`}},
		{"readings", "fleet.Batch", `{"site":"north","readings":[{"time":"2026-01-01T00:00:01Z","temperature":1},
			{"time":"2026-01-01T00:00:02Z","temperature":2}]}`, nil,
			[]string{`1: temperature=1 mode="OFF"`, `2: temperature=2 mode="OFF" site="north"`}},
		{"ignored and renamed", "fleet.Reading", `{"temperature":1,"fft":[1,2]}`,
			func(o *Options) { o.Ignore, o.Rename = []string{"fft", "mode"}, map[string]string{"temperature": "t"} },
			[]string{"arrival: t=1"}},
		{"a message inside itself", "fleet.Reading", `{"previous":{"temperature":1}}`,
			func(o *Options) { o.Ignore = []string{"*.mode", "mode"} },
			[]string{"arrival: temperature=0 previous.temperature=1"}},
	} {
		o := protobufOptions(t, c.message)
		if c.change != nil {
			c.change(&o)
		}
		checkBrief(t, c.why, encoded(t, messageOf(t, o), c.payload), o, c.want)
	}
}

func TestProtobufRefuses(t *testing.T) {
	o := protobufOptions(t, "fleet.Reading")
	of := messageOf(t, o)
	nested := strings.Repeat(`{"previous":`, 20) + "{}" + strings.Repeat("}", 20)
	deep := []byte(nil)
	for range 200 {
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 12, protowire.BytesType), deep)
	}
	for _, c := range []struct {
		why     string
		payload []byte
		reason  Reason
		detail  string
	}{
		{"JSON", []byte(`{"temperature":1}`), NotProtobuf, "fleet.Reading"},
		{"a field that is not described", protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1),
			UnknownField, "number 99"},
		{"a field of another type", protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1),
			UnknownField, "number 2"},
		{"a repeated number", encoded(t, of, `{"fft":[1]}`), UnreadableArray, `"fft"`},
		{"not a number", encoded(t, of, `{"temperature":"NaN"}`), NumberOutOfRange, "finite"},
		{"a time out of range", protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType),
			protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1<<60)), NotProtobuf, "Timestamp"},
		{"messages in messages", encoded(t, of, nested), TooDeep, "nested"},
		{"more of them than are read", deep, NotProtobuf, "recursion"},
		{"large", make([]byte, maxProtobuf+1), TooLarge, "bytes"},
		{"many values", encoded(t, messageOf(t, protobufOptions(t, "fleet.Batch")),
			`{"readings":[{}`+strings.Repeat(",{}", maxNodes/2)+`]}`), TooLarge, "values"},
	} {
		settings := o
		if c.why == "many values" {
			settings = protobufOptions(t, "fleet.Batch")
		}
		checkRefused(t, c.why, c.payload, settings, c.reason, c.detail)
	}
}

func checkRefused(t *testing.T, why string, payload []byte, o Options, reason Reason, detail string) {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Decode(payload, arrival)
	var refused *Error
	if !errors.As(err, &refused) || refused.Reason != reason || !strings.Contains(refused.Detail, detail) {
		t.Errorf("%s: %v, %v; want %s with %q", why, brief(list), err, reason, detail)
	}
}

func TestProtobufOptions(t *testing.T) {
	for text, want := range map[string]string{
		`{"format":"protobuf"}`:                                                     "need each other",
		`{"protobuf":{"descriptor":"x","message":"y"}}`:                             "need each other",
		`{"format":"protobuf","protobuf":{"descriptor":"eA","message":"y"}}`:        "descriptor",
		`{"format":"protobuf","protobuf":{"descriptor_file":"x.desc","message":1}}`: "unknown field",
	} {
		o, err := ParseOptions(text, "", "")
		if err == nil {
			_, err = New(o)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzProtobuf(f *testing.F) {
	o := protobufOptions(f, "fleet.Batch")
	f.Add(encoded(f, messageOf(f, o), `{"site":"a","readings":[{"time":"2026-01-01T00:00:01.5Z","temperature":21.5,
		"level":{"b":2,"a":1},"raw":"AQI=","extra":{"on":[1,null]},"uptime":"90.5s","previous":{"mode":7}}]}`))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, payload []byte) { fuzzPayload(t, o, payload) })
}

// fuzzPayload checks what holds for every payload.
func fuzzPayload(t *testing.T, o Options, payload []byte) {
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Decode(payload, arrival)
	if err != nil {
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason == "" || len(list) != 0 {
			t.Fatalf("%v, %v", list, err)
		}
		return
	}
	for _, r := range list {
		checkReading(t, payload, r)
	}
}
