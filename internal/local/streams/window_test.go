package streams

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// past is the start of a window of a minute that has ended long ago.
var past = time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)

// inPast is a record that arrived some seconds after past.
func inPast(after int, data string) Record {
	return Record{PartitionKey: "k", Data: []byte(data), Arrived: past.Add(time.Duration(after) * time.Second)}
}

// counter is a function that keeps in its state what it has seen of the window, and notes its invocations. refuse
// decides about an invocation before it counts.
type counter struct {
	t      *testing.T
	refuse func(call int, e events.KinesisTimeWindowEvent) ([]byte, error)
	calls  int
	log    chan string
}

func (c *counter) invoke(payload []byte) ([]byte, error) {
	var e events.KinesisTimeWindowEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		c.t.Errorf("%s: %v", payload, err)
	}
	seen := e.State["seen"]
	for _, r := range e.Records {
		seen += string(r.Kinesis.Data)
	}
	c.calls++
	if c.refuse != nil {
		if answer, err := c.refuse(c.calls, e); answer != nil || err != nil {
			c.log <- "failed"
			return answer, err
		}
	}
	what := fmt.Sprintf("%.0f-%.0f %s", e.Window.Start.Sub(past).Seconds(), e.Window.End.Sub(past).Seconds(), seen)
	if e.IsFinalInvokeForWindow {
		what += " final"
	}
	if e.IsWindowTerminatedEarly {
		what += " early"
	}
	c.log <- what
	return json.Marshal(map[string]any{"state": map[string]string{"seen": seen}, "batchItemFailures": []string{}})
}

// windows starts a poller of a mapping with windows of a minute.
func windows(t *testing.T, m Mapping, c *counter, records ...Record) *fixture {
	t.Helper()
	c.t, c.log = t, make(chan string, 100)
	m.TumblingWindow = time.Minute
	if m.BatchSize == 0 {
		m.BatchSize = 10
	}
	return startWith(t, m, func(payload []byte) ([]byte, error) { return c.invoke(payload) }, records...)
}

// expect waits for invocations.
func (c *counter) expect(want ...string) {
	c.t.Helper()
	deadline := time.After(10 * time.Second)
	var got []string
	for range want {
		select {
		case one := <-c.log:
			got = append(got, one)
		case <-deadline:
			c.t.Fatalf("invocations %q, want %q", got, want)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Fatalf("invocations (-want +got):\n%s", diff)
	}
}

func TestWindows(t *testing.T) {
	c := &counter{}
	r := windows(t, Mapping{BatchSize: 2}, c, inPast(0, "a"), inPast(10, "b"), inPast(59, "c"), inPast(60, "d"),
		inPast(59, "e"), inPast(200, "f"))
	c.expect("0-60 ab", "0-60 abc", "0-60 abc final", "60-120 de", "60-120 de final", "180-240 f", "180-240 f final")
	r.stream.put("shard-0", inPast(300, "g"))
	c.expect("300-360 g", "300-360 g final")
}

// A window that has not ended stays open, and is played again by the poller that continues.
func TestAnOpenWindow(t *testing.T) {
	c := &counter{}
	now := time.Now().UTC()
	open := Record{PartitionKey: "k", Data: []byte("b"), Arrived: now.Add(time.Hour)} // so that it does not end
	r := windows(t, Mapping{}, c, inPast(0, "a"), open)
	c.expect("0-60 a", "0-60 a final")
	r.drain(t)
	<-c.log
	r.Stop()
	if len(c.log) > 0 {
		t.Errorf("the open window was ended: %s", <-c.log)
	}
	want := Position{Kind: "AFTER_SEQUENCE_NUMBER", After: "s0"}
	if diff := cmp.Diff(map[string]Position{"shard-0": want}, r.Positions()); diff != "" {
		t.Errorf("the next poller starts (-want +got):\n%s", diff)
	}
}

func TestTheEndOfAShardEndsItsWindow(t *testing.T) {
	c := &counter{}
	r := windows(t, Mapping{Window: time.Hour}, c)
	r.drain(t)
	r.stream.put("shard-0", inPast(0, "a"))
	r.stream.mu.Lock()
	r.stream.closed["shard-0"] = true // a reader that finds the shard closed and empty is done with it
	r.stream.mu.Unlock()
	c.expect("0-60 a", "0-60 a final")
}

func TestFailuresInAWindow(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		why    string
		m      Mapping
		refuse func(int, events.KinesisTimeWindowEvent) ([]byte, error)
		want   []string
	}{
		{"a batch fails", Mapping{MaxRetries: -1},
			func(call int, _ events.KinesisTimeWindowEvent) ([]byte, error) {
				if call == 1 {
					return nil, broken
				}
				return nil, nil
			},
			[]string{"failed", "0-60 ab", "0-60 ab final"}},
		{"an answer has no state", Mapping{MaxRetries: -1},
			func(call int, _ events.KinesisTimeWindowEvent) ([]byte, error) {
				if call == 1 {
					return []byte(`{"batchItemFailures":[]}`), nil
				}
				return nil, nil
			},
			[]string{"failed", "0-60 ab", "0-60 ab final"}},
		{"the end fails", Mapping{MaxRetries: -1},
			func(call int, e events.KinesisTimeWindowEvent) ([]byte, error) {
				if e.IsFinalInvokeForWindow && call < 4 {
					return nil, broken
				}
				return nil, nil
			},
			[]string{"0-60 ab", "failed", "failed", "0-60 ab final"}},
		{"the end always fails", Mapping{MaxRetries: 1},
			func(_ int, e events.KinesisTimeWindowEvent) ([]byte, error) {
				if e.IsFinalInvokeForWindow && e.State["seen"] == "ab" {
					return nil, broken
				}
				return nil, nil
			},
			[]string{"0-60 ab", "failed", "failed", "60-120 c", "60-120 c final"}},
		{"a half fails", Mapping{MaxRetries: 3, Bisect: true},
			func(_ int, e events.KinesisTimeWindowEvent) ([]byte, error) {
				if len(e.Records) > 1 {
					return nil, broken
				}
				return nil, nil
			},
			[]string{"failed", "0-60 a", "0-60 ab", "0-60 ab final"}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			c := &counter{refuse: tc.refuse}
			windows(t, tc.m, c, inPast(0, "a"), inPast(1, "b"), inPast(100, "c"))
			c.expect(tc.want...)
		})
	}
}

func TestAStateThatIsTooLarge(t *testing.T) {
	c := &counter{}
	windows(t, Mapping{BatchSize: 1}, c, inPast(0, strings.Repeat("a", maxState)), inPast(1, "b"))
	large := "0-60 " + strings.Repeat("a", maxState)
	c.expect(large, large+" early", "0-60 b", "0-60 b final")
}
