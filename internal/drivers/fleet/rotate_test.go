package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// rotate does a step as an operator does: with the store, and without what Terraform knows.
func (a *account) rotate(step string, names ...string) (map[string]fleet.Rotation, error) {
	d := fleet.New(a.aws, nil, fleet.Options{NoIdentities: true, Concurrency: 1, Defaults: spec.Fleet{
		ThingType: "greenhouse", Store: greenhouse(nil).Store,
	}})
	s, err := d.SelectRotatable(a.ctx, newRef(), names)
	if err != nil {
		return nil, err
	}
	did := map[string]fleet.Rotation{}
	do := map[string]func(context.Context, assembly.Ref, *fleet.Rotatable, func(fleet.Rotation)) error{
		"issue": d.Issue, "retire": d.Retire,
	}[step]
	return did, do(a.ctx, newRef(), s, func(r fleet.Rotation) { did[r.Device] = r })
}

// valid are the certificates with which a device can connect now.
func valid(stub *iotstub.Server, thing string) []string {
	var ids []string
	for _, c := range stub.Certificates() {
		if c.Active && slices.Contains(c.Things, thing) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// requireRotated checks that a device has its old certificate and the one of its bundle, and nothing else is there.
func (a *account) requireRotated(stub *iotstub.Server, thing, old string, certificates int) {
	a.t.Helper()
	b := a.bundle(thing)
	if got := valid(stub, thing); !slices.Contains(got, b.CertificateID) || !slices.Contains(got, old) ||
		b.CertificateID == old {
		a.t.Errorf("%s can connect with %v; its bundle has %s, and before it had %s", thing, got, b.CertificateID, old)
	}
	if key := pemtest.Key(a.t, b.PrivateKey); !key.PublicKey.Equal(pemtest.Certificate(a.t, b.CertificatePEM).PublicKey) {
		a.t.Errorf("%s: the key in the bundle is not that of the certificate", thing)
	}
	if got := len(stub.Certificates()); got != certificates {
		a.t.Errorf("the account has %d certificates, want %d", got, certificates)
	}
}

func TestRotation(t *testing.T) {
	csr, _ := pemtest.Request(t, "soil-003")
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
	want := greenhouse(map[string]spec.Device{
		"soil-001": {Attributes: map[string]string{"bay": "1"}}, "soil-002": {Disabled: true}, "soil-003": {CSRPEM: csr},
		"soil-004": {CertificatePEM: pemtest.SelfSigned(t, "soil-004")},
	})
	d, ref := a.apply(newRef(), want, nil)
	stub.AddCertificates(3) // somebody else's
	old := a.bundle("soil-001").CertificateID

	did, err := a.rotate("issue")
	a.must(err)
	a.requireRotated(stub, "soil-001", old, 4+3+2)
	if len(did) != 2 || !did["soil-001"].Issued || !did["soil-002"].Issued || len(valid(stub, "soil-002")) > 0 {
		t.Errorf("issued %v; the disabled device can connect with %v", did, valid(stub, "soil-002"))
	}
	if again, err := a.rotate("issue", "soil-001"); err != nil || again["soil-001"].Issued ||
		len(stub.Certificates()) != 9 {
		t.Errorf("a second time: %v, %v", again, err)
	}
	if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
		t.Errorf("the plan between the steps: %v", got)
	}
	before := stub.Requests()
	_, ref = a.apply(ref, want, d.Identities())
	if sent := difference(before, stub.Requests()); sent["iot:UpdateThing"] > 0 || len(stub.Certificates()) != 9 {
		t.Errorf("an apply between the steps sent %v", sent)
	}

	// Whatever else an apply does meanwhile, both certificates follow.
	want.Devices["soil-001"] = spec.Device{Attributes: map[string]string{"bay": "2"}, Disabled: true}
	_, ref = a.apply(ref, want, nil)
	if got := valid(stub, "soil-001"); len(got) > 0 || len(stub.Certificates()) != 9 {
		t.Errorf("after it was disabled, the device can connect with %v", got)
	}
	want.Devices["soil-001"] = spec.Device{Attributes: map[string]string{"bay": "2"}}
	_, ref = a.apply(ref, want, nil)
	a.requireRotated(stub, "soil-001", old, 9)

	did, err = a.rotate("retire")
	a.must(err)
	if got := valid(stub, "soil-001"); !slices.Equal(got, []string{a.bundle("soil-001").CertificateID}) ||
		!slices.Equal(did["soil-001"].Removed, []string{old}) || len(stub.Certificates()) != 4+3 {
		t.Errorf("retired %v; it can connect with %v", did, got)
	}
	if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
		t.Errorf("the plan after the rotation: %v", got)
	}
	if again, err := a.rotate("retire"); err != nil || len(again["soil-001"].Removed) > 0 {
		t.Errorf("retiring twice: %v, %v", again, err)
	}

	// A device that is removed between the steps leaves nothing.
	_, err = a.rotate("issue")
	a.must(err)
	_, ref = a.apply(ref, greenhouse(map[string]spec.Device{"soil-003": want.Devices["soil-003"]}), nil)
	if got := len(stub.Certificates()); got != 1+3 {
		t.Errorf("%d certificates after the removal", got)
	}
	a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, ref))
}

// Each request of each step fails before it takes effect, and loses its answer after it did. The device can connect with
// the certificate that it had all the time, the step done again finishes, and so does an apply.
func TestEveryRequestOfARotationFailsOnce(t *testing.T) {
	for how, fault := range map[string]iotstub.Fault{
		"refused": {Code: "InternalFailureException", Status: http.StatusInternalServerError}, "lost": {Lost: true},
	} {
		for _, step := range []string{"issue", "retire"} {
			for _, then := range []string{step, "apply", "destroy"} {
				t.Run(fmt.Sprintf("%s/%s/then %s", step, how, then), func(t *testing.T) {
					at := 1
					for ; interruptRotation(t, fault, step, then, at); at++ {
						if t.Failed() {
							t.Fatalf("request %d", at)
						}
					}
					if at < 8 {
						t.Errorf("the step has only %d requests", at)
					}
				})
			}
		}
	}
}

// interruptRotation reports whether the step has so many requests.
func interruptRotation(t *testing.T, fault iotstub.Fault, step, then string, at int) bool {
	t.Helper()
	f := &iotstub.FailNth{Fault: fault}
	a, stub := stubAccount(t, iotstub.Options{Fault: f.Next, DetachLag: 1})
	want := greenhouse(map[string]spec.Device{"soil-001": {}})
	_, ref := a.apply(newRef(), want, nil)
	old := a.bundle("soil-001").CertificateID
	if step == "retire" {
		_, err := a.rotate("issue")
		a.must(err)
	}
	f.Plan(at)
	_, failed := a.rotate(step)
	what, met := f.Met()
	if !met {
		return false
	}
	device := old
	if step == "retire" {
		device = a.bundle("soil-001").CertificateID
	}
	if !slices.Contains(valid(stub, "soil-001"), device) {
		t.Errorf("after %s failed (%v), the device cannot connect", what, failed)
	}
	switch then {
	case "destroy":
		a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, ref))
		whole(t, stub, nil)
		return true
	case "apply":
		_, ref = a.apply(ref, want, nil)
		if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
			t.Errorf("after %s failed and an apply, a plan shows %v", what, got)
		}
		if !slices.Contains(valid(stub, "soil-001"), device) {
			t.Errorf("after %s failed (%v) and an apply, the device cannot connect", what, failed)
		}
	}
	if step == "issue" {
		_, err := a.rotate("issue")
		a.must(err)
		a.requireNoStrays(stub)
		if b := a.bundle("soil-001").CertificateID; !slices.Contains(valid(stub, "soil-001"), b) || b == old {
			t.Errorf("after %s failed, the bundle holds %s, and %v are valid", what, b, valid(stub, "soil-001"))
		}
	}
	_, err := a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
	if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
		t.Errorf("after %s failed and the end of the rotation, a plan shows %v", what, got)
	}
	return true
}

// Another run does the whole step at each request of this one. The bundle always holds a certificate that is valid.
func TestTwoRotateAtOnce(t *testing.T) {
	for at := 1; ; at++ {
		count, planned, inside := 0, 0, false
		var other func()
		var mu sync.Mutex
		a, stub := stubAccount(t, iotstub.Options{DetachLag: 1, Fault: nil})
		front := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			count++
			run := count == planned && !inside
			inside = inside || run
			mu.Unlock()
			if run {
				other()
			}
			stub.ServeHTTP(w, r)
		})
		b := *a
		b.aws = stubbed(t, front)
		want := greenhouse(map[string]spec.Device{"soil-001": {}})
		_, ref := a.apply(newRef(), want, nil)
		old := a.bundle("soil-001").CertificateID
		other = func() {
			if _, err := a.rotate("issue"); err != nil {
				t.Errorf("the other run, at request %d: %v", at, err)
			}
		}
		planned = at
		if _, err := b.rotate("issue"); err != nil {
			t.Errorf("with another run at request %d: %v", at, err)
		}
		if !inside {
			return
		}
		present := a.bundle("soil-001").CertificateID
		if got := valid(stub, "soil-001"); !slices.Contains(got, present) || !slices.Contains(got, old) {
			t.Fatalf("another run at request %d: the bundle holds %s, and %v are valid", at, present, got)
		}
		if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
			t.Fatalf("another run at request %d: the plan shows %v", at, got)
		}
		if _, err := a.rotate("retire"); err != nil {
			t.Fatal(err)
		}
		whole(t, stub, want.Devices)
		if present != a.bundle("soil-001").CertificateID || t.Failed() {
			t.Fatalf("another run at request %d: the bundle has changed", at)
		}
	}
}

// What is not ours is neither rotated nor removed, and the error says why.
func TestRotationRefuses(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{})
	want := greenhouse(map[string]spec.Device{"soil-001": {}, "soil-002": {}, "soil-003": {}})
	_, _ = a.apply(newRef(), want, nil)
	for _, c := range []struct{ name, says string }{{"soil-009", `no device "soil-009"`}} {
		if _, err := a.rotate("issue", c.name); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	store := fleet.New(a.aws, nil, fleet.Options{Defaults: spec.Fleet{ThingType: "greenhouse",
		Store: spec.CredentialsStore{Path: "/elsewhere"}}})
	s, err := store.SelectRotatable(a.ctx, newRef(), []string{"soil-001"})
	a.must(err)
	if err := store.Issue(a.ctx, newRef(), s, nil); err == nil ||
		!strings.Contains(err.Error(), `it has no credentials at "/elsewhere/soil-001"`) {
		t.Errorf("without credentials: %v", err)
	}
	if got := len(stub.Certificates()); got != 3 {
		t.Errorf("%d certificates", got)
	}
	if a.bundle("soil-001").Topics != contract.TopicsOf("greenhouse", "soil-001") {
		t.Error("the bundle has changed")
	}
}
