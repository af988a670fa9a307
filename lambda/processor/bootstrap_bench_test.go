package processor

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// BenchmarkBootstrap measures the shipped binary as Lambda runs it: one process, events through the Runtime API,
// stores that answer at once. The table in docs/guides/functions.md is from here.
func BenchmarkBootstrap(b *testing.B) {
	bootstrap := lambdatest.Compile(b, "processor")
	for _, size := range []struct {
		name    string
		records int
	}{{"100", 100}, {"1000", 1000}, {"10000", 10000}} {
		b.Run(size.name, func(b *testing.B) { benchmarkBootstrap(b, bootstrap, size.records) })
	}
	b.Run("cold", func(b *testing.B) { benchmarkCold(b, bootstrap) })
	b.Run("cold-tls", func(b *testing.B) { benchmarkColdTLS(b, bootstrap) })
}

// benchmarkColdTLS starts a process for each batch of 100, as benchmarkCold does, and speaks TLS with the stores.
func benchmarkColdTLS(b *testing.B, bootstrap lambdatest.Bootstrap) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	b.Cleanup(server.Close)
	env := (&lambdatest.AWS{URL: server.URL}).Env(map[string]string{"SSL_CERT_FILE": rootsOf(b, server)})
	event := lambdatest.Fleet(100, 50)
	var total, batch, cpu time.Duration
	calls := 0
	for b.Loop() {
		function := lambdatest.StartFunction(b, bootstrap, env)
		function.Ready()
		ready := time.Now()
		function.Invoke(event, time.Minute)
		batch += time.Since(ready)
		total += function.SinceStart()
		cpu += function.Stop().CPU
		calls++
	}
	milliseconds := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(calls) }
	b.ReportMetric(milliseconds(total), "cold-ms")
	b.ReportMetric(milliseconds(batch), "batch-ms")
	b.ReportMetric(milliseconds(cpu), "cpu-ms")
}

func benchmarkBootstrap(b *testing.B, bootstrap lambdatest.Bootstrap, n int) {
	s := startSink(b)
	function := lambdatest.StartFunction(b, bootstrap, (&lambdatest.AWS{URL: s.url}).Env(nil))
	event := lambdatest.Fleet(n, 50)
	calls := 0
	b.ResetTimer()
	for b.Loop() {
		if reply := function.Invoke(event, time.Minute); reply.Failed {
			b.Fatalf("%s", reply.Body)
		}
		calls++
	}
	b.StopTimer()
	usage := function.Stop()
	b.ReportMetric(float64(n*calls)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(usage.CPU.Seconds()*1000/float64(calls), "cpu-ms/op")
	b.ReportMetric(float64(usage.PeakRSS)/(1<<20), "peak-MiB")
	b.ReportMetric(float64(s.requests.Load())/float64(calls), "requests/op")
	b.ReportMetric(float64(s.bytes.Load())/float64(calls), "sentB/op")
}

// benchmarkCold starts a process for each batch of 100.
func benchmarkCold(b *testing.B, bootstrap lambdatest.Bootstrap) {
	s := startSink(b)
	event := lambdatest.Fleet(100, 50)
	var total time.Duration
	var peak int64
	calls := 0
	for b.Loop() {
		function := lambdatest.StartFunction(b, bootstrap, (&lambdatest.AWS{URL: s.url}).Env(nil))
		function.Invoke(event, time.Minute)
		total += function.SinceStart()
		peak = max(peak, function.Stop().PeakRSS)
		calls++
	}
	b.ReportMetric(total.Seconds()*1000/float64(calls), "cold-ms")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}
