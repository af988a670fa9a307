package alerts

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseEvent(t *testing.T) {
	text, err := os.ReadFile("testdata/event.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseEvent(text, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := event{
		payload: []byte(`{"deviceId":"x","timestamp":1767225600000,"data":{"temperature":60.5,"humidity":29}}`),
		topic:   "greenhouse/soil-001/telemetry", thing: "soil-001", clientID: "soil-001",
		receivedAt: time.UnixMilli(1767225600250).UTC(), traceID: "9b3f8d4e-7a41-4c11-9f2b-5a8c11d0e6f7",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(event{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParseEventKeepsWhatItCouldRead: the dead letter of an event names what it can.
func TestParseEventKeepsWhatItCouldRead(t *testing.T) {
	now := time.Unix(1767225600, 0).UTC()
	got, err := parseEvent([]byte(`{"thing":"soil-001","topic":"t","payload":"%"}`), now)
	if err == nil || got.thing != "soil-001" || got.topic != "t" || !got.receivedAt.Equal(now) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A batch that the processor repeats passes a message on again, as another request. An alert with a cooldown is
// announced once for it, also when the cooldown is over.
func TestARepeatedRecordIsAnnouncedOnce(t *testing.T) {
	f := newFixture(t, twoRules)
	event := []byte(`{"payload":"eyJkYXRhIjp7Imh1bWlkaXR5IjoyOX19","topic":"greenhouse/soil-001/telemetry",` +
		`"thing":"soil-001","evaluated":"stream","received_at":1767268800000,"trace_id":"4959"}`)
	for range 2 {
		f.last++
		if err := f.request(fmt.Sprint("batch-", f.last), event); err != nil {
			t.Fatal(err)
		}
		f.clock = f.clock.Add(10 * time.Minute)
	}
	if n := len(f.aws.Calls("sns:Publish")); n != 1 {
		t.Errorf("%d notices for one record", n)
	}
}
