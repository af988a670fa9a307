package assembly

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func statuses(records []Record) map[string]Status {
	m := map[string]Status{}
	for _, r := range records {
		m[r.Key] = r.Status
	}
	return m
}

func mustApply(t *testing.T, c *cloud, parts []Part, prior []Record) []Record {
	t.Helper()
	records, err := engine(c).Apply(t.Context(), parts, prior, all)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	for _, r := range records {
		if r.Status != Ready {
			t.Fatalf("part %s is %q after a successful apply", r.Key, r.Status)
		}
	}
	return records
}

func TestApplyOrderAndRecords(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	w := c.writes()
	if w[0] != "create manifest" || slices.Index(w, "create rule") < slices.Index(w, "create stream") {
		t.Errorf("the manifest must come first and the rule after its stream: %v", w)
	}
	first := slices.IndexFunc(c.calls, func(s string) bool { return !strings.HasPrefix(s, "observe") })
	if first != 5 {
		t.Errorf("first write is call %d, want it after reading all five parts: %v", first, c.calls)
	}
	want := Record{Key: "rule", Kind: "fake", Name: "rule", ID: "id-rule", Outputs: map[string]string{"url": "url-"},
		Needs: []string{"role", "stream"}, Status: Ready}
	if diff := cmp.Diff(want, byKey(records)["rule"]); diff != "" {
		t.Errorf("record of the rule (-want +got):\n%s", diff)
	}
}

func TestSecondApplyWritesNothing(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	c.forgetCalls()
	mustApply(t, c, diamond("v1"), records)
	if w := c.writes(); len(w) > 0 {
		t.Errorf("second apply wrote: %v", w)
	}
}

func TestApplyTouchesOnlyWhatIsVisited(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	c.forgetCalls()
	parts := diamond("v1")
	parts[1] = part("role", "v2", "manifest")
	if _, err := engine(c).Apply(t.Context(), parts, records, func(k string) bool { return k == "role" }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"observe role", "update role", "wait role"}, c.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestChangedIdentityReachesDependents(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	c.forgetCalls()
	parts := diamond("v1")
	parts[1].Want = func(Upstream) (any, error) {
		return fakeSpec{Value: "v1", Parents: []string{"manifest"}, Fixed: "new"}, nil
	}
	parts[3] = part("rule", "v1", "stream") // so that the role may be deleted
	c.objects["rule"] = Observed[fakeSpec]{
		Identity: c.objects["rule"].Identity,
		Owner:    owner,
		Spec:     fakeSpec{Value: "v1", Parents: []string{"stream"}},
	}
	parts[3].Needs = []string{"role", "stream"}
	if _, err := engine(c).Apply(t.Context(), parts, records, func(k string) bool { return k == "role" }); err != nil {
		t.Fatal(err)
	}
	want := []string{"observe role", "delete role", "create role", "wait role", "observe rule", "wait rule"}
	if diff := cmp.Diff(want, c.calls); diff != "" {
		t.Errorf("a replaced role has new outputs, so the rule must be looked at again (-want +got):\n%s", diff)
	}
}

func TestForeignObjectStopsBeforeTheFirstWrite(t *testing.T) {
	for _, tt := range []struct{ name, owner, text string }{
		{"another pipeline's", "token-b", `belongs to the pipeline with id "token-b"`},
		{"nobody's", "", "does not belong to any pipeline"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud()
			c.objects["rule"] = Observed[fakeSpec]{Owner: tt.owner}
			records, err := engine(c).Apply(t.Context(), diamond("v1"), nil, all)
			var f *Failure
			if !errors.As(err, &f) || f.Wrote || len(f.Problems) != 1 || f.Problems[0].Key != "rule" {
				t.Fatalf("got %#v, want one problem with the rule and no write", err)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q does not say %q", err, tt.text)
			}
			if len(c.writes()) != 0 || len(records) != 0 {
				t.Errorf("wrote %v, recorded %v", c.writes(), records)
			}
		})
	}
}

func TestFailureBlocksOnlyDependents(t *testing.T) {
	c := newCloud()
	c.fault = func(_ int, op, name string) fault {
		if op == "create" && name == "stream" {
			return before
		}
		return none
	}
	records, err := engine(c).Apply(t.Context(), diamond("v1"), nil, all)
	var f *Failure
	if !errors.As(err, &f) || !errors.Is(err, errInjected) {
		t.Fatalf("got %v, want a Failure that wraps the injected fault", err)
	}
	if diff := cmp.Diff([]Skip{{Key: "rule", Because: []string{"stream"}}}, f.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]Status{"manifest": Ready, "role": Ready, "queue": Ready},
		statuses(records)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if want := `stream: creating fake "stream": injected fault`; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
}

func TestObserve(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	delete(c.objects, "queue")
	o := c.objects["role"]
	o.Spec.Value = "by hand"
	c.objects["role"] = o
	c.objects["rule"] = Observed[fakeSpec]{Owner: "someone"}
	c.forgetCalls()

	got, err := engine(c).Observe(t.Context(), diamond("v1"), records)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Status{
		"manifest": Ready,
		"role":     "drifted: value",
		"stream":   Ready,
		"rule":     Foreign,
		"queue":    Missing,
	}
	if diff := cmp.Diff(want, statuses(got)); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if len(c.calls) != 5 || len(c.writes()) != 0 {
		t.Errorf("calls %v, want one read per part", c.calls)
	}

	delete(c.objects, "rule")
	mustApply(t, c, diamond("v1"), got)
	if c.objects["role"].Spec.Value != "v1" || c.objects["queue"].Owner != owner || c.objects["rule"].Owner != owner {
		t.Errorf("drift was not repaired: %v", c.objects)
	}
}

func TestFind(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	o := c.objects["queue"]
	o.Owner = "someone"
	c.objects["queue"] = o
	delete(c.objects, "role")
	old := byKey(records)["stream"]
	old.Name = "old"
	c.forgetCalls()
	got, err := engine(c).Find(t.Context(), diamond("v2"), []Record{byKey(records)["manifest"], old})
	if err != nil {
		t.Fatal(err)
	}
	rule := byKey(records)["rule"]
	rule.Status = Incomplete
	aside := byKey(records)["stream"]
	aside.Key, aside.Status = "stream@stream", Incomplete
	want := []Record{byKey(records)["manifest"], rule, old, aside}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded is what is ours, and a renamed part's object beside its old one (-want +got):\n%s", diff)
	}
	slices.Sort(c.calls)
	if diff := cmp.Diff([]string{"observe queue", "observe role", "observe rule", "observe stream"},
		c.calls); diff != "" {
		t.Errorf("only what is not recorded is read (-want +got):\n%s", diff)
	}
}

func TestObsoletePartsGoLast(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	c.forgetCalls()
	left := mustApply(t, c, diamond("v2")[:2], records)
	if diff := cmp.Diff(map[string]Status{"manifest": Ready, "role": Ready}, statuses(left)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	w := c.writes()
	if w[0] != "update role" || slices.Index(w, "delete stream") < slices.Index(w, "delete rule") {
		t.Errorf("writes %v, want the update, then the rule before the stream", w)
	}

	t.Run("not when something failed", func(t *testing.T) {
		c := newCloud()
		records := mustApply(t, c, diamond("v1"), nil)
		c.fault = func(_ int, op, _ string) fault {
			if op == "update" {
				return before
			}
			return none
		}
		left, err := engine(c).Apply(t.Context(), diamond("v2")[:2], records, all)
		if err == nil || len(left) != 5 || len(c.objects) != 5 {
			t.Errorf("err %v, %d records, %d objects; want an error and all five kept", err, len(left), len(c.objects))
		}
	})
}

func TestDestroy(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	delete(c.objects, "queue")
	records = slices.Clone(records)
	for i := range records {
		if records[i].Key == "queue" {
			records[i].Status = Missing
		}
	}
	c.forgetCalls()
	left, err := engine(c).Destroy(t.Context(), records)
	if err != nil || len(left) != 0 || len(c.objects) != 0 {
		t.Fatalf("err %v, left %v, objects %v", err, left, c.objects)
	}
	if slices.Contains(c.calls, "delete queue") {
		t.Error("a missing part was deleted")
	}
	if !strings.HasPrefix(c.calls[3], "observe") || !strings.HasPrefix(c.calls[7], "retire") ||
		c.calls[8] != "delete rule" ||
		c.calls[11] != "delete manifest" {
		t.Errorf("calls %v, want owners read, then every clock started, and the manifest last", c.calls)
	}
}

// What is not ours any more is not ours to delete, although its record says that it is ready.
func TestDestroyLeavesWhatIsNotOurs(t *testing.T) {
	for _, replaced := range [][]string{{"queue"}, {"rule"}, {"rule", "queue"},
		{"manifest", "role", "stream", "rule", "queue"}} {
		c := newCloud()
		records := mustApply(t, c, diamond("v1"), nil)
		for _, name := range replaced {
			o := c.objects[name]
			o.Owner, o.Spec.Parents = "somebody else", nil
			c.objects[name] = o
		}
		left, err := engine(c).Destroy(t.Context(), records)
		if err != nil || len(left) != 0 {
			t.Errorf("%v replaced: err %v, still recorded %v", replaced, err, left)
		}
		if kept := slices.Sorted(maps.Keys(c.objects)); !slices.Equal(kept, slices.Sorted(slices.Values(replaced))) {
			t.Errorf("%v replaced: left are %v", replaced, kept)
		}
	}
}

func TestCancellationKeepsRecords(t *testing.T) {
	c := newCloud()
	ctx, cancel := context.WithCancel(t.Context())
	c.onCall = func(op, name string) {
		if op == "create" && name == "manifest" {
			cancel()
		}
	}
	records, err := engine(c).Apply(ctx, diamond("v1"), nil, all)
	var f *Failure
	if !errors.As(err, &f) || len(f.Skipped) != 4 {
		t.Fatalf("got %v, want the four others skipped", err)
	}
	if len(records) != 1 || records[0].ID != "id-manifest" {
		t.Errorf("records %v, want the manifest that was being made", records)
	}
}

// destroyFound destroys what is recorded or found, as Terraform does after a refresh, and gives what is left.
func destroyFound(t *testing.T, c *cloud, records []Record) map[string]Observed[fakeSpec] {
	t.Helper()
	records, err := engine(c).Find(t.Context(), diamond("v2"), records)
	if err == nil {
		_, err = engine(c).Destroy(t.Context(), records)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.objects
}

// TestEveryCallMayFail fails each call of create, update and delete once, before and after it takes effect and by a
// panic, and asks the same of every outcome: the documented recovery completes the assembly, a further apply writes
// nothing, and destroy leaves nothing, then and at once.
func TestEveryCallMayFail(t *testing.T) {
	type scenario struct {
		name string
		run  func(*cloud, []Record) ([]Record, error)
	}
	scenarios := []scenario{
		{"create", func(c *cloud, _ []Record) ([]Record, error) {
			return engine(c).Apply(t.Context(), diamond("v1"), nil, all)
		}},
		{"update", func(c *cloud, r []Record) ([]Record, error) {
			return engine(c).Apply(t.Context(), diamond("v2"), r, all)
		}},
		{"shrink", func(c *cloud, r []Record) ([]Record, error) {
			return engine(c).Apply(t.Context(), diamond("v1")[:3], r, all)
		}},
		{"delete", func(c *cloud, r []Record) ([]Record, error) { return engine(c).Destroy(t.Context(), r) }},
	}
	points, failures := 0, 0
	for _, s := range scenarios {
		for _, mode := range []fault{before, after, crash} {
			for k := 1; ; k++ {
				c := newCloud()
				var records []Record
				if s.name != "create" {
					records = mustApply(t, c, diamond("v1"), nil)
				}
				c.forgetCalls()
				hit := false
				c.fault = func(n int, _, _ string) fault {
					if n == k {
						hit = true
						return mode
					}
					return none
				}
				records, err := s.run(c, records)
				if !hit {
					break
				}
				points++
				if err == nil {
					t.Fatalf("%s, call %d, mode %d: the fault went unreported", s.name, k, mode)
				}
				failures++
				c.fault = nil
				recover := fmt.Sprintf("%s, call %d, mode %d", s.name, k, mode)
				tried := maps.Clone(c.objects)
				if orphans := destroyFound(t, c, records); len(orphans) != 0 {
					t.Errorf("%s: destroyed without going on: orphans %v", recover, orphans)
				}
				c.objects = tried
				records = mustApply(t, c, diamond("v3"), records)
				c.forgetCalls()
				records = mustApply(t, c, diamond("v3"), records)
				if w := c.writes(); len(w) > 0 {
					t.Errorf("%s: apply after recovery wrote %v", recover, w)
				}
				if left, err := engine(c).Destroy(t.Context(), records); err != nil || len(left) != 0 ||
					len(c.objects) != 0 {
					t.Errorf("%s: destroy: %v, left %v, orphans %v", recover, err, left, c.objects)
				}
			}
		}
	}
	t.Logf("%d fault points, %d reported, all recovered", points, failures)
	if points < 100 {
		t.Errorf("only %d fault points were reached", points)
	}
}

func TestNeverVisitsReadyParts(t *testing.T) {
	c := newCloud()
	records := mustApply(t, c, diamond("v1"), nil)
	c.forgetCalls()
	if _, err := engine(c).Apply(t.Context(), diamond("v1"), records, never); err != nil {
		t.Fatal(err)
	}
	if len(c.calls) != 0 {
		t.Errorf("calls %v, want none", c.calls)
	}
}
