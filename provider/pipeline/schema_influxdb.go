package pipeline

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// influxDB is a database of time series outside of the pipeline.
func influxDB() capability {
	return capability{
		arguments: attributes{
			"influxdb": object("Time series in InfluxDB 1, 2 or 3, or in what takes its line protocol, such as "+
				"VictoriaMetrics. The processor writes one point per reading, with the tag `thing`.", attributes{
				"url": optional("Address of InfluxDB, in place of `instance`, such as " +
					"`https://influxdb.example.com:8086`. Plain `http` is allowed with `vpc`, and for this machine " +
					"when `iot-local` runs the pipeline."),
				"instance": influxDBInstance(),
				"version": number("Version of its API. VictoriaMetrics takes `1` and `2`.",
					pipeline.InfluxDBVersions),
				"organization": optional("Organization that has the bucket. Required by version 2, and only there. " +
					"With `instance`, it defaults to `name`."),
				"bucket": optional("Bucket, in version 3 a database, in version 1 a database or " +
					"`database/retention policy`. It must exist; an instance is made with it. Defaults to `name`."),
				"measurement": optional("Measurement of the points. Defaults to `telemetry`."),
				"token_secret_arn": optional("ARN of the Secrets Manager secret with the credentials: a token as " +
					"plain text, or JSON with `token`, or with `username` and `password` (versions 1 and 2). The " +
					"processor reads it again when InfluxDB refuses it, so a token can be rotated at any time. " +
					"Without it, the processor sends no credentials, or with `instance` those of the secret that AWS " +
					"made for it."),
				"kms_key_id": optional("KMS key that encrypts the secret, if it is one of your own."),
				"vpc":        networkOf("Network that the processor runs in, to reach a private address."),
			}),
		},
		computed: attributes{
			"influxdb_url": result("Address of InfluxDB, also of the instance. Null without `influxdb`."),
		},
	}
}

func influxDBInstance() schema.Attribute {
	return object("A Timestream for InfluxDB instance with InfluxDB 2 that the pipeline makes, in place of `url`. AWS "+
		"takes about 20 minutes for it. What AWS cannot change in place is refused, unless `force_destroy` allows to "+
		"replace the instance and to lose its data.", attributes{
		"type":       choice("Instance type.", pipeline.InfluxDBInstanceTypes),
		"storage_gb": number("Storage in GB. It can grow, not shrink.", pipeline.InfluxDBStorageGB),
		"storage_type": choice("Storage type, with 3,000, 12,000 or 16,000 operations per second. The second and the "+
			"third have at least 400 GB.", pipeline.InfluxDBStorageTypes),
		"deployment_type": choice("One availability zone, or a standby in another one.",
			pipeline.InfluxDBDeploymentTypes),
		"port":               number("Port of the instance.", pipeline.InfluxDBPort),
		"subnet_ids":         textSet("IDs of the subnets of the instance. AWS cannot change them."),
		"security_group_ids": textSet("IDs of the security groups of the instance. AWS cannot change them."),
		"publicly_accessible": flag("Whether the instance has a public address. AWS cannot change it. Defaults to " +
			"`false`, with which the processor needs `vpc`."),
	})
}

// networkOf returns the subnets and security groups of a function.
func networkOf(description string) schema.Attribute {
	return object(description+" Its subnets need a way to every service that the processor uses, see the guide.",
		attributes{
			"subnet_ids":         textSet("IDs of the subnets."),
			"security_group_ids": textSet("IDs of the security groups."),
		})
}
