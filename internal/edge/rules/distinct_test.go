package rules

import (
	"encoding/json"
	"testing"
	"time"
)

// TestTimesAreDistinct: readings of one child within a millisecond, or while the clock stands still, get times of their
// own, in order. Those of two children may be the same, and a clock that was wrong by more is followed.
func TestTimesAreDistinct(t *testing.T) {
	e := newEngine(t, Config{Prefix: "gh", Gateway: "gw-1"})
	at := start
	stamp := func(child string) int64 {
		t.Helper()
		out := e.Message(nil, "gh/gw-1:"+child+"/telemetry", []byte(`{"data":{"t":1}}`), at)
		var m struct{ Timestamp int64 }
		if len(out) != 1 || json.Unmarshal(out[0].Payload, &m) != nil {
			t.Fatalf("%+v", out)
		}
		return m.Timestamp - millis(start)
	}
	for _, want := range []int64{0, 1, 2} {
		if got := stamp("a"); got != want {
			t.Errorf("time %d, want %d", got, want)
		}
	}
	if got := stamp("b"); got != 0 {
		t.Errorf("another child: time %d, want 0", got)
	}
	at.Wall = at.Wall.Add(2 * time.Millisecond)
	if got := stamp("a"); got != 3 {
		t.Errorf("time %d, want 3", got)
	}
	at.Wall = at.Wall.Add(-2 * time.Hour)
	if got, want := stamp("a"), int64(-7_200_000+2); got != want {
		t.Errorf("two hours back: time %d, want %d", got, want)
	}
}
