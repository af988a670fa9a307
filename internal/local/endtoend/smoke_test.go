package endtoend_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/victoriametrics"
)

// smoke runs a smoke test and compares what it says.
func (w *deployment) smoke(t *testing.T, s operate.Smoke, problem string, says ...string) {
	t.Helper()
	var told []string
	err := operate.RunSmokeTest(t.Context(), w.operated(t), s, func(m string) { told = append(told, m) })
	text := strings.Join(told, "\n")
	if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
		t.Errorf("%v, want %q\n%s", err, problem, text)
	}
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
	if s.Device != "" || strings.HasSuffix(problem, "for now") { // a message that is tried again brings its device back
		return
	}
	if n := w.readings(t); n > 0 {
		t.Errorf("%d readings are left", n)
	}
	out := must(w.aws.DynamoDB().Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(name),
		FilterExpression: aws.String("attribute_exists(last_seen)")}))(t)
	if len(out.Items) > 0 {
		t.Errorf("left in the device table: %v", out.Items)
	}
}

const smokePipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "soil-001" = {} }
  recent        = {}
  processor     = { batch_size = 10, batch_window_seconds = 0, max_retries = 50, timeout_seconds = 5 }
  force_destroy = true
  MORE
}
`

func smokeConfig(more string) string {
	return strings.NewReplacer("NAME", name, "MORE", more).Replace(smokePipeline)
}

func soon(o *local.Options) { o.ArchiveInterval = 300 * time.Millisecond }

// TestSmokeTest: the message is found in every store and in the archive, however the pipeline is made.
func TestSmokeTest(t *testing.T) {
	found := []string{"published to " + name + "/", "device state: there after", "recent readings: there after",
		"archive: there after", "the message is stored and archived"}
	for why, c := range map[string]struct {
		more  string
		smoke operate.Smoke
		says  string
	}{
		"Parquet": {"timestream = {}", operate.Smoke{}, "Timestream: there after"},
		"JSON, a queue": {`stream = { mode = "queue" }
			archive = { format = "json" }`, operate.Smoke{}, "removed the state of smoke-test"},
		"an object for each message": {`archive = { delivery = "per_message" }`, operate.Smoke{}, "/smoke-test/"},
		"a device and its payload": {`telemetry = { data_path = "v" }`,
			operate.Smoke{Device: "soil-001", Payload: `{"v":{"n":17}}`}, "as one of soil-001"},
	} {
		t.Run(why, func(t *testing.T) {
			w := deploy(t, smokeConfig(c.more), soon)
			for range 2 {
				w.smoke(t, c.smoke, "", append(found, c.says)...)
			}
			if n := w.letters(t); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}

// TestSmokeTestFindsBrokenHops: the error says which hop it was.
func TestSmokeTestFindsBrokenHops(t *testing.T) {
	server := victoriametrics.Start(t)
	w := deploy(t, smokeConfig(fmt.Sprintf("timestream = {}\n influxdb = { url = %q, version = 1 }", server.URL)),
		func(o *local.Options) { o.ArchiveInterval = time.Hour })
	w.smoke(t, operate.Smoke{SkipArchive: true}, "", "Timestream and InfluxDB: there after", "says the processor")

	w.smoke(t, operate.Smoke{Wait: time.Second}, "the message did not reach the archive", "archive: not there after")

	w.server.Fail(t, mototest.Fault{Service: "timestream-write", Operation: "WriteRecords",
		Code: "ValidationException", Message: "out of order", Times: 2})
	w.smoke(t, operate.Smoke{SkipArchive: true}, "timestream_rejected: out of order", "device state: there after")
	w.takeLetters(t)

	server.Stop()
	w.smoke(t, operate.Smoke{SkipArchive: true}, "the message did not reach the Timestream and InfluxDB: "+
		"the processor could not store it for now", "device state: there after", "whatever a later try")
	server.Restart()
	w.drain(t)

	if err := operate.SetRules(t.Context(), w.operated(t), []string{"telemetry"}, false, func(string) {}); err != nil {
		t.Fatal(err)
	}
	w.smoke(t, operate.Smoke{SkipArchive: true}, `"gh_e2e_telemetry" is off`)
}
