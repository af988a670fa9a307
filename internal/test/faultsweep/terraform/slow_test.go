package terraform

import (
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

// A stream that does not become active within timeouts: the log shows what is waited for, the error says it and how
// to go on, and going on works when AWS has caught up.
func TestTimeout(t *testing.T) {
	w := newAWS(t)
	d := newWorkdir(t, w)
	quiet := d.Env
	d.Env = append(slices.Clone(quiet), "TF_LOG_PROVIDER=INFO")
	d.describe(small("greenhouse", "soil-1") + "\n timeouts = { create = \"15s\" }")
	d.proxy.Inject(faultproxy.Fault{Kind: faultproxy.Rewrite, Match: operation("kinesis", "DescribeStreamSummary"),
		Rewrite: func(body string) string { return strings.ReplaceAll(body, `"ACTIVE"`, `"CREATING"`) }})
	r := d.apply()
	for _, text := range []string{
		`Creating pipeline "greenhouse" ran out of time`,
		`kinesis stream "greenhouse": waiting for the stream to be active`,
		"set a longer time in timeouts",
		"stream (incomplete)",
		"terraform untaint",
		"[INFO] provider.terraform-provider-iot: waiting for the stream to be active: ",
	} {
		if !r.Says(text) {
			t.Errorf("%q is not said", text)
		}
	}
	if t.Failed() {
		t.Log(r.Output)
	}
	d.Env = quiet
	d.proxy.Clear()
	d.describe(small("greenhouse", "soil-1"))
	d.must("untaint", d.terraform("untaint", "iot_pipeline.test"))
	d.must("going on", d.apply())
	d.unchanged("after the timeout")
	d.must("destroy", d.destroy())
	w.RequireEmpty(t, "after destroy")
}

// A plan says what a deep check has found, and when the check takes longer than a refresh may; then it does without.
func TestDeepCheckIsAnnounced(t *testing.T) {
	w := newAWS(t)
	d := newWorkdir(t, w)
	fleet := "name = \"greenhouse\"\n credentials = { store = \"ssm\" }\n " +
		"devices = { for n in range(22) : format(\"soil-%02d\", n) => {} }\n"
	d.describe(fleet)
	d.must("create", d.apply())
	for _, name := range []string{"soil-04", "soil-07"} {
		for _, principal := range w.Principals(t, name) {
			_, id, _ := strings.Cut(principal, ":cert/")
			w.Detach(t, name, id)
		}
	}
	w.RemoveParameter(t, "/iot-pipeline/greenhouse/devices/soil-07")
	lost := "- soil-07: its certificate is not attached to it, and its credentials are not in the store; if they " +
		"held the only copy of its key, it gets a new key and certificate"
	for _, tt := range []struct {
		why, arguments string
		says, hides    []string
	}{
		{"it has found something", "deep_check = true",
			[]string{`2 devices of pipeline "greenhouse" will be repaired`,
				"- soil-04: its certificate is not attached to it - soil-07", lost, "0 to add, 1 to change"},
			[]string{"than a refresh may"}},
		{"it would take 2.2 s", "deep_check = true\n timeouts = { read = \"2s\" }",
			[]string{`The deep check of pipeline "greenhouse" takes longer than a refresh may`,
				"checks each of 22 devices, and iot:ListThingPrincipals is limited to 10 requests per second",
				"at least 2s; the timeout of the operation is 2s. This plan does not include the check.",
				`set timeouts = { read = "1m0s" }`, "request_rates"}, []string{"will be repaired"}},
		{"nobody asks", "", []string{"No changes"}, []string{"will be repaired", "than a refresh may"}},
	} {
		d.describe(fleet + tt.arguments)
		r := d.terraform("plan")
		for _, text := range tt.says {
			if !r.Says(text) {
				t.Errorf("%s: %q is not said:\n%s", tt.why, text, r.Output)
			}
		}
		for _, text := range tt.hides {
			if r.Says(text) {
				t.Errorf("%s: %q is said:\n%s", tt.why, text, r.Output)
			}
		}
	}
	d.must("destroy", d.destroy())
	w.RequireEmpty(t, "after destroy")
}
