package status

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

func TestStates(t *testing.T) {
	for payload, want := range map[string]string{
		"online": Online, " ONLINE\n": Online, `"offline"`: Offline,
		`{"status":"Offline"}`: Offline, `{"state":"online"}`: Online,
		`{"online":true}`: Online, `{"connected":false,"status":"online"}`: Offline,
		"": "", "asleep": "", `{"status":"asleep"}`: "", `{"online":"yes"}`: "", `{`: "",
	} {
		message, err := Parse(lambdatest.Status("soil-001", payload, time.UnixMilli(1)))
		if err != nil || message.Topic != "greenhouse/soil-001/status" || string(message.Payload) != payload {
			t.Fatalf("%q: message %+v, %v", payload, message, err)
		}
		got, err := message.State()
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: state %q, %v; want %q", payload, got, err, want)
		}
	}
}

func TestWhatIsNoStatusMessage(t *testing.T) {
	for _, c := range []struct{ data, topic, why string }{
		{`{"status_payload":"?","status_topic":"a/b/status"}`, "a/b/status", "not base64"},
		{`{"status_payload":1,"status_topic":"a"}`, "", "not in the form"},
		{`{"status_payload":null,"status_topic":"a"}`, "a", "not in the form"},
		{`["status_payload","status_topic"]`, "", "not in the form"},
		{`"status_payload" "status_topic"`, "", "not in the form"},
	} {
		if !Is(c.data) {
			t.Fatalf("%s counts as telemetry", c.data)
		}
		message, err := Parse(c.data)
		var refused *telemetry.Error
		if !errors.As(err, &refused) || refused.Reason != Unknown || !strings.Contains(refused.Detail, c.why) {
			t.Errorf("%s: error %v, want one with %q", c.data, err, c.why)
		}
		if message.Topic != c.topic || message.Payload != nil {
			t.Errorf("%s: message %+v", c.data, message)
		}
	}
	if Is(`{"status":"online","topic":"a"}`) {
		t.Error("telemetry counts as a status message")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(lambdatest.Status("soil-001", `{"status":"online"}`, time.UnixMilli(1)))
	f.Add(`{"status_payload":"b25saW5l","status_topic":"a"}`)
	f.Add(`{"status_payload":"","status_topic":"","status_topic":null}`)
	f.Fuzz(func(t *testing.T, data string) {
		message, err := Parse(data)
		if err == nil && !json.Valid([]byte(data)) {
			t.Fatalf("%q is not JSON", data)
		}
		if state, err := message.State(); (err == nil) != (state == Online || state == Offline) {
			t.Fatalf("%q: state %q, %v", data, state, err)
		}
	})
}
