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
				"retention_hours": number("Hours that the stream keeps a record; not with `queue`, unless the "+
					"stream drains. A smaller value "+
					"drops older records.",
					pipeline.StreamRetentionHours),
				"drain": flag("Whether a change of `mode` between a stream and a queue keeps the old one with its " +
					"readers, so that what is in it is processed; required for such a change. Remove it a day " +
					"later, or when the stream's retention is over: the plan refuses it while something may still " +
					"be under way. With `mode = \"queue\"`, `shards` then keeps the stream provisioned. Defaults to " +
					"`false`."),
				"kms_key_id": optional("KMS key that encrypts the stream or the queue. Defaults to " +
					"`alias/aws/kinesis`, and to SQS's own encryption."),
			}),
		},
		computed: attributes{
			"stream_arn": result("ARN of the Kinesis stream; null with a queue, unless the stream drains."),
			"queue_url":  result("URL of the SQS queue; null with a stream, unless the queue drains."),
		},
	}
}
