package envelope

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/status"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

func TestKinds(t *testing.T) {
	at := time.UnixMilli(1)
	for _, c := range []struct {
		data           string
		kind           Kind
		topic, payload string
	}{
		{lambdatest.Status("soil-001", `{"status":"online"}`, at), Status, "greenhouse/soil-001/status",
			`{"status":"online"}`},
		{lambdatest.Presence("soil-001", "connected", `{"clientId":"soil-001"}`), Presence,
			"$aws/events/presence/connected/soil-001", `{"clientId":"soil-001"}`},
		{lambdatest.CommandResult("soil-001", "c-1", `{"status":"received"}`), CommandResult,
			"greenhouse/soil-001/commands/c-1/result", `{"status":"received"}`},
		{`{"status":"online","topic":"a"}`, Telemetry, "", ""},
		{`{"status_topic":"a/soil-001/status","data":{"humidity":1}}`, Telemetry, "", ""},
		{`{"status_payload":"YQ==","presence_topic":"a"}`, Telemetry, "", ""},
		{"", Telemetry, "", ""},
		{"\x00\xff", Telemetry, "", ""},
	} {
		if got := KindOf(c.data); got != c.kind {
			t.Errorf("%s: kind %s, want %s", c.data, got, c.kind)
		}
		message, err := Open("soil-001", c.data)
		if message.Topic != c.topic || string(message.Payload) != c.payload || (err != nil) != (c.kind == Telemetry) {
			t.Errorf("%s: message %+v, %v", c.data, message, err)
		}
	}
	if Unreadable(Status) != status.Unknown {
		t.Errorf("two reasons for a status message that cannot be read: %s and %s", Unreadable(Status), status.Unknown)
	}
}

// A device can publish such text as telemetry.
func TestForgedEnvelopes(t *testing.T) {
	for _, e := range envelopes {
		for form, why := range map[string]string{
			`{"P":"?","T":"a/soil-001/x"}`:                      "not base64",
			`{"P":"YQ==","T":"a/soil-002/x"}`:                   "not a topic of the device",
			`{"P":"YQ==","T":"a/soil-0010/x"}`:                  "not a topic of the device",
			`{"P":1,"T":"a/soil-001/x"}`:                        "not in the form",
			`{"P":null,"T":"a/soil-001/x"}`:                     "not in the form",
			`{"P":"YQ==","T":["a/soil-001/x"]}`:                 "not in the form",
			`["P","T"]`:                                         "not in the form",
			`"P" "T"`:                                           "not in the form",
			`{"data":{"P":"YQ==","T":"a/soil-001/x"},"t_at":1}`: "not in the form",
		} {
			data := strings.NewReplacer(`"P"`, `"`+e.payload+`"`, `"T"`, `"`+e.topic+`"`).Replace(form)
			if got := KindOf(data); got != e.kind {
				t.Fatalf("%s: kind %s", data, got)
			}
			message, err := Open("soil-001", data)
			var refused *telemetry.Error
			if !errors.As(err, &refused) || refused.Reason != Unreadable(e.kind) ||
				!strings.Contains(refused.Detail, why) {
				t.Errorf("%s: error %v, want one with %q", data, err, why)
			}
			if message.Topic != "" || message.Payload != nil {
				t.Errorf("%s: message %+v", data, message)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("soil-001", lambdatest.Status("soil-001", `{"status":"online"}`, time.UnixMilli(1)))
	f.Add("soil-001", lambdatest.Presence("soil-001", "connected", `{}`))
	f.Add("a", `{"status_payload":"b25saW5l","status_topic":"a"}`)
	f.Add("", `{"status_payload":"","status_topic":"","status_topic":null}`)
	f.Fuzz(func(t *testing.T, thing, data string) {
		message, err := Open(thing, data)
		switch {
		case err != nil && (message.Topic != "" || message.Payload != nil):
			t.Fatalf("%q: message %+v with %v", data, message, err)
		case err == nil && (!json.Valid([]byte(data)) || !strings.Contains(message.Topic, thing)):
			t.Fatalf("%q: message %+v", data, message)
		}
	})
}
