package endtoend_test

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

// A device stays connected while an apply raises the version of its certificate, and connects with the new one and with
// the earlier one, until that is retired. A device that is left out keeps its only one.
func TestADeviceStaysConnectedDuringARaise(t *testing.T) {
	with := func(device string) string {
		return strings.ReplaceAll(strings.Replace(rotated, `"soil-001" = {}`, `"soil-001" = `+device, 1), "NAME", name)
	}
	w := deploy(t, with("{}"))
	old := w.connect(t, "soil-001")
	before := w.devices["soil-001"]
	old.send(t, `{"timestamp":1767225600000,"data":{"n":1}}`)
	w.configure(with("{ certificate_version = 2 }"))
	w.Apply()
	w.Unchanged()
	if !old.IsConnected() {
		t.Error("the raise has ended the connection")
	}
	old.send(t, `{"timestamp":1767225601000,"data":{"n":2}}`)
	old.Disconnect(0)
	old = w.connect(t, "soil-001") // as one that has not heard of it
	old.send(t, `{"timestamp":1767225602000,"data":{"n":3}}`)

	after := must(w.operated(t).Credentials(t.Context(), "soil-001"))(t)
	other := must(w.operated(t).Credentials(t.Context(), "soil-002"))(t)
	if after.CertificateID == before.CertificateID || other != w.devices["soil-002"] {
		t.Fatal("the credentials hold the earlier certificate, or those of the other device have changed")
	}
	w.devices["soil-001"] = after
	renewed := w.connect(t, "soil-001")
	renewed.send(t, `{"timestamp":1767225603000,"data":{"n":4}}`)
	err := operate.Rotate(t.Context(), w.operated(t), operate.Rotation{Step: operate.StepRetire, All: true},
		func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	renewed.send(t, `{"timestamp":1767225604000,"data":{"n":5}}`)
	w.drain(t)
	if n := w.readings(t); n != 5 {
		t.Errorf("%d readings are stored, want 5", n)
	}
	w.devices["soil-001"] = before
	if _, err := w.try(t, "soil-001", "soil-001"); err == nil {
		t.Error("the retired certificate still opens a connection")
	}
	w.Unchanged()
}
