package resilience

import (
	"errors"
	"slices"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

// other is the owner token of somebody else.
const other = "01900000-0000-7000-8000-00000000000b"

// Everything has been replaced by objects of somebody else under the same names: whether the records are at hand or not, an
// apply changes nothing and says so, and a destroy deletes nothing.
func TestForeignObjectsEverywhere(t *testing.T) {
	a := newAccount(t)
	records, err := a.apply(spec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := a.leftovers()
	for name, prior := range map[string][]assembly.Record{"with records": records, "without records": nil} {
		a.proxy.Clear()
		_, err := a.apply(spec(2), other, prior)
		var foreign *assembly.ForeignError
		if !errors.As(err, &foreign) || foreign.Owner != token {
			t.Errorf("%s: applying over somebody else's pipeline: %v", name, err)
		}
		for _, r := range a.proxy.Requests() {
			if r.Write {
				t.Errorf("%s: the refused apply wrote: %s %s", name, r.Service, r.Name)
			}
		}
	}
	r := a.run(spec(1), other)
	seen, err := r.engine.Observe(a.instant(), r.parts, records)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.destroy(other, seen); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if after := a.leftovers(); !slices.Equal(before, after) {
		t.Errorf("the destroy of one pipeline took from another:\nbefore %v\nafter  %v", before, after)
	}
}

// Everything is deleted behind the provider's back. What is read says so, and an apply makes it all again.
func TestEverythingIsDeletedByHand(t *testing.T) {
	a := newAccount(t)
	records, err := a.apply(spec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.server.Reset(t)
	r := a.run(spec(1), token)
	seen, err := r.engine.Observe(a.instant(), r.parts, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range seen {
		if rec.Status == assembly.Ready {
			t.Errorf("part %s is ready, and gone", rec.Key)
		}
	}
	records, err = a.apply(spec(1), token, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range a.deviceProblems(spec(1)) {
		t.Error(problem)
	}
	if left, err := a.destroy(token, records); err != nil || len(left) != 0 {
		t.Errorf("destroy: %v, left %v", err, left)
	}
	if orphans := a.leftovers(); len(orphans) != 0 {
		t.Errorf("orphans: %v", orphans)
	}
}
