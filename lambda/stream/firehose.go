package stream

import (
	"errors"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// Delivery is one record of a Firehose event.
type Delivery struct {
	ID string // by which the answer names the record
	Record
}

// ParseFirehose reads the event that a transformation function gets from a delivery stream whose source is a Kinesis
// stream [AWS 7.4 Transform event], or that a pipeline's rules put to. The strings share the event's memory, as those
// of Parse do. It returns an error for an event that is not one, or if a record could not be answered.
func ParseFirehose(event []byte) ([]Delivery, error) {
	records := make([]Delivery, 0, len(event)/400+1)
	// The event is only read, and outlives every use of the records: see Parse.
	r := jsontext.NewBytes(event, maxNesting)
	found := false
	err := members(&r, func(key string) error {
		if key != "records" {
			return r.Skip()
		}
		found = true
		var err error
		records, err = readDeliveries(&r, records[:0])
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err == nil && !found {
		err = errors.New("it has no records")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the Firehose event: %w", err)
	}
	decode(records, func(d *Delivery) *Record { return &d.Record })
	for i := range records {
		if d := &records[i]; d.PartitionKey == "" && d.SequenceNumber == "" && !d.Damaged {
			d.SequenceNumber = d.ID
			unwrap(&d.Record, d.Data)
		}
	}
	return records, nil
}

func readDeliveries(r *jsontext.Reader, records []Delivery) ([]Delivery, error) {
	var record Delivery
	var arrival int64 // in the stream; Firehose's own is the same moment, and is there for every source
	metadata := func(key string) (err error) {
		switch key {
		case "partitionKey":
			record.PartitionKey, err = r.Text()
		case "sequenceNumber":
			record.SequenceNumber, err = r.Text()
		case "approximateArrivalTimestamp":
			arrival, err = readMillis(r)
		default:
			err = r.Skip()
		}
		return err
	}
	envelope := func(key string) (err error) {
		switch key {
		case "recordId":
			record.ID, err = r.Text()
		case "data":
			record.Data, err = r.Text()
		case "approximateArrivalTimestamp":
			record.ArrivalMillis, err = readMillis(r)
		case "kinesisRecordMetadata":
			err = members(r, metadata)
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
		record, arrival = Delivery{}, 0
		if err := members(r, envelope); err != nil {
			return nil, err
		}
		if record.ID == "" {
			return nil, fmt.Errorf("record %d has no recordId", len(records))
		}
		if arrival != 0 {
			record.ArrivalMillis = arrival
		}
		records = append(records, record)
	}
}

// readMillis reads milliseconds. AWS's pages show the same member also as ISO 8601, beside the record's own in
// milliseconds: that text is passed over.
func readMillis(r *jsontext.Reader) (int64, error) {
	if r.Peek() != jsontext.Number {
		return 0, r.Skip()
	}
	return readEpoch(r, 1)
}
