package needs

import (
	"regexp"
	"testing"
)

// What the functions really call is compared with these lists in their own tests.
func TestListsAreWellFormed(t *testing.T) {
	action := regexp.MustCompile(`^[a-z0-9]+:[A-Z][A-Za-z0-9]+$`)
	for name, list := range calls {
		seen := map[Need]bool{}
		for _, need := range list {
			if !action.MatchString(need.Action) {
				t.Errorf("%s: %q is not an action; a wildcard allows more than is needed", name, need.Action)
			}
			if need.On == "" || need.With == need.On {
				t.Errorf("%s: %+v is on nothing, or with what it is on", name, need)
			}
			if seen[need] {
				t.Errorf("%s: %+v appears twice", name, need)
			}
			seen[need] = true
		}
	}
}
