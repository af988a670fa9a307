package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// start is when tests begin, by both clocks.
var start = Time{Wall: time.UnixMilli(1_790_000_000_000).UTC(), Elapsed: time.Hour}

// after is that much later by both clocks.
func after(d time.Duration) Time { return Time{Wall: start.Wall.Add(d), Elapsed: start.Elapsed + d} }

func millis(t Time) int64 { return t.Wall.UnixMilli() }

func newEngine(t testing.TB, c Config) *Engine {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// said writes outputs as lines: kind, child and priority if not usual, topic after the child, payload.
func said(outputs []Output) []string {
	lines := []string{}
	for _, o := range outputs {
		line := strings.TrimPrefix(o.Topic, "gh/") + " " + string(o.Payload)
		if o.Kind == ToChild {
			line = "to " + line
		}
		if o.Priority != Normal {
			line = o.Priority.String() + " " + line
		}
		lines = append(lines, line)
	}
	return lines
}

func check(t *testing.T, why string, outputs []Output, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, said(outputs)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

// telemetry is a message of soil-1 with a time of its own.
func (e *Engine) soil(t float64, at Time) []Output {
	payload := fmt.Sprintf(`{"timestamp":%d,"data":{"t":%v}}`, millis(at), t)
	return e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(payload), at)
}

func TestUnmatched(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: all + " WHERE data.t > 30"}))
	timed := fmt.Sprintf(`{"timestamp":%d,"data":{"t":20}}`, millis(start))
	check(t, "no rule takes it", e.soil(20, start), "gw-1:soil-1/telemetry "+timed)
	check(t, "another topic of a child", e.Message(nil, "gh/gw-1:soil-1/status", []byte(`{"status":"offline"}`), start),
		`gw-1:soil-1/status {"status":"offline"}`)
	check(t, "no child", e.Message(nil, "gh/x", []byte("1"), start), "x 1")
	check(t, "another prefix", e.Message(nil, "ghost/a/telemetry", []byte("{}"), start), "ghost/a/telemetry {}")
	check(t, "no JSON", e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte("\x00\xff"), start),
		"gw-1:soil-1/telemetry \x00\xff")
	check(t, "no time of its own", e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(` {"t":1}`), start),
		fmt.Sprintf(`gw-1:soil-1/telemetry {"timestamp":%d,"t":1}`, millis(start)))
	check(t, "an array without time", e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(`[{"t":1}]`), start),
		`gw-1:soil-1/telemetry [{"t":1}]`)
	want := Counters{Messages: 7, UnmatchedForwarded: 7, Unstamped: 1, Rules: map[string]RuleCounters{"hot": {}}}
	if diff := cmp.Diff(want, e.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	c := config(Rule{SQL: all + " WHERE data.t > 30"})
	c.Unmatched = ActionDrop
	e = newEngine(t, c)
	check(t, "dropped", e.soil(20, start))
	if n := e.Counters().UnmatchedDropped; n != 1 {
		t.Errorf("%d messages counted as dropped; want 1", n)
	}
}

// TestSeveralRules has a rule of each action that matches.
func TestSeveralRules(t *testing.T) {
	c := config(Rule{SQL: "SELECT data.t AS hot FROM 'gh/+/telemetry' WHERE data.t > 30", Priority: "low"})
	c.Rules["all"] = Rule{SQL: "SELECT data.t AS t, clientid() AS by, topic(2) AS id FROM 'gh/+/telemetry'"}
	c.Rules["broken"] = Rule{SQL: all + " WHERE data.t > 100", Action: ActionDrop}
	c.Rules["tell"] = Rule{SQL: all + " WHERE data.t > 30", Action: ActionCommand,
		Command: &Command{Payload: `{"fan":${data.t > 50},"why":"${thing}"}`, Child: "gw-1:fan"}}
	e := newEngine(t, c)
	stamp := fmt.Sprintf(`{"timestamp":%d,`, millis(start))
	check(t, "one takes it", e.soil(20, start), "gw-1:soil-1/telemetry "+stamp+`"t":20,"by":"gw-1","id":"gw-1:soil-1"}`)
	stamp = fmt.Sprintf(`{"timestamp":%d,`, millis(start)+1) // the same for both, and another than before
	check(t, "two take it", e.soil(40, start),
		"gw-1:soil-1/telemetry "+stamp+`"t":40,"by":"gw-1","id":"gw-1:soil-1"}`,
		"low gw-1:soil-1/telemetry "+stamp+`"hot":40}`,
		`to gw-1:fan/commands {"fan":false,"why":"gw-1:soil-1"}`)
	check(t, "dropped, but seen by the command", e.soil(200, start),
		`to gw-1:fan/commands {"fan":true,"why":"gw-1:soil-1"}`)
	got := e.Counters().Rules
	want := map[string]RuleCounters{"all": {Matched: 2, Forwarded: 2}, "hot": {Matched: 1, Forwarded: 1},
		"broken": {Matched: 1, Dropped: 1}, "tell": {Matched: 2, Commands: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

func TestDeadBand(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: all, Report: &Report{AtLeastEverySeconds: 600, DeadBand: map[string]DeadBand{
		"t": {Absolute: number(0.5)}, "p": {Percent: number(10)}, "door": {Absolute: number(0)}}}}))
	send := func(data string, at Time) bool {
		payload := fmt.Sprintf(`{"timestamp":%d,"data":%s}`, millis(at), data)
		out := e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(payload), at)
		if len(out) > 0 && string(out[0].Payload) != payload {
			t.Errorf("%s was forwarded as %s", payload, out[0].Payload)
		}
		return len(out) > 0
	}
	for i, c := range []struct {
		data     string
		reported bool
	}{
		{`{"t":20,"p":100,"n":1}`, true},
		{`{"t":20.5,"p":110,"n":2}`, false}, // at the limit; n has no dead band
		{`{"t":20.25,"p":90}`, false},
		{`{"t":20.6}`, true},
		{`{"t":20.2}`, false}, // from the last report, not from the last message
		{`{"p":110.5}`, true},
		{`{"p":100}`, false},
		{`{"door":"open"}`, true}, // new
		{`{"door":"open"}`, false},
		{`{"door":"shut"}`, true},
		{`{"door":true}`, true}, // another kind
		{`{"t":null}`, false},
	} {
		if got := send(c.data, after(time.Duration(i)*time.Second)); got != c.reported {
			t.Errorf("message %d, %s: reported %v; want %v", i, c.data, got, c.reported)
		}
	}
	if send(`{"t":20.6}`, after(609*time.Second)) || !send(`{"t":20.6}`, after(610*time.Second)) {
		t.Error("the report after 600 seconds is not the first message after them")
	}
	// The wall clock jumps ahead by a day: nothing is due.
	jumped := after(611 * time.Second)
	jumped.Wall = jumped.Wall.Add(24 * time.Hour)
	if send(`{"t":20.6}`, jumped) {
		t.Error("a jump of the clock makes a report")
	}
}

func TestRateLimit(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: all, RateLimit: &RateLimit{Messages: 2, Seconds: 10}}))
	sent := 0
	for i := range 100 { // ten a second for ten seconds: two at once, and two more over the time
		sent += len(e.soil(float64(i), after(time.Duration(i)*100*time.Millisecond)))
	}
	if sent != 3 {
		t.Errorf("%d messages were let through; want 3", sent)
	}
	if got := e.Counters().Rules["hot"]; got.Limited != 97 || got.Forwarded != 3 || got.Matched != 100 {
		t.Errorf("counters %+v", got)
	}
	if len(e.Message(nil, "gh/gw-1:soil-2/telemetry", []byte(`{"t":1}`), after(10*time.Second))) != 1 {
		t.Error("one child limits another")
	}
}

// TestRateLimitKeepsChanges holds back a report, which is then made when the limit allows.
func TestRateLimitKeepsChanges(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: all, RateLimit: &RateLimit{Messages: 1, Seconds: 10},
		Report: &Report{DeadBand: map[string]DeadBand{"*": {Absolute: number(1)}}}}))
	for _, c := range []struct {
		t    float64
		at   time.Duration
		want int
	}{{20, 0, 1}, {30, 1, 0}, {30, 9, 0}, {30, 11, 1}, {30, 22, 0}} {
		if got := e.soil(c.t, after(c.at*time.Second)); len(got) != c.want {
			t.Errorf("%v after %d s: %v; want %d", c.t, c.at, said(got), c.want)
		}
	}
}
