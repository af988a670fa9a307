package awstest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/sqsqueue"
)

// QueueTamperings change the parts that a pipeline has with a queue in place of the stream.
var QueueTamperings = []Tampering{
	{"queue", func(t testing.TB, a Account, r assembly.Record) {
		must[*sqs.SetQueueAttributesOutput](t)(a.SQS().SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: aws.String(sqsqueue.URL(r)), Attributes: map[string]string{"RedrivePolicy": ""}}))
	}},
	{"queue/event_source", func(t testing.TB, a Account, r assembly.Record) {
		must[*lambda.UpdateEventSourceMappingOutput](t)(
			a.Lambda().UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &r.ID,
				ScalingConfig: &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(900)}}),
		)
	}},
	{"archive/direct", func(t testing.TB, a Account, r assembly.Record) {
		d := must[*firehose.DescribeDeliveryStreamOutput](t)(a.Firehose().DescribeDeliveryStream(t.Context(),
			&firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &r.Name})).DeliveryStreamDescription
		must[*firehose.UpdateDestinationOutput](t)(a.Firehose().UpdateDestination(t.Context(),
			&firehose.UpdateDestinationInput{DeliveryStreamName: &r.Name, CurrentDeliveryStreamVersionId: d.VersionId,
				DestinationId: d.Destinations[0].DestinationId,
				ExtendedS3DestinationUpdate: &firehosetypes.ExtendedS3DestinationUpdate{
					BufferingHints: &firehosetypes.BufferingHints{
						IntervalInSeconds: aws.Int32(60), SizeInMBs: aws.Int32(64)}}}))
	}},
	{"rule/status", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.DisableTopicRuleOutput](t)(
			a.IoT().DisableTopicRule(t.Context(), &iot.DisableTopicRuleInput{RuleName: &r.Name}))
	}},
}

// SendDeadLetter puts a text into the dead-letter queue of a pipeline.
func (a Account) SendDeadLetter(t testing.TB, pipeline, body string) {
	t.Helper()
	name := pipeline + "-dead-letters"
	queue := must[*sqs.GetQueueUrlOutput](t)(a.SQS().GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name}))
	must[*sqs.SendMessageOutput](t)(
		a.SQS().SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: &body}))
}
