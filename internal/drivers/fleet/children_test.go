package fleet_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const settings = `{"version":7,"rules":{"hot":{"sql":"SELECT 1"},"dry":{"sql":"SELECT 2"}},"unmatched":"drop"}`

func gatewayAndChildren() spec.Fleet {
	f := greenhouse(map[string]spec.Device{
		"gw-1":        {Gateway: true, Attributes: map[string]string{"site": "north"}},
		"gw-1:soil-1": {Attributes: map[string]string{"bay": "1"}},
		"gw-1:soil-2": {},
	})
	f.GatewaySettings = settings
	return f
}

// A device behind a gateway is a thing in the group, and nothing else.
func TestChildren(t *testing.T) {
	for _, store := range []string{credstore.ParameterStore, credstore.SecretsManager} {
		t.Run(store, func(t *testing.T) {
			a := newAccount(t)
			want := gatewayAndChildren()
			want.Store.Kind = store
			before := a.aws.Requests()
			d, ref := a.apply(newRef(), want, nil)
			sent := difference(before, a.aws.Requests())
			for operation, n := range map[string]int{"iot:CreateThing": 3, "iot:AddThingToThingGroup": 3,
				"iot:CreateCertificateFromCsr": 1, "iot:AttachThingPrincipal": 1, "iot:UpdateThing": 1} {
				if sent[operation] != n {
					t.Errorf("%s: %d requests, want %d", operation, sent[operation], n)
				}
			}
			things := map[string]map[string]string{
				"gw-1:soil-1": {"bay": "1", contract.OwnerAttribute: owner, contract.CertificateAttribute: "none"},
				"gw-1:soil-2": {contract.OwnerAttribute: owner, contract.CertificateAttribute: "none"},
			}
			have := a.things()
			if have["gw-1"][contract.GatewayAttribute] != "true" {
				t.Errorf("gateway's attributes %v", have["gw-1"])
			}
			delete(have, "gw-1")
			if diff := cmp.Diff(things, have); diff != "" {
				t.Errorf("things (-want +got):\n%s", diff)
			}
			if id := d.Identities()["gw-1:soil-1"]; id.CertificateID != "" || id.Credentials != "" || id.ThingARN == "" {
				t.Errorf("identity of a child: %+v", id)
			}
			before = a.aws.Requests()
			d, ref = a.apply(ref, want, d.Identities())
			for operation := range difference(before, a.aws.Requests()) {
				if !strings.Contains(operation, ":List") && operation != "iotdata:GetThingShadow" {
					t.Errorf("a second apply calls %s", operation)
				}
			}
			if got := a.changes(ref, want, fleet.Options{DeepCheck: true, ReadBundles: true}); got != nil {
				t.Errorf("after the apply still different: %v", got)
			}
			want.TopicPrefix = "site/a" // rewrites all bundles
			d, ref = a.apply(ref, want, d.Identities())
			a.destroyed(d, ref)
		})
	}
}

func TestDriftOfChildren(t *testing.T) {
	setAttributes := func(thing string, attributes map[string]string) func(*account) {
		return func(a *account) {
			_, err := a.aws.IoT().UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: &thing,
				AttributePayload: &types.AttributePayload{Attributes: attributes, Merge: true}})
			a.must(err)
		}
	}
	tests := []struct {
		name   string
		damage func(*account)
		change func(*spec.Fleet)
		fields []string
	}{
		{name: "an attribute", damage: setAttributes("gw-1:soil-1", map[string]string{"bay": "9"}),
			fields: []string{`devices["gw-1:soil-1"].attributes`}},
		{name: "the mark is gone", damage: setAttributes("gw-1:soil-1", map[string]string{contract.CertificateAttribute: ""}),
			fields: []string{`devices["gw-1:soil-1"].certificate`}},
		{name: "another mark", fields: []string{`devices["gw-1:soil-1"].certificate`},
			damage: setAttributes("gw-1:soil-1",
				map[string]string{contract.CertificateAttribute: "generated:" + strings.Repeat("a", 64)})},
		{name: "no gateway any more", damage: setAttributes("gw-1", map[string]string{contract.GatewayAttribute: ""}),
			fields: []string{`devices["gw-1"].gateway`}},
		{name: "out of the group", fields: []string{`devices["gw-1:soil-2"].thing_group`}, damage: func(a *account) {
			_, err := a.aws.IoT().RemoveThingFromThingGroup(a.ctx, &iot.RemoveThingFromThingGroupInput{
				ThingGroupName: aws.String("greenhouse"), ThingName: aws.String("gw-1:soil-2")})
			a.must(err)
		}},
		{name: "gone", fields: []string{`devices["gw-1:soil-2"]`}, damage: func(a *account) {
			_, err := a.aws.IoT().DeleteThing(a.ctx, &iot.DeleteThingInput{ThingName: aws.String("gw-1:soil-2")})
			a.must(err)
		}},
		{name: "removed", fields: []string{`devices["gw-1:soil-2"]`},
			change: func(f *spec.Fleet) { delete(f.Devices, "gw-1:soil-2") }},
		{name: "removed and gone", fields: []string{`devices["gw-1"]`},
			change: func(f *spec.Fleet) { delete(f.Devices, "gw-1:soil-2"); delete(f.Devices, "gw-1") },
			damage: func(a *account) {
				_, err := a.aws.IoT().DeleteThing(a.ctx, &iot.DeleteThingInput{ThingName: aws.String("gw-1:soil-2")})
				a.must(err)
			}},
		{name: "not a gateway any more", fields: []string{`devices["gw-1"].gateway`, `devices["gw-1:soil-1"]`,
			`devices["gw-1:soil-2"]`}, change: func(f *spec.Fleet) {
			f.Devices = map[string]spec.Device{"gw-1": {Attributes: f.Devices["gw-1"].Attributes}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAccount(t)
			want := gatewayAndChildren()
			d, ref := a.apply(newRef(), want, nil)
			certificate := d.Identities()["gw-1"].CertificateID
			if test.damage != nil {
				test.damage(a)
			}
			if test.change != nil {
				test.change(&want)
			}
			if diff := cmp.Diff(test.fields, a.changes(ref, want, fleet.Options{})); diff != "" {
				t.Fatalf("plan (-want +got):\n%s", diff)
			}
			d, ref = a.apply(ref, want, d.Identities())
			if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
				t.Errorf("after the apply still different: %v", got)
			}
			if _, there := want.Devices["gw-1"]; there && d.Identities()["gw-1"].CertificateID != certificate {
				t.Error("the gateway has another certificate")
			}
			a.destroyed(d, ref)
		})
	}
}

// A certificate that somebody attached to a child by hand goes with it.
func TestChildWithACertificate(t *testing.T) {
	a := newAccount(t)
	d, ref := a.apply(newRef(), gatewayAndChildren(), nil)
	made, err := a.aws.IoT().CreateKeysAndCertificate(a.ctx, &iot.CreateKeysAndCertificateInput{SetAsActive: true})
	a.must(err)
	_, err = a.aws.IoT().AttachThingPrincipal(a.ctx, &iot.AttachThingPrincipalInput{ThingName: aws.String("gw-1:soil-1"),
		Principal: made.CertificateArn})
	a.must(err)
	a.destroyed(d, ref)
}

func TestChildrenHaveNothingToRotate(t *testing.T) {
	a := newAccount(t)
	d, ref := a.apply(newRef(), gatewayAndChildren(), nil)
	s, err := d.SelectRotatable(a.ctx, ref, nil)
	a.must(err)
	if !cmp.Equal(s.Names, []string{"gw-1"}) || !strings.Contains(s.Other["gw-1:soil-1"], "is behind a gateway") {
		t.Errorf("names %v, other %v", s.Names, s.Other)
	}
}
