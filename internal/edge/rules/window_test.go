package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

func windowed(late string, aggregates ...string) Config {
	return config(Rule{SQL: all, Window: &Window{Seconds: 60, Aggregates: aggregates, Late: late}})
}

func TestWindow(t *testing.T) {
	e := newEngine(t, windowed("", Aggregates...))
	for i, v := range []float64{20, 22.5, 21, 19.5} {
		check(t, "within the window", e.soil(v, after(time.Duration(i)*15*time.Second)))
	}
	if next, ok := e.Next(); !ok || next != after(time.Minute).Elapsed {
		t.Errorf("the next window ends at %v, %v", next, ok)
	}
	check(t, "a moment before its end", e.Tick(nil, after(time.Minute-1)))
	check(t, "at its end", e.Tick(nil, after(time.Minute)), fmt.Sprintf("gw-1:soil-1/telemetry "+
		`{"timestamp":%d,"data":{"t":{"average":20.75,"count":4,"last":19.5,"max":22.5,"min":19.5}}}`,
		millis(after(45*time.Second))))
	if _, ok := e.Next(); ok || e.Counters().Series != 1 {
		t.Errorf("after the window: another, or %d series; want the child", e.Counters().Series)
	}
	check(t, "a new window", e.soil(1, after(61*time.Second)))
	check(t, "the next message ends it as a tick does", e.soil(2, after(121*time.Second)), fmt.Sprintf(
		"gw-1:soil-1/telemetry "+`{"timestamp":%d,"data":{"t":{"average":1,"count":1,"last":1,"max":1,"min":1}}}`,
		millis(after(61*time.Second))))
	check(t, "closed early", e.Flush(nil, after(122*time.Second)), fmt.Sprintf("gw-1:soil-1/telemetry "+
		`{"timestamp":%d,"data":{"t":{"average":2,"count":1,"last":2,"max":2,"min":2}}}`, millis(after(121*time.Second))))
	want := RuleCounters{Matched: 6, Gathered: 6, Windows: 3, Forwarded: 3}
	if diff := cmp.Diff(want, e.Counters().Rules["hot"]); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// TestWindowKinds has measures of all kinds, below each other.
func TestWindowKinds(t *testing.T) {
	for _, c := range []struct {
		aggregates []string
		want       string
	}{
		{[]string{Average}, `{"wind":{"speed":4}}`},
		{[]string{Last}, `{"door":true,"mode":"auto","wind":{"speed":5}}`},
		{[]string{Count}, `{"door":{"count":2},"mode":{"count":1},"wind":{"speed":{"count":2}}}`},
		{[]string{Minimum, Last},
			`{"door":{"last":true},"mode":{"last":"auto"},"wind":{"speed":{"last":5,"min":3}}}`},
	} {
		e := newEngine(t, windowed("", c.aggregates...))
		for i, data := range []string{`{"wind":{"speed":3},"door":false,"mode":"auto"}`,
			`{"wind":{"speed":5},"door":true,"none":null}`} {
			at := after(time.Duration(i) * time.Second)
			e.Message(nil, "gh/gw-1:a/telemetry", fmt.Appendf(nil, `{"timestamp":%d,"data":%s}`, millis(at), data), at)
		}
		check(t, fmt.Sprint(c.aggregates), e.Tick(nil, after(time.Minute)),
			fmt.Sprintf(`gw-1:a/telemetry {"timestamp":%d,"data":%s}`, millis(after(time.Second)), c.want))
	}
	e := newEngine(t, windowed("", Maximum))
	e.Message(nil, "gh/gw-1:a/telemetry", []byte(`{"mode":"auto"}`), start)
	check(t, "a window without numbers", e.Tick(nil, after(time.Minute)))
	if c := e.Counters().Rules["hot"]; c.Empty != 1 || c.Windows != 1 {
		t.Errorf("counters %+v; want an empty window", c)
	}
}

func TestWindowWithOwnFields(t *testing.T) {
	c := windowed("", Average)
	c.DataField, c.TimeField = "values", "measured"
	e := newEngine(t, c)
	e.Message(nil, "gh/gw-1:a/telemetry", fmt.Appendf(nil, `{"measured":%d,"values":{"t":1}}`, millis(start)), start)
	check(t, "with the pipeline's names", e.Flush(nil, after(time.Second)),
		fmt.Sprintf(`gw-1:a/telemetry {"measured":%d,"values":{"t":1}}`, millis(start)))
}

func TestLateReadings(t *testing.T) {
	old := after(-61 * time.Second)
	for _, c := range []struct {
		late   string
		passed []string
		want   string
	}{
		{"", []string{fmt.Sprintf(`gw-1:a/telemetry {"timestamp":%d,"data":{"t":1}}`, millis(old))}, "5"},
		{LateDrop, nil, "5"},
		{LateInclude, nil, "3"},
	} {
		e := newEngine(t, windowed(c.late, Average))
		payload := fmt.Appendf(nil, `[{"timestamp":%d,"t":1},{"timestamp":%d,"t":5}]`, millis(old), millis(start))
		check(t, "late: "+c.late, e.Message(nil, "gh/gw-1:a/telemetry", payload, start), c.passed...)
		check(t, "late: "+c.late+": the window", e.Tick(nil, after(time.Minute)),
			fmt.Sprintf(`gw-1:a/telemetry {"timestamp":%d,"data":{"t":%s}}`, millis(start), c.want))
		if got := e.Counters().Rules["hot"].Late; (got == 1) != (c.late != LateInclude) {
			t.Errorf("late: %s: %d readings are counted", c.late, got)
		}
	}
}

// TestClockJumps sets the gateway's clock within a window: the window ends when it would have.
func TestClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		e := newEngine(t, windowed("", Count))
		send := func(at Time) []Output {
			return e.Message(nil, "gh/gw-1:a/telemetry", []byte(`{"t":1}`), at)
		}
		jumped := func(d time.Duration) Time {
			at := after(d)
			at.Wall = at.Wall.Add(jump)
			return at
		}
		if out := slices.Concat(send(start), send(jumped(30*time.Second)), e.Tick(nil, jumped(59*time.Second))); len(out) > 0 {
			t.Errorf("%v: %v left early", jump, said(out))
		}
		newest := max(millis(start), millis(jumped(30*time.Second)))
		check(t, jump.String(), e.Tick(nil, jumped(time.Minute)),
			fmt.Sprintf(`gw-1:a/telemetry {"timestamp":%d,"data":{"t":{"count":2}}}`, newest))
	}
}

func TestTimeThatCannotBeRight(t *testing.T) {
	e := newEngine(t, windowed("", Last))
	e.Message(nil, "gh/gw-1:a/telemetry", []byte(`{"timestamp":17,"t":1}`), start)
	check(t, "a child without a clock", e.Tick(nil, after(time.Minute)),
		fmt.Sprintf(`gw-1:a/telemetry {"timestamp":%d,"data":{"t":1}}`, millis(start)))
	if got := e.Counters().Rules["hot"].Implausible; got != 1 {
		t.Errorf("%d readings are counted; want 1", got)
	}
}

// TestWindowTakesAnyOrder sends the readings of many windows in any order within each, with ticks at any time and in
// messages of any size: the results are the same.
func TestWindowTakesAnyOrder(t *testing.T) {
	type reading struct {
		value float64
		at    time.Duration // its own time
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		readings := make([]reading, 1+random.IntN(40))
		for i := range readings {
			v := math.Ldexp(random.Float64()-0.5, random.IntN(80)-40) // sums of these depend on the order
			readings[i] = reading{v, time.Duration(i) * time.Millisecond}
		}
		var want string
		for round := range 10 {
			e := newEngine(t, windowed("", Aggregates...))
			var out []Output
			left := slices.Clone(readings)
			if round > 0 {
				random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
			}
			now := after(100 * time.Millisecond)
			for len(left) > 0 {
				n := 1 + random.IntN(len(left))
				payload := []byte{'['}
				for i, r := range left[:n] {
					if i > 0 {
						payload = append(payload, ',')
					}
					payload = fmt.Appendf(payload, `{"timestamp":%d,"t":%s}`, millis(after(r.at)),
						strconv.FormatFloat(r.value, 'g', -1, 64))
				}
				left = left[n:]
				out = e.Message(out, "gh/gw-1:a/telemetry", append(payload, ']'), now)
				for range random.IntN(3) {
					now.Elapsed += time.Duration(random.IntN(int(time.Second)))
					now.Wall = now.Wall.Add(time.Second)
					out = e.Tick(out, now)
				}
			}
			got := said(e.Tick(out, after(time.Hour)))
			if len(got) != 1 {
				t.Fatalf("%d messages left; want one: %v", len(got), got)
			}
			if want == "" {
				want = got[0]
			}
			if got[0] != want {
				t.Fatalf("in another order, the window is\n%s\nand was\n%s", got[0], want)
			}
		}
	}
}

func TestSumIsExact(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{
		{nil, 0},
		{[]float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 1},
		{[]float64{1e100, 1, -1e100}, 1},
		{[]float64{1, 1e-30, -1e-30}, 1},
		{[]float64{9007199254740992, 1, 1e-9}, 9007199254740994}, // half of the last digit, and a little
		{[]float64{9007199254740992, 1}, 9007199254740992},
	} {
		var s sum
		for _, x := range c.list {
			s.add(x)
		}
		if got := s.over(1); got != c.want {
			t.Errorf("the sum of %v is %v; want %v", c.list, got, c.want)
		}
	}
	e := newEngine(t, windowed("", Average, Maximum))
	for range 3 {
		e.soil(1.7e308, start)
	}
	check(t, "a sum beyond the doubles", e.Flush(nil, after(time.Second)), fmt.Sprintf(
		`gw-1:soil-1/telemetry {"timestamp":%d,"data":{"t":{"max":1.7e+308}}}`, millis(start)))
}

// TestResultsAreTelemetry reads results as the cloud does.
func TestResultsAreTelemetry(t *testing.T) {
	e := newEngine(t, windowed("", Average, Last))
	e.Message(nil, "gh/gw-1:a/telemetry",
		fmt.Appendf(nil, `{"timestamp":%d,"data":{"a":{"b":1,"c":"<x>"},"a.b.c":2}}`, millis(start)), start)
	out := e.Flush(nil, after(time.Second))
	decoder, err := telemetry.New(telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	readings, err := decoder.Decode(out[0].Payload, after(time.Hour).Wall)
	if err != nil || len(readings) != 1 || !readings[0].HasTime || !readings[0].Time.Equal(start.Wall) {
		t.Fatalf("%s: %+v, %v", out[0].Payload, readings, err)
	}
	got := map[string]string{}
	for _, m := range readings[0].Measures {
		got[m.Name] = m.Text
	}
	want := map[string]string{"a.b.average": "1", "a.b.last": "1", "a.c.last": "<x>", "a.b.c.average": "2", "a.b.c.last": "2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("measures (-want +got):\n%s", diff)
	}
}

// TestBoundedMemory sends more measures and children than there is room for: everything leaves.
func TestBoundedMemory(t *testing.T) {
	c := windowed("", Last)
	c.MaxSeries = 3
	e := newEngine(t, c)
	sent, got := map[string]bool{}, map[string]bool{}
	var out []Output
	for child := range 3 {
		data := map[string]int{}
		for m := range 3 {
			data[fmt.Sprintf("m%d", m)] = child
			sent[fmt.Sprintf("%d/m%d", child, m)] = true
		}
		text, err := json.Marshal(map[string]any{"timestamp": millis(start), "data": data})
		if err != nil {
			t.Fatal(err)
		}
		out = e.Message(out, fmt.Sprintf("gh/gw-1:%d/telemetry", child), text, start)
	}
	if n := e.Counters().Series; n != 3 {
		t.Errorf("%d series; want 3", n)
	}
	for _, o := range e.Tick(out, after(time.Minute)) {
		var payload struct{ Data map[string]int }
		if err := json.Unmarshal(o.Payload, &payload); err != nil {
			t.Fatal(err)
		}
		for m := range payload.Data {
			key := o.Child[len("gw-1:"):] + "/" + m
			if got[key] {
				t.Errorf("%s left twice", key)
			}
			got[key] = true
		}
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("measures that left (-sent +got):\n%s", diff)
	}
	if n := e.Counters().Rules["hot"].Overflowed; n != 3 { // one measure, two children
		t.Errorf("%d overflows are counted; want 3", n)
	}
	e.Tick(nil, after(100*time.Hour))
	if n := e.Counters().Series; n != 0 {
		t.Errorf("%d series after days of silence; want none", n)
	}
}
