package faultsweep

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

// adoptingSpec is a small pipeline that adopts what was made by hand.
func adoptingSpec(hands ...awstest.HandMade) pipeline.Spec {
	off := false
	s := pipeline.Spec{Name: "adopting", Archive: &pipeline.ArchiveSpec{Enabled: &off},
		Devices: map[string]pipeline.DeviceSpec{"new": {}}}
	for _, h := range hands {
		s.Devices[h.Thing] = pipeline.DeviceSpec{Adopt: &pipeline.AdoptSpec{ThingARN: h.ThingARN,
			CertificateARNs: []string{h.CertificateARN}}}
	}
	return s
}

// adoptionStride is [stride] for the shorter run of an adoption.
func adoptionStride() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 1
	}
	return 17
}

// Requests of an apply that adopts fail before and after their effect, or the process dies there. Whatever comes of it,
// what was made by hand is as it was, and the next apply finishes.
func TestAdoptionMayFail(t *testing.T) {
	for i, kind := range []faultKind{
		dropped(faultproxy.DropAfter), dropped(faultproxy.DropBefore), once(faultproxy.AccessDenied),
		processKill(faultproxy.DropAfter), processKill(faultproxy.DropBefore),
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			a := newLocalAWS(t)
			account := awstest.New(t, a.server.Config(t))
			hands := []awstest.HandMade{account.MakeByHand(t, "soil-1", nil), account.MakeByHand(t, "soil-2", nil)}
			a.server.Save(t, "begin")
			tried := 0
			for k := 1 + 3*i; a.adoptionFails(account, kind, k, hands); k += adoptionStride() {
				tried++
			}
			if tried == 0 {
				t.Error("no fault was met")
			}
			t.Logf("%d fault points", tried)
		})
	}
}

// adoptionFails lets request k of an apply fail that adopts. It reports whether there were so many.
func (a *localAWS) adoptionFails(account awstest.Account, kind faultKind, k int, hands []awstest.HandMade) bool {
	a.t.Helper()
	s := adoptingSpec(hands...)
	a.server.Restore(a.t, "begin")
	a.proxy.Clear()
	var first *faultproxy.Fault
	for _, f := range kind.faults(k) {
		if p := a.proxy.Inject(f); first == nil {
			first = p
		}
	}
	records, err := a.apply(s, token, nil)
	if a.proxy.Hits(first) == 0 {
		return false
	}
	name := fmt.Sprintf("request %d, %s (%s)", k, kind.name, victim(a.proxy.Requests(), first))
	a.proxy.Clear()
	intact := func(when string) {
		for _, h := range hands {
			account.Intact(a.t, name+", "+when, h)
		}
	}
	intact("after the fault")
	if kind.dies {
		records = nil
	}
	if err != nil || kind.dies {
		err = nil
		if len(records) == 0 { // as an import finds them
			records, err = a.discover(s, token, nil)
		}
		if err == nil {
			records, err = a.apply(s, token, records)
		}
	}
	if err != nil {
		a.t.Errorf("%s: applying again: %v", name, err)
		return true
	}
	intact("applied again")
	a.proxy.Clear()
	if _, err := a.apply(s, token, records); err != nil {
		a.t.Errorf("%s: a further apply: %v", name, err)
	}
	for _, r := range a.proxy.Requests() {
		if r.Write {
			a.t.Errorf("%s: a further apply wrote: %s %s", name, r.Service, r.Name)
		}
	}
	return true
}

// A pipeline cannot adopt what another one owns: the apply refuses, and a destroy leaves it with its owner. The tests of
// the fleet driver show that the refusal comes before the first write.
func TestForeignAdoption(t *testing.T) {
	a := newLocalAWS(t)
	account := awstest.New(t, a.server.Config(t))
	h := account.MakeByHand(t, "soil-1", nil)
	if _, err := a.apply(adoptingSpec(h), token, nil); err != nil {
		t.Fatal(err)
	}
	theirs := adoptingSpec(h)
	theirs.Name = "theirs"
	records, err := a.apply(theirs, other, nil)
	var foreign *assembly.ForeignError
	if !errors.As(err, &foreign) || foreign.Owner != token {
		t.Errorf("adopting what another pipeline owns: %v", err)
	}
	if left, err := a.destroy(other, records); err != nil || len(left) > 0 {
		t.Errorf("their destroy: %v, left %v", err, left)
	}
	if owner := account.Intact(t, "after their destroy", h)["iot-pipeline"]; owner != token {
		t.Errorf("the thing belongs to %q", owner)
	}
}
