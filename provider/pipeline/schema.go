package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// definition is the schema of iot_pipeline. It says what there is and what it means;
// what is valid is decided by internal/pipeline, which also knows the defaults.
func definition() schema.Schema {
	attributes := map[string]schema.Attribute{
		"name": required(
			"Name of the pipeline and beginning of the names of all its objects: a lowercase letter, then lowercase letters, digits and hyphens. " +
				"**A change replaces the pipeline.**",
		),
		"region": schema.StringAttribute{Optional: true, Computed: true,
			MarkdownDescription: "AWS region of the pipeline. Default: the provider's. **A change replaces the pipeline.**"},
		"topic_prefix": text(
			"Beginning of the devices' topics, `<topic_prefix>/<device>/telemetry`, `…/status` and `…/commands`: 1 to 4 levels without wildcards. " +
				"Default: `name`. A change is made in place; devices must then use the new topics.",
		),
		"permissions_boundary": text(
			"ARN of a managed policy that bounds every role of the pipeline. Default: none. A change is made in place.",
		),
		"tags": texts(
			"Tags of every object of the pipeline, together with the provider's `default_tags`; these win. A change is made in place.",
		),
		"force_destroy": flag(
			"Let `terraform destroy` delete archived messages and time series. While it is `false` (default), destroy refuses as long as the archive bucket " +
				"or the Timestream table holds data, or devices have registered themselves. It must be applied before the destroy.",
		),
		"deep_check": flag(
			"Whether each refresh also looks at what lists do not tell: that each device's certificate is attached to its thing and that its credentials are in the " +
				"store. It takes a request per device, of which AWS allows ten a second. Default: on with up to 20 devices, off with more. A change is made in place; with `true` the plan looks at once.",
		),
		"devices":      devices(),
		"devices_from": devicesFrom(),
		"provisioning": provisioning(),
		"credentials":  credentials(),
		"stream":       stream(),
		"processor":    processor(),
		"telemetry":    telemetry(),
		"timestream":   timestream(),
		"device_state": deviceState(),
		"archive":      archive(),
		"alerts":       alerts(),
		"routes":       routes(),
		"functions":    functions(),
		"timeouts": group(
			"How long an operation may take, such as `30m`. What is done by then is kept in the state; the next apply goes on.",
			map[string]schema.Attribute{
				"create": text("Of making the pipeline. Default: `30m`."),
				"read":   text("Of reading the pipeline. Default: `10m`."),
				"update": text("Of changing the pipeline. Default: `30m`."),
				"delete": text("Of deleting the pipeline; AWS keeps a thing type for five minutes. Default: `45m`."),
			},
		),
	}
	for name, attribute := range computed() {
		attributes[name] = attribute
	}
	return schema.Schema{
		MarkdownDescription: "A whole AWS IoT telemetry pipeline as one unit: things with X.509 certificates, an IoT policy, topic rules, a Kinesis stream, Timestream, " +
			"DynamoDB device state, an S3 archive, alerts through SNS, IAM roles, and the Lambda functions that are shipped with the provider.",
		Attributes: attributes,
	}
}

func devices() schema.Attribute {
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Devices by name; the name is the thing's and the MQTT client id. For up to about a thousand devices; larger fleets come from a file, " +
			"see `devices_from`. Adding, changing or removing one touches that device only.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"attributes": texts(
				"Attributes of the thing, for searching: up to 48, without spaces. A change is made in place.",
			),
			"csr_pem": text(
				"Certificate signing request (PEM) of a key that the device made and keeps. AWS signs it. A change replaces the certificate. " +
					"With neither this nor `certificate_pem`, AWS makes a key pair, which goes to the credentials store and never into the state.",
			),
			"certificate_pem": text(
				"Certificate (PEM) that the device already has; it is registered as it is. A change replaces the certificate.",
			),
			"enabled": schema.BoolAttribute{Optional: true, Computed: true,
				MarkdownDescription: "Whether the device may connect. `false` deactivates its certificate. Default: `true`. A change is made in place."},
		}},
	}
}

func credentials() schema.Attribute {
	return group(
		"Where the certificate, private key and endpoint of a device go when AWS makes the key.",
		map[string]schema.Attribute{
			"store": text(
				"`ssm`: Parameter Store, as SecureString (default); `secretsmanager`: Secrets Manager. A change moves the bundles of existing devices, which keep their certificates.",
			),
			"path": text(
				"Path before the device's name. Default: `/iot-pipeline/<name>/devices`. A change moves the bundles.",
			),
			"kms_key_id": text(
				"KMS key that encrypts the bundles. Default: the account's key of the service. A change encrypts the bundles anew.",
			),
		},
	)
}

func stream() schema.Attribute {
	return group("The Kinesis stream between the rules and the processor.", map[string]schema.Attribute{
		"mode": text(
			"`on_demand` (default) or `provisioned`. A change is made in place; AWS allows two a day.",
		),
		"shards": number("Number of shards, with `provisioned` only. Default: 1. A change is made in place."),
		"retention_hours": number(
			"Hours that records are kept, 24 to 8760. Default: 24. A change is made in place; shortening it drops records.",
		),
		"kms_key_id": text(
			"KMS key that encrypts the stream. Default: `alias/aws/kinesis`. A change is made in place.",
		),
	})
}

func processor() schema.Attribute {
	return group(
		"The function that reads the stream, and how it is fed. Changes are made in place.",
		map[string]schema.Attribute{
			"batch_size":           number("Records per invocation at most, 1 to 10000. Default: 100."),
			"batch_window_seconds": number("Seconds to wait for a full batch, 0 to 300. Default: 1."),
			"parallelization_factor": number(
				"Batches of one shard at a time, 1 to 10; order per device holds. Default: 1.",
			),
			"memory_mb":       number("Memory in MB, 128 to 10240. Default: 256."),
			"timeout_seconds": number("Seconds per invocation, 1 to 900. Default: 60."),
			"max_retries": number(
				"Retries of a failing batch, -1 (until the record expires) to 10000. Default: 10. What is left then goes to the dead letters in S3.",
			),
			"max_record_age_seconds": number(
				"Age in seconds at which a record is given up, -1 (never) or 60 to 604800. Default: 86400.",
			),
			"package": text(
				"Path of a zip that replaces the shipped function; it is read at plan time. Default: none.",
			),
		},
	)
}

func telemetry() schema.Attribute {
	return group(
		"How the payload of a telemetry message is read. Changes are made in place.",
		map[string]schema.Attribute{
			"data_field": text("Field that holds the measures. Default: `data`; payloads without it are read as flat."),
			"time_field": text(
				"Field that holds the time: epoch seconds, milliseconds or ISO 8601. Default: `timestamp`; without one the time of arrival counts.",
			),
		},
	)
}

func timestream() schema.Attribute {
	return group(
		"Time series in Timestream LiveAnalytics. AWS has closed it to new customers: only for accounts that already use it. Leave it out for a pipeline "+
			"without time series; removing it deletes the database.",
		map[string]schema.Attribute{
			"database": text("Name of the database. Default: `name`. A change replaces it, with its data."),
			"table": text(
				"Name of the table. Default: `telemetry`. A change replaces it, with its data.",
			),
			"memory_retention_hours": number(
				"Hours in the memory store, 1 to 8766. Default: 24. A change is made in place.",
			),
			"magnetic_retention_days": number(
				"Days in the magnetic store, 1 to 73000. Default: 365. A change is made in place; shortening it drops data.",
			),
			"layout": text(
				"`multi` (default): one record per message, all measures in it; `single`: one record per measure. A change holds for new records.",
			),
			"kms_key_id": text(
				"KMS key that encrypts the database. Default: the AWS managed key. A change is made in place.",
			),
		},
	)
}

func deviceState() schema.Attribute {
	return group(
		"The DynamoDB table with the latest state of each device. Changes are made in place.",
		map[string]schema.Attribute{
			"ttl_days":               number("Days after which a silent device's state expires; 0: never (default)."),
			"point_in_time_recovery": flag("Keep continuous backups of 35 days. Default: `true`."),
		},
	)
}

func archive() schema.Attribute {
	return group(
		"The archive of raw telemetry in S3. The bucket also holds dead letters; its settings hold for both. Changes are made in place.",
		map[string]schema.Attribute{
			"enabled": flag(
				"Whether telemetry is archived. Default: `true`. `false` keeps the bucket and what is in it.",
			),
			"prefix": text("Beginning of the keys. Default: `telemetry/`."),
			"intelligent_tiering_after_days": number(
				"Days after which objects move to Intelligent-Tiering; 0: at once. Default: never.",
			),
			"expire_after_days": number("Days after which objects are deleted. Default: never."),
			"kms_key_id":        text("KMS key that encrypts the bucket. Default: keys of S3 (SSE-S3)."),
		},
	)
}

func alerts() schema.Attribute {
	return group("What people and devices are told, and when. Changes are made in place.", map[string]schema.Attribute{
		"rules": schema.MapNestedAttribute{Optional: true, MarkdownDescription: "Alerts by name.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"when": required(
					"Condition in AWS IoT SQL over the payload, such as `data.temperature > 50`; `thing` is the device, `threshold.<name>` a threshold.",
				),
				"severity": text("`info`, `warning` (default) or `critical`."),
				"message": text(
					"Text of the notification; `$${…}` is replaced by the value of an expression. Default: a text that names the rule and the device.",
				),
				"command": text(
					"Message that is published to the device's commands topic; `$${…}` is replaced. Default: none.",
				),
				"cooldown_seconds": number("Seconds in which one device raises this alert once at most. Default: 300."),
				"notify_resolved":  flag("Also notify when the condition does not hold any more. Default: `false`."),
			}}},
		"thresholds": schema.MapAttribute{Optional: true, ElementType: types.Float64Type,
			MarkdownDescription: "Numbers that conditions use as `threshold.<name>`. Operators can override them in the device table without an apply."},
		"emails": textSet("E-mail addresses that get every alert; each must confirm once."),
		"subscriptions": schema.SetNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Further subscriptions of the alert topic.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"protocol": required(
					"`email`, `email-json`, `sms`, `sqs`, `lambda`, `https`, `http`, `firehose` or `application`.",
				),
				"endpoint":   required("Address that fits the protocol, such as a queue's ARN."),
				"severities": textSet("Severities that are sent here. Default: all."),
			}},
		},
		"kms_key_id": text("KMS key that encrypts the alert topic. Default: `alias/aws/sns`."),
	})
}

func functions() schema.Attribute {
	return group(
		"What holds for every Lambda function of the pipeline. Changes are made in place.",
		map[string]schema.Attribute{
			"architecture": text("`arm64` (default) or `x86_64`."),
			"log_retention_days": number(
				"Days that logs are kept, one of the values that CloudWatch Logs takes. Default: 30.",
			),
			"log_level": text("`TRACE`, `DEBUG`, `INFO` (default), `WARN`, `ERROR` or `FATAL`."),
			"tracing":   flag("Whether invocations are traced with X-Ray. Default: `false`."),
		},
	)
}

func group(description string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.SingleNestedAttribute{Optional: true, MarkdownDescription: description, Attributes: attributes}
}

func required(description string) schema.Attribute {
	return schema.StringAttribute{Required: true, MarkdownDescription: description}
}

func text(description string) schema.Attribute {
	return schema.StringAttribute{Optional: true, MarkdownDescription: description}
}

func number(description string) schema.Attribute {
	return schema.Int64Attribute{Optional: true, MarkdownDescription: description}
}

func flag(description string) schema.Attribute {
	return schema.BoolAttribute{Optional: true, MarkdownDescription: description}
}

func texts(description string) schema.Attribute {
	return schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

func textSet(description string) schema.Attribute {
	return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}
