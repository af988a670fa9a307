package fleet

import (
	"context"
	"errors"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
)

// removalWidth is how many times more devices are removed at the same time than are created: each waits seconds for
// its detachment without a request, and ten a second should be finished.
const removalWidth = 4

// removal is one removeAll.
type removal struct {
	*run
	tally *bulk.Tally
}

// removeAll removes devices: certificates first, then bundles, things last, so that an interruption leaves a thing in
// the list from which the next apply goes on. As many devices as are best for the store go through this together.
func (r *run) removeAll(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	// The tally reports each device; the pool would report batches.
	batch := r.store.RemovalBatch(len(names))
	pool := bulk.NewPool(r.d.c, (r.d.opts.Concurrency*removalWidth+batch-1)/batch, nil)
	s := &removal{run: r.on(pool), tally: bulk.NewTally("devices removed", len(names), r.d.opts.Progress)}
	err := pool.EachBatch(ctx, "devices removed", batch, names, s.removeBatch)
	var stopped *bulk.DevicesError
	if errors.As(err, &stopped) && stopped.Cause == nil && len(stopped.Errors) > 0 {
		return err // a bug in the provider that concerns a batch
	}
	return s.tally.Err(ctx)
}

// removeBatch removes devices together. The tally keeps the error of each; removeBatch returns an error only if work
// was interrupted.
func (s *removal) removeBatch(ctx context.Context, names []string) error {
	names, err := s.tally.Together(ctx, names, s.disconnect)
	if err != nil || len(names) == 0 {
		return err
	}
	// A colon cannot be in the name of a parameter or a secret.
	if err := s.store.Remove(ctx, slices.DeleteFunc(slices.Clone(names), behindGateway)); err != nil {
		for _, name := range names {
			if err := s.tally.Record(ctx, name, err); err != nil {
				return err
			}
		}
		return nil
	}
	_, err = s.tally.Together(ctx, names, func(ctx context.Context, name string) error {
		remove := s.deleteThing
		if s.releases(name) {
			remove = s.releaseThing
		}
		if err := remove(ctx, name); err != nil {
			return err
		}
		s.d.forget(name)
		return s.tally.Record(ctx, name, nil)
	})
	return err
}

// disconnect removes a device's certificates and takes it out of the group. Of a device that is released, only those go
// that an interrupted run has made in place of the adopted ones.
func (r *run) disconnect(ctx context.Context, name string) error {
	if found := r.have.Devices[name].Found; found != nil && found.Settled {
		if err := r.removeShadow(ctx, name); err != nil {
			return err
		}
	}
	if behindGateway(name) {
		return r.leaveGroup(ctx, name)
	}
	var ids []string
	m := markOf(r.have.Devices[name])
	if r.releases(name) {
		made, err := r.madeInPlace(ctx, name)
		if err != nil {
			return err
		}
		ids = made
	} else if m.id != "" {
		ids = slices.Concat([]string{m.id}, m.retired, m.previous)
	}
	known := r.d.identity(name).CertificateID
	if known != "" && known != m.id && !slices.Contains(m.previous, known) && !slices.Contains(ids, known) {
		ids = append(ids, known)
	}
	if m.id == "" && known == "" || m.pending || m.issuing != "" {
		r.noteStale(m.begun) // an earlier run ended between a certificate's creation and anything that points to it
	}
	for _, id := range ids {
		if err := r.removeCertificate(ctx, name, id); err != nil {
			return err
		}
	}
	return r.leaveGroup(ctx, name)
}
