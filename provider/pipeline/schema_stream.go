package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// stream is the Kinesis stream that everything devices publish goes through.
func stream() capability {
	return capability{
		arguments: attributes{
			"stream": object("Kinesis stream between the topic rules and the processor.", attributes{
				"mode": choice("Capacity mode. AWS allows two changes a day.", pipeline.StreamModes),
				"shards": number("Number of shards, with `provisioned` only, where it defaults to `1`.",
					pipeline.StreamShards),
				"retention_hours": number("Hours that the stream keeps a record. A smaller value drops older records.",
					pipeline.StreamRetentionHours),
				"kms_key_id": optional("KMS key that encrypts the stream. Defaults to `alias/aws/kinesis`."),
			}),
		},
		computed: attributes{"stream_arn": result("ARN of the Kinesis stream.")},
	}
}
