package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// stream is the Kinesis stream or the queue that everything devices publish goes through.
func stream() capability {
	return capability{
		arguments: attributes{
			"stream": object("Kinesis stream, or SQS queue, between the topic rules and the processor.", attributes{
				"mode": choice("Capacity mode of the stream, of which AWS allows two changes a day; or `queue` for an "+
					"SQS queue in place of the stream, which costs next to nothing while devices are quiet. A queue "+
					"keeps no order, has no `metrics` and no `telemetry.select`; see the guide \"Queue\".",
					pipeline.StreamModes),
				"shards": number("Number of shards, with `provisioned` only, where it defaults to `1`.",
					pipeline.StreamShards),
				"retention_hours": number("Hours that the stream keeps a record; not with `queue`. A smaller value "+
					"drops older records.",
					pipeline.StreamRetentionHours),
				"kms_key_id": optional("KMS key that encrypts the stream or the queue. Defaults to " +
					"`alias/aws/kinesis`, and to SQS's own encryption."),
			}),
		},
		computed: attributes{
			"stream_arn": result("ARN of the Kinesis stream; null with a queue."),
			"queue_url":  result("URL of the SQS queue; null with a stream."),
		},
	}
}
