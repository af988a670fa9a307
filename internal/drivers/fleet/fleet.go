// Package fleet reconciles all devices of a pipeline in bulk: things, their
// membership of the thing group, certificates and credentials bundles, for one
// device or ten thousand.
//
// The IoT registry is the record. Every thing carries the owner token and, once
// its certificate is complete, which certificate is its own and what that was
// made from. A few list pages therefore show everything that a plan needs, with
// no state. The order of the writes is such that a crash between any two leaves
// no new device that can connect and nothing that the next apply cannot finish.
//
// It must not know Terraform, the file that lists a fleet (package devicefile),
// or what else a pipeline consists of.
package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// DefaultConcurrency is how many devices are worked on at the same time when Options does not say.
const DefaultConcurrency = 32

// Options are what a caller may choose.
type Options struct {
	// Concurrency bounds the devices worked on at the same time; 0 means DefaultConcurrency.
	Concurrency int
	// Wanted are the names of the devices in the configuration. Observe looks for those that the listing lacks, so
	// that somebody else's thing of the same name stops an apply before its first write. Nil: Create and Update look.
	Wanted []string
	// Known are the devices as last configured. Observe takes CSRPEM and CertificatePEM from them where AWS still has
	// the certificate that was made from these; AWS does not return a request.
	Known map[string]spec.Device
	// Defaults are used for what the record does not say, as on import: thing group and type, store, endpoint, topic
	// prefix, tags.
	Defaults spec.Fleet
	// ReadBundles makes Observe read CSRPEM and CertificatePEM from the credentials bundles, which import needs.
	ReadBundles bool
	// EmptyExists makes Observe take a fleet without devices, of which nothing is recorded, as one that exists. An
	// import needs that; to an apply it is one that it has not created yet.
	EmptyExists bool
	// NoIdentities means that nobody will ask for Identities, so that Observe need not list the secrets for their
	// ARNs, which end in random characters.
	NoIdentities bool
	// KeepAdopted makes a removal release the devices whose certificates were adopted: the thing and its certificates
	// stay as they are and are nobody's again.
	KeepAdopted bool
	// DeepCheck makes Observe look at each device's attachment and bundle: one more request per device and a page per
	// 50.
	DeepCheck bool
	// Progress, if set, receives the progress of each step.
	Progress bulk.Report
}

// Driver reconciles the devices of one pipeline; it serves one plan or one apply. Ref.ID is the thing group's name.
type Driver struct {
	c     *awsapi.Clients
	opts  Options
	prior map[string]spec.DeviceIdentity // as given to New
	pool  *bulk.Pool
	certs *certs.Client

	members map[string]bool // of the thing group, as last listed
	absent  map[string]bool // desired names that were looked for and do not exist
	// registered are the things that registered themselves, as last listed, with their ARNs.
	registered map[string]string
	// candidates are things that nobody owns and that were found fit for adoption.
	candidates map[string]*candidate

	mu         sync.Mutex
	identities map[string]spec.DeviceIdentity
	adopted    map[string]bool // devices whose certificates were adopted
	observed   map[string]spec.Device
}

var _ assembly.Driver[spec.Fleet] = (*Driver)(nil)

// ChecksOwnerOnDelete marks a driver whose Delete verifies ownership itself.
func (d *Driver) ChecksOwnerOnDelete() {}

// New returns a driver. prior is what Identities returned after the last run, or nil if nothing was kept.
func New(c *awsapi.Clients, prior map[string]spec.DeviceIdentity, o Options) *Driver {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	identities := make(map[string]spec.DeviceIdentity, len(prior))
	maps.Copy(identities, prior)
	pool := bulk.NewPool(c, o.Concurrency, o.Progress)
	return &Driver{
		c:          c,
		opts:       o,
		prior:      prior,
		pool:       pool,
		certs:      certs.New(c, pool),
		identities: identities,
		absent:     map[string]bool{},
		candidates: map[string]*candidate{},
	}
}

// Identities returns the identity of each device that exists now, as far as it is known, also after an error or a
// cancellation. A device whose thing somebody has deleted is in it until an apply has removed the rest. The map is a
// copy.
func (d *Driver) Identities() map[string]spec.DeviceIdentity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.identities)
}

// Observed returns the devices that Observe saw, or nil before. The map is a copy.
func (d *Driver) Observed() map[string]spec.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.observed)
}

// Create creates the devices of want, and reconciles those that exist already with ref.Owner's token.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Fleet) (assembly.Identity, error) {
	id := identity(want)
	ref.ID = id.ID
	have, err := d.observe(ctx, ref, want)
	if err != nil {
		return assembly.Identity{}, err
	}
	return id, d.reconcile(ctx, ref.Owner, have, want)
}

// Update reconciles the devices that differ. Removals come last, and only if everything else succeeded.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Fleet],
	want spec.Fleet,
	_ []assembly.Change,
) (assembly.Identity, error) {
	if err := d.refuseForeign(ctx, ref.Owner, have.Spec, want); err != nil {
		return have.Identity, err
	}
	moved, err := d.moveBundles(ctx, ref.Owner, have.Spec, want)
	if err != nil {
		return have.Identity, err
	}
	now := have.Spec
	if moved {
		now.Store = want.Store
	}
	return identity(want), d.reconcile(ctx, ref.Owner, now, want)
}

// Delete removes every thing that carries ref.Owner's token or is in the prior identities, with its certificates and
// its bundle; this includes things that registered themselves. Delete leaves a certificate that another thing uses as
// well, reports it and goes on with the other devices.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	want := d.recorded(ref)
	have, err := d.list(ctx, ref.Owner, want)
	if err != nil {
		return err
	}
	if err := d.addUnlisted(ctx, ref.Owner, have.Devices, nil); err != nil {
		return err
	}
	want.Devices = nil
	r := d.newRun(ref.Owner, have, want)
	names := slices.Sorted(maps.Keys(have.Devices))
	if err := r.checkReleases(ctx, names); err != nil {
		return err
	}
	removed := r.removeAll(ctx, names)
	if err := errors.Join(removed, r.removeRegistered(ctx)); err != nil {
		return err
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	return r.removeLeftovers(ctx)
}

// addUnlisted adds to devices those that were created once, are not desired and not listed: things whose type was
// changed by hand, and things that are gone but may have left a certificate and a bundle. It leaves somebody else's
// thing of the same name alone.
func (d *Driver) addUnlisted(ctx context.Context, owner string, devices, wanted map[string]spec.Device) error {
	var names []string
	for name := range d.Identities() {
		_, listed := devices[name]
		if _, needed := wanted[name]; !listed && !needed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	found, err := d.describeAll(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		t := found[name]
		switch {
		case t == nil:
			devices[name] = spec.Device{Found: &spec.DeviceState{}}
		case t.owner == owner && t.registered == "":
			devices[name] = t.device(true)
		default:
			d.forget(name)
		}
	}
	return nil
}

// reconcile applies the difference: changes, then additions, then removals.
func (d *Driver) reconcile(ctx context.Context, owner string, have, want spec.Fleet) error {
	if err := d.addUnlisted(ctx, owner, have.Devices, want.Devices); err != nil {
		return err
	}
	r := d.newRun(owner, have, want)
	plan := Compare(have, want)
	if err := r.checkReleases(ctx, plan.Removed); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Concat(plan.Changed, plan.Added), func(name string) bool {
		_, rotated := slices.BinarySearch(plan.Rotated, name)
		return rotated
	})
	err := r.pool.Each(ctx, "devices reconciled", others, r.reconcileDevice)
	if ctx.Err() == nil {
		err = errors.Join(err, r.pool.Each(ctx, "certificates rotated", plan.Rotated, r.reconcileDevice))
	}
	if err == nil {
		err = r.removeAll(ctx, plan.Removed)
	}
	if ctx.Err() == nil {
		err = errors.Join(err, r.sweep(ctx))
	}
	return err
}

// note changes the identity of one device.
func (d *Driver) note(name string, change func(*spec.DeviceIdentity)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := d.identities[name]
	change(&id)
	d.identities[name] = id
}

func (d *Driver) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.identities, name)
	delete(d.adopted, name)
}

func (d *Driver) identity(name string) spec.DeviceIdentity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identities[name]
}
