package assembly

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
)

// tagged is a fakeSpec with tags, and tagging a driver that reads them only in full.
type tagged struct{ fakeSpec }

func (t tagged) WantedTags() map[string]string { return map[string]string{"value": t.Value} }

type tagging struct {
	fakeDriver
	full *atomic.Int32
}

func (d tagging) Observe(ctx context.Context, ref Ref) (*Observed[tagged], error) {
	o, err := d.fakeDriver.Observe(ctx, ref)
	if o == nil || err != nil {
		return nil, err
	}
	observed := &Observed[tagged]{Identity: o.Identity, Owner: ref.Owner}
	observed.ARN = "arn:" + ref.Name
	if !ref.Brief() {
		d.full.Add(1)
		observed.Owner, observed.Spec = o.Owner, tagged{o.Spec}
	}
	return observed, nil
}

func (d tagging) Create(ctx context.Context, ref Ref, want tagged) (Identity, error) {
	id, err := d.fakeDriver.Create(ctx, ref, want.fakeSpec)
	id.ARN = "arn:" + ref.Name
	return id, err
}

func (d tagging) Update(
	ctx context.Context, ref Ref, have *Observed[tagged], want tagged, c []Change,
) (Identity, error) {
	return d.fakeDriver.Update(ctx, ref, &Observed[fakeSpec]{Identity: have.Identity}, want.fakeSpec, c)
}

func (d tagging) Diff(have, want tagged) []Change {
	if have.Value == "" {
		return nil // not read
	}
	return d.fakeDriver.Diff(have.fakeSpec, want.fakeSpec)
}

// hints is an index that suspects what a test tells it to.
type hints struct {
	suspects []string
	asked    []map[string]map[string]string
}

func (h *hints) Suspects(_ context.Context, _ string, wanted map[string]map[string]string) map[string]bool {
	h.asked = append(h.asked, wanted)
	found := map[string]bool{}
	for _, arn := range h.suspects {
		found[arn] = true
	}
	return found
}

func TestTagsAreReadWhereTheIndexSaysSo(t *testing.T) {
	c, full := newCloud(), &atomic.Int32{}
	e := engine(c)
	e.Drivers["tagged"] = Erase[tagged](tagging{fakeDriver{c}, full})
	parts := []Part{part("plain", "p")}
	for _, key := range []string{"one", "two", "three"} {
		parts = append(parts, Part{Key: key, Kind: "tagged", Name: key,
			Want: func(Upstream) (any, error) { return tagged{fakeSpec{Value: "v"}}, nil }})
	}
	records, err := e.Apply(t.Context(), parts, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	index := &hints{suspects: []string{"arn:one", "arn:two", "arn:gone", "arn:plain"}}
	e.Tags = index
	drift := c.objects["two"]
	drift.Spec.Value = "by hand"
	c.objects["two"], c.objects["three"] = drift, drift // of the third, the index does not know yet
	full.Store(0)
	seen, err := e.Observe(t.Context(), parts, records)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Status{"plain": Ready, "one": Ready, "two": "drifted: value", "three": Ready}
	if got := statuses(seen); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if full.Load() != 2 || len(index.asked) != 1 {
		t.Errorf("%d objects were read in full, the index was asked %d times", full.Load(), len(index.asked))
	}
	arns := slices.Sorted(maps.Keys(index.asked[0]))
	if !slices.Equal(arns, []string{"arn:one", "arn:three", "arn:two"}) {
		t.Errorf("it was asked for %v", arns)
	}
	theirs := c.objects["one"]
	theirs.Owner = "token-b"
	c.objects["one"] = theirs
	if seen, err = e.Observe(t.Context(), parts, seen); err != nil || statuses(seen)["one"] != Foreign {
		t.Errorf("somebody else's object: %v, %v", statuses(seen), err)
	}
}
