package stream

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestParseQueue: the messages of a queue become the records that the stream has of the same messages.
func TestParseQueue(t *testing.T) {
	records := []lambdatest.Record{
		{Thing: "soil-001", Payload: `{"data":{"t":"\u00e4 \" \\"}}`},
		{Thing: "soil-002", Payload: "\x00\xff"},
		{Thing: "soil-003"},
	}
	want, err := Parse(lambdatest.Event(records...))
	if err != nil {
		t.Fatal(err)
	}
	event := lambdatest.QueueEvent(records...)
	got, err := Parse(event)
	if err != nil {
		t.Fatal(err)
	}
	var theirs events.SQSEvent
	if err := json.Unmarshal(event, &theirs); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].MessageID = theirs.Records[i].MessageId
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-stream +queue):\n%s", diff)
	}
}

// TestAnEnvelopeStaysOne: what is no telemetry is the rule's envelope, which also names the device.
func TestAnEnvelopeStaysOne(t *testing.T) {
	status := lambdatest.Status("soil-001", "online", lambdatest.Start)
	got, err := Parse(lambdatest.QueueEvent(lambdatest.Record{Thing: "soil-001", Payload: status, Sequence: "a"}))
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if r := got[0]; r.PartitionKey != "soil-001" || r.SequenceNumber != "a" || r.ArrivalMillis != lambdatest.Start.UnixMilli() ||
		!strings.HasPrefix(r.Data, strings.TrimSuffix(status, "}")) {
		t.Errorf("%+v", r)
	}
}

// TestMessagesOfNoRule: they belong to no device, and can be reported.
func TestMessagesOfNoRule(t *testing.T) {
	payload := base64.StdEncoding.EncodeToString([]byte("{}"))
	for _, body := range []string{"", "hello", `[]`, `{}`, `{"thing":"a"}`, `{"message_id":"b"}`,
		`{"thing":1,"message_id":"b"}`, `{"thing":"a","message_id":"b"} x`,
		`{"thing":"a","message_id":"b","telemetry_payload":1}`} {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse([]byte(`{"Records":[{"messageId":"m","body":` + string(text) +
			`,"attributes":{"SentTimestamp":"1767225601123"}}]}`))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		want := []Record{{SequenceNumber: "m", MessageID: "m", ArrivalMillis: 1767225601123, Data: body}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	got, err := Parse([]byte(`{"Records":[{"messageId":"m","body":"{\"thing\":\"a\",\"message_id\":\"b\",` +
		`\"telemetry_payload\":\"%` + payload + `\"}"}]}`))
	if err != nil || !got[0].Damaged || got[0].PartitionKey != "a" || got[0].Data != "%"+payload {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestParseDirectDelivery: what the rules put to Firehose is what they put to the stream.
func TestParseDirectDelivery(t *testing.T) {
	records := []lambdatest.Record{{Thing: "soil-001", Payload: `{"t":1}`, After: time.Second},
		{Thing: "soil-002", Payload: "\xff"}}
	want, err := ParseFirehose(lambdatest.FirehoseEvent(records...))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseFirehose(lambdatest.DirectEvent(records...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-stream +direct):\n%s", diff)
	}
}

func TestFailedEach(t *testing.T) {
	var got events.SQSEventResponse
	if err := json.Unmarshal(FailedEach([]string{"a", `b"`}), &got); err != nil {
		t.Fatal(err)
	}
	want := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: "a"}, {ItemIdentifier: `b"`}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseQueue(f *testing.F) {
	f.Add(`{"thing":"a","message_id":"b","received_at":1,"telemetry_payload":"e30="}`)
	f.Add(`{"thing":"a","message_id":"b","status_payload":"e30=","status_topic":"g/a/status"}`)
	f.Fuzz(func(t *testing.T, body string) {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err) // any text is JSON
		}
		records, err := Parse([]byte(`{"Records":[{"messageId":"m","body":` + string(text) + `}]}`))
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if r := records[0]; r.MessageID != "m" || r.SequenceNumber == "" || r.PartitionKey == "" && r.SequenceNumber != "m" {
			t.Fatalf("%q: %+v", body, r)
		}
	})
}
