package local

import (
	"encoding/json"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// TestReadTelemetry: the settings that say how a pipeline reads what devices send.
func TestReadTelemetry(t *testing.T) {
	for text, want := range map[string]*telemetry.Options{
		``: {},
		`{"data_field":"d","time_field":"t","format":"cbor"}`: {DataField: "d", TimeField: "t", Format: "cbor"},
		`{"data_field":"d","where":"a > 1"}`:                  {DataField: "d"},
		`{"data_field":"d","select":"a AS d.b"}`:              nil,
		`{"format":"of a later version"}`:                     nil,
	} {
		var raw json.RawMessage
		if text != "" {
			raw = json.RawMessage(text)
		}
		got := readTelemetry(raw)
		if (got == nil) != (want == nil) || got != nil && (got.DataField != want.DataField ||
			got.TimeField != want.TimeField || got.Format != want.Format) {
			t.Errorf("%s is read as %+v, want %+v", text, got, want)
		}
	}
}
