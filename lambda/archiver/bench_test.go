package archiver

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// batches are events with about as many bytes of data as Firehose collects: 1 MB, of small, common and large messages.
var batches = []struct {
	name    string
	records func() []lambdatest.Record
}{
	{"120B", func() []lambdatest.Record { return lambdatest.FleetRecords(8000, 50) }},
	{"1KB", func() []lambdatest.Record {
		records := lambdatest.FleetRecords(1000, 50)
		for i := range records {
			records[i].Payload = strings.Replace(records[i].Payload, `{"deviceId"`,
				fmt.Sprintf(`{"note":"%s","deviceId"`, strings.Repeat("n", 850)), 1)
		}
		return records
	}},
	{"100KB", func() []lambdatest.Record {
		records := lambdatest.FleetRecords(10, 50)
		for i := range records {
			var readings strings.Builder
			for r := range 1500 {
				fmt.Fprintf(&readings, `,{"ts":%d,"temperature":%d.5,"humidity":40}`, lambdatest.Start.UnixMilli()-int64(r), r)
			}
			records[i].Payload = `{"readings":[` + readings.String()[1:] + `]}`
		}
		return records
	}},
}

// BenchmarkInvoke converts what Firehose collects by default before it calls the function. The metric answer% is how
// much of the 6 MB that a function may answer is used.
func BenchmarkInvoke(b *testing.B) {
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			a := start(b, io.Discard, nil)
			records := batch.records()
			event := lambdatest.FirehoseEvent(records...)
			b.ReportAllocs()
			b.SetBytes(int64(len(event)))
			var answer []byte
			for b.Loop() {
				var err error
				if answer, err = a.Invoke(b.Context(), event); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			failed := 0
			for _, one := range parse(b, answer) {
				if one.Result != "Ok" {
					failed++
				}
			}
			b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(100*float64(len(answer))/maxAnswer, "answer%")
			b.ReportMetric(100*float64(len(event))/(6<<20), "event%")
			b.ReportMetric(float64(failed), "failed")
		})
	}
}

// BenchmarkBootstrap measures the shipped binary as Lambda runs it: one process, events through the Runtime API.
func BenchmarkBootstrap(b *testing.B) {
	bootstrap := lambdatest.Compile(b, "archiver")
	for _, batch := range batches {
		b.Run(batch.name, func(b *testing.B) {
			function := lambdatest.StartFunction(b, bootstrap, map[string]string{"IOT_PIPELINE": "greenhouse"})
			records := batch.records()
			event := lambdatest.FirehoseEvent(records...)
			calls := 0
			b.ResetTimer()
			for b.Loop() {
				if reply := function.Invoke(event, 5*time.Minute); reply.Failed {
					b.Fatalf("%s", reply.Body)
				}
				calls++
			}
			b.StopTimer()
			usage := function.Stop()
			b.ReportMetric(float64(len(records)*calls)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(usage.CPU.Seconds()*1000/float64(calls), "cpu-ms/op")
			b.ReportMetric(float64(usage.PeakRSS)/(1<<20), "peak-MiB")
		})
	}
}
