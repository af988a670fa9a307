package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// alerts notify people and devices.
func alerts() capability {
	return capability{
		arguments: attributes{
			"alerts": object("Alerts for people and devices.", attributes{
				"evaluate": choice("Who evaluates the conditions. `rule`: a topic rule, before the stream. `stream`: "+
					"the processor, after its batch window; messages that devices send by Basic Ingest raise alerts "+
					"then, and AWS IoT charges for no rule. A change back to `rule` can miss alerts of "+
					"messages that are in the stream at that moment: see the guide \"Functions\".",
					pipeline.AlertEvaluations),
				"rules": alertRules(),
				"thresholds": schema.MapAttribute{Optional: true, ElementType: types.Float64Type,
					MarkdownDescription: "Numbers that conditions use as `threshold.<name>`. Operators can override " +
						"them in the device table without an apply."},
				"emails": textSet("Email addresses that receive every alert. Each must confirm once."),
				"subscriptions": schema.SetNestedAttribute{Optional: true,
					MarkdownDescription: "Further subscriptions of the alert topic.",
					NestedObject: schema.NestedAttributeObject{Attributes: attributes{
						"protocol": requiredChoice("Protocol of the subscription.", pipeline.AlertProtocols),
						"endpoint": required("Endpoint that fits the protocol, such as the ARN of a queue."),
						"severities": textSet("Severities that the subscription receives. Defaults to all. " +
							pipeline.Choice{Values: pipeline.AlertSeverities.Values}.String()),
					}}},
				"kms_key_id": optional("KMS key that encrypts the alert topic. Defaults to `alias/aws/sns`."),
			}),
		},
		computed: attributes{
			"alert_topic_arn": result("ARN of the SNS topic that alerts are published to. Null without `alerts`."),
		},
	}
}

func alertRules() schema.Attribute {
	return objects("Alerts by name.", attributes{
		"when": required("Condition in AWS IoT SQL over the payload, such as `data.temperature > 50`. `thing` is the " +
			"name of the device, `threshold.<name>` a threshold."),
		"severity": choice("Severity of the alert.", pipeline.AlertSeverities),
		"message": optional("Text of the notification. `$${…}` is replaced by the value of an expression. Defaults " +
			"to a text that names the rule and the device."),
		"command": optional("Message that is published to the commands topic of the device. `$${…}` is replaced by " +
			"the value of an expression. A command that is JSON remains JSON: values are escaped inside strings and " +
			"written as JSON elsewhere. In any other command, values are inserted as they are."),
		"cooldown_seconds": number("Seconds during which a device does not raise the same alert again.",
			pipeline.AlertCooldownSeconds),
		"notify_resolved": flag("Whether to notify when the condition no longer holds. Defaults to `false`."),
	})
}
