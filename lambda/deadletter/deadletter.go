// Package deadletter keeps messages that could not be handled, with their reason, in the pipeline's dead-letter
// queue.
//
// The project's functions use it, and so can your own. It knows the format and the destination of a dead letter; the
// caller supplies the reason.
package deadletter

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/sqstext"
)

// maxMessage is the size of an SQS message, in bytes.
const maxMessage = 1 << 20

// Letter is one message that cannot be processed. Its JSON form is a contract: see docs/design/contracts.md.
type Letter struct {
	Pipeline       string
	Source         string // the function: "processor" or "alerts"; your own name in your own function
	Thing          string
	Topic          string // empty when it is not known
	ArrivedAt      time.Time
	SequenceNumber string // of the Kinesis record; in a function without one, what names the message
	Payload        []byte
	Reason         string // one word, from a small set: "not_json"
	Detail         string // a sentence for people, AWS's own reason among them
}

type document struct {
	Pipeline       string  `json:"pipeline"`
	Source         string  `json:"source"`
	Thing          string  `json:"thing"`
	Topic          string  `json:"topic,omitempty"`
	ArrivedAt      string  `json:"arrived_at"`
	SequenceNumber string  `json:"sequence_number,omitempty"`
	Payload        *string `json:"payload_base64,omitempty"`
	PayloadS3      string  `json:"payload_s3,omitempty"`
	Reason         string  `json:"reason"`
	Detail         string  `json:"detail,omitempty"`
}

// MarshalJSON writes the letter as the queue gets it, with the payload inside.
func (l Letter) MarshalJSON() ([]byte, error) {
	payload := base64.StdEncoding.EncodeToString(l.Payload)
	return encode(l.document(&payload, ""))
}

// encode keeps a character of the topic or the detail from making SQS refuse the letter.
func encode(d document) ([]byte, error) {
	text, err := json.Marshal(d)
	return sqstext.Escape(text), err
}

func (l Letter) document(payload *string, location string) document {
	return document{
		Pipeline: l.Pipeline, Source: l.Source, Thing: l.Thing, Topic: l.Topic,
		ArrivedAt:      l.ArrivedAt.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		SequenceNumber: l.SequenceNumber, Payload: payload, PayloadS3: location,
		Reason: l.Reason, Detail: l.Detail,
	}
}

// QueueAPI is the part of the SQS client that a Sender uses.
type QueueAPI interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// BucketAPI is the part of the S3 client that a Sender uses.
type BucketAPI interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Sender sends letters. It is safe for concurrent use.
type Sender struct {
	Queue    QueueAPI
	QueueURL string

	// Objects takes payloads that do not fit a message. It is a function so that the client is made only when the first
	// such payload comes. Without it, or without a Bucket, such a letter is an error.
	Objects func() BucketAPI
	Bucket  string
	Prefix  string // ends in "/" unless empty
}

// Send delivers one letter. After an error, the letter may have been delivered anyway: letters can be duplicated, never
// lost.
func (o *Sender) Send(ctx context.Context, l Letter) error {
	body, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing the dead letter of %q: %w", l.Thing, err)
	}
	if len(body) > maxMessage {
		if body, err = o.storePayload(ctx, l); err != nil {
			return fmt.Errorf("storing the payload of a dead letter of %q: %w", l.Thing, err)
		}
	}
	if _, err := o.Queue.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(o.QueueURL), MessageBody: aws.String(string(body)),
	}); err != nil {
		return fmt.Errorf("sending the dead letter of %q: %w", l.Thing, err)
	}
	return nil
}

func (o *Sender) storePayload(ctx context.Context, l Letter) ([]byte, error) {
	if o.Objects == nil || o.Bucket == "" {
		return nil, errors.New("it does not fit a message and there is no bucket for it")
	}
	key := o.Prefix + "payloads/" + l.ArrivedAt.UTC().
		Format("2006/01/02/") +
		strings.ReplaceAll(l.SequenceNumber, "/", "_")
	if _, err := o.Objects().PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(o.Bucket), Key: aws.String(key), Body: bytes.NewReader(l.Payload),
		ContentLength: aws.Int64(int64(len(l.Payload))), ContentType: aws.String("application/octet-stream"),
	}); err != nil {
		return nil, err
	}
	return encode(l.document(nil, "s3://"+o.Bucket+"/"+key))
}

// TrustTransport is an option for the SQS client: it leaves out the MD5 check of the answer. The request is signed
// with its hash and both directions are TLS, so the check finds nothing that they do not.
func TrustTransport(o *sqs.Options) { o.DisableMessageChecksumValidation = true }
