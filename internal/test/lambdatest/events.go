package lambdatest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// Start is the arrival time of the first record of an event: two seconds before now, so that no time is in the future.
var Start = time.Now().Add(-2 * time.Second).Truncate(time.Millisecond)

// Record is one record for Event.
type Record struct {
	Thing    string
	Payload  string
	Sequence string        // "1", "2", … when empty
	After    time.Duration // of Start; a millisecond for each record before it when 0
}

// Event writes a Kinesis event as Lambda does.
func Event(records ...Record) []byte {
	var out strings.Builder
	out.WriteString(`{"Records":[`)
	for i, r := range records {
		r = r.numbered(i)
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(
			&out,
			`{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":%s,"sequenceNumber":%q,"data":%q,"approximateArrivalTimestamp":%.3f},`+
				`"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:%s","eventName":"aws:kinesis:record",`+
				`"invokeIdentityArn":"arn:aws:iam::123456789012:role/greenhouse-processor","awsRegion":"us-east-1",`+
				`"eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse"}`,
			jsontext.AppendString(nil, r.Thing),
			r.Sequence,
			base64.StdEncoding.EncodeToString([]byte(r.Payload)),
			float64(Start.Add(r.After).UnixMilli())/1000,
			r.Sequence,
		)
	}
	out.WriteString(`]}`)
	return []byte(out.String())
}

// Fleet is an event of n records, round robin over a number of devices, each with four measures and the device's time.
func Fleet(n, devices int) []byte { return Event(FleetRecords(n, devices)...) }

// FleetRecords are the records of Fleet.
func FleetRecords(n, devices int) []Record {
	records := make([]Record, n)
	for i := range records {
		thing := fmt.Sprintf("soil-%03d", i%devices)
		records[i] = Record{
			Thing:    thing,
			Sequence: fmt.Sprintf("4959033827149025660855969253836157109592157598913%07d", i),
			Payload: fmt.Sprintf(
				`{"deviceId":%q,"timestamp":%d,"data":{"temperature":%.2f,"humidity":%.1f,"moisture":%.3f,"battery":%.2f}}`,
				thing,
				Start.Add(time.Duration(i)*time.Millisecond-time.Second).UnixMilli(),
				20+float64(i%100)/10,
				40+float64(i%50),
				0.1+float64(i%9)/100,
				3+float64(i%7)/10,
			),
		}
		records[i].After = time.Duration(i%1500) * time.Millisecond
	}
	return records
}

// QueueEvent writes the event that Lambda makes of the same records when the rules send to a queue. SQS's names of the
// messages are "m-" and their sequence numbers.
func QueueEvent(records ...Record) []byte {
	var out strings.Builder
	out.WriteString(`{"Records":[`)
	for i, r := range records {
		r = r.numbered(i)
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"messageId":"m-%s","receiptHandle":"AQEB","body":%s,"attributes":{`+
			`"ApproximateReceiveCount":"1","SentTimestamp":"%d","SenderId":"AROA","ApproximateFirstReceiveTimestamp":"1"},`+
			`"messageAttributes":{},"md5OfBody":"0","eventSource":"aws:sqs",`+
			`"eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:greenhouse-messages","awsRegion":"us-east-1"}`,
			r.Sequence, jsontext.AppendString(nil, r.envelope()), Start.Add(r.After).UnixMilli())
	}
	out.WriteString(`]}`)
	return []byte(out.String())
}

// DirectEvent writes the event that Firehose makes of the same records when the rules put to it.
func DirectEvent(records ...Record) []byte {
	var out strings.Builder
	out.WriteString(`{"invocationId":"0f5fcb2a-0f1c-4b7c-8a3a-6f3f0a1f4c11",` +
		`"deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/greenhouse-archive-direct",` +
		`"region":"us-east-1","records":[`)
	for i, r := range records {
		r = r.numbered(i)
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"recordId":"id-%s","approximateArrivalTimestamp":%d,"data":%q}`, r.Sequence,
			Start.Add(r.After).UnixMilli(), base64.StdEncoding.EncodeToString([]byte(r.envelope())))
	}
	out.WriteString(`]}`)
	return []byte(out.String())
}

// numbered fills in what a record at this place of an event has by default.
func (r Record) numbered(i int) Record {
	if r.Sequence == "" {
		r.Sequence = fmt.Sprint(i + 1)
	}
	if r.After == 0 {
		r.After = time.Duration(i) * time.Millisecond
	}
	return r
}

// envelope is what the rules send to a queue: telemetry wrapped, and of other envelopes the same with more members.
func (r Record) envelope() string {
	names := fmt.Sprintf(`,"thing":%s,"message_id":%q}`, jsontext.AppendString(nil, r.Thing), r.Sequence)
	for _, kind := range []string{"status", "presence", "result"} {
		if strings.HasPrefix(r.Payload, `{"`+kind+`_payload":"`) {
			at := strings.LastIndex(r.Payload, `"received_at":`)
			return fmt.Sprintf(`%s"received_at":%d%s`, r.Payload[:at], Start.Add(r.After).UnixMilli(), names)
		}
	}
	return fmt.Sprintf(`{"telemetry_payload":%q,"telemetry_topic":"greenhouse/%s/telemetry","received_at":%d%s`,
		base64.StdEncoding.EncodeToString([]byte(r.Payload)), r.Thing, Start.Add(r.After).UnixMilli(), names)
}

// Status is the payload that the pipeline's status rule makes of a device's status message.
func Status(thing, payload string, receivedAt time.Time) string {
	return fmt.Sprintf(`{"status_payload":%q,"status_topic":"greenhouse/%s/status","received_at":%d}`,
		base64.StdEncoding.EncodeToString([]byte(payload)), thing, receivedAt.UnixMilli())
}

// Presence is the record that the pipeline's presence rule makes of an event of AWS IoT: "connected" or "disconnected".
func Presence(client, kind, event string) string {
	return fmt.Sprintf(`{"presence_payload":%q,"presence_topic":"$aws/events/presence/%s/%s","received_at":%d}`,
		base64.StdEncoding.EncodeToString([]byte(event)), kind, client, Start.UnixMilli())
}

// CommandResult is the record that the pipeline's rule makes of a device's answer to a command.
func CommandResult(thing, command, answer string) string {
	return fmt.Sprintf(`{"result_payload":%q,"result_topic":"greenhouse/%s/commands/%s/result","received_at":%d}`,
		base64.StdEncoding.EncodeToString([]byte(answer)), thing, command, Start.UnixMilli())
}

// FirehoseEvent writes the event that Firehose makes of the same records for a transformation function. The ID of a
// record is "id-" and its sequence number.
func FirehoseEvent(records ...Record) []byte {
	var out strings.Builder
	out.WriteString(`{"invocationId":"0f5fcb2a-0f1c-4b7c-8a3a-6f3f0a1f4c11",` +
		`"deliveryStreamArn":"arn:aws:firehose:us-east-1:123456789012:deliverystream/greenhouse-archive",` +
		`"sourceKinesisStreamArn":"arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse",` +
		`"region":"us-east-1","records":[`)
	for i, r := range records {
		r = r.numbered(i)
		if i > 0 {
			out.WriteByte(',')
		}
		arrival := Start.Add(r.After).UnixMilli()
		fmt.Fprintf(&out, `{"recordId":"id-%s","approximateArrivalTimestamp":%d,"data":%q,"kinesisRecordMetadata":`+
			`{"shardId":"shardId-000000000000","partitionKey":%s,"approximateArrivalTimestamp":%d,`+
			`"sequenceNumber":%q,"subsequenceNumber":0}}`,
			r.Sequence, arrival, base64.StdEncoding.EncodeToString([]byte(r.Payload)),
			jsontext.AppendString(nil, r.Thing), arrival, r.Sequence)
	}
	out.WriteString(`]}`)
	return []byte(out.String())
}
