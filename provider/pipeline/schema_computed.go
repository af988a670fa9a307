package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var stringType = types.StringType

// computed are the attributes that say what was made.
func computed() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":            result("Owner token: the value of the tag `iot-pipeline:id` of every object of the pipeline."),
		"account_id":    result("AWS account of the pipeline."),
		"mqtt_endpoint": result("Host name that devices connect to, on port 8883 with mutual TLS."),
		"topics": schema.SingleNestedAttribute{
			Computed:            true,
			MarkdownDescription: "Topics of the devices, with `{thing}` in place of the device's name.",
			Attributes: map[string]schema.Attribute{
				"telemetry": result("Where devices publish measures."),
				"status":    result("Where devices publish that they are online or offline."),
				"commands":  result("Where devices receive commands."),
			},
		},
		"naming": schema.SingleNestedAttribute{
			Computed: true,
			MarkdownDescription: "What the objects of a device are called, with `{thing}` in place of the device's name and " +
				"`{certificate_id}` in place of its certificate's ID, such as `replace(iot_pipeline.farm.naming.thing_arn, \"{thing}\", \"soil-001\")`.",
			Attributes: map[string]schema.Attribute{
				"thing_arn":       result("ARN of each thing."),
				"certificate_arn": result("ARN of each certificate."),
				"credentials":     result("Name of the parameter or secret that holds the credentials of each device."),
			},
		},
		"identities": schema.MapNestedAttribute{
			Computed: true,
			MarkdownDescription: "What AWS made of each device, by name; ARNs of things and certificates follow from `naming`. " +
				"Empty with `devices_from`.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"certificate_id": result("ID of the certificate."),
				"credentials": result(
					"ARN of the parameter or secret that holds certificate, endpoint and topics, and the private key when AWS made it.",
				),
			}},
		},
		"fleet":        fleetResult(),
		"registration": registrationResult(),
		"registered_devices_count": schema.Int64Attribute{Computed: true,
			MarkdownDescription: "Number of devices that have registered themselves, as of the last refresh."},
		"stream_arn":            result("ARN of the Kinesis stream."),
		"timestream_table_arn":  result("ARN of the Timestream table; null without `timestream`."),
		"device_table_name":     result("Name of the DynamoDB table with the devices' state."),
		"archive_bucket":        result("Name of the S3 bucket with archive and dead letters."),
		"alert_topic_arn":       result("ARN of the SNS topic that alerts are sent to; null without `alerts`."),
		"dead_letter_queue_url": result("URL of the SQS queue with messages that could not be delivered."),
		"function_arns":         results("ARNs of the Lambda functions, by function."),
		"rule_arns":             results("ARNs of the topic rules, by rule."),
		"tags_all":              results("Tags of every object: `tags` and the provider's `default_tags`."),
		"parts":                 parts(),
	}
}

func parts() schema.Attribute {
	return schema.MapNestedAttribute{
		Computed:            true,
		MarkdownDescription: "Every AWS object of the pipeline by key, such as `rule/telemetry`. A status other than `ready` is drift, which the next apply repairs.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"kind": result("Kind of the object, such as `topic_rule`."),
			"name": result("Name of the object in AWS."),
			"id":   result("ID by which AWS knows the object."),
			"arn":  result("ARN of the object; empty when it has none."),
			"status": result(
				"`ready`, `missing`, `incomplete`, `foreign` (the name is taken by an object of another owner) or `drifted: …` with the fields that differ.",
			),
			"needs": schema.ListAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Keys of the parts that this one needs; parts are deleted in the reverse order."},
			"outputs": results("Further facts about the object, such as the URL of a queue."),
		}},
	}
}

func result(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

func results(description string) schema.Attribute {
	return schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: description}
}
