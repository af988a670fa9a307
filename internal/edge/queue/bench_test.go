package queue

import (
	"testing"
)

func benchmarkQueue(b *testing.B) *Queue {
	q, err := Open(b.TempDir(), Options{MaxBytes: 1 << 30, Policy: DropOldest})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { q.Close() })
	return q
}

var payload = []byte(`{"timestamp":1767225600000,"data":{"temperature":21.5,"humidity":40.25,"battery":3.1}}`)

// BenchmarkAppend writes a message of 90 bytes, with its state, to the operating system.
func BenchmarkAppend(b *testing.B) {
	q := benchmarkQueue(b)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := q.Append(Record{Time: start, Priority: Normal, Topic: "gh/gw:s1/telemetry", Payload: payload}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkThrough appends a message, reads it and settles it.
func BenchmarkThrough(b *testing.B) {
	q := benchmarkQueue(b)
	b.SetBytes(int64(len(payload)))
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
