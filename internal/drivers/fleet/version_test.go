package fleet_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// ofVersion is the fleet with a version of its certificates.
func ofVersion(f spec.Fleet, version int64) spec.Fleet {
	f.CertificateVersion = version
	return f
}

// source is what a thing's mark says that its certificate is made from.
func (a *account) source(thing string) string {
	a.t.Helper()
	source, _, _ := strings.Cut(a.things()[thing][contract.CertificateAttribute], ":")
	return source
}

// requireChanges checks which arguments of which devices a plan names, and that it makes no difference to the next.
func (a *account) requireChanges(ref assembly.Ref, want spec.Fleet, fields ...string) {
	a.t.Helper()
	if diff := cmp.Diff(fields, a.changes(ref, want, fleet.Options{DeepCheck: true})); diff != "" {
		a.t.Errorf("the plan (-want +got):\n%s", diff)
	}
}

// A higher version of the fleet or of a device gives it a certificate beside the one that it has, which is valid until
// it is retired or the version is raised again.
func TestRaisedVersion(t *testing.T) {
	csr, _ := pemtest.Request(t, "asked")
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
	want := greenhouse(map[string]spec.Device{
		"one": {}, "off": {Disabled: true}, "asked": {CSRPEM: csr}, "own": {CertificatePEM: pemtest.SelfSigned(t, "own")},
	})
	d, ref := a.apply(newRef(), want, nil)
	first, ids := a.bundle("one").CertificateID, d.Identities()
	if ids["one"].CertificateVersion != 1 || ids["own"].CertificateVersion != 0 || ids["asked"].CertificateVersion != 0 ||
		a.source("one") != "generated" {
		t.Errorf("made %v, marked %q", ids, a.source("one"))
	}
	a.requireChanges(ref, ofVersion(want, 1))

	want = ofVersion(want, 2)
	a.requireChanges(ref, want, `devices["off"].certificate_version`, `devices["one"].certificate_version`)
	d, ref = a.apply(ref, want, d.Identities())
	second := a.bundle("one").CertificateID
	a.requireRotated(stub, "one", first, 6)
	if len(valid(stub, "off")) > 0 || a.source("one") != "generated-2" || a.source("own") == "generated-2" ||
		d.Identities()["one"].CertificateVersion != 2 || d.Identities()["one"].CertificateID != second {
		t.Errorf("off connects with %v; marked %q; identities %v", valid(stub, "off"), a.source("one"), d.Identities())
	}
	a.requireChanges(ref, want)
	before := stub.Requests()
	for _, version := range []int64{2, 1, 0} { // a lower one changes nothing
		_, ref = a.apply(ref, ofVersion(want, version), nil)
	}
	for operation, n := range difference(before, stub.Requests()) {
		if !strings.HasPrefix(operation, "iot:List") {
			t.Errorf("applies that change nothing sent %d %s", n, operation)
		}
	}

	// One device more than the fleet: its first certificate goes.
	want.Devices["one"] = spec.Device{CertificateVersion: 3}
	a.requireChanges(ref, want, `devices["one"].certificate_version`)
	_, ref = a.apply(ref, want, nil)
	third := a.bundle("one").CertificateID
	a.requireRotated(stub, "one", second, 6)
	if slices.Contains(valid(stub, "one"), first) {
		t.Error("the certificate before the last but one is still there")
	}
	want = ofVersion(want, 3)
	a.requireChanges(ref, want, `devices["off"].certificate_version`)
	_, ref = a.apply(ref, want, nil)
	if a.bundle("one").CertificateID != third {
		t.Error("the device has been rotated again by the version that it has")
	}

	// The steps of an operator and the version do not know of each other.
	_, err := a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
	_, err = a.rotate("issue", "one")
	a.must(err)
	fourth := a.bundle("one").CertificateID
	a.requireRotated(stub, "one", third, 5)
	a.requireChanges(ref, want)
	want = ofVersion(want, 4)
	_, ref = a.apply(ref, want, nil)
	a.requireRotated(stub, "one", fourth, 6)
	a.requireChanges(ref, want)

	want.Devices["new"] = spec.Device{}
	_, ref = a.apply(ref, want, nil)
	if a.source("new") != "generated-4" || len(valid(stub, "new")) != 1 {
		t.Errorf("the new device is marked %q and connects with %v", a.source("new"), valid(stub, "new"))
	}
	delete(want.Devices, "one")
	_, ref = a.apply(ref, want, nil)
	_, err = a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
	a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, ref))
	whole(t, stub, nil)
}

// What was deleted or replaced behind the provider's back: credentials that are gone, or not ours, stop the rotation of
// that device only, and nothing is taken from it.
func TestRaisedVersionMeetsWhatOthersDid(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{})
	want := greenhouse(map[string]spec.Device{"gone": {}, "foreign": {}, "fine": {}, "bare": {}})
	d, ref := a.apply(newRef(), want, nil)
	old := map[string]string{}
	for name := range want.Devices {
		old[name] = a.bundle(name).CertificateID
	}
	_, err := a.aws.SSM().DeleteParameters(a.ctx, &ssm.DeleteParametersInput{Names: []string{"/iot-pipeline/greenhouse/gone"}})
	a.must(err)
	_, err = a.aws.SSM().PutParameter(a.ctx, &ssm.PutParameterInput{Name: aws.String("/iot-pipeline/greenhouse/foreign"),
		Value: aws.String("mine"), Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true)})
	a.must(err)
	_, err = a.aws.IoT().UpdateCertificate(a.ctx, &iot.UpdateCertificateInput{CertificateId: aws.String(old["bare"]),
		NewStatus: types.CertificateStatusInactive})
	a.must(err)
	_, err = a.aws.IoT().DetachThingPrincipal(a.ctx, &iot.DetachThingPrincipalInput{ThingName: aws.String("bare"),
		Principal: aws.String(d.Identities()["bare"].CertificateARN)})
	a.must(err)
	_, err = a.aws.IoT().DeleteCertificate(a.ctx, &iot.DeleteCertificateInput{CertificateId: aws.String(old["bare"])})
	a.must(err)

	want = ofVersion(want, 2)
	_, ref, err = a.tryApply(a.ctx, ref, want, d.Identities())
	for _, says := range []string{
		`it has no credentials at "/iot-pipeline/greenhouse/gone": somebody has deleted them. Set deep_check = true`,
		`its credentials at "/iot-pipeline/greenhouse/foreign" are not what the provider has written; they were left alone`,
	} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error does not say %q: %v", says, err)
		}
	}
	for _, name := range []string{"gone", "foreign"} {
		if got := valid(stub, name); !slices.Equal(got, []string{old[name]}) {
			t.Errorf("%s can connect with %v, and before with %s", name, got, old[name])
		}
	}
	if got := valid(stub, "fine"); len(got) != 2 || a.source("fine") != "generated-2" {
		t.Errorf("fine can connect with %v", got)
	}
	// A device that had lost its certificate has one of that version, and no other.
	if got := valid(stub, "bare"); !slices.Equal(got, []string{a.bundle("bare").CertificateID}) ||
		a.source("bare") != "generated-2" {
		t.Errorf("bare can connect with %v and is marked %q", got, a.source("bare"))
	}

	// Done as the error says.
	_, err = a.aws.SSM().DeleteParameters(a.ctx,
		&ssm.DeleteParametersInput{Names: []string{"/iot-pipeline/greenhouse/foreign"}})
	a.must(err)
	deep := fleet.New(a.aws, nil, fleet.Options{Defaults: want, DeepCheck: true})
	have, err := deep.Observe(a.ctx, ref)
	a.must(err)
	_, err = deep.Update(a.ctx, ref, have, want, nil)
	a.must(err)
	a.requireChanges(ref, want)
	_, err = a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
}

// Each request of an apply that raises the version fails before it takes effect, and loses its answer after it did, once
// for a device with one certificate, once for one with two. The device can connect with the present one all the time,
// and whatever comes next finishes.
func TestEveryRequestOfARaiseFailsOnce(t *testing.T) {
	for how, fault := range map[string]iotstub.Fault{
		"refused": {Code: "InternalFailureException", Status: http.StatusInternalServerError}, "lost": {Lost: true},
	} {
		for _, certificates := range []int{1, 2} {
			for _, then := range []string{"raise", "issue", "lower", "destroy"} {
				t.Run(fmt.Sprintf("%s/%d/then %s", how, certificates, then), func(t *testing.T) {
					at := 1
					for ; interruptRaise(t, fault, certificates, then, at); at++ {
						if t.Failed() {
							t.Fatalf("request %d", at)
						}
					}
					if at < 10 {
						t.Errorf("the apply has only %d requests", at)
					}
				})
			}
		}
	}
}

// interruptRaise reports whether the apply has so many requests.
func interruptRaise(t *testing.T, fault iotstub.Fault, certificates int, then string, at int) bool {
	t.Helper()
	f := &iotstub.FailNth{Fault: fault}
	a, stub := stubAccount(t, iotstub.Options{Fault: f.Next, DetachLag: 1})
	want := greenhouse(map[string]spec.Device{"soil-001": {}})
	d, ref := a.apply(newRef(), want, nil)
	if certificates == 2 {
		_, err := a.rotate("issue")
		a.must(err)
	}
	old, raised := a.bundle("soil-001").CertificateID, ofVersion(want, 2)
	f.Plan(at)
	_, _, failed := a.tryApply(a.ctx, ref, raised, d.Identities())
	what, met := f.Met()
	if !met {
		return false
	}
	if !slices.Contains(valid(stub, "soil-001"), old) {
		t.Errorf("after %s failed (%v), the device cannot connect", what, failed)
	}
	switch then {
	case "destroy":
		a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, ref))
		whole(t, stub, nil)
		return true
	case "issue":
		_, err := a.rotate("issue")
		a.must(err)
	case "lower":
		_, ref = a.apply(ref, want, nil)
		a.requireChanges(ref, want)
	}
	if then != "lower" {
		_, ref = a.apply(ref, raised, nil)
		a.requireChanges(ref, raised)
		if source := a.source("soil-001"); source != "generated-2" {
			t.Errorf("after %s failed and an apply, the mark is %q", what, source)
		}
		if then == "raise" {
			a.requireRotated(stub, "soil-001", old, 2)
		}
	}
	a.requireNoStrays(stub)
	if b := a.bundle("soil-001").CertificateID; !slices.Contains(valid(stub, "soil-001"), b) {
		t.Errorf("after %s failed, the bundle holds %s, and %v are valid", what, b, valid(stub, "soil-001"))
	}
	_, err := a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
	return true
}

// Another run does its whole work at each request of an apply that raises the version. The bundle always holds a
// certificate that is valid, and in the end nothing is left over.
func TestRaiseBesideOthers(t *testing.T) {
	for _, others := range []string{"issue", "retire", "raise"} {
		t.Run(others, func(t *testing.T) {
			t.Parallel()
			for at := 1; raceRaise(t, others, at); at++ {
				if t.Failed() {
					t.Fatalf("the other run at request %d", at)
				}
			}
		})
	}
}

// raceRaise reports whether the apply has so many requests.
func raceRaise(t *testing.T, others string, at int) bool {
	t.Helper()
	count, inside, armed := 0, false, false
	var other func()
	var mu sync.Mutex
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
	b := *a
	b.aws = stubbed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if armed {
			count++
		}
		run := armed && count == at && !inside
		inside = inside || run
		mu.Unlock()
		if run {
			other()
		}
		stub.ServeHTTP(w, r)
	}))
	want := greenhouse(map[string]spec.Device{"soil-001": {}})
	_, ref := a.apply(newRef(), want, nil)
	if others == "retire" {
		_, err := a.rotate("issue")
		a.must(err)
	}
	raised := ofVersion(want, 2)
	other = func() {
		if others == "raise" {
			a.apply(ref, raised, nil)
			return
		}
		if _, err := a.rotate(others); err != nil && !strings.Contains(err.Error(), "interrupted or is under way") {
			t.Errorf("the other run: %v", err)
		}
	}
	armed = true
	b.apply(ref, raised, nil)
	if !inside {
		return false
	}
	if present := a.bundle("soil-001").CertificateID; !slices.Contains(valid(stub, "soil-001"), present) {
		t.Errorf("the bundle holds %s, and %v are valid", present, valid(stub, "soil-001"))
	}
	a.apply(ref, raised, nil)
	a.requireChanges(ref, raised)
	_, err := a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
	return true
}
