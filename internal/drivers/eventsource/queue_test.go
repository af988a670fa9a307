package eventsource

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const queue = "greenhouse-messages"

func wantedOfQueue() spec.EventSource {
	return spec.EventSource{
		SourceARN:    "arn:aws:sqs:us-east-1:123456789012:" + queue,
		FunctionName: function, FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:" + function,
		BatchSize: 200, BatchWindowSeconds: 5, MaxConcurrency: 10, PartialResponses: true,
		Tags: map[string]string{"team": "bay"},
	}
}

// TestLifeOfAQueue: a mapping of a queue has none of what is about streams, and is not confused with the function's mapping of a
// stream.
func TestLifeOfAQueue(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ends(t, c, function)
	if _, err := c.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(queue),
		Attributes: map[string]string{"VisibilityTimeout": "360"}}); err != nil {
		t.Fatal(err)
	}
	byHand := func(in lambda.UpdateEventSourceMappingInput) func(context.Context) error {
		return func(ctx context.Context) error {
			out, err := c.Lambda().ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
			if err != nil || len(out.EventSourceMappings) != 1 {
				return fmt.Errorf("%+v, %w", out, err)
			}
			in.UUID = out.EventSourceMappings[0].UUID
			_, err = c.Lambda().UpdateEventSourceMapping(ctx, &in)
			return err
		}
	}
	updated := []string{"UpdateEventSourceMapping"}
	drivertest.Life[spec.EventSource]{
		Clients: c, Driver: New(c), Name: queue + "|" + function, Reads: 1, Full: wantedOfQueue(),
		Steps: []drivertest.Step[spec.EventSource]{
			{Why: "settings changed by hand", Fields: []string{"batch_size", "batch_window_seconds", "max_concurrency"},
				Writes: updated, Drift: byHand(lambda.UpdateEventSourceMappingInput{BatchSize: aws.Int32(1),
					MaximumBatchingWindowInSeconds: aws.Int32(0),
					ScalingConfig:                  &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)}})},
			{Why: "the limit taken away by hand", Fields: []string{"max_concurrency"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{ScalingConfig: &types.ScalingConfig{}})},
			{Why: "no limit wanted", Fields: []string{"max_concurrency"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.EventSource) { s.MaxConcurrency = 0 })},
			{Why: "partial responses switched off by hand", Fields: []string{"partial_batches"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{FunctionResponseTypes: []types.FunctionResponseType{}})},
			{Why: "stopped by hand", Fields: []string{"enabled"}, Writes: updated,
				Drift: byHand(lambda.UpdateEventSourceMappingInput{Enabled: aws.Bool(false)})},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Lambda().CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
				EventSourceArn: aws.String(wantedOfQueue().SourceARN), FunctionName: aws.String(function)})
			return err
		},
	}.Run(t)
}
