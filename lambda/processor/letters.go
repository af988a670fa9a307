package processor

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

func newSender(c config, cfg aws.Config) *deadletter.Sender {
	return &deadletter.Sender{
		Queue:    sqs.NewFromConfig(cfg, deadletter.TrustTransport),
		QueueURL: c.queueURL,
		Objects: func() deadletter.BucketAPI {
			return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
		},
		Bucket: c.bucket,
		Prefix: c.prefix,
	}
}

// deliver sends the dead letters of the records that Lambda will not retry. The others get theirs when they return, so
// no letter is written twice because of a failure elsewhere. A letter that cannot be sent makes its record fail.
func (p *processor) deliver(ctx context.Context, b *batch, metrics *emf.Recorder) {
	returned := b.returned()
	var w work
	for i, why := range b.rejected {
		if _, again := slices.BinarySearch(returned, i); again {
			continue
		}
		metrics.CountReason(contract.RejectedMetric, why.reason, 1)
		w = append(w, func() {
			record := &b.records[i]
			// The detail can name measures, and names belong to the payload: only the letter contains it.
			p.log.WarnContext(
				ctx,
				"record cannot be stored; sending it to the dead-letter queue",
				"thing",
				record.PartitionKey,
				"sequence_number",
				record.SequenceNumber,
				"reason",
				why.reason,
			)
			err := p.deadLetters.Send(ctx, deadletter.Letter{
				Pipeline: p.pipeline, Source: "processor", Thing: record.PartitionKey, Topic: p.topic(record),
				ArrivedAt: record.Arrival(), SequenceNumber: record.SequenceNumber, Payload: []byte(record.Data),
				Reason: why.reason, Detail: why.detail,
			})
			if err != nil {
				b.fail(i, err)
				return
			}
			metrics.Count(contract.DeadLettersMetric, 1)
		})
	}
	w.do()
}

// topic returns where a record was published: an envelope says so, and the stream's only other source is the telemetry
// rule.
func (p *processor) topic(record *stream.Record) string {
	if message, err := envelope.Open(record.PartitionKey, record.Data); err == nil {
		return message.Topic
	}
	if p.topicPrefix == "" || !thing.Valid(record.PartitionKey) {
		return ""
	}
	return p.topicPrefix + "/" + record.PartitionKey + "/telemetry"
}
