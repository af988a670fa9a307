package pipeline

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// routes are the user's own topic rules. The names of the actions' members are AWS's.
func routes() schema.Attribute {
	attributes := map[string]schema.Attribute{
		"sql":          required("AWS IoT SQL statement; checked at plan time."),
		"description":  text("What the rule is for. Default: a text that names the pipeline."),
		"enabled":      flag("Whether the rule runs. Default: `true`."),
		"kms_key_arns": textSet("ARNs of KMS keys that targets are encrypted with; the route's role may use them. Default: none."),
	}
	for name, action := range actions() {
		attributes[name] = action
	}
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Further topic rules by name, each with one to ten actions, at most one of a kind. The provider writes a role that allows exactly these actions, and " +
			"sends what fails to the dead-letter queue. In texts marked *template*, `$${…}` is replaced by the value of an expression. Changes are made in place.",
		NestedObject: schema.NestedAttributeObject{Attributes: attributes},
	}
}

func actions() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"kinesis": group("Put a record on a Kinesis stream.", map[string]schema.Attribute{
			"stream_name":   required("Name of the stream, in this account and region."),
			"partition_key": text("Partition key (*template*). Default: a random one."),
		}),
		"s3": group("Write an object to a bucket.", map[string]schema.Attribute{
			"bucket":     required("Name of the bucket."),
			"key":        required("Key of the object (*template*)."),
			"canned_acl": text("Canned ACL of the object. Default: the bucket's."),
		}),
		"lambda": group("Invoke a Lambda function. Its resource policy must allow `iot.amazonaws.com` for the rule.", map[string]schema.Attribute{
			"function_arn": required("ARN of the function."),
		}),
		"sns": group("Publish to an SNS topic.", map[string]schema.Attribute{
			"topic_arn":      required("ARN of the topic; not a FIFO topic."),
			"message_format": text("`RAW` (default) or `JSON`."),
		}),
		"sqs": group("Send to an SQS queue.", map[string]schema.Attribute{
			"queue_url":  required("URL of the queue; not a FIFO queue."),
			"use_base64": flag("Whether the message is encoded with Base64. Default: `false`."),
		}),
		"dynamodb":   dynamoDB(),
		"dynamodbv2": group("Write a DynamoDB item with one attribute per field of the output.", map[string]schema.Attribute{"table_name": required("Name of the table.")}),
		"firehose": group("Put a record to a Firehose delivery stream.", map[string]schema.Attribute{
			"delivery_stream_name": required("Name of the delivery stream."),
			"separator":            text("What stands between records: `\\n`, `\\t`, `\\r\\n` or `,`. Default: nothing."),
			"batch_mode":           flag("Whether an array in the payload becomes one record per element. Default: `false`."),
		}),
		"timestream": timestreamAction(),
		"cloudwatch_metric": group("Put a CloudWatch metric.", map[string]schema.Attribute{
			"metric_namespace": required("Namespace (*template*)."),
			"metric_name":      required("Name (*template*)."),
			"metric_value":     required("Value (*template*)."),
			"metric_unit":      required("Unit that CloudWatch knows (*template*)."),
			"metric_timestamp": text("Time in epoch seconds (*template*). Default: the time of arrival."),
		}),
		"cloudwatch_logs": group("Write to a CloudWatch log group.", map[string]schema.Attribute{
			"log_group_name": required("Name of the log group."),
			"batch_mode":     flag("Whether an array in the payload becomes one log entry per element. Default: `false`."),
		}),
		"cloudwatch_alarm": group("Set the state of a CloudWatch alarm.", map[string]schema.Attribute{
			"alarm_name":   required("Name of the alarm."),
			"state_reason": required("Why the state changes (*template*)."),
			"state_value":  required("`OK`, `ALARM` or `INSUFFICIENT_DATA` (*template*)."),
		}),
		"republish": republish(),
		"http":      http(),
		"step_functions": group("Start an execution of a state machine.", map[string]schema.Attribute{
			"state_machine_name":    required("Name of the state machine, not its ARN."),
			"execution_name_prefix": text("Beginning of the execution's name. Default: none."),
		}),
	}
}

func dynamoDB() schema.Attribute {
	return group("Write the whole output to one attribute of a DynamoDB item.", map[string]schema.Attribute{
		"table_name":      required("Name of the table."),
		"hash_key_field":  required("Name of the hash key."),
		"hash_key_type":   text("`STRING` (default) or `NUMBER`."),
		"hash_key_value":  required("Value of the hash key (*template*)."),
		"range_key_field": text("Name of the range key. Default: none."),
		"range_key_type":  text("`STRING` (default) or `NUMBER`."),
		"range_key_value": text("Value of the range key (*template*)."),
		"payload_field":   text("Name of the attribute that holds the output. Default: `payload`."),
		"operation":       text("`INSERT` (default), `UPDATE` or `DELETE`."),
	})
}

func timestreamAction() schema.Attribute {
	return group("Write to a Timestream LiveAnalytics table of your own, one record per field of the output.", map[string]schema.Attribute{
		"database":   required("Name of the database."),
		"table":      required("Name of the table."),
		"dimensions": texts("Dimensions by name (*template*)."),
		"timestamp": group("Time of the records. Default: the time of arrival.", map[string]schema.Attribute{
			"value": required("A number of units since the epoch (*template*)."),
			"unit":  text("`SECONDS`, `MILLISECONDS` (default), `MICROSECONDS` or `NANOSECONDS`."),
		}),
	})
}

func republish() schema.Attribute {
	return group("Publish to another topic.", map[string]schema.Attribute{
		"topic": required("Topic (*template*)."),
		"qos":   number("Quality of service, 0 (default) or 1."),
		"headers": group("MQTT 5 properties (*template* each).", map[string]schema.Attribute{
			"payload_format_indicator": text("`UNSPECIFIED_BYTES` or `UTF8_DATA`."),
			"content_type":             text("Content type."),
			"response_topic":           text("Topic for the answer."),
			"correlation_data":         text("Correlation data, encoded with Base64."),
			"message_expiry":           text("Seconds after which the message is dropped."),
			"user_properties":          texts("User properties by key."),
		}),
	})
}

func http() schema.Attribute {
	return group("Post to a URL whose destination has been confirmed.", map[string]schema.Attribute{
		"url":              required("URL (*template*)."),
		"confirmation_url": text("Beginning of the URL that confirms the destination. Default: `url`."),
		"headers": schema.MapAttribute{Optional: true, Sensitive: true, ElementType: stringType,
			MarkdownDescription: "HTTP headers by name (*template*)."},
		"sigv4": group("Sign the request.", map[string]schema.Attribute{
			"service_name":   required("Service that the request is signed for."),
			"signing_region": required("Region that the request is signed for."),
			"role_arn":       required("ARN of a role that may make the request."),
		}),
	})
}
