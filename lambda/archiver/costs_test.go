package archiver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// The estimate of the guide "Costs" counts the metrics that the function prints, and at least the bytes of the rows
// and of the log.
func TestCostsAreThoseOfABatch(t *testing.T) {
	var measures []string
	for i := range 51 {
		measures = append(measures, fmt.Sprintf(`"measure_%02d":%.2f`, i, 20+float64(i)/7))
	}
	kilobyte := `{"deviceId":"soil-001","timestamp":1767225600000,"data":{` + strings.Join(measures, ",") + "}}"
	for reason, payload := range map[string]string{
		"1 KB":         kilobyte,
		"few measures": `{"temperature":21.5,"humidity":40,"moisture":0.123,"battery":3.9}`,
		"no telemetry": strings.Repeat(`"`, 500),
	} {
		var out bytes.Buffer
		a := start(t, &out, map[string]string{"IOT_PIPELINE": "greenhouse"})
		answers := invoke(t, a, lambdatest.FirehoseEvent(lambdatest.Record{Thing: "soil-001",
			Sequence: "49590338271490256608559692538361571095921575989131234567", Payload: payload}))
		s := costs.Default()
		s.MessageBytes = float64(len(payload))
		want := s.Archiving()
		if got := float64(len(answers[0].Data)); got > want.RowBytes || got < want.RowBytes/3 {
			t.Errorf("%s: rows of %v bytes; the estimate has %v", reason, got, want.RowBytes)
		}
		if strings.Contains(reason, "no") {
			continue
		}
		// Lambda adds its own lines and 26 bytes for each line [CloudWatch Logs: pricing].
		const lambdaLines = 3*26 + 500
		if logged := float64(out.Len() + lambdaLines); logged > want.LogBytes || logged < want.LogBytes/2 {
			t.Errorf("%s: %v bytes in the log; the estimate has %v", reason, logged, want.LogBytes)
		}
		var printed struct {
			AWS struct {
				CloudWatchMetrics []struct{ Metrics []any }
			} `json:"_aws"`
		}
		if err := json.Unmarshal(out.Bytes(), &printed); err != nil || len(printed.AWS.CloudWatchMetrics) != 1 {
			t.Fatalf("%s: %v", out.String(), err)
		}
		if got := len(printed.AWS.CloudWatchMetrics[0].Metrics); float64(got) != want.Metrics {
			t.Errorf("%s: %d metrics; the estimate has %v", reason, got, want.Metrics)
		}
	}
}
