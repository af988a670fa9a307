package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// edge lets devices be gateways.
func edge() capability {
	return capability{
		arguments: attributes{
			"edge": object("Devices may be gateways: a device `gw-1` may publish and receive commands for the devices "+
				"behind it, which are called `gw-1:<name>`. They need no certificates of their own.", attributes{
				"unmatched":  choice("What a gateway does with a message that no rule takes.", pipeline.EdgeUnmatched),
				"rules":      edgeRules(),
				"greengrass": greengrassArgument(),
			}),
		},
		computed: attributes{
			"edge_settings_json": result("Settings of `iot-edge`, for the member `settings` of the files of gateways " +
				"that `devices` does not describe. Null without `edge`."),
		},
	}
}

func edgeRules() schema.Attribute {
	distance := func(description string) schema.Float64Attribute {
		return schema.Float64Attribute{Optional: true, MarkdownDescription: description}
	}
	return objects("What gateways do with messages of the devices behind them, by name. An apply writes it "+
		"into the shadow `edge` of each device with `gateway = {}`, or into the Greengrass deployment.", attributes{
		"sql": required("AWS IoT SQL without functions that call services, such as " +
			"`SELECT * FROM '<topic_prefix>/+/telemetry' WHERE data.temperature > 30`."),
		"action": choice("What happens to a message. `forward`: the result of the SELECT is the device's telemetry. "+
			"`drop`: nothing is forwarded. `command` and `alert` do not change what is forwarded.",
			pipeline.EdgeActions),
		"window": object("Forwards aggregates of the readings of each device in its place.", attributes{
			"seconds": number("Length of the window.", pipeline.EdgeWindowSeconds),
			"aggregates": schema.ListAttribute{Required: true, ElementType: types.StringType,
				MarkdownDescription: "One keeps the name of the measure, except `count`; several are called " +
					"`<measure>.<aggregate>`. " + pipeline.EdgeAggregates.String()},
			"late": choice("What happens to a reading that is older than the window is long.", pipeline.EdgeLate),
		}),
		"report": object("Forwards a message only if a measure has left its dead band.", attributes{
			"dead_band": schema.MapNestedAttribute{Required: true,
				MarkdownDescription: "By measure; `*` stands for all others. A measure without one is forwarded with " +
					"the others, and decides nothing.",
				NestedObject: schema.NestedAttributeObject{Attributes: attributes{
					"absolute": distance("The value has changed by more than this since the last report."),
					"percent":  distance("The value has changed by more than this part of the last one reported."),
				}}},
			"at_least_every_seconds": number("Forwards the first message that is so much later than the last "+
				"report; `0` for none.", pipeline.EdgeReportSeconds),
		}),
		"rate_limit": object("Bounds the messages or commands of each device; the rest is dropped and counted.",
			attributes{
				"messages": number("Messages in that time, and at most at once.", pipeline.EdgeRateMessages),
				"seconds":  number("The time.", pipeline.EdgeRateSeconds),
			}),
		"priority": choice("Which messages a full queue drops last. Alerts have `high` in place of the default.",
			pipeline.EdgePriorities),
		"command": object("A command, which also works without uplink.", attributes{
			"child": optional("Device that gets it; `$${…}` is replaced by the value of an expression, and `thing` " +
				"is the device that sent the message. `$${clientid()}:fan` is the gateway's device `fan`. Defaults " +
				"to the sender."),
			"payload":         required("The command; in JSON, `$${…}` is a value or part of a string."),
			"cleared_payload": optional("The command when an alert ends."),
		}),
		"alert": object("How the action `alert` ends.", attributes{
			"clear_when": optional("Condition that ends the alert. Defaults to `WHERE` being FALSE."),
		}),
	})
}
