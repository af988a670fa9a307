// Package ownertag holds what drivers of objects that carry an owner token share:
// the token beside the wanted tags, the comparison of tags, and how a create
// goes on that finds the object already there. It must not know any AWS service.
package ownertag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Tags gives the tags to write: the wanted ones and the owner token.
func Tags(owner string, tags map[string]string) map[string]string {
	all := make(map[string]string, len(tags)+1)
	maps.Copy(all, tags)
	all[spec.OwnerTag] = owner
	return all
}

// Split takes the owner token, AWS's own tags ("aws:…", which nobody else can write) and ignored ones out of what was
// read. The remaining tags are never nil. Others manage the ignored tags, so they are neither drift nor removed.
func Split(all map[string]string, ignored func(key string) bool) (owner string, tags map[string]string) {
	tags = make(map[string]string, len(all))
	for key, value := range all {
		switch {
		case key == spec.OwnerTag:
			owner = value
		case !strings.HasPrefix(key, "aws:") && !ignored(key):
			tags[key] = value
		}
	}
	return owner, tags
}

// List gives tags as a service's own type, in key order, so that requests are the same every time.
func List[T any](tags map[string]string, tag func(key, value string) T) []T {
	list := make([]T, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag(key, tags[key]))
	}
	return list
}

// Map is the inverse of List.
func Map[T any](list []T, pair func(T) (key, value *string)) map[string]string {
	tags := make(map[string]string, len(list))
	for _, tag := range list {
		if key, value := pair(tag); key != nil {
			tags[*key] = ""
			if value != nil {
				tags[*key] = *value
			}
		}
	}
	return tags
}

// Owner is the answer of an [assembly.OwnerReader] that has read an object's tags: all of them, or an error, which
// absent tells from an object that does not exist.
func Owner(all map[string]string, absent bool, err error) (token string, exists bool, _ error) {
	if absent {
		return "", false, nil
	}
	return all[spec.OwnerTag], err == nil, err
}

// TagsDiffer reports whether tags must be written. Nil in have means that they were not read.
func TagsDiffer(have, want map[string]string) bool {
	return have != nil && !maps.Equal(have, want)
}

// Delta says what to write to come from have to want: tags to set, and keys to remove in order. Both may be empty.
func Delta(have, want map[string]string) (set map[string]string, remove []string) {
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

// Retag writes a change of tags with two calls at most.
func Retag(have, want map[string]string, set func(map[string]string) error, remove func([]string) error) error {
	add, drop := Delta(have, want)
	if len(drop) > 0 {
		if err := remove(drop); err != nil {
			return fmt.Errorf("removing tags: %w", err)
		}
	}
	if len(add) > 0 {
		if err := set(add); err != nil {
			return fmt.Errorf("setting tags: %w", err)
		}
	}
	return nil
}

// Resume ends a create that AWS answered with exists, "already exists". The
// object is ours when it carries our token: then an answer was lost or an
// earlier run was cut short, and what is missing is reconciled.
// Any other object is refused.
func Resume[S any](
	ctx context.Context,
	d assembly.Driver[S],
	ref assembly.Ref,
	want S,
	exists error,
) (assembly.Identity, error) {
	have, err := d.Observe(ctx, ref.InFull())
	switch {
	case err != nil:
		return assembly.Identity{}, fmt.Errorf("%w; reading it: %w", exists, err)
	case have == nil:
		return assembly.Identity{}, exists
	case have.Owner != ref.Owner:
		return assembly.Identity{}, fmt.Errorf("%w; AWS says: %w", &assembly.ForeignError{Owner: have.Owner}, exists)
	}
	changes := d.Diff(have.Spec, want)
	for _, c := range changes {
		if c.Replace {
			return have.Identity, fmt.Errorf(
				"it exists from an earlier run with another %s and is replaced by the next apply: %w",
				c.Field,
				exists,
			)
		}
	}
	if len(changes) == 0 {
		return have.Identity, nil
	}
	ref.ID, ref.Outputs = have.ID, have.Outputs
	id, err := d.Update(ctx, ref, have, want, changes)
	if id.ID == "" {
		id = have.Identity
	}
	return id, err
}

// Unknown is the error for a change that the driver's own Diff does not make.
func Unknown(c assembly.Change) error {
	return errors.New("this is a bug in the provider: no write for a change of " + c.Field)
}
