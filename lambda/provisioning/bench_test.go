package provisioning

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// startStores answers at once as list and registry do for a serial that is on the list, unused, and has no thing.
func startStores(b *testing.B) map[string]string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		answer := `{}`
		switch {
		case r.Method == http.MethodGet:
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetItem"):
			answer = `{"Item":{"serial":{"S":"A1-0001"},"parameters":{"M":{"bay":{"S":"12"}}}}}`
		}
		_, _ = io.WriteString(w, answer) // the caller may have gone
	}))
	b.Cleanup(server.Close)
	return (&lambdatest.AWS{URL: server.URL}).Env(nil)
}

func BenchmarkInvoke(b *testing.B) {
	for _, c := range []struct {
		name  string
		event []byte
		want  bool
	}{
		{"admitted", changed(b), true},
		{"refused", changed(b, with("SerialNumber", "not a serial")), false},
	} {
		b.Run(c.name, func(b *testing.B) {
			env := startStores(b)
			h, err := newHandler(func(name string) string { return env[name] }, io.Discard, ofAWS)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				text, err := h.Invoke(b.Context(), c.event)
				if err != nil || parseAnswer(b, text).AllowProvisioning != c.want {
					b.Fatalf("%s, %v", text, err)
				}
			}
		})
	}
}

// BenchmarkBootstrap measures the shipped binary as Lambda runs it, through the Runtime API. The numbers in
// docs/guides/functions.md are from here.
func BenchmarkBootstrap(b *testing.B) {
	bootstrap := lambdatest.Compile(b, "provisioning")
	event := changed(b)
	ask := func(b *testing.B, function *lambdatest.Function) {
		reply := function.Invoke(event, time.Minute)
		if reply.Failed || !parseAnswer(b, reply.Body).AllowProvisioning {
			b.Fatalf("%s", reply.Body)
		}
	}
	b.Run("warm", func(b *testing.B) {
		function := lambdatest.StartFunction(b, bootstrap, startStores(b))
		ask(b, function)
		calls := 1
		b.ResetTimer()
		for b.Loop() {
			ask(b, function)
			calls++
		}
		b.StopTimer()
		usage := function.Stop()
		b.ReportMetric(usage.CPU.Seconds()*1000/float64(calls), "cpu-ms/op")
		b.ReportMetric(float64(usage.PeakRSS)/(1<<20), "peak-MiB")
	})
	b.Run("cold", func(b *testing.B) {
		env := startStores(b)
		var total time.Duration
		var peak int64
		calls := 0
		for b.Loop() {
			function := lambdatest.StartFunction(b, bootstrap, env)
			ask(b, function)
			total += function.SinceStart()
			peak = max(peak, function.Stop().PeakRSS)
			calls++
		}
		b.ReportMetric(total.Seconds()*1000/float64(calls), "cold-ms")
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	})
}
