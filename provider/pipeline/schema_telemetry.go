package pipeline

import (
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// telemetry is how the payload of a telemetry message is read.
func telemetry() capability {
	return capability{arguments: attributes{
		"telemetry": object("What the telemetry rule selects, and how a payload is read.", attributes{
			"select": optional("AWS IoT SQL select list, such as `data.t AS temperature, timestamp() AS timestamp`, " +
				"in place of `*`. The rule writes its output to the stream, and the other arguments describe that " +
				"output. Alert conditions and the archive see the payload as the device sent it."),
			"where": optional("AWS IoT SQL condition, such as `isUndefined(debug)`. The rule writes only messages " +
				"for which it is true to the stream; the others are dropped. It sees the payload as the device sent " +
				"it."),
			"data_field": optional(fmt.Sprintf("Name of the field that holds the measures. A payload without the "+
				"field is read as flat. Defaults to `%s`.", pipeline.DefaultDataField)),
			"time_field": optional(fmt.Sprintf("Name of the field that holds the time: epoch seconds, epoch "+
				"milliseconds or ISO 8601. A payload without the field has the time of its arrival. Defaults to `%s`.",
				pipeline.DefaultTimeField)),
			"data_path": optional("Path to the object that holds the measures, such as " +
				"`uplink_message.decoded_payload`. Replaces `data_field`."),
			"time_path": optional("Path to the time, from the payload, from its data, or from each reading. A " +
				"payload without it may have the time under a name that is common for it, such as `ts` or `time`."),
			"time_format": optional(fmt.Sprintf("Format of the time at `time_path` or in `time_field`: `%s`, or a "+
				"layout that shows how the device writes 15:04:05 on 2 January 2006, such as `02.01.2006 15:04:05`. "+
				"`auto` tells units apart by size and reads ISO 8601. Defaults to `%s`.",
				strings.Join(pipeline.TelemetryTimeFormats.Values, "`, `"), pipeline.TelemetryTimeFormats.Default)),
			"readings_path": optional("Path to an array of readings, each with its own time. A time at `time_path` " +
				"that is too small for a date counts from the time of the message. Without this, each object of an " +
				"array is a reading, whatever the name of the array."),
			"pairs": object("Members of the objects of an array that hold a measure's name and its value. Without "+
				"this, common names such as `name` and `value` are recognised.", attributes{
				"name":  required("Member that holds the name."),
				"value": required("Member that holds the value."),
			}),
			"convert_strings": flag("Whether numbers and Booleans in strings are stored as such. Defaults to `false`."),
			"ignore": textSet("Names of measures that are not stored, with everything below them. A `*` stands for " +
				"any name of one level. An array that holds no objects must be ignored, or its message is a dead " +
				"letter."),
			"rename": textMap("New names of measures by their name in the payload, such as `\"params.tC\" = " +
				"\"temperature\"`."),
			"format": choice("Format of the payload.", pipeline.TelemetryFormats),
			"compression": choice("Compression of the payload. Without a value it is not compressed.",
				pipeline.TelemetryCompressions),
			"protobuf": object("Message that devices send in the format `protobuf`.", attributes{
				"descriptor_file": required("Path of a descriptor set, such as " +
					"`protoc --include_imports --descriptor_set_out` writes. It is read during the plan. The " +
					"function gets what the message needs of it; the state does not contain it. If it is no longer " +
					"there, the function keeps what it has."),
				"message": required("Full name of the message, such as `fleet.v1.Reading`."),
			}),
		}),
	}}
}
