package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAlert(t *testing.T) {
	c := config(Rule{SQL: "SELECT timestamp, data.t AS t FROM 'gh/+/telemetry' WHERE data.t > 30", Action: ActionAlert,
		Alert: &Alert{ClearWhen: "data.t < 25"}, Command: &Command{Child: "gw-1:fan",
			Payload: `{"fan":"on","t":${data.t}}`, ClearedPayload: `{"fan":"off"}`}})
	c.Unmatched = ActionDrop // to see the alerts only
	e := newEngine(t, c)
	state := func(v float64, state string, at Time) string {
		return fmt.Sprintf(`high gw-1:soil-1/telemetry {"timestamp":%d,"data":{"alerts":{"hot":"%s"},"t":%v}}`,
			millis(at), state, v)
	}
	at := func(i int) Time { return after(time.Duration(i) * time.Second) }
	check(t, "calm", e.soil(20, at(0)))
	check(t, "raised", e.soil(31, at(1)), state(31, Raised, at(1)), `high to gw-1:fan/commands {"fan":"on","t":31}`)
	check(t, "still", e.soil(35, at(2)))
	check(t, "within the distance", e.soil(26, at(3)))
	check(t, "a message without the measure", e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(`{"x":1}`), at(4)))
	check(t, "cleared", e.soil(24, at(5)), state(24, Cleared, at(5)), `high to gw-1:fan/commands {"fan":"off"}`)
	check(t, "calm again", e.soil(26, at(6)))
	check(t, "raised again", e.soil(31, at(7)), state(31, Raised, at(7)),
		`high to gw-1:fan/commands {"fan":"on","t":31}`)
	check(t, "another child", e.Message(nil, "gh/gw-1:b/telemetry", []byte(`{"data":{"t":40}}`), at(8)),
		fmt.Sprintf(`high gw-1:b/telemetry {"timestamp":%d,"data":{"alerts":{"hot":"raised"},"t":40}}`, millis(at(8))),
		`high to gw-1:fan/commands {"fan":"on","t":40}`)
	want := RuleCounters{Matched: 3, Raised: 3, Cleared: 1, Forwarded: 4, Commands: 4}
	if diff := cmp.Diff(want, e.Counters().Rules["hot"]); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// TestAlertEndsWhenFalse has no condition of its own for the end.
func TestAlertEndsWhenFalse(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: "SELECT * FROM 'gh/+/telemetry' WHERE t > 30", Action: ActionAlert}))
	states := []string{}
	for i, payload := range []string{`{"t":31}`, `{"x":1}`, `{"t":"warm"}`, `{"t":30}`, `{"t":29}`, "no json"} {
		for _, o := range e.Message(nil, "gh/gw-1:a/telemetry", []byte(payload), after(time.Duration(i)*time.Second)) {
			if o.Rule == "hot" {
				states = append(states, fmt.Sprint(i, strings.Contains(string(o.Payload), Raised)))
			}
		}
	}
	if diff := cmp.Diff([]string{"0 true", "3 false"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// TestCommandsStayWithinTheGateway has commands whose child comes from the message.
func TestCommandsStayWithinTheGateway(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: all, Action: ActionCommand,
		Command: &Command{Child: "${to}", Payload: `{"say":"${text}"}`}}))
	for _, c := range []struct{ to, problem string }{
		{"gw-1:fan", ""},
		{"gw-2:fan", "no child of gw-1"},
		{"gw-1", "no child of gw-1"},
		{"gw-1:", "no child of gw-1"},
		{"gw-1:a/../b", "no child of gw-1"},
		{"gw-1:+", "no child of gw-1"},
		{"gw-1:" + strings.Repeat("x", 300), "no child of gw-1"},
		{"", "no child of gw-1"},
	} {
		before := e.Counters().Rules["hot"]
		var commands []Output
		payload := fmt.Sprintf(`{"to":%q,"text":"\",\"x\":1"}`, c.to)
		for _, o := range e.Message(nil, "gh/gw-1:a/telemetry", []byte(payload), start) {
			if o.Kind == ToChild {
				commands = append(commands, o)
			}
		}
		got := e.Counters().Rules["hot"]
		if c.problem == "" {
			check(t, c.to, commands, `to gw-1:fan/commands {"say":"\",\"x\":1"}`)
		} else if len(commands) > 0 || got.Failed != before.Failed+1 || !strings.Contains(got.LastError, c.problem) {
			t.Errorf("to %q: %v, %+v", c.to, said(commands), got)
		}
	}
}

func TestCommandsAreLimited(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: all, Action: ActionCommand, Command: &Command{Payload: "blink"},
		RateLimit: &RateLimit{Messages: 1, Seconds: 60}}))
	commands, forwarded := 0, 0
	for i := range 60 {
		for _, o := range e.soil(1, after(time.Duration(i)*time.Second)) {
			if o.Kind == ToChild {
				commands++
			} else {
				forwarded++
			}
		}
	}
	if commands != 1 || forwarded != 60 {
		t.Errorf("%d commands, %d messages; want 1 and 60", commands, forwarded)
	}
}

// TestTooMuchWork has SQL that fails: the message goes its way.
func TestTooMuchWork(t *testing.T) {
	e := newEngine(t, config(Rule{SQL: "SELECT concat(" + strings.Repeat("s, ", 19) + "s) AS x FROM 'gh/+/telemetry'"}))
	payload := []byte(`{"s":"` + strings.Repeat("x", 100_000) + `"}`)
	out := e.Message(nil, "gh/gw-1:a/telemetry", payload, start)
	got := e.Counters()
	if len(out) != 1 || got.Rules["hot"].Failed != 1 || got.UnmatchedForwarded != 1 {
		t.Errorf("%d outputs, counters %+v", len(out), got)
	}
}
