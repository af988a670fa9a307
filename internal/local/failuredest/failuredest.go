// Package failuredest delivers the records of failed invocations to the on-failure destination of a function or an
// event source mapping: a queue, a topic or a bucket.
package failuredest

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// A Sender delivers failure records.
type Sender struct {
	clients *awsapi.Clients
}

// New returns a sender.
func New(c *awsapi.Clients) *Sender { return &Sender{clients: c} }

// Send delivers the record to the destination's ARN. In a bucket it is stored at key, below the ARN's prefix if any.
func (s *Sender) Send(ctx context.Context, destination, key string, record []byte) error {
	err := s.send(ctx, destination, key, record)
	if err != nil {
		return fmt.Errorf("sending a failure record to %q: %w", destination, err)
	}
	return nil
}

func (s *Sender) send(ctx context.Context, destination, key string, record []byte) error {
	a, err := arn.Parse(destination)
	if err != nil {
		return err
	}
	switch a.Service {
	case "sqs":
		queue, err := s.clients.SQS().GetQueueUrl(ctx,
			&sqs.GetQueueUrlInput{QueueName: &a.Resource, QueueOwnerAWSAccountId: &a.AccountID})
		if err != nil {
			return err
		}
		_, err = s.clients.SQS().SendMessage(ctx,
			&sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(string(record))})
		return err
	case "sns":
		_, err = s.clients.SNS().Publish(ctx,
			&sns.PublishInput{TopicArn: &destination, Message: aws.String(string(record))})
		return err
	case "s3":
		bucket, prefix, _ := strings.Cut(a.Resource, "/")
		_, err = s.clients.S3().PutObject(ctx,
			&s3.PutObjectInput{Bucket: &bucket, Key: aws.String(path.Join(prefix, key)), Body: bytes.NewReader(record)})
		return err
	}
	return fmt.Errorf("iot-local delivers to SQS, SNS and S3, not to %s", a.Service)
}
