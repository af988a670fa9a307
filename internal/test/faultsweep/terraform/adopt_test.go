package terraform

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

func adopting(force bool, hands ...awstest.HandMade) string {
	var devices strings.Builder
	for _, h := range hands {
		fmt.Fprintf(&devices, "%s = { adopt = { thing_arn = %q, certificate_arns = [%q] } }\n", h.Thing, h.ThingARN,
			h.CertificateARN)
	}
	return fmt.Sprintf("name = \"greenhouse\"\n force_destroy = %t\n devices = {\n%s}", force, devices.String())
}

// An apply that adopts fails, so that Terraform taints the pipeline, and the next apply destroys it before it makes it
// again. What was adopted survives that, also with force_destroy. A plan says what a removal does.
func TestTaintedAdoption(t *testing.T) {
	w := newAWS(t)
	d := newWorkdir(t, w)
	hands := []awstest.HandMade{w.MakeByHand(t, "soil-1", nil), w.MakeByHand(t, "soil-2", nil)}
	intact := func(when string) {
		t.Helper()
		for _, h := range hands {
			w.Intact(t, when, h)
		}
	}
	d.describe(adopting(true, hands...))
	d.proxy.Inject(faultproxy.Fault{Kind: faultproxy.AccessDenied, Match: func(r faultproxy.Request) bool {
		return r.Service == "iot" && r.Name == "POST /rules/greenhouse_telemetry"
	}})
	if out := d.apply(); out.Code == 0 || !out.Says("terraform untaint") {
		t.Fatalf("the apply should fail and taint the pipeline:\n%s", out.Output)
	}
	intact("after the failed apply")
	adoptedByNow := 0
	for _, h := range hands {
		if w.Intact(t, "after the failed apply", h)["iot-pipeline"] != "" {
			adoptedByNow++
		}
	}
	if adoptedByNow != len(hands) {
		t.Fatalf("%d devices were adopted when the apply failed", adoptedByNow)
	}
	d.proxy.Clear()
	out := d.apply()
	d.must("applying again", out)
	if !out.Says("1 to add, 0 to change, 1 to destroy") {
		t.Errorf("the pipeline was not tainted:\n%s", out.Output)
	}
	intact("after the replacement")
	d.unchanged("after the replacement")

	// The creation has succeeded, so force_destroy counts.
	d.describe(adopting(true, hands[0]))
	if out := d.terraform("plan"); !out.Says("The apply deletes 1 adopted devices") || !out.Says("soil-2") {
		t.Errorf("the plan does not say that it deletes an adopted device:\n%s", out.Output)
	}
	if out := d.terraform("plan", "-destroy"); !out.Says("The destroy deletes 2 adopted devices") {
		t.Errorf("the plan does not say that it deletes adopted devices:\n%s", out.Output)
	}
	d.describe(adopting(false, hands...))
	d.must("without force_destroy", d.apply())
	d.describe(adopting(false, hands[0]))
	if out := d.terraform("plan"); !out.Says("The apply releases 1 adopted devices") {
		t.Errorf("the plan does not say that it releases a device:\n%s", out.Output)
	}
	out = d.destroy()
	d.must("destroy", out)
	if !out.Says("The destroy releases 2 adopted devices") {
		t.Errorf("the destroy does not say that it releases devices:\n%s", out.Output)
	}
	intact("after the destroy")
	if left := w.Left(t); len(left) != 2*len(hands) {
		t.Errorf("left in the account: %v", left)
	}
}
