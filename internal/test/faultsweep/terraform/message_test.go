package terraform

import (
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

// Messages name the action that AWS refused, the part, what exists and what to do.
func TestMessages(t *testing.T) {
	w := newAWS(t)
	for _, tt := range []struct {
		name  string
		fault faultproxy.Fault
		says  []string
	}{
		{"a permission is missing", faultproxy.Fault{Kind: faultproxy.AccessDenied,
			Match: operation("kinesis", "CreateStream")},
			[]string{`creating kinesis stream "greenhouse" failed`, "kinesis:CreateStream", "Part: stream",
				"terraform untaint"}},
		{"reading is not allowed", faultproxy.Fault{Kind: faultproxy.AccessDenied,
			Match: operation("dynamodb", "DescribeTable")},
			[]string{`reading dynamodb table "greenhouse" failed`, "dynamodb:DescribeTable", "Part: device_table",
				"Nothing was changed"}},
		{"credentials expire halfway", faultproxy.Fault{Kind: faultproxy.Expired,
			Match: func(r faultproxy.Request) bool { return r.N >= 70 }},
			[]string{`Creating pipeline "greenhouse" stopped: the credentials have expired`, "Renew them",
				"Exists now and is recorded: ", "AWS code: ExpiredTokenException", "terraform untaint"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Server.Reset(t)
			d := newWorkdir(t, w)
			d.describe(small("greenhouse", "soil-1"))
			d.proxy.Inject(tt.fault)
			r := d.apply()
			if r.Code == 0 {
				t.Error("the apply succeeded")
			}
			for _, text := range tt.says {
				if !r.Says(text) {
					t.Errorf("%q is not said", text)
				}
			}
			if t.Failed() {
				t.Log(r.Output)
			}
			d.proxy.Clear()
			d.must("going on by destroying", d.destroy())
			d.empty("after destroy")
		})
	}
}

func operation(service, name string) func(faultproxy.Request) bool {
	return func(r faultproxy.Request) bool { return r.Service == service && r.Name == name }
}
