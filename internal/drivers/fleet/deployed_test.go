package fleet_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// shadowRequests are the requests about shadows, and the writes of things.
func shadowRequests(sent map[string]int) map[string]int {
	found := map[string]int{}
	for operation, n := range sent {
		if strings.Contains(operation, "Shadow") || operation == "iot:UpdateThing" {
			found[operation] = n
		}
	}
	return found
}

// Settings move from shadows to a deployment and back. While a deployment brings them, the shadows are nobody's business.
func TestSettingsMoveToADeployment(t *testing.T) {
	a := newAccount(t)
	shadowed := greenhouse(map[string]spec.Device{"gw-1": {Gateway: true}, "gw-2": {Gateway: true}, "gw-1:soil-1": {}})
	shadowed.GatewaySettings = settings
	deployed := shadowed
	deployed.GatewaySettings = ""
	d, ref := a.apply(newRef(), shadowed, nil)
	a.setShadow("gw-1", `{"reported":{"version":7,"status":"rejected","error":"no"}}`)
	fields := []string{`devices["gw-1"].settings`, `devices["gw-2"].settings`}
	for _, step := range []struct {
		why    string
		want   spec.Fleet
		before func()
		fields []string
		sent   map[string]int
		shadow map[string]any
		value  string
	}{
		{why: "to a deployment", want: deployed, fields: fields, value: contract.GatewayDeployed,
			sent: map[string]int{"iotdata:GetThingShadow": 2, "iotdata:DeleteThingShadow": 2, "iot:UpdateThing": 2}},
		{why: "again", want: deployed, value: contract.GatewayDeployed, sent: map[string]int{}},
		{why: "with a shadow that somebody wrote", want: deployed, value: contract.GatewayDeployed, sent: map[string]int{},
			before: func() { a.setShadow("gw-1", `{"desired":{"unmatched":"drop","rules":{"x":{"sql":"SELECT 1"}}}}`) },
			shadow: object(t, `{"unmatched":"drop","rules":{"x":{"sql":"SELECT 1"}}}`)},
		{why: "back", want: shadowed, fields: fields, value: contract.GatewayByShadow, shadow: object(t, settings),
			sent: map[string]int{"iotdata:GetThingShadow": 2, "iotdata:UpdateThingShadow": 2, "iot:UpdateThing": 2}},
		{why: "to a deployment, after a run that ended when it had removed the shadows", want: deployed, fields: fields,
			before: func() {
				removeShadow(a, "gw-1")
				removeShadow(a, "gw-2")
			}, value: contract.GatewayDeployed,
			sent: map[string]int{"iotdata:GetThingShadow": 2, "iotdata:DeleteThingShadow": 2, "iot:UpdateThing": 2}},
		{why: "back, after a run that ended when it had changed the thing", want: shadowed, fields: fields,
			before: func() {
				for _, thing := range []string{"gw-1", "gw-2"} {
					_, err := a.aws.IoT().UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: &thing,
						AttributePayload: &types.AttributePayload{Merge: true,
							Attributes: map[string]string{contract.GatewayAttribute: contract.GatewayByShadow}}})
					a.must(err)
				}
			}, value: contract.GatewayByShadow, shadow: object(t, settings),
			sent: map[string]int{"iotdata:GetThingShadow": 2, "iotdata:UpdateThingShadow": 2}},
	} {
		if step.before != nil {
			step.before()
		}
		if diff := cmp.Diff(step.fields, a.changes(ref, step.want, fleet.Options{})); diff != "" {
			t.Errorf("%s: plan (-want +got):\n%s", step.why, diff)
		}
		before := a.aws.Requests()
		d, ref = a.apply(ref, step.want, d.Identities())
		if diff := cmp.Diff(step.sent, shadowRequests(difference(before, a.aws.Requests()))); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", step.why, diff)
		}
		var desired any
		if shadow := a.shadow("gw-1"); shadow != nil {
			desired = shadow["desired"]
		}
		if want := any(step.shadow); step.shadow != nil && !cmp.Equal(want, desired) || step.shadow == nil && desired != nil {
			t.Errorf("%s: the shadow has %v, want %v", step.why, desired, want)
		}
		if got := a.things()["gw-1"][contract.GatewayAttribute]; got != step.value {
			t.Errorf("%s: the thing says %q, want %q", step.why, got, step.value)
		}
		if got := a.changes(ref, step.want, fleet.Options{}); got != nil {
			t.Errorf("%s: after the apply still different: %v", step.why, got)
		}
	}
	a.destroyed(d, ref)
	if left := a.shadow("gw-1"); left != nil {
		t.Errorf("left after destroy: %v", left)
	}
}

// A pipeline that only ever deployed asks for no shadow, from its first apply to its last.
func TestDeployedSettingsNeedNoShadow(t *testing.T) {
	a := newAccount(t)
	want := gatewayAndChildren()
	want.GatewaySettings = ""
	before := a.aws.Requests()
	d, ref := a.apply(newRef(), want, nil)
	want.Devices["gw-2"] = spec.Device{Gateway: true}
	d, ref = a.apply(ref, want, d.Identities())
	want.Devices["gw-2"] = spec.Device{}
	d, ref = a.apply(ref, want, d.Identities())
	a.destroyed(d, ref)
	for operation := range shadowRequests(difference(before, a.aws.Requests())) {
		if strings.Contains(operation, "Shadow") {
			t.Errorf("it calls %s", operation)
		}
	}
}

func removeShadow(a *account, gateway string) {
	a.t.Helper()
	_, err := a.aws.IoTData().DeleteThingShadow(a.ctx, &iotdataplane.DeleteThingShadowInput{ThingName: &gateway,
		ShadowName: aws.String(contract.EdgeShadow)})
	a.must(err)
}
