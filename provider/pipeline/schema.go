package pipeline

import "github.com/hashicorp/terraform-plugin-framework/resource/schema"

// capability is what Terraform sees of one capability: the arguments that users write, and the attributes that the
// provider computes. What is valid, and the defaults, are in the file of the same name in internal/pipeline.
type capability struct {
	arguments, computed attributes
}

// capabilities are the capabilities in the order of internal/pipeline.
func capabilities() []capability {
	return []capability{
		general(), devices(), credentials(), stream(), processor(), telemetry(), timestream(), influxDB(),
		deviceState(), recent(), metrics(), deadLetters(), archive(), alerts(), monitoring(), api(), edge(),
		greengrass(), routes(), provisioning(), functions(),
	}
}

// definition is the schema of iot_pipeline.
func definition() schema.Schema {
	all := attributes{}
	for _, c := range capabilities() {
		all = merged(all, c.arguments, c.computed)
	}
	return schema.Schema{
		MarkdownDescription: "Manages an AWS IoT telemetry pipeline as one unit: things with X.509 certificates, an " +
			"IoT policy, topic rules, a Kinesis stream, Timestream, DynamoDB device state, an S3 archive, alerts " +
			"through SNS, IAM roles, and the Lambda functions that are shipped with the provider. Unless an argument " +
			"says otherwise, changes are made in place.",
		Attributes: all,
	}
}

// computed are the attributes that the provider computes.
func computed() attributes {
	all := attributes{}
	for _, c := range capabilities() {
		all = merged(all, c.computed)
	}
	return all
}
