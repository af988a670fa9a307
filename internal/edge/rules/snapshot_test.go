package rules

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// busy is a configuration in which every kind of rule remembers something.
func busy() Config {
	c := config(Rule{SQL: "SELECT * FROM 'gh/+/telemetry' WHERE data.t > 30", Action: ActionAlert})
	c.Rules["mean"] = Rule{SQL: all, Window: &Window{Seconds: 60, Aggregates: Aggregates}}
	c.Rules["changes"] = Rule{SQL: all, Report: &Report{AtLeastEverySeconds: 45,
		DeadBand: map[string]DeadBand{"*": {Absolute: number(1)}}}}
	c.Rules["some"] = Rule{SQL: all, RateLimit: &RateLimit{Messages: 2, Seconds: 30}}
	return c
}

// restart continues in a new engine whose monotonic clock is at elapsed.
func restart(t *testing.T, e *Engine, c Config, at, again Time, clean bool) (*Engine, []Output) {
	t.Helper()
	data, err := e.Snapshot(at, clean)
	if err != nil {
		t.Fatal(err)
	}
	next := newEngine(t, c)
	out, err := next.Restore(nil, data, again)
	if err != nil {
		t.Fatal(err)
	}
	return next, out
}

// TestRestartsChangeNothing runs an engine without interruption and one that restarts after each message.
func TestRestartsChangeNothing(t *testing.T) {
	straight, broken := newEngine(t, busy()), newEngine(t, busy())
	offset := time.Duration(0) // of the monotonic clock since the last restart
	for i := range 120 {
		at := after(time.Duration(i) * 2 * time.Second)
		child := fmt.Sprintf("gh/gw-1:%d/telemetry", i%3)
		payload := fmt.Appendf(nil, `{"timestamp":%d,"data":{"t":%d,"mode":"m%d"}}`, millis(at), 20+i%23, i/50)
		moved := Time{Wall: at.Wall, Elapsed: at.Elapsed - offset}
		want, got := said(straight.Message(nil, child, payload, at)), said(broken.Message(nil, child, payload, moved))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("message %d (-straight +broken):\n%s", i, diff)
		}
		offset = at.Elapsed - time.Duration(i)
		again := Time{Wall: at.Wall, Elapsed: at.Elapsed - offset}
		next, out := restart(t, broken, busy(), moved, again, true)
		if len(out) > 0 {
			t.Fatalf("the restart after message %d sends %v", i, said(out))
		}
		broken = next
	}
	if diff := cmp.Diff(straight.Counters(), broken.Counters()); diff != "" {
		t.Errorf("counters (-straight +broken):\n%s", diff)
	}
}

func TestDowntime(t *testing.T) {
	for _, c := range []struct {
		down time.Duration
		left time.Duration // of the window
	}{{0, 40 * time.Second}, {15 * time.Second, 25 * time.Second}, {time.Hour, 0}, {-time.Hour, 40 * time.Second}} {
		e := newEngine(t, windowed("", Count))
		e.soil(1, start)
		again := Time{Wall: after(20*time.Second + c.down).Wall, Elapsed: 5 * time.Second}
		e, _ = restart(t, e, windowed("", Count), after(20*time.Second), again, false)
		if next, ok := e.Next(); !ok || next != again.Elapsed+c.left {
			t.Errorf("after %v, the window ends at %v, %v; want in %v", c.down, next-again.Elapsed, ok, c.left)
		}
		again.Elapsed += c.left
		check(t, c.down.String(), e.Tick(nil, again),
			fmt.Sprintf(`gw-1:soil-1/telemetry {"timestamp":%d,"data":{"t":{"count":1}}}`, millis(start)))
		if got := e.Counters().Rules["hot"]; got.Interrupted != 1 || got.Windows != 1 {
			t.Errorf("after %v: counters %+v", c.down, got)
		}
	}
}

// TestChangedRules restores windows whose rule has changed, or is gone.
func TestChangedRules(t *testing.T) {
	for _, next := range []Config{
		windowed("", Average), // another aggregate
		{Prefix: "gh", Gateway: "gw-1"},
		config(Rule{SQL: all}),
	} {
		e := newEngine(t, windowed("", Count))
		e.soil(1, start)
		e, out := restart(t, e, next, after(time.Second), after(2*time.Second), true)
		check(t, "the old window", out,
			fmt.Sprintf(`gw-1:soil-1/telemetry {"timestamp":%d,"data":{"t":{"count":1}}}`, millis(start)))
		if c := e.Counters(); c.Messages != 1 || c.Series != 0 {
			t.Errorf("counters %+v", c)
		}
	}
}

// TestRestoreIntoLessRoom restores more than there is room for.
func TestRestoreIntoLessRoom(t *testing.T) {
	e := newEngine(t, windowed("", Count))
	for i := range 10 {
		e.Message(nil, fmt.Sprintf("gh/gw-1:%d/telemetry", i), []byte(`{"a":1}`), start)
	}
	small := windowed("", Count)
	small.MaxSeries = 4
	e, out := restart(t, e, small, after(time.Second), after(time.Second), true)
	if out = e.Tick(out, after(time.Hour)); len(out) != 10 {
		t.Errorf("%d windows were forwarded; want 10: %v", len(out), said(out))
	}
}

func TestBadSnapshots(t *testing.T) {
	for _, data := range []string{"", "{", "[]", "{}", `{"version":2}`, `{"version":1,"rules":{"hot":{"series":3}}}`} {
		e := newEngine(t, busy())
		if out, err := e.Restore(nil, []byte(data), start); !errors.Is(err, ErrSnapshot) || len(out) > 0 {
			t.Errorf("%q: %v, %v", data, out, err)
		}
	}
}
