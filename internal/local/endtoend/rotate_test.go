package endtoend_test

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

const rotated = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "soil-001" = {}, "soil-002" = {} }
  recent        = {}
  processor     = { batch_window_seconds = 0 }
  archive       = { enabled = false }
  force_destroy = true
}
`

// A device stays connected while its certificate is rotated, and connects with the new one before the earlier one is
// retired. After that, the earlier one no longer opens a connection.
func TestADeviceStaysConnectedDuringARotation(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(rotated, "NAME", name))
	rotate := func(step string) {
		t.Helper()
		err := operate.Rotate(t.Context(), w.operated(t), operate.Rotation{Step: step, Devices: []string{"soil-001"}},
			func(string) {})
		if err != nil {
			t.Fatal(err)
		}
	}
	old := w.connect(t, "soil-001")
	before := w.devices["soil-001"]
	rotate(operate.StepIssue)
	old.send(t, `{"timestamp":1767225600000,"data":{"n":1}}`)
	old.Disconnect(0)
	old = w.connect(t, "soil-001") // as one that has not heard of it
	old.send(t, `{"timestamp":1767225601000,"data":{"n":2}}`)

	after := must(w.operated(t).Credentials(t.Context(), "soil-001"))(t)
	if after.CertificateID == before.CertificateID {
		t.Fatal("the credentials hold the earlier certificate")
	}
	w.devices["soil-001"] = after
	renewed := w.connect(t, "soil-001")
	renewed.send(t, `{"timestamp":1767225602000,"data":{"n":3}}`)
	rotate(operate.StepRetire)
	renewed.send(t, `{"timestamp":1767225603000,"data":{"n":4}}`)
	if !renewed.IsConnected() {
		t.Error("the retirement of the earlier certificate has ended the connection with the new one")
	}
	w.drain(t)
	if n := w.readings(t); n != 4 {
		t.Errorf("%d readings are stored, want 4", n)
	}
	w.devices["soil-001"] = before
	if _, err := w.try(t, "soil-001", "soil-001"); err == nil {
		t.Error("the retired certificate still opens a connection")
	}
	w.Unchanged()
}
