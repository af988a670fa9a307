package stream

import (
	"encoding/base64"
	"unsafe"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// unwrap reads what a pipeline's rule sends to a queue or to Firehose, which carry nothing beside it
// (docs/design/contracts.md): an envelope that also names the device. Telemetry becomes the device's own bytes; other
// envelopes stay as they are. What is no such envelope has no PartitionKey.
func unwrap(record *Record, body string) {
	record.Data = body
	var thing, id, payload string
	var arrival int64
	telemetry := false
	r := jsontext.New(body, maxNesting)
	err := members(&r, func(key string) (err error) {
		switch key {
		case "thing":
			thing, err = r.Text()
		case "message_id":
			id, err = r.Text()
		case "received_at":
			arrival, err = readMillis(&r)
		case "telemetry_payload":
			payload, err = r.Text()
			telemetry = true
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil || r.End() != nil || thing == "" || id == "" {
		return
	}
	record.PartitionKey, record.SequenceNumber = thing, id
	if arrival != 0 {
		record.ArrivalMillis = arrival
	}
	if !telemetry {
		return
	}
	// AppendDecode only reads the text, and nobody writes the bytes after it.
	data, err := base64.StdEncoding.AppendDecode(nil, unsafe.Slice(unsafe.StringData(payload), len(payload)))
	if err != nil {
		record.Data, record.Damaged = payload, true
		return
	}
	record.Data = unsafe.String(unsafe.SliceData(data), len(data))
}

// FailedEach returns the response that makes Lambda leave these messages in the queue, by their MessageID, and remove
// all others of the batch.
func FailedEach(messageIDs []string) []byte {
	answer := []byte(`{"batchItemFailures":[`)
	for i, id := range messageIDs {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(jsontext.AppendString(append(answer, `{"itemIdentifier":`...), id), '}')
	}
	return append(answer, `]}`...)
}
