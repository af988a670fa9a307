package fleet_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
)

// four are more attributes than a thing without a type can have.
func four() map[string]string { return map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"} }

// requireRefused checks that err is a *fleet.ReleaseError that says so, and that nothing was written since.
func (a *account) requireRefused(stub *iotstub.Server, before map[string]int, err error, says string) {
	a.t.Helper()
	var refused *fleet.ReleaseError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), says) {
		a.t.Errorf("%v, want %q", err, says)
	}
	for operation := range difference(before, stub.Requests()) {
		if !strings.HasPrefix(operation, "iot:List") && !strings.HasPrefix(operation, "iot:Describe") {
			a.t.Errorf("the refused removal sent %s", operation)
		}
	}
}

// A device that had no thing type, or whose type is gone, and that has more attributes than AWS IoT allows without one,
// stops its removal and that of the pipeline before anything is changed.
func TestReleaseOfManyAttributes(t *testing.T) {
	const untyped = `device "bare": it had no thing type before its adoption, and without one a thing can have 3 ` +
		`attributes; it has 4 (a, b, c, d)`
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
	stub.AddThingType("Sensor")
	devices := map[string]spec.Device{"own": {Attributes: four()}}
	var hands []string
	for name, kind := range map[string]string{"bare": "", "typed": "Sensor", "gone": "Gone"} {
		m := a.byHand(name, kind, nil).certified(a, name, 1)
		hands = append(hands, m.certificates...)
		device := m.adopted()
		device.Attributes = four()
		devices[name] = device
	}
	check := fleet.New(a.aws, nil, fleet.Options{})
	a.must(check.CheckAdoption(a.ctx, devices))
	if got := check.Unreleasable(devices); !slices.Equal(got, []string{"bare"}) {
		t.Errorf("the plan warns of %v", got)
	}
	d, ref := a.apply(newRef(), greenhouse(devices), nil)

	remove := func(names ...string) error {
		left := maps.Clone(devices)
		for _, name := range names {
			delete(left, name)
		}
		want := greenhouse(left)
		keep := fleet.New(a.aws, d.Identities(), fleet.Options{KeepAdopted: true, Known: left, Defaults: want})
		have, err := keep.Observe(a.ctx, ref)
		a.must(err)
		_, err = keep.Update(a.ctx, ref, have, want, keep.Diff(have.Spec, want))
		return err
	}
	before := stub.Requests()
	a.requireRefused(stub, before, remove("bare", "own"), "1 adopted devices cannot be released: "+untyped)
	keep := fleet.New(a.aws, d.Identities(), fleet.Options{KeepAdopted: true})
	a.requireRefused(stub, before, keep.Delete(a.ctx, ref), `its thing type before the adoption, "Gone", is gone or`)
	a.requireRefused(stub, before, keep.CheckRelease(a.ctx, owner, []string{"bare", "typed", "own", "absent"}), untyped)
	a.must(keep.CheckRelease(a.ctx, "another-token", []string{"bare"}))
	a.must(keep.CheckRelease(a.ctx, owner, []string{"typed", "own"}))

	stub.AddThingType("Gone")
	device := devices["bare"]
	device.Attributes = map[string]string{"a": "1", "b": "2", "c": "3"}
	devices["bare"] = device
	_, ref = a.apply(ref, greenhouse(devices), d.Identities())
	a.must(remove("typed"))
	a.must(fleet.New(a.aws, d.Identities(), fleet.Options{KeepAdopted: true}).Delete(a.ctx, ref))
	a.untouched(stub, hands)
	if things := a.things(); len(things) != 3 || len(things["typed"]) != 4 || len(things["bare"]) != 3 {
		t.Errorf("released: %v", things)
	}
}

// Somebody has deleted the first certificate of an adopted device. The other one, which the device may use, stays, and
// the device is still released.
func TestAdoptedCertificateThatIsGone(t *testing.T) {
	for _, then := range []string{"apply", "remove"} {
		a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
		m := a.byHand("soil-001", "", nil).certified(a, "soil-001", 2)
		devices := map[string]spec.Device{"soil-001": m.adopted(), "soil-002": {}}
		d, ref := a.apply(newRef(), greenhouse(devices), nil)
		present := a.bundle("soil-001").CertificateID
		other := slices.DeleteFunc(slices.Clone(m.certificates), func(id string) bool { return id == present })
		a.destroyCertificate("soil-001", present)
		if then == "apply" {
			_, ref = a.apply(ref, greenhouse(withoutAdopt(devices)), d.Identities())
			if b := a.bundle("soil-001"); b.CertificateID != other[0] || b.PrivateKey != "" {
				t.Errorf("the bundle holds %s, want %s", b.CertificateID, other[0])
			}
			if got := a.changes(ref, greenhouse(withoutAdopt(devices)), fleet.Options{DeepCheck: true}); got != nil {
				t.Errorf("plan: %v", got)
			}
		}
		delete(devices, "soil-001")
		want := greenhouse(devices)
		keep := fleet.New(a.aws, d.Identities(), fleet.Options{KeepAdopted: true, Known: devices, Defaults: want})
		have, err := keep.Observe(a.ctx, ref)
		a.must(err)
		_, err = keep.Update(a.ctx, ref, have, want, nil)
		a.must(err)
		a.untouched(stub, other)
		if things, certificates, _ := stub.Size(); things != 2 || certificates != 2 {
			t.Errorf("%s: %d things and %d certificates are left", then, things, certificates)
		}
	}
}

// destroyCertificate deletes a certificate of a thing.
func (a *account) destroyCertificate(thing, id string) {
	a.t.Helper()
	arn := "arn:aws:iot:" + iotstub.Region + ":" + iotstub.Account + ":cert/" + id
	_, err := a.aws.IoT().UpdateCertificate(a.ctx,
		&iot.UpdateCertificateInput{CertificateId: &id, NewStatus: types.CertificateStatusInactive})
	a.must(err)
	_, err = a.aws.IoT().DetachThingPrincipal(a.ctx, &iot.DetachThingPrincipalInput{ThingName: &thing, Principal: &arn})
	a.must(err)
	for range 3 { // until the detachment is seen
		if _, err = a.aws.IoT().DeleteCertificate(a.ctx,
			&iot.DeleteCertificateInput{CertificateId: &id, ForceDelete: true}); err == nil {
			return
		}
	}
	a.must(err)
}
