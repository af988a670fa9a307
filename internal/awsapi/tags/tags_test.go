package tags_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/tags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

func TestOwnerGoesInAndComesOut(t *testing.T) {
	want := map[string]string{"team": "fleet"}
	all := tags.WithOwner(want, "token")
	if len(want) != 1 {
		t.Errorf("WithOwner changed its argument: %v", want)
	}
	all["aws:cloudformation:stack-name"] = "somebody's stack"
	owner, rest := tags.Split(all)
	if owner != "token" || !cmp.Equal(rest, want) {
		t.Errorf("Split gave %q and %v, want the token and %v", owner, rest, want)
	}
	if _, none := tags.Split(nil); none == nil {
		t.Error("tags that were read must not look like tags that were not")
	}
}

func TestDiffer(t *testing.T) {
	for reason, c := range map[string]struct {
		have, want map[string]string
		differ     bool
	}{
		"not read":             {nil, map[string]string{"a": "1"}, false},
		"read and empty":       {map[string]string{}, map[string]string{"a": "1"}, true},
		"none wanted, none":    {map[string]string{}, nil, false},
		"another value":        {map[string]string{"a": "2"}, map[string]string{"a": "1"}, true},
		"one that nobody asks": {map[string]string{"a": "1", "b": "2"}, map[string]string{"a": "1"}, true},
		"the same":             {map[string]string{"a": "1"}, map[string]string{"a": "1"}, false},
	} {
		if got := tags.Differ(c.have, c.want); got != c.differ {
			t.Errorf("%s: Differ = %v", reason, got)
		}
	}
}

func TestChanges(t *testing.T) {
	set, remove := tags.Changes(
		map[string]string{"keep": "1", "change": "1", "drop": "1", "also": "1"},
		map[string]string{"keep": "1", "change": "2", "add": ""})
	if diff := cmp.Diff(map[string]string{"change": "2", "add": ""}, set); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"also", "drop"}, remove); diff != "" {
		t.Error(diff)
	}
	if _, reserved := set[object.OwnerTag]; reserved {
		t.Error("the owner token is not a tag to change")
	}
}
