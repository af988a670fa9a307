package archiver

import (
	"encoding/base64"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// timeLayout is how Hive writes a timestamp.
const timeLayout = "2006-01-02 15:04:05.000"

// The processor's reason for a record whose device is unknown.
const invalidThing = telemetry.Reason("invalid_thing")

// appendRows appends the rows of a record to a.rows, each a JSON document on a line (contract.ArchiveColumns). What is
// no telemetry has one row with its payload; the error, a *telemetry.Error, says why.
func (a *archiver) appendRows(d *stream.Delivery) (rows int, err error) {
	if !thing.Valid(d.PartitionKey) {
		a.appendRaw(d, contract.ArchiveOther, d.Data)
		return 1, &telemetry.Error{Reason: invalidThing, Detail: "the partition key is not a thing's name"}
	}
	if kind := envelope.KindOf(d.Data); kind != envelope.Telemetry {
		message, err := envelope.Open(d.PartitionKey, d.Data)
		if err != nil {
			a.appendRaw(d, contract.ArchiveOther, d.Data)
			return 1, err
		}
		a.appendRaw(d, string(kind), string(message.Payload))
		return 1, nil
	}
	if a.readings, err = a.decode(a.readings[:0], d.Data, d.Arrival()); err != nil {
		a.appendRaw(d, contract.ArchiveOther, d.Data)
		return 1, err
	}
	for i := range a.readings {
		r := &a.readings[i]
		a.begin(d, contract.ArchiveTelemetry, r.Time)
		a.appendMap("measures", r.Measures, telemetry.Number)
		a.appendMap("texts", r.Measures, telemetry.String)
		a.appendMap("flags", r.Measures, telemetry.Bool)
		if i == 0 {
			a.appendPayload(d.Data)
		}
		a.end(d)
	}
	return len(a.readings), nil
}

// appendRaw appends a row without readings.
func (a *archiver) appendRaw(d *stream.Delivery, kind, payload string) {
	a.begin(d, kind, d.Arrival())
	a.appendPayload(payload)
	a.end(d)
}

func (a *archiver) begin(d *stream.Delivery, kind string, at time.Time) {
	row := jsontext.AppendString(append(a.rows, `{"thing":`...), d.PartitionKey)
	row = at.UTC().AppendFormat(append(row, `,"time":"`...), timeLayout)
	row = d.Arrival().AppendFormat(append(row, `","arrived_at":"`...), timeLayout)
	row = append(append(row, `","kind":"`...), kind...)
	a.rows = append(row, '"')
}

func (a *archiver) end(d *stream.Delivery) {
	row := jsontext.AppendString(append(a.rows, `,"sequence_number":`...), d.SequenceNumber)
	a.rows = append(row, "}\n"...)
}

// appendMap appends the measures of a kind, if there are any.
func (a *archiver) appendMap(column string, measures []telemetry.Measure, kind telemetry.Kind) {
	row, first := a.rows, true
	for i := range measures {
		m := &measures[i]
		if m.Kind != kind {
			continue
		}
		if first {
			row, first = append(append(append(row, ',', '"'), column...), `":{`...), false
		} else {
			row = append(row, ',')
		}
		row = append(jsontext.AppendString(row, m.Name), ':')
		if kind == telemetry.String {
			row = jsontext.AppendString(row, m.Text)
		} else {
			row = append(row, m.Text...)
		}
	}
	if !first {
		row = append(row, '}')
	}
	a.rows = row
}

// appendPayload appends what the device sent, as text if it is.
func (a *archiver) appendPayload(payload string) {
	row := append(a.rows, `,"payload":`...)
	encoding := contract.ArchiveText
	if utf8.ValidString(payload) {
		row = jsontext.AppendString(row, payload)
	} else {
		encoding = contract.ArchiveBase64
		row = append(row, '"')
		// AppendEncode only reads the payload.
		row = base64.StdEncoding.AppendEncode(row, unsafe.Slice(unsafe.StringData(payload), len(payload)))
		row = append(row, '"')
	}
	row = append(append(row, `,"payload_encoding":"`...), encoding...)
	a.rows = append(row, '"')
}
