package endtoend_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// plainPipeline has alerts and no telemetry settings.
const plainPipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "soil-001" = {} }
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0 }
  force_destroy = true
  alerts = {
    rules = {
      hot = {
        when             = "data.temperature > 50"
        message          = "Too hot"
        command          = "$${data.temperature}"
        cooldown_seconds = 0
      }
    }
  }
}
`

// TestArraysReachConditions: without telemetry settings, measures in arrays raise the alerts that they raise in a plain
// object, for which the rule decides: a message that raises none does not invoke the function.
func TestArraysReachConditions(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(plainPipeline, "NAME", name))
	d := w.connect(t, "soil-001")
	invoked := func() int {
		return w.count(func(e runlog.Event) bool {
			return e.Kind == runlog.Acted && strings.HasSuffix(e.Rule, "_alerts") && e.Error == ""
		})
	}
	for _, payload := range []string{`{"data":{"temperature":20}}`, `{"temperature":60}`, `{}`,
		`{"data":{"temperature":20},"gateways":[{"rssi":-70}]}`} {
		d.send(t, payload)
	}
	w.drain(t)
	if n := invoked(); n > 0 {
		t.Errorf("%d invocations for messages that the rule can decide", n)
	}
	for i, payload := range []string{
		`{"data":{"temperature":%d}}`,
		`[{"temperature":20},{"temperature":%d}]`,
		`{"readings":[{"ts":1767225600,"temperature":20},{"ts":1767225660,"temperature":%d}]}`,
		`{"data":[{"name":"temperature","value":%d}]}`,
		`[{"bn":"urn:dev:","n":"temperature","v":%d},{"n":"humidity","v":40}]`,
		"\uFEFF" + `{"data":{"temperature":%d}}`,
		`{"data":{"temperature":%d}}` + "\x00",
	} {
		d.send(t, fmt.Sprintf(payload, 60+i))
		if got, want := d.command(t), fmt.Sprint(60+i); got != want {
			t.Errorf("%q: command %s, want %s", payload, got, want)
		}
	}
	w.drain(t)
	if n := invoked(); n != 7 {
		t.Errorf("%d invocations, want one for each message", n)
	}
	if letters := w.takeLetters(t); len(letters) > 0 {
		t.Errorf("dead letters %s", letters)
	}
}
