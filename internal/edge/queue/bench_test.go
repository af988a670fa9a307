package queue

import (
	"syscall"
	"testing"
	"time"
)

func benchmarkQueue(b *testing.B) *Queue {
	q, err := Open(b.TempDir(), Options{MaxBytes: 1 << 30, Policy: DropOldest})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { q.Close() })
	return q
}

// processor reports the processor time of an operation, which does not depend on what else the machine does.
func processor(b *testing.B) (stop func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Nanoseconds())/float64(b.N), "ns-CPU/op") }
}

var payload = []byte(`{"timestamp":1767225600000,"data":{"temperature":21.5,"humidity":40.25,"battery":3.1}}`)

// BenchmarkAppend writes a message of 90 bytes, with its state, to the operating system.
func BenchmarkAppend(b *testing.B) {
	q := benchmarkQueue(b)
	defer processor(b)()
	for b.Loop() {
		if err := q.Append(Record{Time: start, Priority: Normal, Topic: "gh/gw:s1/telemetry", Payload: payload}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkThrough appends a message, reads it and settles it.
func BenchmarkThrough(b *testing.B) {
	q := benchmarkQueue(b)
	defer processor(b)()
	for b.Loop() {
		if err := q.Append(Record{Time: start, Priority: Normal, Topic: "gh/gw:s1/telemetry", Payload: payload}); err != nil {
			b.Fatal(err)
		}
		r, ok, err := q.Next()
		if err != nil || !ok {
			b.Fatal(ok, err)
		}
		q.Ack(r.Sequence)
	}
}

// BenchmarkDrain reads and settles a backlog of 100,000 messages, with 100 of them on the way.
func BenchmarkDrain(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		q := benchmarkQueue(b)
		for range 100_000 {
			if err := q.Append(Record{Time: start, Priority: Normal, Topic: "gh/gw:s1/telemetry",
				Payload: payload}); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		var window []uint64
		for {
			r, ok, err := q.Next()
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
			if window = append(window, r.Sequence); len(window) == 100 {
				q.Ack(window[0])
				window = window[1:]
			}
		}
	}
}
