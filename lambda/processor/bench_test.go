package processor

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// sink answers every call well and at once, and counts.
type sink struct {
	url             string
	requests, bytes atomic.Int64
}

func startSink(b *testing.B) *sink {
	s := &sink{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			b.Error(err)
		}
		s.requests.Add(1)
		s.bytes.Add(n)
		_, _ = io.WriteString(w, `{}`)
	}))
	b.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func BenchmarkInvoke(b *testing.B) {
	for _, size := range []struct {
		name    string
		records int
	}{{"100", 100}, {"1000", 1000}, {"10000", 10000}} {
		for _, layout := range []string{"multi", "single"} {
			b.Run(layout+"/"+size.name, func(b *testing.B) {
				benchmarkInvoke(b, size.records, map[string]string{"IOT_TIMESTREAM_LAYOUT": layout})
			})
		}
		b.Run("recent/"+size.name, func(b *testing.B) {
			benchmarkInvoke(b, size.records, map[string]string{
				"IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": "",
				"IOT_READINGS_TABLE": "greenhouse-readings", "IOT_READINGS_HOURS": "48",
			})
		})
	}
}

func benchmarkInvoke(b *testing.B, n int, more map[string]string) {
	s := startSink(b)
	aws := &lambdatest.AWS{URL: s.url}
	p, err := newProcessor(aws.Getenv(more), io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	event := lambdatest.Fleet(n, 50)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	calls := 0
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		answer, err := p.Invoke(ctx, event)
		cancel()
		if err != nil || string(answer) != string(stream.Done()) {
			b.Fatalf("%s, %v", answer, err)
		}
		calls++
	}
	b.ReportMetric(float64(n*calls)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(s.requests.Load())/float64(calls), "requests/op")
	b.ReportMetric(float64(s.bytes.Load())/float64(calls), "sentB/op")
}

func BenchmarkDecode(b *testing.B) {
	records, err := stream.Parse(lambdatest.Fleet(1000, 50))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		decoder, err := telemetry.New(telemetry.Options{})
		if err != nil {
			b.Fatal(err)
		}
		var list []telemetry.Reading
		for i := range records {
			if list, err = decoder.Append(list[:0], records[i].Data, records[i].Arrival()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkParseEvent(b *testing.B) {
	event := lambdatest.Fleet(10000, 50)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if _, err := stream.Parse(event); err != nil {
			b.Fatal(err)
		}
	}
}
