package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
)

// record is a reading of soil-001 a number of seconds after the window's start.
func record(sequence, after int, data string) lambdatest.Record {
	return lambdatest.Record{Thing: "soil-001", Sequence: fmt.Sprint(sequence), Payload: fmt.Sprintf(
		`{"timestamp":%d,"data":%s}`, windowStart.Add(time.Duration(after)*time.Second).UnixMilli(), data)}
}

func seconds(n int) int64 { return windowStart.Add(time.Duration(n) * time.Second).UnixMilli() }

// inWindow names a series of soil-001 as results does.
func inWindow(measure string) string {
	return "soil-001 " + measure + " " + windowStart.Format(time.RFC3339)
}

func TestAWindowInThreeBatches(t *testing.T) {
	h, m := start(t, nil)
	state := invoke(t, h, windowEvent{records: []lambdatest.Record{record(1, 10, `{"temperature":21.5,"open":true}`)}})
	state = invoke(t, h, windowEvent{state: state, records: []lambdatest.Record{
		record(2, 5, `{"temperature":-3,"open":false}`), record(3, 20, `{"temperature":21.5,"note":"cold"}`),
	}})
	if len(m.items) > 0 {
		t.Errorf("the table has %d items before the window's end", len(m.items))
	}
	if state := invoke(t, h, windowEvent{state: state, final: true}); string(state) != "{}" {
		t.Errorf("state %s after the end", state)
	}
	want := map[string]result{
		inWindow("temperature"): {Count: 3, Sum: 40, Minimum: -3, Maximum: 21.5,
			FirstValue: -3, FirstAt: seconds(5), LastValue: 21.5, LastAt: seconds(20)},
		inWindow("open"): {Count: 2, Sum: 1, Minimum: 0, Maximum: 1,
			FirstValue: 0, FirstAt: seconds(5), LastValue: 1, LastAt: seconds(10)},
	}
	if diff := cmp.Diff(want, results(t, m)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	item := slices.Collect(maps.Values(m.items))[0]
	if end := item["window_end"].(*types.AttributeValueMemberS).Value; end !=
		windowStart.Add(time.Minute).Format(time.RFC3339) {
		t.Errorf("window_end %s", end)
	}
	if expires := item["expires_at"].(*types.AttributeValueMemberN).Value; expires !=
		fmt.Sprint(windowStart.Add(time.Minute+30*24*time.Hour).Unix()) {
		t.Errorf("expires_at %s", expires)
	}
}

func TestWhatIsNotCounted(t *testing.T) {
	h, m := start(t, nil)
	var out bytes.Buffer
	h.out = &out
	data := func(thing, payload string) lambdatest.Record {
		return lambdatest.Record{Thing: thing, Payload: payload}
	}
	invoke(t, h, windowEvent{final: true, records: []lambdatest.Record{
		data("soil-001", `{"v":1}`),
		data("soil-001", `not JSON`),
		data("soil 001", `{"v":1}`),
		data("soil-001", lambdatest.Status("soil-001", "online", windowStart)),
		data("soil-001", lambdatest.Presence("soil-001", "connected", `{"versionNumber":3}`)),
		data("soil-001", lambdatest.CommandResult("soil-001", "c", `{"status":"failed","v":9}`)),
		data("soil-001", `{"text":"1","nothing":null}`),
		data("soil-001", `{"large":1e101,"small":-1e-101,"largest":1e100}`),
		data("soil-001", `{"`+strings.Repeat("x", 300)+`":1}`),
		data("soil-001", fmt.Sprintf(`{"timestamp":%d,"data":{"v":2}}`, 86400_000)), // 1970: a device without a clock
		{Thing: "soil-001", Payload: `{"v":1}`, Sequence: "1"},                      // again
	}})
	var names []string
	for k, r := range results(t, m) {
		names = append(names, fmt.Sprintf("%s %d", strings.Fields(k)[1], r.Count))
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"largest 1", "v 2"}, names); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	counts := map[string]float64{}
	for line := range strings.Lines(out.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("line %s: %v", line, err)
		}
		if reason, ok := entry["Reason"].(string); ok {
			counts[reason] = entry["Skipped"].(float64)
			continue
		}
		for _, name := range []string{"Received", "Skipped", "SkippedValues", "Windows", "Series"} {
			counts[name] = entry[name].(float64)
		}
	}
	want := map[string]float64{"Received": 11, "Skipped": 3, "not_json": 1, "invalid_thing": 1, "repeated": 1,
		"SkippedValues": 3, "Windows": 1, "Series": 2}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("the function's own metrics (-want +got):\n%s", diff)
	}
}

func TestOnlyTheMeasuresOfTheConfiguration(t *testing.T) {
	h, m := start(t, map[string]string{contract.EnvMetricsMeasures: `["wind.speed","open"]`})
	invoke(t, h, windowEvent{final: true, records: []lambdatest.Record{
		record(1, 1, `{"wind":{"speed":3,"direction":120},"open":true,"temperature":21}`)}})
	got := slices.Sorted(maps.Keys(results(t, m)))
	if diff := cmp.Diff([]string{inWindow("open"), inWindow("wind.speed")}, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// A window that Lambda ends early, or opens again after it lost the state, has further items: a reader adds them up.
func TestAWindowThatIsOpenedAgain(t *testing.T) {
	h, m := start(t, nil)
	state := invoke(t, h, windowEvent{records: []lambdatest.Record{record(1, 1, `{"v":1}`)}})
	invoke(t, h, windowEvent{state: state, early: true, records: []lambdatest.Record{record(2, 2, `{"v":2}`)}})
	state = invoke(t, h, windowEvent{records: []lambdatest.Record{record(3, 3, `{"v":3}`)}})
	invoke(t, h, windowEvent{state: state, final: true})
	invoke(t, h, windowEvent{state: state, final: true}) // repeated
	want := map[string]result{inWindow("v"): {Count: 3, Sum: 6, Minimum: 1, Maximum: 3,
		FirstValue: 1, FirstAt: seconds(1), LastValue: 3, LastAt: seconds(3)}}
	if diff := cmp.Diff(want, results(t, m)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if len(m.items) != 2 {
		t.Errorf("%d items, want one per opening", len(m.items))
	}
}

func TestAnEmptyWindowWritesNothing(t *testing.T) {
	h, m := start(t, nil)
	invoke(t, h, windowEvent{final: true})
	if m.calls > 0 {
		t.Errorf("%d calls", m.calls)
	}
}

// A state that cannot be read costs what it held, never the shard: an error would be repeated forever.
func TestDamagedState(t *testing.T) {
	for _, damaged := range []string{
		`{"series":"?"}`, `{"series":"AAAA"}`, `{"series":"AQAB"}`, `{"spills":"x"}`,
		`{"spills":"x.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"}`, `{"opened":"1","last":"2","series":"AQEBdgJ4"}`,
	} {
		h, m := start(t, nil)
		var out bytes.Buffer
		h.out = &out
		invoke(t, h, windowEvent{state: json.RawMessage(damaged), final: true,
			records: []lambdatest.Record{record(9, 1, `{"v":1}`)}})
		if got := results(t, m)[inWindow("v")]; got.Count != 1 {
			t.Errorf("state %s: %+v", damaged, got)
		}
		if !strings.Contains(out.String(), `"StatesLost":1`) {
			t.Errorf("state %s: the loss is not counted", damaged)
		}
	}
}

// TestSpillsThatAreGone deletes a spill before the window's end.
func TestSpillsThatAreGone(t *testing.T) {
	h, m := start(t, nil)
	var out bytes.Buffer
	h.out, h.log, h.maxState = &out, lambdalog.New(&out, "INFO"), 0
	state := invoke(t, h, windowEvent{records: []lambdatest.Record{record(1, 1, `{"v":1}`)}})
	for k := range m.items {
		delete(m.items, k)
	}
	state = invoke(t, h, windowEvent{state: state, records: []lambdatest.Record{record(2, 2, `{"v":2}`)}})
	invoke(t, h, windowEvent{state: state, final: true})
	if got := results(t, m)[inWindow("v")]; got.Count != 1 || got.Sum != 2 {
		t.Errorf("%+v, want what is left", got)
	}
	if !strings.Contains(out.String(), `"SpillsLost":1`) || !strings.Contains(out.String(), "no longer in the table") {
		t.Errorf("the loss is not said: %s", out.String())
	}
}

// A device with thousands of measures takes several items, each within DynamoDB's 400 KB.
func TestManyMeasures(t *testing.T) {
	for _, limit := range []int{maxState, 0} {
		h, m := start(t, nil)
		h.maxState = limit
		var data strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&data, `,"%0200d":%d`, i, i)
		}
		state := invoke(t, h, windowEvent{records: []lambdatest.Record{record(1, 1, "{"+data.String()[1:]+"}")}})
		invoke(t, h, windowEvent{state: state, final: true})
		if got := results(t, m); len(got) != 5000 {
			t.Errorf("%d series", len(got))
		}
		for k, item := range m.items {
			if n := weigh(&types.AttributeValueMemberM{Value: item}); n > 400<<10 {
				t.Errorf("item %s has %d bytes", k, n)
			}
		}
	}
}

// weigh counts an item's bytes as DynamoDB's documentation describes it, numbers at their largest.
func weigh(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberM:
		n := 3
		for name, member := range v.Value {
			n += 1 + len(name) + weigh(member)
		}
		return n
	}
	return 21
}

// TestStateOfALargeFleet measures how much a state holds: devices that report four measures once per window.
func TestStateOfALargeFleet(t *testing.T) {
	h, m := start(t, nil)
	devices := 0
	var state json.RawMessage
	for batch := 0; len(m.items) == 0; batch++ {
		if batch > 100 {
			t.Fatal("nothing was spilled")
		}
		records := make([]lambdatest.Record, 1000)
		for i := range records {
			records[i] = lambdatest.Record{Thing: fmt.Sprintf("soil-%06d", devices), Sequence: fmt.Sprint(1 + devices),
				Payload: fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f,"moisture":%.3f,"battery":%.2f}`,
					20+float64(i%100)/10, 40+float64(i%50), 0.1+float64(i%9)/100, 3+float64(i%7)/10)}
			devices++
		}
		state = invoke(t, h, windowEvent{state: state, records: records})
	}
	if devices < 12_000 {
		t.Errorf("a state holds fewer than %d devices", devices)
	}
	t.Logf("a state holds %d devices with four measures", devices-1000)
	invoke(t, h, windowEvent{state: state, final: true})
	if got := len(results(t, m)); got != 4*devices {
		t.Errorf("%d series of %d devices", got, devices)
	}
}
