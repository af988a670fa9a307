package processor

import (
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// oncePerMinute makes a processor write the states of devices once a minute.
var oncePerMinute = map[string]string{contract.EnvStateRefreshSeconds: "60"}

// clocked makes a processor whose clock is that of the events.
func clocked(t *testing.T, more map[string]string) (pipeline, func(time.Duration)) {
	t.Helper()
	p := motoPipeline(t, more)
	now := lambdatest.Start
	p.now = func() time.Time { return now }
	return p, func(after time.Duration) { now = lambdatest.Start.Add(after) }
}

func says(after time.Duration, payload string) lambdatest.Record {
	return lambdatest.Record{Thing: "soil-001", After: after, Payload: payload}
}

// What is written at once, and what is held until the minute is over. The first message, {"v":1}, is always written.
func TestWhatIsWrittenAtOnce(t *testing.T) {
	const first = `latest=v=1`
	farewell := lambdatest.Record{Thing: "soil-001", After: second,
		Payload: lambdatest.Status("soil-001", "offline", lambdatest.Start.Add(second))}
	for _, c := range []struct {
		why  string
		next []lambdatest.Record
		want string // of the row
	}{
		{"another number is held", []lambdatest.Record{says(second, `{"v":2}`)}, first + " seen=0s online"},
		{"so is a message without measures", []lambdatest.Record{says(second, `{}`)}, first + " seen=0s online"},
		{"after a minute it is written", []lambdatest.Record{says(time.Minute, `{"v":2}`)}, "latest=v=2 seen=1m0s online"},
		{"another measure is written", []lambdatest.Record{says(second, `{"v":1,"w":1}`)}, "latest=v=1 w=1 seen=1s online"},
		{"a measure less is written", []lambdatest.Record{says(second, `{"w":1}`)}, "latest=w=1 seen=1s online"},
		{"a number that becomes a text is written", []lambdatest.Record{says(second, `{"v":"x"}`)},
			`latest=v="x" seen=1s online`},
		{"a flag is written when it changes", []lambdatest.Record{says(second, `{"v":1,"open":true}`),
			says(2*second, `{"v":2,"open":true}`), says(3*second, `{"v":3,"open":false}`)},
			"latest=open=false v=3 seen=3s online"},
		{"a text is written when it changes", []lambdatest.Record{says(second, `{"v":1,"mode":"a"}`),
			says(2*second, `{"v":2,"mode":"a"}`)}, `latest=mode="a" v=1 seen=1s online`},
		{"a farewell is written", []lambdatest.Record{farewell}, first + " seen=1s offline"},
		{"and what the device says after it", []lambdatest.Record{farewell, says(2*second, `{"v":3}`)},
			"latest=v=3 seen=2s online"},
		{"the end of a connection is written, with what is held", []lambdatest.Record{says(second, `{"v":2}`),
			presenceRecord(gone, "a", 1, 2*second)}, "latest=v=2 seen=1s offline"},
		{"and the next message", []lambdatest.Record{presenceRecord(gone, "a", 1, second), says(2*second, `{"v":3}`)},
			"latest=v=3 seen=2s online"},
		{"an older message changes nothing", []lambdatest.Record{says(-second, `{"v":0,"w":0}`)}, first + " seen=0s online"},
		{"a large reading is never held", []lambdatest.Record{says(second, manyNumbers(1)), says(2*second, manyNumbers(2))},
			"latest=m0=2 "},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			p, at := clocked(t, oncePerMinute)
			for _, r := range append([]lambdatest.Record{says(0, `{"v":1}`)}, c.next...) {
				at(max(0, r.After))
				if failed := invoke(t, p.processor, lambdatest.Event(r), quick); failed != "" {
					t.Fatalf("failed from %s", failed)
				}
			}
			if got := p.row(t); !strings.HasPrefix(got, c.want) {
				t.Errorf("the row is %q, want %q", got, c.want)
			}
		})
	}
}

// manyNumbers is a reading of more bytes than are held.
func manyNumbers(v int) string {
	var parts []string
	for i := range 250 {
		parts = append(parts, fmt.Sprintf(`"m%d%s":%d`, i, strings.Repeat("x", min(i, 1)*200), v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// row is what a test looks at.
func (p pipeline) row(t *testing.T) string {
	t.Helper()
	item := device(t, p.table, "soil-001")
	var seen int64
	if _, err := fmt.Sscan(item["last_seen"], &seen); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("latest=%s seen=%s %s", item["latest"],
		time.Duration(seen-lambdatest.Start.UnixMilli())*time.Millisecond, strings.Trim(item["status"], `"`))
}

// The last value of a burst is stored: by the next batch after the minute, whatever it is about, and when Lambda ends
// the instance. Another instance writes at once, and what is older never replaces it.
func TestTheLastValueOfABurstIsStored(t *testing.T) {
	burst := func(t *testing.T, p pipeline, at func(time.Duration)) {
		for i := range 5 {
			after := time.Duration(i) * second
			at(after)
			invoke(t, p.processor, lambdatest.Event(says(after, fmt.Sprintf(`{"v":%d}`, i))), quick)
		}
		if got := p.row(t); got != "latest=v=0 seen=0s online" {
			t.Fatalf("after the burst the row is %q", got)
		}
	}
	other := lambdatest.Event(lambdatest.Record{Thing: "soil-002", Payload: `{"v":1}`})
	const last = "latest=v=4 seen=4s online"
	t.Run("by the next batch", func(t *testing.T) {
		p, at := clocked(t, oncePerMinute)
		burst(t, p, at)
		at(59 * second)
		invoke(t, p.processor, other, quick)
		if got := p.row(t); got == last {
			t.Error("it is written before the minute is over")
		}
		at(60 * second)
		invoke(t, p.processor, lambdatest.Event(), quick)
		if got := p.row(t); got != last {
			t.Errorf("the row is %q", got)
		}
	})
	t.Run("when the instance ends", func(t *testing.T) {
		p, at := clocked(t, oncePerMinute)
		burst(t, p, at)
		p.stop()
		if got := p.row(t); got != last {
			t.Errorf("the row is %q", got)
		}
	})
	t.Run("when another instance knows better", func(t *testing.T) {
		p, at := clocked(t, oncePerMinute)
		burst(t, p, at)
		second, err := newProcessor(p.getenv, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		invoke(t, second, lambdatest.Event(says(30*time.Second, `{"v":7}`)), quick)
		p.stop()
		if got := p.row(t); got != "latest=v=7 seen=30s online" {
			t.Errorf("the row is %q", got)
		}
	})
	t.Run("when it is called silent meanwhile", func(t *testing.T) {
		p, at := clocked(t, oncePerMinute)
		burst(t, p, at)
		p.set(t, contract.StatusSilent, false)
		at(time.Hour)
		p.stop()
		if got := p.row(t); got != "latest=v=4 seen=4s silent" {
			t.Errorf("what the device sent before makes it return: %q", got)
		}
		if note := device(t, p.table, "$returned#soil-001"); len(note) > 0 {
			t.Errorf("and leaves the note %v", note)
		}
		invoke(t, p.processor, lambdatest.Event(says(time.Hour, `{"v":8}`)), quick)
		if got := p.row(t); got != "latest=v=8 seen=1h0m0s online" {
			t.Errorf("its next message does not: %q", got)
		}
	})
}

// A write that fails is repeated by the next batch, although Lambda sends the record again only if it was in this one.
func TestAHeldStateOutlivesAFailure(t *testing.T) {
	p, aws := start(t, oncePerMinute)
	now := lambdatest.Start
	p.now = func() time.Time { return now }
	for i := range 2 {
		now = lambdatest.Start.Add(time.Duration(i) * second)
		invoke(t, p, lambdatest.Event(says(time.Duration(i)*second, fmt.Sprintf(`{"v":%d}`, i))), quick)
	}
	now = lambdatest.Start.Add(time.Minute)
	aws.Misbehave(only(updateItem, 0, &lambdatest.Fault{Status: 400, Code: "AccessDeniedException"}))
	if failed := invoke(t, p, lambdatest.Event(), quick); failed != "" {
		t.Errorf("a batch without the record fails from %s", failed)
	}
	aws.Misbehave(nil)
	before := len(aws.Calls(updateItem))
	for range 2 {
		invoke(t, p, lambdatest.Event(), quick)
	}
	calls := aws.Calls(updateItem)
	if len(calls) != before+1 || !strings.Contains(string(calls[before].Body), at(second)) {
		t.Errorf("%d writes after the failure, want one with what was held", len(calls)-before)
	}
}

// What an instance remembers has limits; beyond them every batch writes.
func TestMemoryOfDevicesIsLimited(t *testing.T) {
	r := newRefresh(time.Minute)
	now := lambdatest.Start
	for i := range maxRemembered + 10 {
		s := state{thing: fmt.Sprint("d", i), seenAt: 1, statusAt: 1, status: contract.StatusOnline}
		r.wrote(&s, s.status, now)
	}
	if len(r.devices) != maxRemembered {
		t.Errorf("%d devices are remembered", len(r.devices))
	}
	r.heldBytes = maxHeldBytes
	full := state{thing: "d0", seenAt: 2, statusAt: 2, status: contract.StatusOnline}
	full.measures, full.measuredAt = []telemetry.Measure{{Name: "v", Text: "1"}}, 2
	r.devices["d0"].measuredAt, r.devices["d0"].shape = 1, r.shape(full.measures)
	if _, write := r.take(full, false, now); !write {
		t.Error("a reading is held although the memory is used up")
	}
	r.heldBytes = 0
	if _, write := r.take(full, false, now); write || r.heldBytes == 0 {
		t.Errorf("a reading is not held, or its %d bytes are not counted", r.heldBytes)
	}
	long := []telemetry.Measure{{Name: "v", Text: "1." + strings.Repeat("1", maxDigits)}}
	if r.hold(r.devices["d2"], &state{measures: long, measuredAt: 2}) {
		t.Error("a number is held that DynamoDB refuses")
	}
	if list := r.due(now.Add(time.Minute)); len(list) != 1 || len(r.devices) != 1 || r.heldBytes != 0 {
		t.Errorf("after a minute %d states are due, %d devices remembered and %d bytes held", len(list), len(r.devices),
			r.heldBytes)
	}
}

// The writes of a fleet that sends every ten seconds for five minutes, in batches of a second.
func TestWritesPerMinute(t *testing.T) {
	const devices, interval, minutes = 50, 10, 5
	writes := map[string]int{}
	for every, want := range map[string]int{"0": devices * minutes * 60 / interval, "60": devices * minutes} {
		p, aws := start(t, map[string]string{contract.EnvStateRefreshSeconds: every})
		now := lambdatest.Start
		p.now = func() time.Time { return now }
		for s := range minutes * 60 {
			now = lambdatest.Start.Add(time.Duration(s) * second)
			var batch []lambdatest.Record
			for d := s % interval; d < devices; d += interval {
				batch = append(batch, lambdatest.Record{Thing: fmt.Sprint("soil-", d), After: time.Duration(s) * second,
					Payload: fmt.Sprintf(`{"v":%d,"open":true}`, s)})
			}
			invoke(t, p, lambdatest.Event(batch...), quick)
		}
		if writes[every] = len(aws.Calls(updateItem)); writes[every] != want {
			t.Errorf("refresh_seconds = %s: %d writes, want %d", every, writes[every], want)
		}
	}
	t.Logf("%d messages, writes by refresh_seconds: %v", devices*minutes*60/interval, writes)
}

// Lambda ends the process that is shipped with SIGTERM; before it exits, it writes what it holds.
func TestBootstrapWritesWhatItHolds(t *testing.T) {
	aws := lambdatest.StartAWS(t)
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), aws.Env(maps.Clone(oncePerMinute)))
	for i := range 3 {
		record := says(time.Duration(i)*second, fmt.Sprintf(`{"v":%d}`, i))
		if reply := function.Invoke(lambdatest.Event(record), quick); reply.Failed {
			t.Fatalf("the function failed: %s", reply.Body)
		}
	}
	if n := len(aws.Calls(updateItem)); n != 1 {
		t.Fatalf("%d writes for three messages of a minute", n)
	}
	if err := function.Terminate(); err != nil {
		t.Errorf("it ended with %v: %s", err, function.Output())
	}
	calls := aws.Calls(updateItem)
	if len(calls) != 2 || !strings.Contains(string(calls[1].Body), at(2*second)) {
		t.Errorf("%d writes; the last one is to have the last message", len(calls))
	}
	if strings.Contains(function.Output(), "WARNING") {
		t.Errorf("it said: %s", function.Output())
	}
}

// The time in the index is last_seen, rounded down, and changes together with it.
func TestTheSlotOfADevice(t *testing.T) {
	for _, c := range []struct {
		seconds  string
		messages []time.Duration
		newest   time.Duration
		slot     time.Duration
	}{
		{"", []time.Duration{7 * time.Minute}, 7 * time.Minute, 0},
		{"0", []time.Duration{7 * time.Minute}, 7 * time.Minute, 0},
		{"60", []time.Duration{7*time.Minute + second}, 7*time.Minute + second, time.Minute},
		{"300", []time.Duration{7 * time.Minute}, 7 * time.Minute, 5 * time.Minute},
		{"300", []time.Duration{7 * time.Minute, 13 * time.Minute}, 13 * time.Minute, 5 * time.Minute},
		{"300", []time.Duration{13 * time.Minute, 7 * time.Minute}, 13 * time.Minute, 5 * time.Minute},
	} {
		want := fmt.Sprint(lambdatest.Start.Add(c.newest).Truncate(c.slot).UnixMilli())
		p := motoPipeline(t, map[string]string{contract.EnvSeenSlotSeconds: c.seconds})
		for _, after := range c.messages {
			invoke(t, p.processor, lambdatest.Event(says(after, `{"v":1}`)), quick)
		}
		out, err := p.table.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("greenhouse"),
			Key: map[string]types.AttributeValue{"device_id": textValue("soil-001")}})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(number(out.Item[contract.SlotAttribute])); got != want {
			t.Errorf("slots of %q seconds, messages %v: %s, want %s", c.seconds, c.messages, got, want)
		}
	}
}
