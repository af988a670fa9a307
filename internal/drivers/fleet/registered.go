package fleet

import (
	"context"
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
)

// Devices that registered themselves (by a claim certificate or just in time) belong to the pipeline, but its
// configuration does not name them: the driver counts them, never changes them, and removes them with the pipeline.

// setApart removes the registered things from those that were listed.
func (d *Driver) setApart(things map[string]*thing) {
	registered := map[string]string{}
	for name, t := range things {
		if t.registered != "" {
			registered[name] = t.arn
			delete(things, name)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.registered = registered
}

// Registered is how many devices had registered themselves when the registry was last listed.
func (d *Driver) Registered() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.registered)
}

// CountRegistered lists the registry and returns how many devices have registered themselves.
func (d *Driver) CountRegistered(ctx context.Context, ref assembly.Ref) (int, error) {
	things := map[string]*thing{}
	if err := d.listThings(ctx, ref.Owner, d.recorded(ref).ThingType, things); err != nil {
		return 0, err
	}
	d.setApart(things)
	return d.Registered(), nil
}

// thingARN is the ARN of a thing of the pipeline, as far as it is known.
func (d *Driver) thingARN(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if arn, ok := d.registered[name]; ok {
		return arn
	}
	return d.identities[name].ThingARN
}

// removeRegistered removes the devices that registered themselves, with whatever is attached to them.
func (r *run) removeRegistered(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(r.d.registered))
	if len(names) == 0 {
		return nil
	}
	r = r.on(bulk.NewPool(r.d.c, r.d.opts.Concurrency*removalWidth, r.d.opts.Progress))
	return r.pool.Each(ctx, "registered devices removed", names, func(ctx context.Context, name string) error {
		if err := r.stripThing(ctx, name); err != nil {
			return err
		}
		if err := r.leaveGroup(ctx, name); err != nil {
			return err
		}
		if err := r.deleteThing(ctx, name); err != nil {
			return err
		}
		r.d.mu.Lock()
		defer r.d.mu.Unlock()
		delete(r.d.registered, name)
		return nil
	})
}
