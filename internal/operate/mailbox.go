package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deadletters"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
)

const (
	// held is how long a letter is hidden from others after it was received, and worked at how much of that: what is
	// sent must not have come back into the queue before it is removed.
	held, workedAt = 15 * time.Minute, 13 * time.Minute
	// receiveMost is SQS's largest batch.
	receiveMost = 10
	// heldBytes limits the memory that the letters of a run take.
	heldBytes = 256 << 20
	// heldMost is how many letters are looked at; SQS lets 120,000 be hidden [SQS quotas].
	heldMost = 100_000
	// failedBatches is where Lambda keeps batches whose retries are exhausted [AWS 5 On-failure record].
	failedBatches = "aws/lambda/"
	// maxBatchObject is the largest such object in bytes: an event of 6 MB as a JSON string, and what is around it.
	maxBatchObject = 32 << 20
	releaseLimit   = time.Minute
	sentTimestamp  = sqstypes.MessageSystemAttributeNameSentTimestamp
)

// mailbox is where the dead letters of a pipeline are: a queue, and of whole batches a part of the bucket.
type mailbox struct {
	p       *deployed.Pipeline
	redrive Redrive
	queue   string // URL
	bucket  string
	since   time.Time
	others  []string           // receipts of letters that the redrive does not select
	mine    map[string]*letter // by the ID in the queue
	bytes   int
}

func openMailbox(ctx context.Context, p *deployed.Pipeline, r Redrive) (*mailbox, error) {
	name := p.Parts[contract.KeyDeadLetters].Name
	if name == "" {
		return nil, fmt.Errorf("pipeline %q has no dead-letter queue", p.Name)
	}
	out, err := p.Clients().SQS().GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return nil, fmt.Errorf("looking for the dead-letter queue %q: %w", name, err)
	}
	return &mailbox{p: p, redrive: r, queue: aws.ToString(out.QueueUrl), bucket: p.Parts[contract.KeyBucket].Name,
		since: time.Now(), mine: map[string]*letter{}}, nil
}

// holds reports whether no letter of this run can be in the queue again.
func (m *mailbox) holds() bool { return time.Since(m.since) < workedAt }

// collect takes all letters from the queue before the first is sent: what comes back as a new letter is left for the
// next run. It returns those that the redrive selects, at most Max.
func (m *mailbox) collect(ctx context.Context, tell Progress) ([]*letter, error) {
	var letters []*letter
	total := 0
	for m.room(total, len(letters)) {
		out, err := m.p.Clients().SQS().ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &m.queue,
			MaxNumberOfMessages: receiveMost, VisibilityTimeout: int32(held.Seconds()),
			// With a wait, SQS asks all of its servers; a queue that answers nothing then is empty.
			WaitTimeSeconds:             1,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sentTimestamp}})
		if err != nil {
			return nil, fmt.Errorf("receiving dead letters from %q: %w", m.queue, err)
		}
		if len(out.Messages) == 0 {
			break
		}
		for _, message := range out.Messages {
			l := m.readMessage(message)
			if known := m.mine[l.id]; known != nil { // SQS delivers at least once
				known.receipt = l.receipt
				continue
			}
			total++
			if len(letters) == m.redrive.Max || !m.redrive.selects(l) {
				m.others = append(m.others, l.receipt)
				continue
			}
			m.mine[l.id] = l
			m.bytes += len(l.Body) + len(l.Payload)
			letters = append(letters, l)
		}
	}
	if total > 0 {
		tell(fmt.Sprintf("%d dead letters in the queue, %d selected%s", total, len(letters), perReason(letters)))
	} else {
		tell("no dead letter in the queue")
	}
	return m.collectBatches(ctx, letters, tell)
}

// room reports whether more letters can be taken.
func (m *mailbox) room(total, selected int) bool {
	return total < heldMost && selected < m.redrive.Max && m.bytes < heldBytes
}

func (m *mailbox) readMessage(message sqstypes.Message) *letter {
	l := &letter{Letter: deadletters.Read(aws.ToString(message.Body)), id: aws.ToString(message.MessageId),
		receipt: aws.ToString(message.ReceiptHandle)}
	if l.Kind == deadletters.Rule {
		l.Thing = m.device(l.Topic)
	}
	if l.Time.IsZero() {
		sent := message.Attributes[string(sentTimestamp)]
		if ms, err := strconv.ParseInt(sent, 10, 64); err == nil {
			l.Time = time.UnixMilli(ms).UTC()
		}
	}
	return l
}

// device is the device of a topic, as the rules take it from there; "" if the topic names none.
func (m *mailbox) device(topic string) string {
	if rest, ok := strings.CutPrefix(topic, "$aws/events/presence/"); ok {
		_, device, _ := strings.Cut(rest, "/")
		return device
	}
	rest, ok := strings.CutPrefix(topic, m.p.TopicPrefix+"/")
	device, _, more := strings.Cut(rest, "/")
	if !ok || !more {
		return ""
	}
	return device
}

// collectBatches adds the batches whose retries are exhausted, which are in the bucket. A batch holds messages of many
// things, so a redrive of some things leaves batches alone; only their function can take them.
func (m *mailbox) collectBatches(ctx context.Context, letters []*letter, tell Progress) ([]*letter, error) {
	if m.bucket == "" || m.redrive.To != ToOrigin || len(m.redrive.Things) > 0 {
		return letters, nil
	}
	before := len(letters)
	prefix := failedBatches
	pages := s3.NewListObjectsV2Paginator(m.p.Clients().S3(),
		&s3.ListObjectsV2Input{Bucket: &m.bucket, Prefix: &prefix})
	for pages.HasMorePages() && m.room(0, len(letters)) {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing failed batches in s3://%s/%s: %w", m.bucket, prefix, err)
		}
		for _, object := range page.Contents {
			if !m.room(0, len(letters)) {
				break
			}
			l, err := m.readBatch(ctx, aws.ToString(object.Key))
			if err != nil {
				return nil, err
			}
			if m.redrive.selects(l) {
				m.bytes += len(l.Payload)
				letters = append(letters, l)
			}
		}
	}
	if n := len(letters) - before; n > 0 {
		tell(fmt.Sprintf("%d failed batches in the bucket selected%s", n, perReason(letters[before:])))
	}
	return letters, nil
}

// readBatch reads Lambda's record about a batch; its payload is the event that the function got.
func (m *mailbox) readBatch(ctx context.Context, key string) (*letter, error) {
	text, err := readObject(ctx, m.p, m.bucket, key)
	if err != nil {
		return nil, err
	}
	l := &letter{Letter: deadletters.Read(string(text)), key: key}
	var record struct {
		Payload string `json:"payload"`
	}
	l.Payload = nil
	if json.Unmarshal(text, &record) == nil && record.Payload != "" {
		l.Payload = []byte(record.Payload)
	}
	l.Body = ""
	return l, nil
}

// readObject reads an object.
func readObject(ctx context.Context, p *deployed.Pipeline, bucket, key string) ([]byte, error) {
	out, err := p.Clients().S3().GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", bucket, key, err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(io.LimitReader(out.Body, maxBatchObject+1))
	if err == nil && len(text) > maxBatchObject {
		err = fmt.Errorf("it has more than %d bytes", maxBatchObject)
	}
	if err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", bucket, key, err)
	}
	return text, nil
}

// remove deletes a letter that was sent. Even when the run is cancelled: it would be sent again.
func (m *mailbox) remove(ctx context.Context, l *letter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	var err error
	if l.key != "" {
		_, err = m.p.Clients().S3().DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &m.bucket, Key: &l.key})
	} else {
		_, err = m.p.Clients().SQS().DeleteMessage(ctx,
			&sqs.DeleteMessageInput{QueueUrl: &m.queue, ReceiptHandle: &l.receipt})
	}
	if err != nil {
		l.problem = fmt.Errorf("it was sent and could not be removed, so the next run sends it again: %w", err)
		return
	}
	delete(m.mine, l.id)
}

// release lets others see the letters again that were not sent. What cannot be released comes back by itself.
func (m *mailbox) release(ctx context.Context, tell Progress) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	receipts := m.others
	for _, l := range m.mine {
		receipts = append(receipts, l.receipt)
	}
	failed := 0
	for batch := range slices.Chunk(receipts, receiveMost) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &m.queue}
		for i, receipt := range batch {
			in.Entries = append(in.Entries, sqstypes.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt, VisibilityTimeout: 0})
		}
		if out, err := m.p.Clients().SQS().ChangeMessageVisibilityBatch(ctx, in); err != nil {
			failed += len(batch)
		} else {
			failed += len(out.Failed)
		}
	}
	if failed > 0 {
		tell(fmt.Sprintf("%d dead letters are still hidden, and are in the queue again after %s at the latest", failed,
			held))
	}
}

// location splits s3://bucket/key.
func location(text string) (bucket, key string, ok bool) {
	rest, found := strings.CutPrefix(text, "s3://")
	bucket, key, ok = strings.Cut(rest, "/")
	return bucket, key, found && ok
}
