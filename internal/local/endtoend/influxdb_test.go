package endtoend_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/victoriametrics"
)

const influxPipeline = `
variable "secret" {
  type    = string
  default = null
}

resource "iot_pipeline" "gh" {
  name    = "NAME"
  devices = { "soil-001" = {} }
  influxdb = {
    url              = "URL"
    version          = 1
    token_secret_arn = var.secret
  }
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0, timeout_seconds = 3, max_retries = -1 }
  force_destroy = true
}
`

// storePassword gives the pipeline the secret with the password of an InfluxDB.
func (w *deployment) storePassword(t *testing.T, password string) {
	t.Helper()
	secret := must(w.aws.SecretsManager().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("influx"), SecretString: aws.String(`{"username":"admin","password":"` + password + `"}`)}))(t)
	w.changeProcessor(t, "-var=secret="+*secret.ARN)
}

// TestInfluxDB: readings of a device are in a real server, with credentials from a secret, and an outage loses none.
func TestInfluxDB(t *testing.T) {
	server := victoriametrics.StartWithPassword(t, "secret-password")
	w := deploy(t, strings.NewReplacer("NAME", name, "URL", server.URL).Replace(influxPipeline))
	w.storePassword(t, "secret-password")

	d := w.connect(t, "soil-001")
	const start = 1767225600000
	send := func(from, to int) {
		for i := from; i < to; i++ {
			d.send(t, fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":%d.5,"open":true}}`, start+i*1000, i))
		}
	}
	send(0, 5)
	d.send(t, `{"note":"two\nlines"}`) // VictoriaMetrics takes no line feed
	w.drain(t)
	server.Stop()
	failed := func(e runlog.Event) bool {
		return e.Kind == runlog.Logged && strings.Contains(e.Detail, "returning records to Lambda")
	}
	before := w.count(failed)
	send(5, 8)
	w.await(t, before+1, failed)
	server.Restart()
	w.drain(t)

	want := map[string]float64{}
	for i := range 8 {
		at := start + i*1000
		want[fmt.Sprintf("telemetry_temperature{soil-001} %d", at)] = float64(i) + 0.5
		want[fmt.Sprintf("telemetry_open{soil-001} %d", at)] = 1
	}
	if diff := cmp.Diff(want, server.Samples()); diff != "" {
		t.Errorf("VictoriaMetrics holds (-want +got):\n%s", diff)
	}
	letters := w.takeLetters(t)
	if len(letters) != 1 || !strings.Contains(letters[0], `"reason":"influxdb_rejected"`) ||
		!strings.Contains(letters[0], "raw newline") {
		t.Errorf("dead letters %v, want one with the reason of VictoriaMetrics", letters)
	}
	if state := w.Run("show", "-json"); strings.Contains(state, "secret-password") {
		t.Error("the password is in the state")
	}
}
