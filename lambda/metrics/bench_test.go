package metrics

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// batch is n records of a number of devices, from the sequence number first on, each with four measures.
func batch(first, n, devices int) []lambdatest.Record {
	records := make([]lambdatest.Record, n)
	for i := range records {
		at := first + i
		records[i] = lambdatest.Record{Thing: fmt.Sprintf("soil-%06d", at%devices), Sequence: fmt.Sprint(1 + at),
			Payload: fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f,"moisture":%.3f,"battery":%.2f}`,
				20+float64(at%100)/10, 40+float64(at%50), 0.1+float64(at%9)/100, 3+float64(at%7)/10)}
	}
	return records
}

// BenchmarkBatch takes a batch of 1000 records into a window whose state already has so many devices.
func BenchmarkBatch(b *testing.B) {
	for _, devices := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) {
			h, _ := start(b, nil)
			var state json.RawMessage
			for from := 0; from < devices; from += 1000 {
				state = invoke(b, h, windowEvent{state: state, records: batch(from, 1000, devices)})
			}
			event := windowEvent{state: state, records: batch(devices+1000, 1000, devices)}.bytes()
			b.ReportMetric(float64(len(state)), "state-bytes")
			b.ResetTimer()
			for b.Loop() {
				if _, err := h.Invoke(b.Context(), event); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkFinish ends a window of 10,000 devices with four measures, up to the calls.
func BenchmarkFinish(b *testing.B) {
	h, m := start(b, nil)
	var state json.RawMessage
	for from := 0; from < 10_000; from += 1000 {
		state = invoke(b, h, windowEvent{state: state, records: batch(from, 1000, 10_000)})
	}
	event := windowEvent{state: state, final: true}.bytes()
	b.ResetTimer()
	for b.Loop() {
		clear(m.items)
		if _, err := h.Invoke(b.Context(), event); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "items/s")
}
