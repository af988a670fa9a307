package pipeline

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

const (
	// deadLetterPrefix is where the bucket keeps batches and large messages that could not be processed.
	deadLetterPrefix = "dead-letter/"
	// failedBatches is where Lambda keeps batches whose retries are exhausted. AWS defines the prefix [AWS 5 On-failure
	// record].
	failedBatches = "aws/lambda/"
	// deadLetterDays is how long dead letters are kept: the queue's longest retention [SQS MessageRetentionPeriod], and
	// twice as long in the bucket.
	deadLetterDays       = 14
	deadLetterObjectDays = 2 * deadLetterDays
)

// deadLetters keep what could not be processed: messages in a queue, batches and large messages in the bucket, which is
// part of the archive.
func deadLetters() capability {
	return capability{
		parts: func(b *builder) []assembly.Part {
			name := b.names.deadLetters()
			arn := b.arn.queue(name)
			return []assembly.Part{b.part(contract.KeyDeadLetters, spec.KindQueue, name, arn, nil, spec.Queue{
				RetentionSeconds:         deadLetterDays * day,
				VisibilityTimeoutSeconds: 30,
				Policy:                   policy(denyPlain("sqs:*", arn)),
				Tags:                     b.env.Tags,
			})}
		},
		resources: func(b *builder) map[needs.Resource]string {
			bucket := b.arn.bucket(b.names.bucket())
			return map[needs.Resource]string{
				needs.DeadLetterQueue:    b.arn.queue(b.names.deadLetters()),
				needs.DeadLetterBucket:   bucket,
				needs.DeadLetterPayloads: bucket + "/" + deadLetterPrefix + "*",
				needs.FailedBatches:      bucket + "/" + failedBatches + "*",
			}
		},
		outputs: func(_ *builder, recorded assembly.Upstream, out *Outputs) {
			if url, err := deadLettersURL(recorded); err == nil {
				out.DeadLetterQueueURL = &url
			}
		},
	}
}

func deadLetterLifecycle() []spec.LifecycleRule {
	return []spec.LifecycleRule{
		{ID: "dead-letter", Prefix: deadLetterPrefix, ExpireDays: deadLetterObjectDays},
		{ID: "failed-batches", Prefix: failedBatches, ExpireDays: deadLetterObjectDays},
	}
}
