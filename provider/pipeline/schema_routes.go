package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// routes are the topic rules that users define.
func routes() capability {
	return capability{
		arguments: attributes{
			"routes": objects("Additional topic rules by name, each with one to ten actions and at most one of each "+
				"kind. The provider creates a role that allows exactly these actions, and sends messages that an "+
				"action fails to deliver to the dead-letter queue. In arguments marked *template*, `$${…}` is "+
				"replaced by the value of an expression.", merged(attributes{
				"sql":         required("AWS IoT SQL statement; validated at plan time."),
				"description": optional("Description of the rule. Defaults to a text that names the pipeline."),
				"enabled":     flag("Whether the rule is enabled. Defaults to `true`."),
				"kms_key_arns": textSet("ARNs of the KMS keys that encrypt the targets. The role of the route may " +
					"use them."),
			}, routeActions)),
		},
		computed: attributes{"rule_arns": resultMap("ARNs of the topic rules by rule.")},
	}
}

// routeActions holds one attribute for each rule action.
var routeActions = attributes{
	"kinesis": object("Puts records on a Kinesis data stream.", attributes{
		"stream_name":   required("Name of the Kinesis data stream, in the same account and region (*template*)."),
		"partition_key": optional("Partition key of the record (*template*). Defaults to a random key."),
	}),
	"s3": object("Writes objects to an S3 bucket.", attributes{
		"bucket_name": required("Name of the S3 bucket (*template*)."),
		"key":         required("Key of the object (*template*)."),
		"canned_acl":  choice("Canned ACL of the object.", pipeline.S3CannedACLs),
	}),
	"lambda": object("Invokes a Lambda function. Its resource policy must allow `iot.amazonaws.com` to invoke it "+
		"for the rule.", attributes{
		"function_arn": required("ARN of the Lambda function (*template*)."),
	}),
	"sns": object("Publishes to an SNS topic.", attributes{
		"target_arn":     required("ARN of the SNS topic; FIFO topics are not supported (*template*)."),
		"message_format": choice("Format of the message.", pipeline.SNSMessageFormats),
	}),
	"sqs": object("Sends messages to an SQS queue.", attributes{
		"queue_url":  required("URL of the SQS queue; FIFO queues are not supported (*template*)."),
		"use_base64": flag("Whether to encode the message in Base64. Defaults to `false`."),
	}),
	"dynamodb": object("Writes the whole output to one attribute of a DynamoDB item.", attributes{
		"table_name":      required("Name of the DynamoDB table (*template*)."),
		"hash_key_field":  required("Name of the hash key."),
		"hash_key_type":   choice("Type of the hash key.", pipeline.DynamoDBKeyTypes),
		"hash_key_value":  required("Value of the hash key (*template*)."),
		"range_key_field": optional("Name of the range key."),
		"range_key_type":  choice("Type of the range key.", pipeline.DynamoDBKeyTypes),
		"range_key_value": optional("Value of the range key (*template*)."),
		"payload_field":   optional("Name of the attribute that holds the output. Defaults to `payload`."),
		"operation":       choice("Operation (*template*).", pipeline.DynamoDBOperations),
	}),
	"dynamodbv2": object("Writes a DynamoDB item with one attribute per top-level key of the output.",
		attributes{
			"put_item": requiredObject("Where the item goes.", attributes{
				"table_name": required("Name of the DynamoDB table (*template*)."),
			}),
		}),
	"firehose": object("Sends records to a Firehose delivery stream.", attributes{
		"delivery_stream_name": required("Name of the Firehose delivery stream (*template*)."),
		"separator":            choice("Separator between records.", pipeline.FirehoseSeparators),
		"batch_mode":           flag("Whether to send each element of a JSON array as a record. Defaults to `false`."),
	}),
	"timestream": object("Writes one record per attribute of the output to an existing Timestream for LiveAnalytics "+
		"table.", attributes{
		"database_name": required("Name of the Timestream database (*template*)."),
		"table_name":    required("Name of the Timestream table (*template*)."),
		"dimension": objectList("Dimensions of the records; at least one.", attributes{
			"name":  required("Name of the dimension."),
			"value": required("Value of the dimension (*template*)."),
		}),
		"timestamp": object("Time of the records. Defaults to the time of arrival.", attributes{
			"value": required("Time since the epoch, in `unit` (*template*)."),
			"unit":  choice("Unit of the time.", pipeline.TimestreamUnits),
		}),
	}),
	"cloudwatch_metric": object("Publishes a CloudWatch metric.", attributes{
		"metric_namespace": required("Namespace of the CloudWatch metric (*template*)."),
		"metric_name":      required("Name of the CloudWatch metric (*template*)."),
		"metric_value":     required("Value of the CloudWatch metric (*template*)."),
		"metric_unit":      required("Unit of the CloudWatch metric, such as `Count` (*template*)."),
		"metric_timestamp": optional("Time of the metric, in seconds since the epoch (*template*). " +
			"Defaults to the time of arrival."),
	}),
	"cloudwatch_logs": object("Writes to a CloudWatch log group.", attributes{
		"log_group_name": required("Name of the CloudWatch log group (*template*)."),
		"batch_mode":     flag("Whether to write each element of a JSON array as a log event. Defaults to `false`."),
	}),
	"cloudwatch_alarm": object("Sets the state of a CloudWatch alarm.", attributes{
		"alarm_name":   required("Name of the CloudWatch alarm (*template*)."),
		"state_reason": required("Reason for the change of state (*template*)."),
		"state_value":  requiredChoice("State of the alarm (*template*).", pipeline.CloudWatchAlarmStates),
	}),
	"republish": object("Republishes the message to another MQTT topic.", attributes{
		"topic": required("Name of the MQTT topic (*template*)."),
		"qos":   number("Quality of service.", pipeline.RepublishQoS),
		"headers": object("MQTT 5 properties; each is a *template*.", attributes{
			"payload_format_indicator": optional("Format of the payload: `UNSPECIFIED_BYTES` or `UTF8_DATA`."),
			"content_type":             optional("Content type of the message."),
			"response_topic":           optional("Topic to send the response to."),
			"correlation_data":         optional("Correlation data, encoded in Base64."),
			"message_expiry":           optional("Number of seconds after which the message expires."),
			"user_properties":          textMap("User properties by key."),
		}),
	}),
	"http": object("Posts messages to a URL. The destination of the URL must be confirmed.", attributes{
		"url":              required("HTTPS URL (*template*)."),
		"confirmation_url": optional("Prefix of the URL that confirms the destination. Defaults to `url`."),
		"http_header": objectList("HTTP headers of the request.", attributes{
			"key": required("Name of the header."),
			"value": schema.StringAttribute{Optional: true, Sensitive: true,
				MarkdownDescription: "Value of the header (*template*). It is in the state. Either this or " +
					"`value_wo`."},
			"value_wo": schema.StringAttribute{Optional: true, Sensitive: true, WriteOnly: true,
				MarkdownDescription: "Value of the header (*template*) that is neither in a plan nor in the state; " +
					"it can come from an ephemeral resource. Needs Terraform or OpenTofu 1.11."},
			"value_wo_version": number("Version of `value_wo`. Terraform cannot compare the value, so another "+
				"version plans it to be applied. An apply for another reason applies it as well.",
				pipeline.HTTPHeaderVersions),
		}),
		"sigv4": object("Signature of the request.", attributes{
			"service_name":   required("Name of the service to sign the request for, such as `execute-api`."),
			"signing_region": required("Region to sign the request for."),
			"role_arn":       required("ARN of the IAM role to sign the request with."),
		}),
		"enable_batching": flag("Whether to post several messages at once, as a JSON array. Defaults to `false`."),
		"batch_config": object("When a batch is posted.", attributes{
			"max_batch_open_ms":    number("Most milliseconds that a message waits.", pipeline.HTTPBatchOpen),
			"max_batch_size":       number("Most messages of a batch.", pipeline.HTTPBatchSize),
			"max_batch_size_bytes": number("Most bytes of a batch.", pipeline.HTTPBatchBytes),
			"batch_across_topics": flag("Whether messages of different topics go into one batch. Defaults to " +
				"`false`."),
		}),
	}),
	"opensearch": object("Stores one document per message in an index of an OpenSearch Service domain.", attributes{
		"endpoint": required("Endpoint of the domain, with `https://`. A custom endpoint is not supported."),
		"index":    required("Name of the index (*template*)."),
		"type":     optional("Type of the document. Defaults to `_doc`, as OpenSearch 1.0 and later need it."),
		"id":       required("ID of the document (*template*)."),
	}),
	"kafka": object("Produces one record per message to a Kafka cluster in a VPC.", attributes{
		"destination_arn": required("ARN of the VPC destination, such as that of `aws_iot_topic_rule_destination`."),
		"topic":           required("Kafka topic (*template*)."),
		"key":             optional("Key of the record (*template*)."),
		"partition":       optional("Partition of the record (*template*)."),
		"header": objectList("Headers of the record.", attributes{
			"key":   required("Key of the header (*template*)."),
			"value": required("Value of the header (*template*)."),
		}),
		"client_properties": schema.MapAttribute{Required: true, Sensitive: true, ElementType: types.StringType,
			MarkdownDescription: "Properties of the Kafka client, such as `bootstrap.servers`. " +
				"Write secrets as `$${get_secret(…)}`, so that they are not in the state (*template*)."},
	}),
	"iot_sitewise": object("Writes values of AWS IoT SiteWise asset properties. All texts are *templates*.", attributes{
		"put_asset_property_value_entries": requiredList("Properties with their values.", attributes{
			"property_alias": optional("Alias of the property."),
			"asset_id":       optional("ID of the asset, with `property_id`."),
			"property_id":    optional("ID of the property."),
			"entry_id":       optional("ID of the entry in errors. Defaults to a new UUID."),
			"property_values": requiredList("Values of the property.", attributes{
				"value": requiredObject("Exactly one value, as text.", attributes{
					"boolean_value": optional("`true` or `false`."),
					"double_value":  optional("Number with a point."),
					"integer_value": optional("Number without a point."),
					"string_value":  optional("Text."),
				}),
				"timestamp": requiredObject("Time of the value.", attributes{
					"time_in_seconds": required("Seconds since the epoch."),
					"offset_in_nanos": optional("Nanoseconds after that."),
				}),
				"quality": choice("Quality of the value.", pipeline.SiteWiseQualities),
			}),
		}),
	}),
	"location": object("Updates the position of a device in an Amazon Location tracker.", attributes{
		"tracker_name": required("Name of the tracker."),
		"device_id":    required("ID of the device in the tracker (*template*)."),
		"latitude":     required("Latitude in degrees (*template*)."),
		"longitude":    required("Longitude in degrees (*template*)."),
		"timestamp": object("Time of the position. Defaults to the time of arrival.", attributes{
			"value": required("Time since the epoch, in `unit` (*template*)."),
			"unit":  choice("Unit of the time.", pipeline.TimestreamUnits),
		}),
	}),
	"step_functions": object("Starts an execution of a Step Functions state machine.", attributes{
		"state_machine_name": required("Name of the Step Functions state machine; not its ARN (*template*)."),
		"execution_name_prefix": optional("Prefix of the name of the execution, to which AWS IoT appends a UUID " +
			"(*template*)."),
	}),
}
