// Package adopt is what drivers do when a create answers "already exists": the
// answer to an earlier try may have been lost. It knows no AWS service.
package adopt

import (
	"context"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

// Existing takes over the object that stands in the way of a create when it carries ref.Owner, and brings it to want.
// Otherwise conflict, the error of the create, is returned.
func Existing[S any](ctx context.Context, d assembly.Driver[S], ref assembly.Ref, want S, conflict error) (assembly.Identity, error) {
	ref = assembly.Ref{Name: ref.Name, Owner: ref.Owner}
	have, err := d.Observe(assembly.WithDeep(ctx), ref)
	if err != nil {
		return assembly.Identity{}, fmt.Errorf("%w; reading what is there: %w", conflict, err)
	}
	if have == nil || have.Owner != ref.Owner {
		return assembly.Identity{}, conflict
	}
	changes := d.Diff(have.Spec, want)
	if len(changes) == 0 {
		return have.Identity, nil
	}
	for _, c := range changes {
		if c.Replace {
			return have.Identity, fmt.Errorf("%w; it is ours, but %s cannot change in place", conflict, c.Field)
		}
	}
	ref.ID, ref.Outputs = have.ID, have.Outputs
	id, err := d.Update(ctx, ref, have, want, changes)
	if id.ID == "" {
		id = have.Identity
	}
	return id, err
}
