package queues

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// maxPayload limits the event of one invocation, in bytes, with some reserve. [AWS 8: sync payload 6 MB]
const maxPayload = 5500000

// eventBytes is what the event holds of a message besides its body.
const eventBytes = 1000

// A batch holds messages that are received but not handed to the function.
type batch struct {
	messages []types.Message
	since    time.Time
}

func (b *batch) add(messages []types.Message) {
	if len(b.messages) == 0 {
		b.since = time.Now()
	}
	b.messages = append(b.messages, messages...)
}

// due reports whether an invocation should begin: the batch is full, or its window has passed. A batch whose window is
// open waits, unless nothing more comes and there is no window.
func (b *batch) due(m Mapping, last bool) bool {
	switch {
	case len(b.messages) == 0:
		return false
	case len(b.messages) >= m.BatchSize:
		return true
	}
	return (last || m.Window > 0) && b.rest(m.Window) == 0
}

// rest is how long the window stays open.
func (b *batch) rest(window time.Duration) time.Duration {
	if len(b.messages) == 0 {
		return time.Hour
	}
	return max(0, window-time.Since(b.since))
}

// take removes the messages of the next invocation.
func (b *batch) take(size int) []types.Message {
	n, bytes := 0, 0
	for n < min(size, len(b.messages)) {
		bytes += len(aws.ToString(b.messages[n].Body))*5/4 + eventBytes // quotation marks are escaped
		if n > 0 && bytes > maxPayload {
			break
		}
		n++
	}
	taken := b.messages[:n:n]
	b.messages = b.messages[n:]
	return taken
}

// failures reads an answer with batchItemFailures. A missing answer and a missing or empty list mean success; what
// cannot be read, and a name that is not in the batch, fail the whole batch.
func failures(answer []byte, all map[string]bool) (map[string]bool, error) {
	var reply struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(answer) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return all, fmt.Errorf("reading the function's answer: %w", err)
	}
	failed := map[string]bool{}
	for _, f := range reply.BatchItemFailures {
		if !all[f.ItemIdentifier] {
			return all, fmt.Errorf("the function reported %q, which is not in the batch, as failed", f.ItemIdentifier)
		}
		failed[f.ItemIdentifier] = true
	}
	return failed, nil
}

type sqsEvent struct {
	Records []sqsEventRecord
}

type sqsEventRecord struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes struct{}          `json:"messageAttributes"`
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	Region            string            `json:"awsRegion"`
}

// event is the function's input for a batch.
func (p *Poller) event(messages []types.Message) ([]byte, error) {
	e := sqsEvent{Records: make([]sqsEventRecord, len(messages))}
	for i, m := range messages {
		e.Records[i] = sqsEventRecord{MessageID: aws.ToString(m.MessageId),
			ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body), Attributes: m.Attributes,
			MD5OfBody:   aws.ToString(m.MD5OfBody),
			EventSource: "aws:sqs", EventSourceARN: p.mapping.QueueARN, Region: p.options.Region}
	}
	return json.Marshal(e)
}
