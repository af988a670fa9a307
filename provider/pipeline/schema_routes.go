package pipeline

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// routes is the schema of the topic rules that users define.
func routes() schema.Attribute {
	attributes := map[string]schema.Attribute{
		"sql":         required("AWS IoT SQL statement; validated at plan time."),
		"description": text("Description of the rule. Default: a text that names the pipeline."),
		"enabled":     flag("Whether the rule is enabled. Default: `true`."),
		"kms_key_arns": textSet(
			"ARNs of the KMS keys that encrypt the targets; the route's role may use them. Default: none.",
		),
	}
	maps.Copy(attributes, routeActions)
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Additional topic rules by name, each with one to ten actions and at most one of each " +
			"kind. The provider creates a role that allows exactly these actions, and sends messages that an action " +
			"fails to deliver to the dead-letter queue. In arguments marked *template*, `$${…}` is replaced by the " +
			"value of an expression. Changes are made in place.",
		NestedObject: schema.NestedAttributeObject{Attributes: attributes},
	}
}

// routeActions holds one attribute for each rule action.
var routeActions = map[string]schema.Attribute{
	"kinesis": group("Puts records on a Kinesis data stream.", map[string]schema.Attribute{
		"stream_name":   required("Name of the Kinesis data stream, in the same account and region (*template*)."),
		"partition_key": text("Partition key of the record (*template*). Default: a random key."),
	}),
	"s3": group("Writes objects to an S3 bucket.", map[string]schema.Attribute{
		"bucket": required("Name of the S3 bucket (*template*)."),
		"key":    required("Key of the object (*template*)."),
		"canned_acl": text("Canned ACL of the object, such as `bucket-owner-full-control`. " +
			"Default: `private`."),
	}),
	"lambda": group("Invokes a Lambda function. Its resource policy must allow `iot.amazonaws.com` to invoke it "+
		"for the rule.", map[string]schema.Attribute{
		"function_arn": required("ARN of the Lambda function (*template*)."),
	}),
	"sns": group("Publishes to an SNS topic.", map[string]schema.Attribute{
		"topic_arn":      required("ARN of the SNS topic; FIFO topics are not supported (*template*)."),
		"message_format": text("Format of the message: `RAW` (default) or `JSON`."),
	}),
	"sqs": group("Sends messages to an SQS queue.", map[string]schema.Attribute{
		"queue_url":  required("URL of the SQS queue; FIFO queues are not supported (*template*)."),
		"use_base64": flag("Whether to encode the message in Base64. Default: `false`."),
	}),
	"dynamodb": group("Writes the whole output to one attribute of a DynamoDB item.", map[string]schema.Attribute{
		"table_name":      required("Name of the DynamoDB table (*template*)."),
		"hash_key_field":  required("Name of the hash key."),
		"hash_key_type":   text("Type of the hash key: `STRING` (default) or `NUMBER`."),
		"hash_key_value":  required("Value of the hash key (*template*)."),
		"range_key_field": text("Name of the range key. Default: none."),
		"range_key_type":  text("Type of the range key: `STRING` (default) or `NUMBER`."),
		"range_key_value": text("Value of the range key (*template*)."),
		"payload_field":   text("Name of the attribute that holds the output. Default: `payload`."),
		"operation":       text("Operation: `INSERT` (default), `UPDATE` or `DELETE` (*template*)."),
	}),
	"dynamodbv2": group("Writes a DynamoDB item with one attribute per top-level key of the output.",
		map[string]schema.Attribute{
			"table_name": required("Name of the DynamoDB table (*template*)."),
		}),
	"firehose": group("Sends records to a Firehose delivery stream.", map[string]schema.Attribute{
		"delivery_stream_name": required("Name of the Firehose delivery stream (*template*)."),
		"separator":            text("Separator between records: `\\n`, `\\t`, `\\r\\n` or `,`. Default: none."),
		"batch_mode":           flag("Whether to send each element of a JSON array as a record. Default: `false`."),
	}),
	"timestream": group("Writes one record per attribute of the output to an existing Timestream for LiveAnalytics "+
		"table.", map[string]schema.Attribute{
		"database":   required("Name of the Timestream database (*template*)."),
		"table":      required("Name of the Timestream table (*template*)."),
		"dimensions": texts("Dimensions by name; at least one (*template*)."),
		"timestamp": group("Time of the records. Default: the time of arrival.", map[string]schema.Attribute{
			"value": required("Time since the epoch, in `unit` (*template*)."),
			"unit": text("Unit of the time: `SECONDS`, `MILLISECONDS` (default), `MICROSECONDS` or " +
				"`NANOSECONDS`."),
		}),
	}),
	"cloudwatch_metric": group("Publishes a CloudWatch metric.", map[string]schema.Attribute{
		"metric_namespace": required("Namespace of the CloudWatch metric (*template*)."),
		"metric_name":      required("Name of the CloudWatch metric (*template*)."),
		"metric_value":     required("Value of the CloudWatch metric (*template*)."),
		"metric_unit":      required("Unit of the CloudWatch metric, such as `Count` (*template*)."),
		"metric_timestamp": text("Time of the metric, in seconds since the epoch (*template*). " +
			"Default: the time of arrival."),
	}),
	"cloudwatch_logs": group("Writes to a CloudWatch log group.", map[string]schema.Attribute{
		"log_group_name": required("Name of the CloudWatch log group (*template*)."),
		"batch_mode":     flag("Whether to write each element of a JSON array as a log event. Default: `false`."),
	}),
	"cloudwatch_alarm": group("Sets the state of a CloudWatch alarm.", map[string]schema.Attribute{
		"alarm_name":   required("Name of the CloudWatch alarm (*template*)."),
		"state_reason": required("Reason for the change of state (*template*)."),
		"state_value":  required("State of the alarm: `OK`, `ALARM` or `INSUFFICIENT_DATA` (*template*)."),
	}),
	"republish": group("Republishes the message to another MQTT topic.", map[string]schema.Attribute{
		"topic": required("Name of the MQTT topic (*template*)."),
		"qos":   number("Quality of service: `0` (default) or `1`."),
		"headers": group("MQTT 5 properties; each is a *template*.", map[string]schema.Attribute{
			"payload_format_indicator": text("Format of the payload: `UNSPECIFIED_BYTES` or `UTF8_DATA`."),
			"content_type":             text("Content type of the message."),
			"response_topic":           text("Topic to send the response to."),
			"correlation_data":         text("Correlation data, encoded in Base64."),
			"message_expiry":           text("Number of seconds after which the message expires."),
			"user_properties":          texts("User properties by key."),
		}),
	}),
	"http": group("Posts messages to a URL. The destination of the URL must be confirmed.", map[string]schema.Attribute{
		"url":              required("HTTPS URL (*template*)."),
		"confirmation_url": text("Prefix of the URL that confirms the destination. Default: `url`."),
		"headers": schema.MapAttribute{Optional: true, Sensitive: true, ElementType: stringType,
			MarkdownDescription: "HTTP headers by name (*template*)."},
		"sigv4": group("Signature of the request.", map[string]schema.Attribute{
			"service_name":   required("Name of the service to sign the request for, such as `execute-api`."),
			"signing_region": required("Region to sign the request for."),
			"role_arn":       required("ARN of the IAM role to sign the request with."),
		}),
	}),
	"step_functions": group("Starts an execution of a Step Functions state machine.", map[string]schema.Attribute{
		"state_machine_name": required("Name of the Step Functions state machine; not its ARN (*template*)."),
		"execution_name_prefix": text("Prefix of the name of the execution, to which AWS IoT appends a UUID " +
			"(*template*). Default: none."),
	}),
}
