package alerts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// what the rules engine cannot read: arrays at the top and inside, names and values, SenML, and what is around JSON.
var unread = map[string]string{
	"array at the top":   `[{"ts":1767268797,"temperature":60},{"ts":1767268798,"temperature":70,"humidity":30}]`,
	"readings":           `{"battery":3,"readings":[{"ts":1767268798,"temperature":40},{"ts":1767268799,"temperature":60}]}`,
	"readings in data":   `{"data":{"list":[{"ts":1767268799,"temperature":60,"humidity":20}]}}`,
	"names and values":   `{"timestamp":1767268799,"data":[{"name":"temperature","value":60},{"name":"humidity","value":30}]}`,
	"SenML":              `[{"bn":"urn:dev:","bt":1767268799,"n":"temperature","v":60},{"n":"humidity","v":34}]`,
	"nothing holds":      `[{"ts":1767268799,"temperature":20,"humidity":60}]`,
	"over":               `{"readings":[{"ts":1767268797,"temperature":60},{"ts":1767268799,"temperature":40}]}`,
	"a byte order mark":  "\uFEFF" + `{"ts":1767268799,"data":{"temperature":60}}`,
	"string terminators": `{"ts":1767268799,"temperature":60,"humidity":30}` + "\x00\x00",
}

// TestArraysWithoutSettings: what the rules engine cannot read raises the same alerts without settings and with the
// default format written out, in which conditions see nothing but readings.
func TestArraysWithoutSettings(t *testing.T) {
	raised := func(env map[string]string) map[string][]string {
		f, before := newFixtureWith(t, hotAndDry, env), 0
		told := map[string][]string{}
		for why, payload := range unread {
			f.mustSend(strings.ReplaceAll(why, " ", "-"), payload)
			for _, p := range f.notices()[before:] {
				told[why] = append(told[why], p.notice.State+" "+p.notice.Rule+" "+p.notice.Time+" "+p.notice.Message)
				before++
			}
		}
		return told
	}
	got := raised(nil)
	if diff := cmp.Diff(raised(map[string]string{"IOT_TELEMETRY": `{"format":"json"}`}), got); diff != "" {
		t.Errorf("with the format written out (-) and without settings (+):\n%s", diff)
	}
	for why := range unread {
		if (len(got[why]) == 0) != (why == "nothing holds") {
			t.Errorf("%s: %q", why, got[why])
		}
	}
	if len(got["over"]) != 2 {
		t.Errorf("an alert that is over within the message: %q", got["over"])
	}
}

// TestThePayloadDecidesWhatItHolds: a condition whose members are all in the payload, and what cannot be decoded, is
// decided by the payload as it was sent.
func TestThePayloadDecidesWhatItHolds(t *testing.T) {
	const rules = `{"version":1,"rules":{
		"exists":{"when":"EXISTS (SELECT * FROM readings AS r WHERE r.t > 50)","severity":"info","message":"${get(readings, 0).t}"},
		"get":{"when":"get(list, 0) > 5","severity":"info","message":"${list}"},
		"missing":{"when":"isUndefined(data.t)","severity":"info","message":"missing"},
		"plain":{"when":"t > 50","severity":"info","message":"${t} ${gateways}"}}}`
	for _, c := range []struct {
		why, payload string
		want         []string
	}{
		{"a condition that reads the array", `{"readings":[{"t":60}]}`, []string{"exists 60", "plain 60 "}},
		{"a member beside an array", `{"t":60,"gateways":[{"rssi":1}],"data":{"t":1}}`, []string{`plain 60 [{"rssi":1}]`}},
		{"a member that is in the array", `{"data":[{"name":"t","value":20}]}`, nil},
		{"an array that cannot be decoded", `{"list":[9,2]}`, []string{"get [9,2]", "missing missing"}},
		{"a plain object", `{"T":60}`, []string{"missing missing"}},
	} {
		f := newFixture(t, rules)
		f.mustSend("soil-001", c.payload)
		var got []string
		for _, p := range f.notices() {
			got = append(got, p.notice.Rule+" "+p.notice.Message)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}
