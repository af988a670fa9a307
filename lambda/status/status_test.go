package status

import (
	"errors"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

func TestStates(t *testing.T) {
	for payload, want := range map[string]string{
		"online": Online, " ONLINE\n": Online, `"offline"`: Offline,
		`{"status":"Offline"}`: Offline, `{"state":"online"}`: Online,
		`{"online":true}`: Online, `{"connected":false,"status":"online"}`: Offline,
		"": "", "asleep": "", `{"status":"asleep"}`: "", `{"online":"yes"}`: "", `{`: "",
	} {
		got, err := State([]byte(payload))
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: state %q, %v; want %q", payload, got, err, want)
		}
		var refused *telemetry.Error
		if err != nil && (!errors.As(err, &refused) || refused.Reason != Unknown) {
			t.Errorf("%q: error %v, want one with the reason %s", payload, err, Unknown)
		}
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"status":"online"}`))
	f.Add([]byte(`{"online":false}`))
	f.Add([]byte(`"offline"`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if state, err := State(payload); (err == nil) != (state == Online || state == Offline) {
			t.Fatalf("%q: state %q, %v", payload, state, err)
		}
	})
}
