package alerts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

// alarmEventOf is the recorded event, with other states.
func alarmEventOf(t *testing.T, from, to string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/alarm.json")
	if err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	data := event["alarmData"].(map[string]any)
	data["state"].(map[string]any)["value"], data["previousState"].(map[string]any)["value"] = to, from
	if text, err = json.Marshal(event); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAnAlarmIsTold(t *testing.T) {
	f := newFixture(t, "") // without alert rules, as with monitoring alone
	if err := f.request("r", alarmEventOf(t, "OK", "ALARM")); err != nil {
		t.Fatal(err)
	}
	all := f.notices()
	if len(all) != 1 {
		t.Fatalf("%d notices, want one", len(all))
	}
	got := all[0]
	want := notice.Notice{
		Pipeline: "greenhouse", Rule: "greenhouse-iterator-age", Severity: "critical", State: "alert",
		Message: "The processor is behind: new messages wait in the stream.",
		When: "Threshold Crossed: 5 out of the last 5 datapoints were greater than or equal to the threshold " +
			"(301000.0).",
		Time: "2026-03-04T12:36:15.490Z", ReceivedAt: "2026-01-01T12:00:00.001Z",
		Values: map[string]json.RawMessage{},
	}
	if diff := cmp.Diff(want, got.notice); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
	// The subject is cut to what SNS takes.
	subject := "[critical] greenhouse-iterator-age: The processor is behind: new messages wait in the stream."
	if got.subject != subject {
		t.Errorf("subject %q", got.subject)
	}
	if diff := cmp.Diff(map[string]string{"severity": "critical", "rule": "greenhouse-iterator-age",
		"pipeline": "greenhouse", "state": "alert"}, got.attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if strings.Contains(got.forms["email"], "Device") {
		t.Errorf("names a device: %s", got.forms["email"])
	}
}

func TestStatesOfAnAlarm(t *testing.T) {
	for _, tc := range []struct{ from, to, told string }{
		{"OK", "ALARM", "alert"},
		{"INSUFFICIENT_DATA", "ALARM", "alert"},
		{"ALARM", "OK", "resolved"},
		{"INSUFFICIENT_DATA", "OK", ""}, // a new alarm
		{"ALARM", "INSUFFICIENT_DATA", ""},
	} {
		f := newFixture(t, "")
		if err := f.request("r", alarmEventOf(t, tc.from, tc.to)); err != nil {
			t.Fatal(err)
		}
		told := ""
		for _, n := range f.notices() {
			told += n.notice.State
		}
		if told != tc.told {
			t.Errorf("from %s to %s: told %q, want %q", tc.from, tc.to, told, tc.told)
		}
	}
}

// A device's payload is base64 within the event, so that it cannot pose as an alarm.
func TestAMessageIsNoAlarm(t *testing.T) {
	f := newFixture(t, twoRules)
	f.mustSend("soil-001", string(alarmEventOf(t, "OK", "ALARM")))
	f.wantTold("a device posing as an alarm")
}
