// Package tags keeps a pipeline's owner token and its other tags apart. It
// works on plain maps and knows no service's tag type.
package tags

import (
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// WithOwner gives a copy of wanted tags with the owner token among them.
func WithOwner(want map[string]string, owner string) map[string]string {
	all := make(map[string]string, len(want)+1)
	maps.Copy(all, want)
	all[object.OwnerTag] = owner
	return all
}

// Split takes the owner token out of observed tags. What is left is never nil and holds no tags of AWS's own ("aws:…"),
// which nobody can write.
func Split(all map[string]string) (owner string, rest map[string]string) {
	rest = make(map[string]string, len(all))
	for key, value := range all {
		switch {
		case key == object.OwnerTag:
			owner = value
		case !strings.HasPrefix(key, "aws:"):
			rest[key] = value
		}
	}
	return owner, rest
}

// Differ reports whether observed tags are not the wanted ones. Nil means that they were not read, and never differs.
func Differ(have, want map[string]string) bool {
	return have != nil && !maps.Equal(have, want)
}

// Changes gives the tags to write and the keys to remove, sorted, on the way from have to want.
func Changes(have, want map[string]string) (set map[string]string, remove []string) {
	set = map[string]string{}
	for key, value := range want {
		if old, ok := have[key]; !ok || old != value {
			set[key] = value
		}
	}
	for key := range have {
		if _, ok := want[key]; !ok {
			remove = append(remove, key)
		}
	}
	slices.Sort(remove)
	return set, remove
}
