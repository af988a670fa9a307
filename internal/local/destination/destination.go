// Package destination delivers the records of failed invocations to where a function or an event source mapping says:
// a queue, a topic or a bucket, by ARN.
package destination

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

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/clients"
)

// A Sender delivers.
type Sender struct {
	clients *clients.Set
}

// New returns a sender.
func New(c *clients.Set) *Sender { return &Sender{clients: c} }

// Send delivers the record; key is its object key in a bucket, below the prefix that the ARN may carry.
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
		queue, err := s.clients.SQS.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &a.Resource, QueueOwnerAWSAccountId: &a.AccountID})
		if err != nil {
			return err
		}
		_, err = s.clients.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(string(record))})
		return err
	case "sns":
		_, err = s.clients.SNS.Publish(ctx, &sns.PublishInput{TopicArn: &destination, Message: aws.String(string(record))})
		return err
	case "s3":
		bucket, prefix, _ := strings.Cut(a.Resource, "/")
		_, err = s.clients.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(path.Join(prefix, key)), Body: bytes.NewReader(record)})
		return err
	}
	return fmt.Errorf("the local runtime delivers to SQS, SNS and S3, not to %s", a.Service)
}
