package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

func TestCreate(t *testing.T) {
	a := newAccount(t)
	csr, deviceKey := pemtest.Request(t, "soil-002")
	own := pemtest.SelfSigned(t, "soil-003")
	want := greenhouse(map[string]spec.Device{
		"soil-001": {Attributes: map[string]string{"bay": "1"}},
		"soil-002": {CSRPEM: csr},
		"soil-003": {CertificatePEM: own},
		"soil-004": {Disabled: true},
	})
	d, _ := a.apply(newRef(), want, nil)

	ids := d.Identities()
	if len(ids) != 4 {
		t.Fatalf("identities: got %d, want 4", len(ids))
	}
	statuses := a.certificates()
	for name, device := range want.Devices {
		id := ids[name]
		wantStatus := types.CertificateStatusActive
		if device.Disabled {
			wantStatus = types.CertificateStatusInactive
		}
		if got := statuses[id.CertificateID]; got != wantStatus {
			t.Errorf("%s: certificate is %q, want %q", name, got, wantStatus)
		}
		principals, err := a.aws.IoT().
			ListThingPrincipals(a.ctx, &iot.ListThingPrincipalsInput{ThingName: aws.String(name)})
		a.must(err)
		if diff := cmp.Diff([]string{id.CertificateARN}, principals.Principals); diff != "" {
			t.Errorf("%s: principals (-want +got):\n%s", name, diff)
		}
		parameter, err := a.aws.SSM().
			GetParameter(a.ctx, &ssm.GetParameterInput{Name: aws.String("/iot-pipeline/greenhouse/" + name)})
		a.must(err)
		if got := aws.ToString(parameter.Parameter.ARN); got != id.Credentials {
			t.Errorf("%s: credentials ARN is %q, the parameter's is %q", name, id.Credentials, got)
		}
		if parameter.Parameter.Type != "SecureString" {
			t.Errorf("%s: the bundle is a %s", name, parameter.Parameter.Type)
		}
		b := a.bundle(name)
		if hasKey := device.CSRPEM == "" && device.CertificatePEM == ""; (b.PrivateKey != "") != hasKey {
			t.Errorf("%s: private key in the bundle: %t, want %t", name, b.PrivateKey != "", hasKey)
		}
		if want := "greenhouse/" + name + "/telemetry"; b.Topics.Telemetry != want || b.Endpoint == "" ||
			b.CertificateARN != id.CertificateARN {
			t.Errorf("%s: incomplete bundle: topic %q endpoint %q certificate %q", name, b.Topics.Telemetry, b.Endpoint,
				b.CertificateARN)
		}
	}
	if len(statuses) != 4 {
		t.Errorf("account has %d certificates, want 4", len(statuses))
	}
	if got := pemtest.Certificate(t, a.bundle("soil-002").CertificatePEM); !deviceKey.PublicKey.Equal(got.PublicKey) {
		t.Error("soil-002: the certificate is not for the key of the device's request")
	}
	b := a.bundle("soil-001")
	if c := pemtest.Certificate(t, b.CertificatePEM); c.Subject.CommonName != "soil-001" ||
		!cmp.Equal(c.Subject.OrganizationalUnit, []string{owner}) ||
		!pemtest.Key(t, b.PrivateKey).PublicKey.Equal(c.PublicKey) {
		t.Errorf("soil-001: subject %s, or the key is not the certificate's", c.Subject)
	}
	if got := a.things()["soil-001"]; got["bay"] != "1" || got[contract.OwnerAttribute] != owner {
		t.Errorf("soil-001: attributes %v", got)
	}

}

func TestSecondApplyOnlyLists(t *testing.T) {
	a := newAccount(t)
	csr, _ := pemtest.Request(t, "soil-002")
	want := greenhouse(map[string]spec.Device{"soil-001": {}, "soil-002": {CSRPEM: csr}, "soil-003": {Disabled: true}})
	d, ref := a.apply(newRef(), want, nil)
	before := a.aws.Requests()
	a.apply(ref, want, d.Identities())
	after := a.aws.Requests()
	sent := difference(before, after)
	if diff := cmp.Diff(map[string]int{"iot:ListThings": 1, "iot:ListThingsInThingGroup": 1, "iot:ListCertificates": 1},
		sent); diff != "" {
		t.Errorf("requests of a second apply (-want +got):\n%s", diff)
	}
}

func TestDriftIsShownAndRepaired(t *testing.T) {
	csr, _ := pemtest.Request(t, "soil-002")
	newCSR, _ := pemtest.Request(t, "soil-002")
	own := pemtest.SelfSigned(t, "soil-001")
	base := func() spec.Fleet {
		return greenhouse(map[string]spec.Device{
			"soil-001": {Attributes: map[string]string{"bay": "1"}},
			"soil-002": {CSRPEM: csr},
			"soil-003": {},
		})
	}
	id := func(a *account, d *fleet.Driver, name string) string { return d.Identities()[name].CertificateID }
	detach := func(a *account, d *fleet.Driver, name string) {
		_, err := a.aws.IoT().
			DetachThingPrincipal(a.ctx, &iot.DetachThingPrincipalInput{ThingName: aws.String(name),
				Principal: aws.String(d.Identities()[name].CertificateARN)})
		a.must(err)
	}
	deleteCertificate := func(a *account, d *fleet.Driver, name string) {
		_, err := a.aws.IoT().
			UpdateCertificate(a.ctx, &iot.UpdateCertificateInput{CertificateId: aws.String(id(a, d, name)),
				NewStatus: types.CertificateStatusInactive})
		a.must(err)
		_, err = a.aws.IoT().
			DeleteCertificate(a.ctx, &iot.DeleteCertificateInput{CertificateId: aws.String(id(a, d, name)),
				ForceDelete: true})
		a.must(err)
	}
	tests := []struct {
		name    string
		damage  func(*account, *fleet.Driver) // by hand, in the account
		change  func(*spec.Fleet)             // in the configuration
		options fleet.Options
		fields  []string
		count   int // certificates afterwards
	}{
		{name: "attribute added in configuration", fields: []string{`devices["soil-001"].attributes`}, count: 3,
			change: func(f *spec.Fleet) {
				f.Devices["soil-001"] = spec.Device{Attributes: map[string]string{"bay": "1", "row": "7"}}
			}},
		{name: "last attribute removed in configuration", fields: []string{`devices["soil-001"].attributes`}, count: 3,
			change: func(f *spec.Fleet) { f.Devices["soil-001"] = spec.Device{} }},
		{name: "attribute changed by hand", fields: []string{`devices["soil-001"].attributes`}, count: 3,
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.IoT().
					UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: aws.String("soil-001"),
						AttributePayload: &types.AttributePayload{Merge: true,
							Attributes: map[string]string{"bay": "9"}}})
				a.must(err)
			}},
		{name: "disabled in configuration", fields: []string{`devices["soil-003"].enabled`}, count: 3,
			change: func(f *spec.Fleet) { f.Devices["soil-003"] = spec.Device{Disabled: true} }},
		{name: "deactivated by hand", fields: []string{`devices["soil-002"].enabled`}, count: 3,
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.IoT().
					UpdateCertificate(a.ctx, &iot.UpdateCertificateInput{CertificateId: aws.String(id(a, d,
						"soil-002")), NewStatus: types.CertificateStatusInactive})
				a.must(err)
			}},
		{name: "taken out of the group by hand", fields: []string{`devices["soil-003"].thing_group`}, count: 3,
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.IoT().
					RemoveThingFromThingGroup(a.ctx,
						&iot.RemoveThingFromThingGroupInput{ThingName: aws.String("soil-003"),
							ThingGroupName: aws.String("greenhouse")})
				a.must(err)
			}},
		{
			name:    "thing type taken off by hand, so that the listing by type misses it",
			fields:  []string{`devices["soil-003"].thing_type`},
			count:   3,
			options: fleet.Options{Wanted: []string{"soil-003"}},
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.IoT().
					UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: aws.String("soil-003"), RemoveThingType: true})
				a.must(err)
			},
		},
		{
			name:   "certificate deleted by hand",
			fields: []string{`devices["soil-003"].certificate`},
			count:  3,
			damage: func(a *account, d *fleet.Driver) { detach(a, d, "soil-003"); deleteCertificate(a, d, "soil-003") },
		},
		{
			name:   "thing deleted by hand: its certificate does not stay behind",
			fields: []string{`devices["soil-003"]`},
			count:  3,
			damage: func(a *account, d *fleet.Driver) {
				detach(a, d, "soil-003")
				_, err := a.aws.IoT().DeleteThing(a.ctx, &iot.DeleteThingInput{ThingName: aws.String("soil-003")})
				a.must(err)
			},
		},
		{name: "thing deleted by hand and in the configuration", fields: []string{`devices["soil-001"]`}, count: 1,
			change: func(f *spec.Fleet) { delete(f.Devices, "soil-001"); delete(f.Devices, "soil-003") },
			damage: func(a *account, d *fleet.Driver) {
				detach(a, d, "soil-003")
				_, err := a.aws.IoT().DeleteThing(a.ctx, &iot.DeleteThingInput{ThingName: aws.String("soil-003")})
				a.must(err)
			}},
		{
			name:   "mark removed by hand: the certificate is replaced, not doubled",
			fields: []string{`devices["soil-003"].certificate`},
			count:  3,
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.IoT().
					UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: aws.String("soil-003"),
						AttributePayload: &types.AttributePayload{Attributes: map[string]string{contract.OwnerAttribute: owner}}})
				a.must(err)
			},
		},
		{
			name:    "certificate detached by hand, seen by the deep check",
			fields:  []string{`devices["soil-002"].certificate`},
			count:   3,
			options: fleet.Options{DeepCheck: true},
			damage:  func(a *account, d *fleet.Driver) { detach(a, d, "soil-002") },
		},
		{
			name:    "bundle of a request deleted by hand, seen by the deep check",
			fields:  []string{`devices["soil-002"].credentials`},
			count:   3,
			options: fleet.Options{DeepCheck: true},
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.SSM().
					DeleteParameter(a.ctx,
						&ssm.DeleteParameterInput{Name: aws.String("/iot-pipeline/greenhouse/soil-002")})
				a.must(err)
			},
		},
		{
			name:    "bundle with the only key deleted by hand: new key",
			fields:  []string{`devices["soil-003"].credentials`},
			count:   3,
			options: fleet.Options{DeepCheck: true},
			damage: func(a *account, d *fleet.Driver) {
				_, err := a.aws.SSM().
					DeleteParameter(a.ctx,
						&ssm.DeleteParameterInput{Name: aws.String("/iot-pipeline/greenhouse/soil-003")})
				a.must(err)
			},
		},
		{name: "request replaced", fields: []string{`devices["soil-002"].csr_pem`}, count: 3,
			change: func(f *spec.Fleet) { f.Devices["soil-002"] = spec.Device{CSRPEM: newCSR} }},
		{
			name:   "own certificate in place of a generated one",
			fields: []string{`devices["soil-001"].certificate_pem`},
			count:  3,
			change: func(f *spec.Fleet) {
				f.Devices["soil-001"] = spec.Device{CertificatePEM: own, Attributes: map[string]string{"bay": "1"}}
			},
		},
		{name: "generated key in place of a request", fields: []string{`devices["soil-002"].csr_pem`}, count: 3,
			change: func(f *spec.Fleet) { f.Devices["soil-002"] = spec.Device{} }},
		{name: "device added", fields: []string{`devices["soil-004"]`}, count: 4,
			change: func(f *spec.Fleet) { f.Devices["soil-004"] = spec.Device{} }},
		{name: "device removed", fields: []string{`devices["soil-002"]`}, count: 2,
			change: func(f *spec.Fleet) { delete(f.Devices, "soil-002") }},
		{name: "topics moved: bundles rewritten", fields: []string{"topic_prefix"}, count: 3,
			change: func(f *spec.Fleet) { f.TopicPrefix = "site/a" }},
		{name: "tags changed", fields: []string{"tags"}, count: 3,
			change: func(f *spec.Fleet) { f.Tags = map[string]string{"stage": "test"} }},
		{name: "path changed", fields: []string{"credentials.path"}, count: 3,
			change: func(f *spec.Fleet) { f.Store.Path = "/elsewhere" }},
		{name: "store changed", fields: []string{"credentials.store"}, count: 3,
			change: func(f *spec.Fleet) { f.Store.Kind = credstore.SecretsManager }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAccount(t)
			want := base()
			d, ref := a.apply(newRef(), want, nil)
			if test.damage != nil {
				test.damage(a, d)
			}
			if test.change != nil {
				test.change(&want)
			}
			if diff := cmp.Diff(test.fields, a.changes(ref, want, test.options)); diff != "" {
				t.Fatalf("plan (-want +got):\n%s", diff)
			}
			repair := fleet.New(a.aws, d.Identities(), test.options)
			have, err := repair.Observe(a.ctx, ref)
			a.must(err)
			id, err := repair.Update(a.ctx, ref, have, want, repair.Diff(have.Spec, want))
			a.must(err)
			ref.Outputs = id.Outputs
			if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
				t.Errorf("after the apply still different: %v", got)
			}
			if got := len(a.certificates()); got != test.count {
				t.Errorf("account has %d certificates, want %d", got, test.count)
			}
			if diff := cmp.Diff(repair.Identities(), observedIdentities(a, ref, repair.Identities())); diff != "" {
				t.Errorf("identities differ from what is observed (-kept +observed):\n%s", diff)
			}
			a.destroyed(fleet.New(a.aws, repair.Identities(), fleet.Options{}), ref)
		})
	}
}

func TestForeignThingStopsBeforeTheFirstWrite(t *testing.T) {
	tests := []struct {
		name       string
		attributes map[string]string
		owner      string
	}{
		{"thing without an owner", nil, ""},
		{"thing of another pipeline", map[string]string{contract.OwnerAttribute: "other"}, "other"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAccount(t)
			_, err := a.aws.IoT().
				CreateThing(a.ctx, &iot.CreateThingInput{ThingName: aws.String("soil-002"),
					AttributePayload: &types.AttributePayload{Attributes: test.attributes}})
			a.must(err)
			want := greenhouse(map[string]spec.Device{"soil-001": {}, "soil-002": {}})

			_, _, err = a.tryApply(a.ctx, newRef(), want, nil)
			var foreign *assembly.ForeignError
			if !errors.As(err, &foreign) || foreign.Owner != test.owner ||
				!strings.Contains(err.Error(), `the names of 1 of its devices: "soil-002" (owned by`) {
				t.Errorf("Observe: got %v", err)
			}
			if _, err := fleet.New(a.aws, nil, fleet.Options{}).Create(a.ctx, newRef(), want); !errors.As(err,
				&foreign) {
				t.Errorf("Create without the names at Observe: got %v", err)
			}
			if got := a.things(); len(got) != 1 {
				t.Errorf("something was written: %v", got)
			}
		})
	}
}

func TestCertificateInUseElsewhereIsLeft(t *testing.T) {
	a := newAccount(t)
	want := greenhouse(map[string]spec.Device{"soil-001": {}, "soil-002": {}, "soil-003": {}})
	d, ref := a.apply(newRef(), want, nil)
	_, err := a.aws.IoT().CreateThing(a.ctx, &iot.CreateThingInput{ThingName: aws.String("other")})
	a.must(err)
	// AWS refuses this for an exclusive attachment, unless somebody detached first and attached again.
	_, err = a.aws.IoT().
		AttachThingPrincipal(a.ctx, &iot.AttachThingPrincipalInput{ThingName: aws.String("other"),
			Principal: aws.String(d.Identities()["soil-002"].CertificateARN)})
	a.must(err)

	err = fleet.New(a.aws, d.Identities(), fleet.Options{}).Delete(a.ctx, ref)
	var inUse *fleet.InUseError
	if !errors.As(err, &inUse) || !cmp.Equal(inUse.Things, []string{"other"}) {
		t.Fatalf("got %v", err)
	}
	var device *bulk.DeviceError
	if !errors.As(err, &device) || device.Device != "soil-002" {
		t.Errorf("the error does not name the device: %v", err)
	}
	things := a.things()
	if _, left := things["soil-002"]; !left || len(things) != 2 {
		t.Errorf("things left: %v, want soil-002 and other", things)
	}
	if got := a.certificates(); len(got) != 1 ||
		got[d.Identities()["soil-002"].CertificateID] != types.CertificateStatusActive {
		t.Errorf("certificates left: %v, want the one in use, active", got)
	}
	if b := a.bundle("soil-002"); b.PrivateKey == "" {
		t.Error("the bundle of the certificate in use has lost its key")
	}
}

func TestImport(t *testing.T) {
	a := newAccount(t)
	csr, _ := pemtest.Request(t, "soil-002")
	own := pemtest.SelfSigned(t, "soil-003")
	a.makeBucket()
	for _, kind := range []string{credstore.ParameterStore, credstore.SecretsManager, credstore.Bucket} {
		t.Run(kind, func(t *testing.T) {
			want := greenhouse(map[string]spec.Device{
				"soil-001": {
					Attributes: map[string]string{"bay": "1"},
				}, "soil-002": {CSRPEM: csr, Disabled: true}, "soil-003": {CertificatePEM: own},
			})
			want.Store.Kind, want.Store.Bucket = kind, bundles
			made, ref := a.apply(newRef(), want, nil)

			defaults := want
			defaults.Devices = nil
			d := fleet.New(a.aws, nil, fleet.Options{ReadBundles: true, Defaults: defaults})
			have, err := d.Observe(a.ctx, newRef())
			a.must(err)
			if got := d.Diff(have.Spec, want); got != nil {
				t.Errorf("plan after import: %v", got)
			}
			observed := d.Observed()
			for name, device := range observed {
				device.Found = nil
				if device.Attributes != nil && len(device.Attributes) == 0 {
					device.Attributes = nil
				}
				observed[name] = device
			}
			if diff := cmp.Diff(want.Devices, observed); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(made.Identities(), d.Identities()); diff != "" {
				t.Errorf("identities (-made +imported):\n%s", diff)
			}
			a.destroyed(d, ref)
		})
	}
}
