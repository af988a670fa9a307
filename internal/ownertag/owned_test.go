package ownertag

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func none(string) bool { return false }

func TestTagsAndSplitAreInverse(t *testing.T) {
	wanted := map[string]string{"team": "bay", "stage": "prod"}
	all := Tags("token", wanted)
	all["aws:cloudformation:stack-name"] = "of AWS"
	owner, rest := Split(all, none)
	if owner != "token" {
		t.Errorf("owner %q", owner)
	}
	if diff := cmp.Diff(wanted, rest); diff != "" {
		t.Error(diff)
	}
	if _, rest := Split(nil, none); rest == nil {
		t.Error("tags of an untagged object are nil, which means: not read")
	}
}

func TestIgnoredTagsAreNotSeen(t *testing.T) {
	_, rest := Split(map[string]string{"cost-center": "7", "team": "bay"},
		func(key string) bool { return key == "cost-center" })
	if diff := cmp.Diff(map[string]string{"team": "bay"}, rest); diff != "" {
		t.Error(diff)
	}
}

func TestDelta(t *testing.T) {
	set, remove := Delta(map[string]string{"same": "1", "other": "1", "z": "", "a": ""},
		map[string]string{"same": "1", "other": "2", "new": ""})
	if diff := cmp.Diff(map[string]string{"other": "2", "new": ""}, set); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "z"}, remove); diff != "" {
		t.Error(diff)
	}
}

func TestTagsDiffer(t *testing.T) {
	for _, tc := range []struct {
		why        string
		have, want map[string]string
		differ     bool
	}{
		{why: "not read", want: map[string]string{"a": "1"}},
		{why: "none and none", have: map[string]string{}},
		{why: "one too many", have: map[string]string{"a": "1"}, differ: true},
		{why: "another value", have: map[string]string{"a": "1"}, want: map[string]string{"a": "2"}, differ: true},
	} {
		if got := TagsDiffer(tc.have, tc.want); got != tc.differ {
			t.Errorf("%s: %v", tc.why, got)
		}
	}
}

func TestRetagMakesOnlyTheCallsItNeeds(t *testing.T) {
	var calls []string
	set := func(map[string]string) error { calls = append(calls, "set"); return nil }
	remove := func([]string) error { calls = append(calls, "remove"); return nil }
	for _, tc := range []struct {
		why        string
		have, want map[string]string
		calls      []string
	}{
		{why: "equal", have: map[string]string{"a": "1"}, want: map[string]string{"a": "1"}},
		{why: "only more", want: map[string]string{"a": "1"}, calls: []string{"set"}},
		{why: "only fewer", have: map[string]string{"a": "1"}, calls: []string{"remove"}},
		{why: "another key", have: map[string]string{"a": "1"}, want: map[string]string{"b": "1"},
			calls: []string{"remove", "set"}},
	} {
		calls = nil
		if err := Retag(tc.have, tc.want, set, remove); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.calls, calls); diff != "" {
			t.Errorf("%s: %s", tc.why, diff)
		}
	}
}

// fake is a driver with one object; Resume is about what it observes.
type fake struct {
	have    *assembly.Observed[spec.Parameter]
	changes []assembly.Change
	updated bool
}

func (f *fake) Observe(context.Context, assembly.Ref) (*assembly.Observed[spec.Parameter], error) {
	return f.have, nil
}
func (f *fake) Create(context.Context, assembly.Ref, spec.Parameter) (assembly.Identity, error) {
	return assembly.Identity{}, nil
}

func (f *fake) Update(
	context.Context,
	assembly.Ref,
	*assembly.Observed[spec.Parameter],
	spec.Parameter,
	[]assembly.Change,
) (assembly.Identity, error) {
	f.updated = true
	return assembly.Identity{}, nil
}
func (f *fake) Delete(context.Context, assembly.Ref) error            { return nil }
func (f *fake) Diff(spec.Parameter, spec.Parameter) []assembly.Change { return f.changes }
func (f *fake) Kind() assembly.Kind                                   { return assembly.Kind{} }

func TestResume(t *testing.T) {
	exists := errors.New("exists")
	of := func(owner string) *assembly.Observed[spec.Parameter] {
		return &assembly.Observed[spec.Parameter]{Identity: assembly.Identity{ID: "p"}, Owner: owner}
	}
	for _, tc := range []struct {
		why     string
		driver  fake
		id      string
		err     bool
		updated bool
	}{
		{why: "ours and as wanted: an answer was lost", driver: fake{have: of("token")}, id: "p"},
		{why: "ours and not finished: it is finished",
			driver: fake{have: of("token"), changes: []assembly.Change{{Field: "value"}}}, id: "p", updated: true},
		{why: "ours, and AWS cannot change it: kept on record, and said",
			driver: fake{have: of("token"), changes: []assembly.Change{{Field: "key", Replace: true}}}, id: "p",
			err: true},
		{why: "of another pipeline", driver: fake{have: of("other")}, err: true},
		{why: "without an owner", driver: fake{have: of("")}, err: true},
		{why: "gone again", driver: fake{}, err: true},
	} {
		t.Run(tc.why, func(t *testing.T) {
			id, err := Resume(t.Context(), &tc.driver, assembly.Ref{Name: "p", Owner: "token"}, spec.Parameter{},
				exists)
			if id.ID != tc.id || (err != nil) != tc.err || tc.driver.updated != tc.updated {
				t.Errorf("got %+v, %v, updated %v", id, err, tc.driver.updated)
			}
			if err != nil && !errors.Is(err, exists) {
				t.Errorf("the error %q lost its cause", err)
			}
		})
	}
}
