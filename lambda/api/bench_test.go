package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// startStores answers at once, as AWS does for a device that has sent something.
func startStores(b *testing.B) map[string]string {
	b.Helper()
	const row = `{"device_id":{"S":"soil-001"},"status":{"S":"online"},"last_seen":{"N":"1767268800000"},` +
		`"latest":{"M":{"humidity":{"N":"29"},"temperature":{"N":"21.5"}}}}`
	answers := map[string]string{
		"GetItem": `{"Item":` + row + `}`, "Scan": `{"Items":[` + strings.Repeat(row+",", 49) + row + `],"Count":50}`,
		"Query": `{"Items":[` + row + `],"Count":1}`, "BatchGetItem": `{"Responses":{"greenhouse":[` + row + `]}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		answer := `{}`
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		switch {
		case answers[operation] != "":
			answer = answers[operation]
		case strings.HasSuffix(r.URL.Path, "/shadow"):
			answer = `{"state":{"desired":{"interval":60},"reported":{"interval":60}},"version":7,"timestamp":1767268800}`
		case strings.HasPrefix(r.URL.Path, "/things/"):
			answer = `{"thingName":"soil-001","attributes":{"` + contract.OwnerAttribute + `":"` + owner + `"}}`
		case strings.HasSuffix(r.URL.Path, "/operation/GetMetricData"):
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
			answer = "\xa0" // an empty map
		}
		_, _ = io.WriteString(w, answer) // the caller may have gone
	}))
	b.Cleanup(server.Close)
	return (&lambdatest.AWS{URL: server.URL}).Env(map[string]string{contract.EnvCommandsTable: commandTable,
		contract.EnvReadingsTable: readingsTable})
}

// BenchmarkOperations measures each operation in the process, with an AWS that answers at once.
func BenchmarkOperations(b *testing.B) {
	env := startStores(b)
	h, err := newHandler(func(name string) string { return env[name] }, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range everyOperation("01890000-0000-7000-8000-000000000000") {
		if strings.Contains(r.path, "thresholds") && r.method == http.MethodPut {
			continue // needs rules
		}
		b.Run(strings.ReplaceAll(r.method+r.path, "/", "."), func(b *testing.B) {
			event := (&fixture{t: b}).event(r)
			b.ReportAllocs()
			for b.Loop() {
				mustAnswer(b, h, event)
			}
		})
	}
}

func mustAnswer(b *testing.B, h *handler, event []byte) {
	b.Helper()
	text, err := h.Invoke(b.Context(), event)
	var answer events.APIGatewayV2HTTPResponse
	if err != nil || json.Unmarshal(text, &answer) != nil || answer.StatusCode >= 300 {
		b.Fatalf("%s, %v", text, err)
	}
}

// BenchmarkBootstrap measures the shipped binary as Lambda runs it, through the Runtime API.
func BenchmarkBootstrap(b *testing.B) {
	bootstrap := lambdatest.Compile(b, "api")
	event := (&fixture{t: b}).event(request{method: http.MethodGet, path: "/v1/devices"})
	ask := func(b *testing.B, function *lambdatest.Function) {
		if reply := function.Invoke(event, time.Minute); reply.Failed ||
			!strings.Contains(string(reply.Body), `"statusCode":200`) {
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
