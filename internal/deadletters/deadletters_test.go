package deadletters

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
)

var arrived = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// Every sender's form is read.
func TestRead(t *testing.T) {
	sent, err := json.Marshal(deadletter.Letter{Pipeline: "farm", Source: "processor", Thing: "a",
		Topic: "farm/a/telemetry", ArrivedAt: arrived, SequenceNumber: "7", Payload: []byte{0, 255},
		Reason: "not_json", Detail: "byte 0"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, body string
		want      Letter
	}{
		{"a function's", string(sent), Letter{Kind: Record, Source: "processor", Thing: "a", Topic: "farm/a/telemetry",
			Time: arrived, SequenceNumber: "7", Payload: []byte{0, 255}, Reason: "not_json", Detail: "byte 0"}},
		{"a function's with an empty payload", `{"source":"x","thing":"a","payload_base64":"","reason":"not_json"}`,
			Letter{Kind: Record, Source: "x", Thing: "a", Payload: []byte{}, Reason: "not_json"}},
		{"a function's with its payload in the bucket", `{"source":"x","payload_s3":"s3://b/k","reason":"r"}`,
			Letter{Kind: Record, Source: "x", Location: "s3://b/k", Reason: "r"}},
		{"a rule's", `{"ruleName":"farm_telemetry","topic":"farm/a/telemetry","clientId":"a",
			"base64OriginalPayload":"e30=","failures":[{"failedAction":"KinesisAction","failedResource":"farm",
			"errorMessage":"throttled"},{"failedAction":"S3Action","errorMessage":"denied"}]}`,
			Letter{Kind: Rule, Source: "farm_telemetry", Thing: "a", Topic: "farm/a/telemetry", Reason: ReasonRule,
				Detail: "KinesisAction farm: throttled\nS3Action : denied\n", Payload: []byte("{}")}},
		{"Lambda's", `{"timestamp":"2026-01-02T03:04:05.678Z","requestContext":{"condition":"RetriesExhausted",
			"functionArn":"arn:aws:lambda:r:1:function:farm-alerts:$LATEST"},"requestPayload":{"a":1},
			"responsePayload":{"errorMessage":"no"}}`,
			Letter{Kind: Event, Source: "farm-alerts", Function: "arn:aws:lambda:r:1:function:farm-alerts", Time: arrived,
				Reason: "RetriesExhausted", Detail: "no", Payload: []byte(`{"a":1}`)}},
		{"Lambda's about a function that answered a text", `{"requestContext":{"condition":"EventAgeExceeded",
			"functionArn":"arn:aws:lambda:r:1:function:farm-alerts"},"requestPayload":1,"responsePayload":"no"}`,
			Letter{Kind: Event, Source: "farm-alerts", Function: "arn:aws:lambda:r:1:function:farm-alerts",
				Reason: "EventAgeExceeded", Payload: []byte(`1`)}},
		{"SQS's", `{"status_payload":"e30=","status_topic":"farm/a/status","received_at":1767323045678,"thing":"a",
			"message_id":"m"}`, Letter{Kind: Message, Source: "processor", Thing: "a", Topic: "farm/a/status",
			Time: arrived, SequenceNumber: "m", Reason: ReasonExhausted, Payload: []byte("{}")}},
		{"text", "hello", Letter{Reason: ReasonUnknown}},
		{"other JSON", `{"a":1}`, Letter{Reason: ReasonUnknown}},
	} {
		c.want.Body = c.body
		if d := cmp.Diff(c.want, Read(c.body)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
	}
}
