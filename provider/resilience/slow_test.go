package resilience

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/faultproxy"
)

// A stream that does not become active within timeouts: the log shows what is waited for, the error says it and how
// to go on, and going on works when AWS has caught up.
func TestTimeout(t *testing.T) {
	w := newWorld(t)
	d := w.desk()
	d.env = []string{"TF_LOG_PROVIDER=INFO"}
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
		if !r.says(text) {
			t.Errorf("%q is not said", text)
		}
	}
	if t.Failed() {
		t.Log(r.output)
	}
	d.env = nil
	d.proxy.Clear()
	d.describe(small("greenhouse", "soil-1"))
	d.must("untaint", d.terraform("untaint", "-no-color", "iot_pipeline.test"))
	d.must("going on", d.apply())
	d.settled("after the timeout")
	d.must("destroy", d.destroy())
	w.empty("after destroy")
}
