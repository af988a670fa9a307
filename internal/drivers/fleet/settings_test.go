package fleet_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// shadow is the state of a gateway's shadow, or nil.
func (a *account) shadow(gateway string) map[string]any {
	a.t.Helper()
	out, err := a.aws.IoTData().GetThingShadow(a.ctx, &iotdataplane.GetThingShadowInput{ThingName: &gateway,
		ShadowName: aws.String(contract.EdgeShadow)})
	if awsapi.IsNotFound(err) {
		return nil
	}
	a.must(err)
	var shadow struct{ State map[string]any }
	a.must(json.Unmarshal(out.Payload, &shadow))
	delete(shadow.State, "delta")
	return shadow.State
}

func (a *account) setShadow(gateway, state string) {
	a.t.Helper()
	_, err := a.aws.IoTData().UpdateThingShadow(a.ctx, &iotdataplane.UpdateThingShadowInput{ThingName: &gateway,
		ShadowName: aws.String(contract.EdgeShadow), Payload: []byte(`{"state":` + state + `}`)})
	a.must(err)
}

func object(t *testing.T, text string) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// The desired state of a gateway's shadow is the pipeline's, whatever it was; what the gateway reports is its own.
func TestSettingsOfGateways(t *testing.T) {
	const reported = `{"version":7,"status":"applied","error":null}`
	long := func(c string) string {
		return `{"version":1,"rules":{"` + strings.Repeat(c, 30) + `":{"sql":"` + strings.Repeat(c, 6700) + `"}}}`
	}
	many := func(c string) string { // of which the removal alone takes a third of a shadow
		rules := map[string]any{}
		for i := range 60 {
			rules[fmt.Sprintf("%s-%040d", c, i)] = map[string]any{"sql": "SELECT * FROM 'greenhouse/+/telemetry'"}
		}
		text, err := json.Marshal(map[string]any{"rules": rules})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	tests := []struct {
		name   string
		damage string // of the shadow
		change func(*spec.Fleet)
		fields []string
		want   string
		sent   map[string]int
	}{
		{name: "nothing changed", want: settings, sent: map[string]int{}},
		{name: "a rule changed, one added, one removed", fields: []string{`devices["gw-1"].settings`},
			change: func(f *spec.Fleet) {
				f.GatewaySettings = `{"version":8,"rules":{"hot":{"sql":"SELECT 3"},"wet":{"sql":"SELECT 4"}}}`
			},
			want: `{"version":8,"rules":{"hot":{"sql":"SELECT 3"},"wet":{"sql":"SELECT 4"}}}`},
		{name: "a member changed by hand", damage: `{"desired":{"unmatched":"forward","rules":{"x":{"sql":"SELECT 5"}}}}`,
			fields: []string{`devices["gw-1"].settings`}, want: settings},
		{name: "all removed by hand", damage: `{"desired":null}`, fields: []string{`devices["gw-1"].settings`},
			want: settings},
		{name: "what the gateway reports is no drift", damage: `{"reported":{"extra":{"a":[1]}}}`, want: settings},
		{name: "text in place of a rule", damage: `{"desired":{"rules":"none"}}`,
			fields: []string{`devices["gw-1"].settings`}, want: settings},
		{name: "other settings without room for both", change: func(f *spec.Fleet) { f.GatewaySettings = long("b") },
			damage: `{"desired":` + long("a") + `}`, want: long("b"),
			fields: []string{`devices["gw-1"].settings`}},
		{name: "removals and additions that take more than a shadow", change: func(f *spec.Fleet) {
			f.GatewaySettings = many("b")
		}, damage: `{"desired":` + many("a") + `}`, want: many("b"), fields: []string{`devices["gw-1"].settings`},
			sent: map[string]int{"iotdata:UpdateThingShadow": 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAccount(t)
			want := gatewayAndChildren()
			d, ref := a.apply(newRef(), want, nil)
			if diff := cmp.Diff(map[string]any{"desired": object(t, settings)}, a.shadow("gw-1")); diff != "" {
				t.Fatalf("shadow (-want +got):\n%s", diff)
			}
			a.setShadow("gw-1", `{"reported":`+reported+`}`)
			if test.damage != "" {
				a.setShadow("gw-1", test.damage)
			}
			if test.change != nil {
				test.change(&want)
			}
			if diff := cmp.Diff(test.fields, a.changes(ref, want, fleet.Options{})); diff != "" {
				t.Fatalf("plan (-want +got):\n%s", diff)
			}
			before := a.aws.Requests()
			d, ref = a.apply(ref, want, d.Identities())
			sent := difference(before, a.aws.Requests())
			if test.sent == nil {
				test.sent = map[string]int{"iotdata:UpdateThingShadow": min(1, len(test.fields))}
			}
			if sent["iotdata:UpdateThingShadow"] != test.sent["iotdata:UpdateThingShadow"] || sent["iot:UpdateThing"] > 0 {
				t.Errorf("requests %v, want %v", sent, test.sent)
			}
			state := a.shadow("gw-1")
			if diff := cmp.Diff(object(t, test.want), state["desired"]); diff != "" {
				t.Errorf("desired (-want +got):\n%s", diff)
			}
			if r := state["reported"].(map[string]any); r["status"] != "applied" {
				t.Errorf("reported %v", r)
			}
			if got := a.changes(ref, want, fleet.Options{}); got != nil {
				t.Errorf("after the apply still different: %v", got)
			}
			a.destroyed(d, ref)
			if left := a.shadow("gw-1"); left != nil {
				t.Errorf("left after destroy: %v", left)
			}
		})
	}
}

// A gateway that is new, or not one any more, and one whose shadow somebody wrote before.
func TestGatewaysComeAndGo(t *testing.T) {
	a := newAccount(t)
	want := greenhouse(map[string]spec.Device{"gw-1": {}, "gw-2": {}})
	want.GatewaySettings = settings
	d, ref := a.apply(newRef(), want, nil)
	a.setShadow("gw-2", `{"desired":{"status_seconds":60},"reported":{"version":1}}`)
	want.Devices = map[string]spec.Device{"gw-1": {Gateway: true}, "gw-2": {Gateway: true}}
	d, ref = a.apply(ref, want, d.Identities())
	if diff := cmp.Diff(object(t, settings), a.shadow("gw-2")["desired"]); diff != "" {
		t.Errorf("what somebody wrote before (-want +got):\n%s", diff)
	}
	if got := a.changes(ref, want, fleet.Options{}); got != nil {
		t.Errorf("after the apply still different: %v", got)
	}
	want.Devices["gw-1"] = spec.Device{}
	delete(want.Devices, "gw-2")
	d, ref = a.apply(ref, want, d.Identities())
	if one, two := a.shadow("gw-1"), a.shadow("gw-2"); one != nil || two != nil {
		t.Errorf("shadows of what is no gateway: %v, %v", one, two)
	}
	a.destroyed(d, ref)
}

func TestRefusals(t *testing.T) {
	a := newAccount(t)
	want := gatewayAndChildren()
	_, ref := a.apply(newRef(), want, nil)
	for reported, refused := range map[string]bool{
		`{"version":7,"status":"rejected","error":"rule hot: no"}`: true,
		`{"version":6,"status":"rejected","error":"rule hot: no"}`: false, // it has not seen these yet
		`{"version":7,"status":"applied","error":null}`:            false,
		`{"version":"seven","status":"applied","error":null}`:      false, // whatever a device writes
		`{"version":null,"status":"rejected"}`:                     false,
	} {
		a.setShadow("gw-1", `{"reported":null}`)
		a.setShadow("gw-1", `{"reported":`+reported+`}`)
		d := fleet.New(a.aws, nil, fleet.Options{Defaults: want})
		have, err := d.Observe(a.ctx, ref)
		a.must(err)
		var wanted []fleet.Refusal
		if refused {
			wanted = []fleet.Refusal{{Gateway: "gw-1", Reason: "rule hot: no"}}
		}
		if diff := cmp.Diff(wanted, d.Refusals()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reported, diff)
		}
		if changes := d.Diff(have.Spec, want); len(changes) > 0 {
			t.Errorf("%s: differences %v", reported, changes)
		}
	}
}
