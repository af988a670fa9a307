package page

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deadletters"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

// letter is a dead letter of any of the kinds that the queue holds.
type letter struct {
	ID      string    `json:"id"` // of the message in the queue
	Time    time.Time `json:"time,omitzero"`
	Source  string    `json:"source"` // function or rule
	Thing   string    `json:"thing,omitempty"`
	Topic   string    `json:"topic,omitempty"`
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail,omitempty"`
	Payload string    `json:"payload"`
	Base64  bool      `json:"base64,omitempty"`
	Again   string    `json:"again,omitempty"` // what sending it again does; "" if that is impossible
	Text    string    `json:"text"`            // as the queue has it

	deadletters.Letter `json:"-"`
	receipt            string
}

// readLetter reads a message of the queue. Whatever it is, it is shown.
func readLetter(m sqstypes.Message) letter {
	d := deadletters.Read(aws.ToString(m.Body))
	l := letter{ID: aws.ToString(m.MessageId), Text: d.Body, Time: d.Time, Source: d.Source, Thing: d.Thing,
		Topic: d.Topic, Reason: d.Reason, Detail: d.Detail, Payload: string(d.Payload), Letter: d,
		receipt: aws.ToString(m.ReceiptHandle)}
	if !utf8.Valid(d.Payload) {
		l.Payload, l.Base64 = base64.StdEncoding.EncodeToString(d.Payload), true
	}
	switch {
	case d.Kind == deadletters.Rule:
		l.Source = "rule " + d.Source
	case d.Kind == deadletters.Event:
		l.Source = functionOf(d.Function)
		l.Again = "invokes " + l.Source + " with the event"
		return l
	}
	if d.Topic != "" && (d.Payload != nil || d.Location != "") {
		l.Again = "publishes the payload to " + d.Topic
	}
	return l
}

// maxLetters is how many dead letters are shown; the queue has them in no order.
const maxLetters = 200

// letters shows what is in the dead-letter queue, and leaves it there.
func (s *Server) letters(r *http.Request) (any, error) {
	queue, list, err := s.readLetters(r.Context())
	if err != nil || queue == "" {
		return map[string]any{"letters": []letter{}}, err
	}
	out, err := s.options.Runtime.Clients().SQS().GetQueueAttributes(r.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl:       &queue,
		AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages}})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b letter) int { return b.Time.Compare(a.Time) })
	return map[string]any{"letters": list, "count": out.Attributes["ApproximateNumberOfMessages"]}, nil
}

// readLetters receives messages without hiding them from others, until none is new.
func (s *Server) readLetters(ctx context.Context) (queue string, list []letter, err error) {
	manifest, err := s.options.Runtime.Manifest(ctx)
	if err != nil || manifest.Parts[contract.KeyDeadLetters] == "" {
		return "", nil, err
	}
	client := s.options.Runtime.Clients().SQS()
	name := manifest.Parts[contract.KeyDeadLetters]
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", nil, err
	}
	list = []letter{}
	known := map[string]bool{}
	// A message that is hidden for a second is not received twice in one pass, and soon there for others.
	for len(list) < maxLetters {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, MaxNumberOfMessages: 10,
			VisibilityTimeout: 1})
		if err != nil {
			return "", nil, err
		}
		before := len(list)
		for _, m := range out.Messages {
			if !known[aws.ToString(m.MessageId)] {
				known[aws.ToString(m.MessageId)] = true
				list = append(list, readLetter(m))
			}
		}
		if len(list) == before {
			break
		}
	}
	for _, l := range list {
		s.letter.Store(l.ID, l)
	}
	return aws.ToString(url.QueueUrl), list, nil
}

// sendAgain gives a dead letter another chance, and removes it from the queue.
func (s *Server) sendAgain(r *http.Request) (any, error) {
	ctx, id := r.Context(), r.PathValue("id")
	queue, _, err := s.readLetters(ctx)
	if err != nil {
		return nil, err
	}
	known, ok := s.letter.LoadAndDelete(id) // so that two clicks send it once
	l, _ := known.(letter)
	payload := l.Letter.Payload
	if !ok {
		return nil, notFound("the dead letter is not in the queue any more")
	}
	if l.Location != "" {
		if payload, err = s.object(ctx, l.Location); err != nil {
			return nil, err
		}
	}
	switch {
	case l.Kind == deadletters.Event:
		err = s.options.Runtime.InvokeAsync(ctx, l.Function, payload)
	case l.Again != "":
		m := message.New(l.Topic, payload)
		m.QoS = 1
		err = s.options.Runtime.Publish(m)
	default:
		return nil, invalid("the dead letter does not say which topic its payload came from")
	}
	if err != nil {
		return nil, err // the next look at the queue finds it again
	}
	_, err = s.options.Runtime.Clients().SQS().DeleteMessage(ctx,
		&sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: &l.receipt})
	return map[string]any{"done": l.Again}, err
}

// object reads s3://bucket/key.
func (s *Server) object(ctx context.Context, location string) ([]byte, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	if !ok {
		return nil, invalid("%s is not the address of an object", location)
	}
	out, err := s.options.Runtime.Clients().S3().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	return body, errors.Join(err, out.Body.Close())
}
