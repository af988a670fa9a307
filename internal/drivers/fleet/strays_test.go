package fleet_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// requireNoStrays checks that the mark of each thing names all certificates that are attached to it.
func (a *account) requireNoStrays(stub *iotstub.Server) {
	a.t.Helper()
	things := a.things()
	for _, c := range stub.Certificates() {
		for _, thing := range c.Things {
			if mark := things[thing][contract.CertificateAttribute]; !strings.Contains(mark, c.ID) {
				a.t.Errorf("certificate %s is attached to %s, and the mark is %q", c.ID[:8], thing, mark)
			}
		}
	}
}

// made creates a certificate as a device of the pipeline has it, and attaches it to things.
func (a *account) made(name string, things ...string) (id, arn string) {
	a.t.Helper()
	_, csr, err := certs.NewPair(certs.DeviceSubject(name, owner))
	a.must(err)
	out, err := a.aws.IoT().CreateCertificateFromCsr(a.ctx,
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr, SetAsActive: true})
	a.must(err)
	for _, thing := range things {
		_, err = a.aws.IoT().AttachThingPrincipal(a.ctx,
			&iot.AttachThingPrincipalInput{ThingName: &thing, Principal: out.CertificateArn})
		a.must(err)
	}
	return aws.ToString(out.CertificateId), aws.ToString(out.CertificateArn)
}

// An apply that finishes an interrupted raise removes what that has left, and nothing that somebody may use: a
// certificate of another subject, with a policy, or of another thing as well.
func TestStraysAreRemoved(t *testing.T) {
	failing := false
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1, Fault: func(operation string, _ *http.Request) iotstub.Fault {
		if failing && operation == "ssm:PutParameter" {
			return iotstub.Fault{Code: "AccessDeniedException"}
		}
		return iotstub.Fault{}
	}})
	want := greenhouse(map[string]spec.Device{"soil-001": {}, "soil-002": {}})
	_, ref := a.apply(newRef(), want, nil)
	want.Devices["soil-001"] = spec.Device{CertificateVersion: 2}
	failing = true
	if _, _, err := a.tryApply(a.ctx, ref, want, nil); err == nil {
		t.Fatal("the bundle was stored")
	}
	failing = false
	if got := valid(stub, "soil-001"); len(got) != 2 || !slices.Contains(got, a.bundle("soil-001").CertificateID) {
		t.Fatalf("the interrupted raise has left %v", got)
	}
	second, _ := a.made("soil-001", "soil-001") // of another run that was interrupted
	allowed, allowedARN := a.made("soil-001", "soil-001")
	_, err := a.aws.IoT().AttachPolicy(a.ctx,
		&iot.AttachPolicyInput{PolicyName: aws.String("mine"), Target: &allowedARN})
	a.must(err)
	kept := []string{allowed, a.certificate(true, "soil-001")}
	shared, _ := a.made("soil-001", "soil-001", "soil-002")
	another, _ := a.made("soil-002", "soil-001")
	kept = append(kept, shared, another)
	first := a.bundle("soil-001").CertificateID

	_, ref = a.apply(ref, want, nil)
	got := valid(stub, "soil-001")
	for _, id := range append(kept, first, a.bundle("soil-001").CertificateID) {
		if !slices.Contains(got, id) {
			t.Errorf("certificate %s is not attached any more", id[:8])
		}
	}
	if len(got) != len(kept)+2 || slices.Contains(got, second) {
		t.Errorf("%d certificates are attached, want %d", len(got), len(kept)+2)
	}
	a.requireChanges(ref, want)
}

// Whoever finishes can end as well: the next apply goes on.
func TestEveryRequestOfACleaningFailsOnce(t *testing.T) {
	for how, fault := range map[string]iotstub.Fault{
		"refused": {Code: "InternalFailureException", Status: http.StatusInternalServerError}, "lost": {Lost: true},
	} {
		for at := 1; ; at++ {
			f := &iotstub.FailNth{Fault: fault}
			a, stub := stubAccount(t, iotstub.Options{Fault: f.Next, DetachLag: 1})
			want := greenhouse(map[string]spec.Device{"soil-001": {}})
			_, ref := a.apply(newRef(), want, nil)
			old := a.bundle("soil-001").CertificateID
			a.claimed("soil-001")
			a.made("soil-001", "soil-001")
			want = ofVersion(want, 2)
			f.Plan(at)
			_, _, failed := a.tryApply(a.ctx, ref, want, nil)
			what, met := f.Met()
			if !met {
				if at < 15 {
					t.Errorf("the apply has only %d requests", at)
				}
				break
			}
			if failed != nil {
				_, ref = a.apply(ref, want, nil)
			}
			a.requireChanges(ref, want)
			a.requireNoStrays(stub)
			a.requireRotated(stub, "soil-001", old, 2)
			if t.Failed() {
				t.Fatalf("%s, request %d, %s: %v", how, at, what, failed)
			}
		}
	}
}

// claimed notes on a thing that a run issues a certificate, which then ended.
func (a *account) claimed(name string) {
	a.t.Helper()
	a.mark(name, a.things()[name][contract.CertificateAttribute]+"=1764000000.ENDED")
}

func (a *account) mark(name, mark string) {
	a.t.Helper()
	_, err := a.aws.IoT().UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: &name,
		AttributePayload: &types.AttributePayload{Merge: true,
			Attributes: map[string]string{contract.CertificateAttribute: mark}}})
	a.must(err)
}

// besides gives an account whose at-th request, once armed, comes after the work of another run.
func besides(t *testing.T, at int) (a, watched *account, stub *iotstub.Server, arm func(other func()), met func() bool) {
	t.Helper()
	var mu sync.Mutex
	var other func()
	count, inside := 0, false
	none := func(string, *http.Request) iotstub.Fault { return iotstub.Fault{} }
	a, stub = stubAccount(t, iotstub.Options{DetachLag: 1, Fault: none})
	b := *a
	b.aws = stubbed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		run := false
		if other != nil {
			count++
			run = count == at && !inside
			inside = inside || run
		}
		mu.Unlock()
		if run {
			other()
		}
		stub.ServeHTTP(w, r)
	}))
	return a, &b, stub, func(o func()) { other = o }, func() bool { return inside }
}

// A rotation, or somebody who changes the thing by hand, comes between any two requests of an apply that changes a
// device. Nothing of the rotation gets lost, and the apply ends with what is described.
func TestChangesBesideOthers(t *testing.T) {
	csr, _ := pemtest.Request(t, "soil-001")
	for name, after := range map[string]spec.Device{
		"attributes": {Attributes: map[string]string{"bay": "2"}}, "request": {CSRPEM: csr},
		"disabled": {Disabled: true, Attributes: map[string]string{"bay": "2"}},
	} {
		for _, others := range []string{"issue", "retire", "by hand"} {
			t.Run(name+"/"+others, func(t *testing.T) {
				t.Parallel()
				for at := 1; raceChange(t, after, others, at); at++ {
					if t.Failed() {
						t.Fatalf("the other run at request %d", at)
					}
				}
			})
		}
	}
}

// raceChange reports whether the apply has so many requests.
func raceChange(t *testing.T, after spec.Device, others string, at int) bool {
	t.Helper()
	a, b, stub, arm, met := besides(t, at)
	_, ref := a.apply(newRef(), greenhouse(map[string]spec.Device{"soil-001": {}}), nil)
	if others == "retire" {
		_, err := a.rotate("issue")
		a.must(err)
	}
	want := greenhouse(map[string]spec.Device{"soil-001": after})
	arm(func() {
		if others == "by hand" {
			_, err := a.aws.IoT().UpdateThing(a.ctx, &iot.UpdateThingInput{ThingName: aws.String("soil-001"),
				AttributePayload: &types.AttributePayload{Merge: true, Attributes: map[string]string{"mine": "1"}}})
			a.must(err)
			return
		}
		_, err := a.rotate(others)
		if err != nil && (after.CSRPEM == "" || !strings.Contains(err.Error(), "an apply that replaces it was interrupted")) {
			t.Errorf("the other run: %v", err)
		}
	})
	b.apply(ref, want, nil)
	if !met() {
		return false
	}
	a.requireNoStrays(stub)
	if after.CSRPEM == "" { // what the rotation has written stands
		mark := a.things()["soil-001"][contract.CertificateAttribute]
		if id := a.bundle("soil-001").CertificateID; !strings.HasPrefix(mark, "generated:"+id) {
			t.Errorf("the bundle holds %s, and the mark is %q", id[:8], mark)
		}
	}
	_, ref = a.apply(ref, want, nil)
	a.requireChanges(ref, want)
	_, err := a.rotate("retire")
	a.must(err)
	whole(t, stub, want.Devices)
	a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, ref))
	whole(t, stub, nil)
	return true
}

// A run that was overtaken has stored its bundle last: the mark names another certificate. A raise makes that of the
// bundle the present one, and takes nothing from the device.
func TestRaiseWithTheBundleOfAnotherRun(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
	want := greenhouse(map[string]spec.Device{"soil-001": {}})
	_, ref := a.apply(newRef(), want, nil)
	first := a.bundle("soil-001").CertificateID
	_, err := a.rotate("issue")
	a.must(err)
	second := a.bundle("soil-001").CertificateID
	a.mark("soil-001", "generated:"+first+"/"+second)
	want = ofVersion(want, 2)
	_, ref = a.apply(ref, want, nil)
	a.requireRotated(stub, "soil-001", first, 2)
	if got := a.bundle("soil-001").CertificateID; got != second || a.source("soil-001") != "generated-2" {
		t.Errorf("the bundle holds %s, and before %s; marked %q", got, second, a.source("soil-001"))
	}
	a.requireChanges(ref, want)
}
