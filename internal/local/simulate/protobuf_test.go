package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// field is a line of a descriptor; of is empty or the rest of the line.
func field(name string, number int, kind, more string) string {
	return fmt.Sprintf("field { name: %q number: %d label: LABEL_OPTIONAL type: TYPE_%s %s }\n", name, number, kind, more)
}

// climateMessage is a message of what the simulated climate has, in fields with presence.
var climateMessage = `message_type { name: "Reading" ` + field("timestamp", 1, "INT64", "") +
	field("temperature", 2, "DOUBLE", `oneof_index: 0 proto3_optional: true`) +
	field("humidity", 3, "DOUBLE", `oneof_index: 1 proto3_optional: true`) +
	field("soil_moisture", 4, "DOUBLE", `oneof_index: 2 proto3_optional: true`) +
	field("battery", 5, "DOUBLE", `oneof_index: 3 proto3_optional: true`) +
	`oneof_decl { name: "_t" } oneof_decl { name: "_h" } oneof_decl { name: "_s" } oneof_decl { name: "_b" } }`

// describing are the settings of a pipeline that reads a message of a file.
func describing(messages, message string) telemetry.Options {
	file := &descriptorpb.FileDescriptorProto{}
	header := `name: "farm.proto" package: "farm" syntax: "proto3" dependency: "google/protobuf/timestamp.proto"
		dependency: "google/protobuf/struct.proto" dependency: "google/protobuf/wrappers.proto"
		dependency: "google/protobuf/duration.proto" `
	if err := prototext.Unmarshal([]byte(header+messages), file); err != nil {
		panic(err)
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(timestamppb.File_google_protobuf_timestamp_proto),
		protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto),
		protodesc.ToFileDescriptorProto(wrapperspb.File_google_protobuf_wrappers_proto),
		protodesc.ToFileDescriptorProto(durationpb.File_google_protobuf_duration_proto), file}})
	if err != nil {
		panic(err)
	}
	text, err := protoset.Pack(set, message)
	if err != nil {
		panic(err)
	}
	return telemetry.Options{Format: "protobuf",
		Protobuf: &telemetry.Protobuf{Descriptor: text, Message: message}}
}

// farm has fields of every kind, in messages inside of messages.
var farm = `message_type { name: "Batch"
	field { name: "items" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".farm.Item" }
	field { name: "others" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".farm.Item" } }
message_type { name: "Item" ` + field("at", 1, "UINT32", "") + field("temperature", 2, "FLOAT", "") +
	field("on", 3, "BOOL", "") + field("mode", 4, "ENUM", `type_name: ".farm.Mode"`) + field("serial", 5, "STRING", "") +
	field("raw", 6, "BYTES", "") + field("rssi", 7, "SINT32", "") + field("count", 8, "FIXED64", "") +
	field("wind", 9, "MESSAGE", `type_name: ".farm.Wind"`) + field("previous", 10, "MESSAGE", `type_name: ".farm.Item"`) +
	field("level", 11, "MESSAGE", `type_name: ".google.protobuf.DoubleValue"`) +
	field("extra", 12, "MESSAGE", `type_name: ".google.protobuf.Struct"`) +
	field("uptime", 13, "MESSAGE", `type_name: ".google.protobuf.Duration"`) +
	field("a", 14, "INT32", "oneof_index: 0") + field("b", 15, "INT32", "oneof_index: 0") +
	`field { name: "fft" number: 16 label: LABEL_REPEATED type: TYPE_DOUBLE }
	field { name: "by_id" number: 17 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".farm.Item.ByIdEntry" }
	nested_type { name: "ByIdEntry" options { map_entry: true } ` + field("key", 1, "INT32", "") +
	field("value", 2, "DOUBLE", "") + `} oneof_decl { name: "choice" } }
message_type { name: "Wind" ` + field("speed", 1, "DOUBLE", "") +
	field("seen", 2, "MESSAGE", `type_name: ".google.protobuf.Timestamp"`) + ` }
enum_type { name: "Mode" value { name: "OFF" number: 0 } value { name: "ECO" number: 1 } }`

// TestProtobufMessages: the devices fill in what the pipeline can read of any message, as its settings say.
func TestProtobufMessages(t *testing.T) {
	const item = "a b by_id.1 count level mode on raw rssi serial temperature uptime wind.seen wind.speed"
	for _, c := range []struct {
		why, message, want string
		change             func(*telemetry.Options)
		readings           int
	}{
		{"every kind of field", "farm.Item", strings.Replace(item, "a b", "a", 1), func(o *telemetry.Options) {
			o.TimePath, o.TimeFormat = "at", "seconds"
		}, 1},
		{"the readings at readings_path", "farm.Batch", strings.Replace(item, "a b", "a", 1), func(o *telemetry.Options) {
			o.ReadingsPath, o.TimePath = "others", "at"
		}, 3},
		{"readings without a path", "farm.Batch", "a serial temperature", func(o *telemetry.Options) {
			o.TimePath = "at"
			o.Ignore = []string{"by_id", "count", "level", "mode", "on", "raw", "rssi", "uptime", "wind"}
		}, 3},
	} {
		settings := describing(farm, c.message)
		c.change(&settings)
		e, err := Encoding{Format: "protobuf"}.For(&settings)
		if err != nil {
			t.Fatal(err)
		}
		if misfit := e.Misfit(settings); misfit != "" {
			t.Errorf("%s: %s", c.why, misfit)
		}
		d, err := telemetry.New(settings)
		if err != nil {
			t.Fatal(err)
		}
		climate, differ := newClimate(3, midnight), map[string]map[string]bool{}
		for n := range 50 {
			now := midnight.Add(time.Duration(n) * time.Minute)
			payload, err := climate.message(e, "tree-001", now, 0)
			if err != nil {
				t.Fatal(err)
			}
			readings, err := d.Decode(payload, now)
			if err != nil || len(readings) != c.readings {
				t.Fatalf("%s: %d readings, %v", c.why, len(readings), err)
			}
			for _, r := range readings {
				if age := now.Sub(r.Time); !r.HasTime || age < 0 || age > time.Minute {
					t.Errorf("%s: a reading of %s at %s", c.why, r.Time, now)
				}
				var names []string
				for _, m := range r.Measures {
					names = append(names, m.Name)
					if differ[m.Name] == nil {
						differ[m.Name] = map[string]bool{}
					}
					differ[m.Name][m.Text] = true
				}
				if slices.Sort(names); strings.Join(names, " ") != c.want {
					t.Fatalf("%s: measures %q, want %q", c.why, names, c.want)
				}
			}
		}
		for name, values := range differ {
			if len(values) < 2 && name != "serial" {
				t.Errorf("%s: %s never changes: %v", c.why, name, values)
			}
		}
	}
}

func TestProtobufNeedsAMessage(t *testing.T) {
	for why, settings := range map[string]*telemetry.Options{"unknown settings": nil, "another format": {Format: "cbor"}} {
		if _, err := (Encoding{Format: "protobuf"}).For(settings); err == nil ||
			!strings.Contains(err.Error(), "use another --format") {
			t.Errorf("%s: %v", why, err)
		}
	}
	settings := describing(climateMessage, "farm.Reading")
	if got := (Encoding{}).Misfit(settings); !strings.Contains(got, "(not_protobuf); they fit --format protobuf") {
		t.Errorf("JSON for a pipeline that reads Protobuf: %q", got)
	}
}
