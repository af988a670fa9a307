package rules

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// recount is what e.used should be.
func (e *Engine) recount() (n int) {
	for _, r := range e.rules {
		for _, s := range r.series {
			n += s.size()
		}
	}
	return n
}

func (e *Engine) sound(t *testing.T) {
	t.Helper()
	sum := 0
	for child, n := range e.shares {
		if sum += n; n <= 0 {
			t.Errorf("%s has %d series", child, n)
		}
	}
	if n := e.recount(); e.used != n || sum != n {
		t.Errorf("%d series are counted, %d of children; there are %d", e.used, sum, n)
	}
}

// remembering are rules that remember measures, each in its own way.
func remembering() map[string]Config {
	return map[string]Config{
		"windows":    windowed("", Last, Count),
		"dead bands": config(Rule{SQL: all, Report: &Report{DeadBand: map[string]DeadBand{"*": {Absolute: number(0)}}}}),
	}
}

// TestLongTextsAreBounded: a child with long texts, or long names, fills the memory no more than others.
func TestLongTextsAreBounded(t *testing.T) {
	for what, c := range remembering() {
		c.MaxSeries = 4000
		e := newEngine(t, c)
		for i := range 500 {
			long := strings.Repeat("x", 60_000)
			for _, payload := range []string{
				fmt.Sprintf(`{"timestamp":%d,"data":{"m%d":%q}}`, millis(start), i, long),
				fmt.Sprintf(`{"timestamp":%d,"data":{"%s%d":1}}`, millis(start), long, i),
				fmt.Sprintf(`{"timestamp":%d,"data":{"same":%q}}`, millis(start), long[:60*(i+1)]),
			} {
				e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(payload), start)
			}
			e.sound(t)
		}
		data, err := e.Snapshot(start, true)
		if err != nil {
			t.Fatal(err)
		}
		if limit := 1000*2*seriesBytes + 4096; len(data) > limit {
			t.Errorf("%s: the state has %d bytes; want at most %d", what, len(data), limit)
		}
		if e.Counters().Rules["hot"].Overflowed == 0 {
			t.Errorf("%s: it is not counted", what)
		}
		e.Tick(nil, after(100*time.Hour))
		e.sound(t)
		if e.used > 0 {
			t.Errorf("%s: %d series are left", what, e.used)
		}
	}
}

// TestOneChildLeavesRoom: one with more measures than there is room for does not take it from the others.
func TestOneChildLeavesRoom(t *testing.T) {
	for what, c := range remembering() {
		e := newEngine(t, c)
		for i := range 2 * DefaultMaxSeries / 100 {
			data := map[string]int{}
			for m := range 100 {
				data[fmt.Sprint(i, "-", m)] = m
			}
			text, err := json.Marshal(map[string]any{"timestamp": millis(start), "data": data})
			if err != nil {
				t.Fatal(err)
			}
			e.Message(nil, "gh/gw-1:hostile/telemetry", text, start)
		}
		if n := e.used; n != DefaultMaxSeries/4 {
			t.Errorf("%s: one child has %d series; want %d", what, n, DefaultMaxSeries/4)
		}
		before := e.Counters().Rules["hot"].Overflowed
		e.soil(1, start)
		if n := e.Counters().Rules["hot"].Overflowed; n != before {
			t.Errorf("%s: there is no room for another child", what)
		}
		e.sound(t)
	}
}

// TestDeepNames: a name can have thousands of dots; a result is telemetry that the cloud reads, and has all measures.
func TestDeepNames(t *testing.T) {
	c := windowed("", Last)
	e := newEngine(t, c)
	name := strings.Repeat("a.", 50_000) + "b"
	payload := fmt.Sprintf(`{"timestamp":%d,"data":{%q:1,"c.d":2}}`, millis(start), name)
	e.Message(nil, "gh/gw-1:soil-1/telemetry", []byte(payload), start)
	out := e.Tick(nil, after(time.Hour))
	got := map[string]string{}
	for _, o := range out {
		readings, err := e.decoder.Decode(o.Payload, start.Wall)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range readings[0].Measures {
			got[m.Name] = m.Text
		}
	}
	if len(got) != 2 || got[name] != "1" || got["c.d"] != "2" {
		t.Errorf("%d measures came back", len(got))
	}
}

// TestLargeResults: a window of many measures leaves as several messages; a result that is too large for one is counted,
// with the reason, and does not come back as a failure of the child's message.
func TestLargeResults(t *testing.T) {
	e := newEngine(t, windowed("", Aggregates...))
	for i := range 10 {
		data := map[string]int{}
		for m := range 300 {
			data[fmt.Sprintf("measure-%d-%d", i, m)] = m
		}
		text, err := json.Marshal(map[string]any{"timestamp": millis(start), "data": data})
		if err != nil {
			t.Fatal(err)
		}
		e.Message(nil, "gh/gw-1:soil-1/telemetry", text, start)
	}
	names := map[string]bool{}
	out := e.Tick(nil, after(time.Hour))
	for _, o := range out {
		if len(o.Payload) > maxPayload {
			t.Errorf("a message has %d bytes", len(o.Payload))
		}
		var m struct{ Data map[string]any }
		if err := json.Unmarshal(o.Payload, &m); err != nil {
			t.Fatal(err)
		}
		for name := range m.Data {
			names[name] = true
		}
	}
	if len(names) != 3000 || len(out) < 2 {
		t.Errorf("%d measures left in %d messages", len(names), len(out))
	}
	e = newEngine(t, config(Rule{SQL: "SELECT data AS data, data AS again, data AS third FROM 'gh/+/telemetry'"}))
	payload := fmt.Appendf(nil, `{"timestamp":%d,"data":{"t":%q}}`, millis(start), strings.Repeat("x", 50_000))
	check(t, "too large", e.Message(nil, "gh/gw-1:soil-1/telemetry", payload, start))
	if got := e.Counters().Rules["hot"]; got.Failed != 1 || !strings.Contains(got.LastError, "select less") {
		t.Errorf("counters %+v", got)
	}
	e = newEngine(t, Config{Prefix: "gh", Gateway: "gw-1"})
	payload = fmt.Appendf(nil, `{"data":{"t":%q}}`, strings.Repeat("x", maxPayload-20))
	out = e.Message(nil, "gh/gw-1:soil-1/telemetry", payload, start)
	if len(out) != 1 || len(out[0].Payload) > maxPayload || e.Counters().Unstamped != 1 {
		t.Errorf("%d messages, counters %+v", len(out), e.Counters())
	}
}

// TestGarbageIsLimited: what is not telemetry does not get around the rate limit.
func TestGarbageIsLimited(t *testing.T) {
	c := remembering()["dead bands"]
	rule := c.Rules["hot"]
	rule.SQL = "SELECT VALUE data FROM 'gh/+/telemetry'"
	rule.RateLimit = &RateLimit{Messages: 2, Seconds: 60}
	c.Rules["hot"] = rule
	e := newEngine(t, c)
	var out []Output
	for range 10 {
		out = e.Message(out, "gh/gw-1:soil-1/telemetry", []byte(`{"data":3}`), start)
	}
	if got := e.Counters().Rules["hot"]; len(out) != 2 || got.Limited != 8 || got.Unreadable != 10 {
		t.Errorf("%d messages, counters %+v", len(out), got)
	}
}

// TestAlertsOfChangedRules: an alert that is raised when its rule changes ends by the new rule, and one whose rule goes
// ends at once: the cloud would show it forever.
func TestAlertsOfChangedRules(t *testing.T) {
	rule := Rule{SQL: all + " WHERE data.t > 30", Action: ActionAlert, Command: &Command{Payload: "on", ClearedPayload: "off"}}
	hot := func() *Engine {
		e := newEngine(t, config(rule))
		e.soil(31, start)
		e.Message(nil, "gh/gw-1:cold/telemetry", []byte(`{"data":{"t":1}}`), start)
		return e
	}
	other := rule
	other.SQL = all + " WHERE data.t > 40"
	e, out := restart(t, hot(), config(other), start, start, true)
	check(t, "another limit", out)
	check(t, "the next message", e.soil(32, start),
		fmt.Sprintf(`high gw-1:soil-1/telemetry {"timestamp":%d,"data":{"alerts":{"hot":"cleared"},"t":32}}`, millis(start)),
		"high to gw-1:soil-1/commands off", fmt.Sprintf(`gw-1:soil-1/telemetry {"timestamp":%d,"data":{"t":32}}`, millis(start)))
	for _, next := range []Config{{Prefix: "gh", Gateway: "gw-1"}, config(Rule{SQL: all})} {
		_, out = restart(t, hot(), next, start, start, true)
		check(t, "no such alert", out,
			fmt.Sprintf(`high gw-1:soil-1/telemetry {"timestamp":%d,"data":{"alerts":{"hot":"cleared"}}}`, millis(start)))
	}
}

// TestTimesAreDistinctAcrossChanges: other rules, and a restart, know which times are in use.
func TestTimesAreDistinctAcrossChanges(t *testing.T) {
	c := Config{Prefix: "gh", Gateway: "gw-1"}
	e := newEngine(t, c)
	times := map[string]bool{}
	for range 3 {
		for range 3 {
			out := e.Message(nil, "gh/gw-1:a/telemetry", []byte(`{"data":{"t":1}}`), start)
			times[string(out[0].Payload)] = true
		}
		e, _ = restart(t, e, c, start, start, true)
	}
	if len(times) != 9 {
		t.Errorf("9 messages have %d times", len(times))
	}
}

// everything is a configuration in which all that there is happens.
func everything() Config {
	c := busy()
	c.MaxSeries = 40
	c.Rules["commands"] = Rule{SQL: "SELECT * FROM 'gh/#' WHERE data.t < 0", Action: ActionCommand,
		Command: &Command{Child: "${clientid()}:${data.to}", Payload: `{"t":"${data.t}","from":"${thing}"}`}}
	c.Rules["none"] = Rule{SQL: "SELECT * FROM 'gh/+/status' WHERE drop = true", Action: ActionDrop}
	c.Rules["short"] = Rule{SQL: all, Window: &Window{Seconds: 1, Aggregates: []string{Last}, Late: LateDrop},
		Report: &Report{DeadBand: map[string]DeadBand{"t": {Percent: number(10)}}}, RateLimit: &RateLimit{Messages: 1, Seconds: 5}}
	return c
}

// FuzzEngine sends any payloads of two children, with clocks that jump, settings that change and restarts in between.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, []byte(`{"data":{"t":31.5,"mode":"a"}}`), []byte(`{"data":{"t":-1,"to":"b"}}`))
	f.Add([]byte{9, 200, 4, 7, 250}, []byte(`[{"ts":1790000000,"t":1},{"ts":1790000001,"t":2}]`), []byte(`{"t":1e308}`))
	f.Add([]byte{255, 254, 253, 60}, []byte(`{"a.b.c":1,"timestamp":3}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, steps, one, two []byte) {
		if len(one) > maxPayload || len(two) > maxPayload || len(steps) > 64 {
			return
		}
		e, at := newEngine(t, everything()), start
		for i, step := range steps {
			payload := one
			if step&1 > 0 {
				payload = two
			}
			name := []string{"gh/gw-1:a/telemetry", "gh/gw-1:b/telemetry", "gh/gw-1:a/status", "gh"}[step>>1&3]
			out := e.Message(nil, name, payload, at)
			switch step >> 3 & 3 {
			case 1:
				at.Elapsed += time.Duration(step) * 100 * time.Millisecond
				at.Wall = at.Wall.Add(time.Duration(step) * 100 * time.Millisecond)
			case 2:
				at.Elapsed += time.Second
				at.Wall = at.Wall.Add((time.Duration(step) - 128) * time.Minute)
			case 3:
				c := everything()
				if step&64 > 0 {
					delete(c.Rules, []string{"hot", "mean", "short"}[i%3])
				}
				again := Time{Wall: at.Wall, Elapsed: time.Duration(step)}
				var left []Output
				e, left = restart(t, e, c, at, again, step&32 > 0)
				out, at = append(out, left...), again
			}
			e.sound(t)
			if e.used > 2*40+2*sizeOf(string(one), "")+2*sizeOf(string(two), "") {
				t.Fatalf("%d series", e.used)
			}
			for _, o := range e.Tick(out, at) {
				if len(o.Payload) > maxPayload || !strings.HasPrefix(o.Topic, "gh") {
					t.Fatalf("%+v", o)
				}
				if o.Kind == ToChild && (!strings.HasPrefix(o.Child, "gw-1:") || strings.ContainsAny(o.Child, "/+#")) {
					t.Fatalf("a command for %q", o.Child)
				}
			}
		}
	})
}

// FuzzRestore takes up any state, as of a damaged disk, and goes on.
func FuzzRestore(f *testing.F) {
	e := newEngine(f, everything())
	for i := range 5 {
		e.Message(nil, "gh/gw-1:a/telemetry", fmt.Appendf(nil, `{"data":{"t":%d,"mode":"m%d"}}`, 29+i, i), start)
	}
	data, err := e.Snapshot(start, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, uint64(0))
	f.Add([]byte(strings.ReplaceAll(string(data), `"seen":0`, `"seen":-9223372036854775808,"window":{"measures":{"t":{}}}`)), uint64(1))
	f.Add([]byte(strings.ReplaceAll(string(data), `"tokens":`, `"tokens":-1e308,"x":`)), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, data []byte, when uint64) {
		at := start
		at.Wall = at.Wall.Add(time.Duration(when % (1 << 60)))
		e := newEngine(t, everything())
		out, err := e.Restore(nil, data, at)
		if err != nil && (len(out) > 0 || e.used > 0) {
			t.Fatalf("after %v: %+v", err, out)
		}
		e.sound(t)
		for i := range 3 {
			at.Elapsed += time.Duration(i) * 30 * time.Hour
			at.Wall = at.Wall.Add(time.Duration(i) * 30 * time.Hour)
			out = e.Message(out[:0], "gh/gw-1:a/telemetry", []byte(`{"data":{"t":31,"mode":"x"}}`), at)
			if e.sound(t); t.Failed() {
				t.Fatalf("%s", data)
			}
		}
		if !slices.ContainsFunc(out, func(o Output) bool { return o.Rule == "changes" }) {
			t.Fatalf("the state %s holds back what is to be reported: %v", data, said(out))
		}
		if _, err := e.Snapshot(at, true); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFullMemory: as much as there may be fits into a small gateway, also while it is written and read again.
func TestFullMemory(t *testing.T) {
	c := windowed("", Aggregates...)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	e := newEngine(t, c)
	for i := 0; e.Counters().Rules["hot"].Overflowed == 0; i++ {
		payload := fmt.Appendf(nil, `{"timestamp":%d,"data":{"m1":1.5,"m2":2,"m3":3,"m4":4,"m5":5,"m6":6,"m7":7}}`, millis(start))
		for range 3 {
			e.Message(nil, fmt.Sprintf("gh/gw-1:child-%d/telemetry", i), payload, start)
		}
	}
	const most = 16 << 20
	if used := heap() - before; e.used != DefaultMaxSeries || used > most {
		t.Errorf("%d series take %d bytes; want at most %d", e.used, used, most)
	}
	data, err := e.Snapshot(start, true)
	if err != nil || len(data) > most/2 {
		t.Errorf("the state has %d bytes, %v; want at most %d", len(data), err, most/2)
	}
	next := newEngine(t, c)
	if _, err := next.Restore(nil, data, start); err != nil {
		t.Fatal(err)
	}
	again, err := next.Snapshot(start, true)
	if err != nil || string(again) != string(data) {
		t.Errorf("the state of %d bytes becomes one of %d, %v", len(data), len(again), err)
	}
	runtime.KeepAlive(e)
}
