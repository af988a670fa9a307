// Package stream reads the event that Lambda creates from a batch of Kinesis records or of messages of a pipeline's
// queue, and writes the partial batch response. It also reads the event that Firehose creates for a transformation
// function.
//
// The project's processor uses it, and so can your own. It does what aws-lambda-go's events.KinesisEvent does for the
// fields that a pipeline uses, in one pass and two allocations for any number of records. It must not know what the
// records hold.
package stream

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// maxNesting is how many nested arrays and objects an event can have; Lambda uses four.
const maxNesting = 128

// Record is one record of a batch.
type Record struct {
	// PartitionKey is the thing's name: the pipeline's rules take it from the topic, which the IoT policy guards.
	PartitionKey string
	// SequenceNumber names the record: Kinesis' number of it, or what the rule calls a message of a queue.
	SequenceNumber string
	// MessageID is SQS's name of the message; empty for a record of a stream.
	MessageID string
	// ArrivalMillis is when Kinesis received the record, in milliseconds since 1970; without a stream, when the rule
	// did.
	ArrivalMillis int64
	// Data is the device's own bytes. If Kinesis' base64 does not decode, it is that text, and Damaged is set.
	Data    string
	Damaged bool
}

// Arrival returns ArrivalMillis as a time, UTC.
func (r *Record) Arrival() time.Time { return time.UnixMilli(r.ArrivalMillis).UTC() }

// Parse reads an event. The strings of the records, except Data, share the event's memory. The event must not change
// while they are in use, and they must not be kept after the invocation, because the Lambda runtime reuses its buffer.
// Parse returns an error for an event that is neither a Kinesis nor an SQS batch, or if a record could not be reported
// as failed.
func Parse(event []byte) ([]Record, error) {
	// Each record's envelope is some 400 bytes, so this is rarely too small and never far too large.
	records := make([]Record, 0, len(event)/400+1)
	// The event is only read, and outlives every use of the records: see above.
	r := jsontext.NewBytes(event, maxNesting)
	found := false
	err := members(&r, func(key string) error {
		if key != "Records" {
			return r.Skip()
		}
		found = true
		var err error
		records, err = readRecords(&r, records[:0])
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err == nil && !found {
		err = errors.New("it has no Records")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the event of a stream or a queue: %w", err)
	}
	if len(records) == 0 || records[0].MessageID == "" {
		decode(records, func(r *Record) *Record { return r })
	}
	return records, nil
}

// members calls visit for each member of the next object, with the reader at the member's value.
func members(r *jsontext.Reader, visit func(key string) error) error {
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, ok, err := r.Member(first)
		if err != nil || !ok {
			return err
		}
		if err := visit(key); err != nil {
			return err
		}
	}
}

func readRecords(r *jsontext.Reader, records []Record) ([]Record, error) {
	var record Record
	// The visitors are created once, not once per record: they would escape to the heap.
	kinesis := func(key string) (err error) {
		switch key {
		case "partitionKey":
			record.PartitionKey, err = r.Text()
		case "sequenceNumber":
			record.SequenceNumber, err = r.Text()
		case "data":
			record.Data, err = r.Text()
		case "approximateArrivalTimestamp":
			record.ArrivalMillis, err = readEpoch(r, 1000) // seconds with a fraction [AWS 5 Batch event]
		default:
			err = r.Skip()
		}
		return err
	}
	attributes := func(key string) (err error) {
		if key == "SentTimestamp" {
			record.ArrivalMillis, err = readSent(r)
			return err
		}
		return r.Skip()
	}
	envelope := func(key string) (err error) {
		switch key {
		case "kinesis":
			err = members(r, kinesis)
		case "messageId":
			record.MessageID, err = r.Text()
		case "body":
			record.Data, err = r.Text()
		case "attributes":
			err = members(r, attributes)
		default:
			err = r.Skip()
		}
		return err
	}
	if err := r.Enter('['); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		ok, err := r.Element(first)
		if err != nil || !ok {
			return records, err
		}
		record = Record{}
		if err := members(r, envelope); err != nil {
			return nil, err
		}
		if record.MessageID != "" {
			record.SequenceNumber = record.MessageID
			unwrap(&record, record.Data)
		}
		if record.SequenceNumber == "" {
			return nil, fmt.Errorf("record %d has no sequence number", len(records))
		}
		records = append(records, record)
	}
}

// readSent reads the time at which SQS got a message: milliseconds, as text.
func readSent(r *jsontext.Reader) (int64, error) {
	text, err := r.Text()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// readEpoch reads a time in units of scale milliseconds, and returns milliseconds.
func readEpoch(r *jsontext.Reader, scale float64) (int64, error) {
	text, err := r.NumberText()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(v*scale) > 1e15 {
		return 0, errors.New("an arrival time is out of range")
	}
	return int64(math.Round(v * scale)), nil
}

// decode replaces the base64 text of each element's record with its bytes, all in one allocation.
func decode[T any](list []T, of func(*T) *Record) {
	size := 0
	for i := range list {
		size += base64.StdEncoding.DecodedLen(len(of(&list[i]).Data))
	}
	arena := make([]byte, size)
	for i := range list {
		record := of(&list[i])
		text := record.Data
		// Decode reads the text and never writes it.
		n, err := base64.StdEncoding.Decode(arena, unsafe.Slice(unsafe.StringData(text), len(text)))
		if err != nil {
			record.Damaged = true
			continue
		}
		// These bytes are written once, above; later writes to the arena come after them.
		record.Data = unsafe.String(unsafe.SliceData(arena), n)
		arena = arena[n:]
	}
}

// Done returns the response that the whole batch succeeded.
func Done() []byte { return []byte(`{"batchItemFailures":[]}`) }

// FailedFrom returns the response that makes Lambda retry the record with that sequence number and all after it [AWS 5
// Partial failure reply]. Pass the lowest failed number: Lambda uses no other.
func FailedFrom(sequenceNumber string) []byte {
	answer := jsontext.AppendString([]byte(`{"batchItemFailures":[{"itemIdentifier":`), sequenceNumber)
	return append(answer, `}]}`...)
}
