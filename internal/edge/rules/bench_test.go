package rules

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// processorTime is what the process has used, which does not depend on what else the machine does.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmark sends messages of fifty children, 5,000 a second by the engine's clock.
func benchmark(b *testing.B, c Config) {
	e := newEngine(b, c)
	const children = 50
	var topics [children]string
	var payloads [20][]byte
	for i := range topics {
		topics[i] = fmt.Sprintf("gh/gw-1:soil-%d/telemetry", i)
	}
	for i := range payloads {
		payloads[i] = fmt.Appendf(nil, `{"timestamp":%d,"data":{"temperature":%.2f,"humidity":%d,"soil":{"moisture":%d}}}`,
			millis(start), 20+float64(i)/10, 40+i, 400+i)
	}
	at, i := start, 0
	out := make([]Output, 0, 2*children)
	b.ReportAllocs()
	before := processorTime(b)
	defer func() {
		b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "ns-CPU/op")
	}()
	for b.Loop() {
		at.Elapsed += 200 * time.Microsecond
		out = e.Message(out[:0], topics[i%children], payloads[i%len(payloads)], at)
		i++
	}
	if got := e.Counters(); got.Messages != uint64(i) {
		b.Fatal(got)
	}
}

func BenchmarkUnmatched(b *testing.B) {
	benchmark(b, config(Rule{SQL: all + " WHERE data.temperature > 50"}))
}

func BenchmarkForward(b *testing.B) {
	benchmark(b, config(Rule{SQL: "SELECT timestamp, data.temperature AS t FROM 'gh/+/telemetry'"}))
}

func BenchmarkDrop(b *testing.B) { benchmark(b, config(Rule{SQL: all, Action: ActionDrop})) }

func BenchmarkWindow(b *testing.B) { benchmark(b, windowed("", Aggregates...)) }

func BenchmarkDeadBand(b *testing.B) {
	benchmark(b, config(Rule{SQL: all, Report: &Report{DeadBand: map[string]DeadBand{"*": {Percent: number(50)}}}}))
}

func BenchmarkAlert(b *testing.B) {
	c := config(Rule{SQL: all + " WHERE data.temperature > 50", Action: ActionAlert})
	c.Unmatched = ActionDrop
	benchmark(b, c)
}

// BenchmarkSnapshot has 5,000 children with ten measures each in open windows.
func BenchmarkSnapshot(b *testing.B) {
	c := windowed("", Aggregates...)
	c.MaxSeries = 1 << 20
	e := newEngine(b, c)
	for i := range 5000 {
		payload := []byte(`{"timestamp":1790000000000,"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10.5}`)
		e.Message(nil, fmt.Sprintf("gh/gw-1:%d/telemetry", i), payload, start)
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		data, err := e.Snapshot(start, false)
		if err != nil {
			b.Fatal(err)
		}
		size = len(data)
	}
	b.ReportMetric(float64(size), "bytes")
}
