package operate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deadletters"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
)

// toProcessor invokes the processor with the messages as they were: their names and arrivals are what the stores know
// them by. The processor answers when it has stored them; what it again cannot store is a dead letter again.
func (s *sender) toProcessor(ctx context.Context, group []*letter) {
	event, ids, err := s.processorEvent(group)
	if err != nil {
		settle(group, err)
		return
	}
	answer, err := s.invoke(ctx, s.p.Parts[contract.KeyFunctionPrefix+"processor"].Name, event)
	var failure *functionError
	if n := len(group); n > 1 && errors.As(err, &failure) {
		// One message must not keep the others: smaller events find it.
		s.toProcessor(ctx, group[:n/2])
		s.toProcessor(ctx, group[n/2:])
		return
	}
	if err != nil {
		settle(group, err)
		return
	}
	var failed struct {
		Items []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &failed); err != nil && len(answer) > 0 {
		settle(group, fmt.Errorf("reading the processor's answer: %w", err))
		return
	}
	back := map[string]bool{}
	for _, item := range failed.Items {
		back[item.ID] = true
	}
	after := false
	for i, l := range group {
		// Of a stream, the answer names the first record that is to be repeated.
		after = back[ids[i]] || after && !s.queued
		if after {
			settle([]*letter{l}, errors.New("the processor could not store it for now; its log says why"))
			continue
		}
		settle([]*letter{l}, nil)
	}
}

// processorEvent is the event that Lambda makes of records of the stream, or of messages of the queue, with what the
// answer calls each.
func (s *sender) processorEvent(group []*letter) (event []byte, ids []string, err error) {
	records := make([]any, len(group))
	for i, l := range group {
		ids = append(ids, l.SequenceNumber)
		if s.queued {
			body, err := queueBody(l, l.Thing, l.SequenceNumber)
			if err != nil {
				return nil, nil, err
			}
			records[i] = map[string]any{"messageId": l.SequenceNumber, "body": body, "eventSource": "aws:sqs",
				"attributes":     map[string]string{"SentTimestamp": strconv.FormatInt(l.Time.UnixMilli(), 10)},
				"eventSourceARN": s.p.Parts[contract.KeyQueue].ARN, "awsRegion": s.p.Region}
			continue
		}
		records[i] = map[string]any{"eventSource": "aws:kinesis", "eventName": "aws:kinesis:record",
			"eventVersion": "1.0", "eventID": "redrive:" + l.SequenceNumber, "awsRegion": s.p.Region,
			"eventSourceARN": s.p.Parts[contract.KeyStream].ARN,
			"kinesis": map[string]any{"kinesisSchemaVersion": "1.0", "partitionKey": l.Thing,
				"sequenceNumber": l.SequenceNumber, "data": l.Payload,
				"approximateArrivalTimestamp": json.Number(fmt.Sprintf("%.3f", float64(l.Time.UnixMilli())/1000))}}
	}
	event, err = json.Marshal(map[string]any{"Records": records})
	return event, ids, err
}

// toFunction invokes a function with the event that it could not process.
func (s *sender) toFunction(ctx context.Context, l *letter) error {
	answer, err := s.invoke(ctx, l.Source, l.Payload)
	if err != nil || l.key == "" {
		return err
	}
	var failed struct {
		Items []json.RawMessage `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &failed); err != nil && len(answer) > 0 {
		return fmt.Errorf("reading the answer of function %q: %w", l.Source, err)
	}
	if len(failed.Items) > 0 {
		return fmt.Errorf("function %q could not store all messages of the batch for now; its log says why", l.Source)
	}
	return nil
}

// functionError is what a function answers that fails.
type functionError struct{ function, answer string }

func (e *functionError) Error() string {
	return fmt.Sprintf("function %q failed: %s", e.function, e.answer)
}

// invoke runs a function and returns its answer. A failure of the function is an error.
func (s *sender) invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	out, err := s.p.Clients().Lambda().Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: event})
	if err != nil {
		return nil, fmt.Errorf("invoking function %q: %w", function, err)
	}
	if out.FunctionError != nil {
		const shown = 500
		return nil, &functionError{function, string(out.Payload[:min(shown, len(out.Payload))])}
	}
	return out.Payload, nil
}

// toStream puts the messages into the stream, or the queue in its place.
func (s *sender) toStream(ctx context.Context, group []*letter) {
	if s.queued {
		for _, l := range group {
			settle([]*letter{l}, s.toQueue(ctx, l))
		}
		return
	}
	name := s.p.Parts[contract.KeyStream].Name
	in := &kinesis.PutRecordsInput{StreamName: &name}
	for _, l := range group {
		in.Records = append(in.Records,
			types.PutRecordsRequestEntry{Data: s.record(l), PartitionKey: aws.String(l.Thing)})
	}
	out, err := s.p.Clients().Kinesis().PutRecords(ctx, in)
	if err == nil && len(out.Records) != len(group) {
		err = fmt.Errorf("it answered about %d records of %d", len(out.Records), len(group))
	}
	if err != nil {
		settle(group, fmt.Errorf("writing to stream %q: %w", name, err))
		return
	}
	for i, r := range out.Records {
		var err error
		if r.ErrorCode != nil {
			err = fmt.Errorf("writing to stream %q: %s: %s", name, *r.ErrorCode, aws.ToString(r.ErrorMessage))
		}
		settle([]*letter{group[i]}, err)
	}
}

// record is what the stream has of a message: a rule's letter holds what was published, and all others what the stream
// had.
func (s *sender) record(l *letter) []byte {
	switch {
	case l.Kind == deadletters.Message && envelope.KindOf(l.Body) != envelope.Telemetry:
		return []byte(l.Body)
	case l.Kind != deadletters.Rule:
		return l.Payload
	}
	kind := streamRules[s.rule(l)]
	if kind == envelope.Telemetry {
		return l.Payload
	}
	text, _ := json.Marshal(wrap(l, kind)) // strings and a number always marshal
	return text
}

// toQueue sends a message to the queue. Its name is the letter's, so the stores take it for the same message however
// often it comes.
func (s *sender) toQueue(ctx context.Context, l *letter) error {
	name := s.p.Parts[contract.KeyQueue].Name
	id := l.SequenceNumber
	if id == "" {
		id = uuid.NewSHA1(uuid.NameSpaceOID, []byte(l.id)).String()
	}
	if l.Kind == deadletters.Rule {
		rule := *l
		rule.Payload = s.record(l)
		l = &rule
	}
	body, err := queueBody(l, l.Thing, id)
	if err != nil {
		return err
	}
	url, err := s.p.Clients().SQS().GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err == nil {
		_, err = s.p.Clients().SQS().SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: &body})
	}
	if err != nil {
		return fmt.Errorf("sending to queue %q: %w", name, err)
	}
	return nil
}

// queueBody is what a rule sends to the queue of a message: an envelope that names the device and the message.
func queueBody(l *letter, thing, id string) (string, error) {
	if l.Kind == deadletters.Message {
		return l.Body, nil
	}
	if thing == "" { // the rule's envelope was none
		return string(l.Payload), nil
	}
	kind := envelope.KindOf(string(l.Payload))
	members := wrap(l, kind)
	if kind != envelope.Telemetry {
		members = map[string]any{}
		if err := json.Unmarshal(l.Payload, &members); err != nil {
			return "", fmt.Errorf("its envelope cannot be read: %w", err)
		}
	}
	members["thing"], members["message_id"] = thing, id
	text, err := json.Marshal(members)
	return string(text), err
}

// wrap makes the envelope of a kind (docs/design/contracts.md).
func wrap(l *letter, kind envelope.Kind) map[string]any {
	name := string(kind)
	if kind == envelope.CommandResult {
		name = "result"
	}
	return map[string]any{name + "_payload": base64.StdEncoding.EncodeToString(l.Payload), name + "_topic": l.Topic,
		"received_at": l.Time.UnixMilli()}
}
