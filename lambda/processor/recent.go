package processor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// itemsAPI is the part of the DynamoDB client that writes the recent readings.
type itemsAPI interface {
	BatchWriteItem(
		context.Context,
		*dynamodb.BatchWriteItemInput,
		...func(*dynamodb.Options),
	) (*dynamodb.BatchWriteItemOutput, error)
}

// recent writes every reading to the table of recent readings, where it stays for some hours. A replay, and a message
// that a device sends again, write the same items again.
type recent struct {
	client itemsAPI
	table  string
	keep   time.Duration
	// requestBytes limits one request: maxRequestBytes, and less in a test.
	requestBytes int
	identities   identifier
}

// item is a reading that is to be written.
type item struct {
	reading int
	id      identity
}

// Limits of DynamoDB [DynamoDB quotas].
const (
	maxItems         = 25        // items of one BatchWriteItem
	maxItemBytes     = 400 << 10 // one item, names and values
	maxRequestBytes  = 16 << 20  // one request
	maxAttributeName = 65_535    // bytes
)

// Reasons for dead letters that only the recent readings have; badMeasureName is Timestream's as well.
const (
	readingTooLarge = "reading_too_large"
	readingRejected = "recent_reading_rejected"
)

// store checks the readings and adds the calls that write them to w. A call has readings of several devices, so a fleet
// that sends little needs few calls. Of a reading that the batch has several times, the first is written: DynamoDB
// refuses a call with two items of one key. If it fails, its record comes back, whatever became of the others.
func (s *recent) store(ctx context.Context, b *batch, order []int, w *work) {
	items := make([]item, 0, len(order))
	s.identities.begin(len(order))
	start, size := 0, 0
	flush := func() {
		if chunk := items[start:]; len(chunk) > 0 {
			*w = append(*w, func() { s.write(ctx, b, chunk) })
		}
		start, size = len(items), 0
	}
	for _, i := range order {
		m := &b.readings[i]
		if m.status != "" || len(m.Measures) == 0 {
			continue
		}
		reason, detail, bytes := s.check(&m.Reading, b.of(i))
		if reason != "" {
			b.reject(m.record, reason, detail)
			continue
		}
		id := s.identities.of(b, i)
		if !s.identities.first(id) {
			continue
		}
		if len(items)-start == maxItems || size+bytes > s.requestBytes {
			flush()
		}
		items, size = append(items, item{i, id}), size+bytes
	}
	flush()
}

// check returns the reason why DynamoDB can never take a reading, or "", and the most that it can add to a request. It
// counts the least that the item can have [DynamoDB item sizes]; DynamoDB itself decides about what is near the limit.
func (s *recent) check(m *telemetry.Reading, record *stream.Record) (reason, detail string, bytes int) {
	const fixed, wire = 128, 256 // names and values that every item has, and what JSON writes around them
	size := fixed + len(record.PartitionKey) + len(record.SequenceNumber)
	bytes = size + wire
	for i := range m.Measures {
		measure := &m.Measures[i]
		if len(measure.Name) > maxAttributeName {
			return badMeasureName, fmt.Sprintf("a measure's name has %d bytes, the limit is %d", len(measure.Name),
				maxAttributeName), 0
		}
		value := 1
		if measure.Kind == telemetry.String {
			value = len(measure.Text)
		}
		size += len(measure.Name) + value
		// JSON writes a control character with six.
		bytes += 24 + 6*(len(measure.Name)+len(measure.Text))
	}
	if size > maxItemBytes {
		return readingTooLarge, fmt.Sprintf("the reading has at least %d bytes, a DynamoDB item takes %d", size,
			maxItemBytes), 0
	}
	return "", "", bytes
}

// write writes the items of one call and reports the result of each to the batch. It repeats what DynamoDB leaves
// unprocessed for as long as the stores have time.
func (s *recent) write(ctx context.Context, b *batch, items []item) {
	for attempt := 0; len(items) > 0; attempt++ {
		left, err := s.call(ctx, b, items)
		if err == nil && len(left) > 0 {
			items = left
			err = awsenv.Pause(ctx, attempt)
		} else if err == nil {
			return
		}
		var api smithy.APIError
		switch {
		case err == nil:
		case errors.As(err, &api) && api.ErrorCode() == "ValidationException" && len(items) > 1:
			// DynamoDB rejects the call because of one item and does not say which. Smaller calls find it.
			half := len(items) / 2
			s.write(ctx, b, items[:half])
			items = items[half:]
		case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
			b.reject(b.readings[items[0].reading].record, readingRejected, api.ErrorMessage())
			return
		default:
			for _, it := range items {
				b.fail(b.readings[it.reading].record, fmt.Errorf("writing to table %q: %w", s.table, err))
			}
			return
		}
	}
}

// call makes one BatchWriteItem call and returns the items that DynamoDB did not process.
func (s *recent) call(ctx context.Context, b *batch, items []item) ([]item, error) {
	out, err := s.client.BatchWriteItem(ctx,
		// The SDK checks that there are requests and looks for an ARN in the table's name.
		&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: {}}},
		func(o *dynamodb.Options) {
			o.APIOptions = append(o.APIOptions, replaceBody("DynamoDB_20120810.BatchWriteItem", s.body(b, items)))
		})
	if err != nil || len(out.UnprocessedItems) == 0 {
		return nil, err
	}
	index := make(map[string]item, len(items))
	for _, it := range items {
		index[b.of(it.reading).PartitionKey+"/"+string(appendAt(nil, b, it))] = it
	}
	var left []item
	for _, requests := range out.UnprocessedItems {
		for _, r := range requests {
			if r.PutRequest == nil {
				return nil, errors.New("DynamoDB's answer names a request that was not made")
			}
			key := r.PutRequest.Item
			it, ok := index[text(key[contract.DeviceKey])+"/"+text(key[contract.ReadingKey])]
			if !ok {
				return nil, errors.New("DynamoDB's answer names an item that was not sent")
			}
			left = append(left, it)
		}
	}
	return left, nil
}

func text(v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}

// body writes the JSON of BatchWriteItemInput, for the reason that writeRecords has.
func (s *recent) body(b *batch, items []item) []byte {
	out := make([]byte, 0, 64+len(items)*itemSize(b, items[0].reading))
	out = jsontext.AppendString(append(out, `{"RequestItems":{`...), s.table)
	out = append(out, `:[`...)
	for n, it := range items {
		if n > 0 {
			out = append(out, ',')
		}
		out = s.appendItem(out, b, it)
	}
	return append(out, `]}}`...)
}

// itemSize estimates the size of an item in JSON; the items of a call are alike.
func itemSize(b *batch, reading int) int {
	size := 360
	for i := range b.readings[reading].Measures {
		m := &b.readings[reading].Measures[i]
		size += 16 + len(m.Name) + len(m.Text)
	}
	return size
}

func (s *recent) appendItem(out []byte, b *batch, it item) []byte {
	m, record := &b.readings[it.reading], b.of(it.reading)
	out = jsontext.AppendString(append(out, `{"PutRequest":{"Item":{"`+contract.DeviceKey+`":{"S":`...),
		record.PartitionKey)
	out = appendAt(append(out, `},"`+contract.ReadingKey+`":{"S":"`...), b, it)
	out = append(out, `"},"`+contract.ArrivedAttribute+`":{"N":"`...)
	out = strconv.AppendInt(out, record.ArrivalMillis, 10)
	out = append(out, `"},"`+contract.ExpiryAttribute+`":{"N":"`...)
	out = strconv.AppendInt(out, record.Arrival().Add(s.keep).Unix(), 10) // [AWS 7.1 TTL]: seconds
	if m.HasTime {                                                        // else the key has the number
		out = append(out, `"},"`+contract.SequenceAttribute+`":{"S":"`...)
		out = append(out, record.SequenceNumber...)
	}
	out = append(out, `"},"`+contract.MeasuresAttribute+`":{"M":{`...)
	for i := range m.Measures {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendMeasure(out, &m.Measures[i])
	}
	return append(out, `}}}}}`...)
}

// appendMeasure writes the same value as attribute.
func appendMeasure(out []byte, m *telemetry.Measure) []byte {
	out = jsontext.AppendString(out, m.Name)
	switch {
	case m.Kind == telemetry.Bool:
		out = append(append(out, `:{"BOOL":`...), m.Text...)
	case isNumber(m):
		out = append(append(append(out, `:{"N":"`...), m.Text...), '"')
	default:
		out = jsontext.AppendString(append(out, `:{"S":`...), m.Text)
	}
	return append(out, '}')
}
