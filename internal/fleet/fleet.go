// Package fleet makes all devices of a pipeline real in bulk: things, their
// place in the thing group, certificates and credential bundles, for one device
// or ten thousand.
//
// The IoT registry is the record. Every thing carries the owner token and, once
// its certificate is complete, which certificate is its own and what that was
// made from; a few list pages therefore tell everything that a plan needs, with
// no state at all. The order of the writes is such that a crash between any two
// leaves nothing that can connect and nothing that the next apply cannot finish.
//
// It must not know Terraform, how a fleet is written down (package roster), or
// what else a pipeline consists of.
package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// DefaultConcurrency is how many devices are worked on at the same time when Options does not say.
const DefaultConcurrency = 32

// Options are what a caller may choose beside the wanted fleet.
type Options struct {
	// Concurrency bounds the devices worked on at the same time; 0 means DefaultConcurrency.
	Concurrency int
	// Wanted are the names of the devices in the configuration. Observe looks for those that the listing lacks, so
	// that a thing of the same name that is not ours ends an apply before its first write. Nil: Create and Update look.
	Wanted []string
	// Known are the devices as last configured. Observe takes CSRPEM and CertificatePEM from them where AWS still has
	// the certificate that was made from these; AWS itself does not give a request back.
	Known map[string]object.Device
	// Defaults stand in for what the record does not say, which is the case on import: thing group and type, store,
	// endpoint, topic prefix, tags.
	Defaults object.Fleet
	// ReadBundles makes Observe read CSRPEM and CertificatePEM out of the credential bundles, which import needs.
	ReadBundles bool
	// NoIdentities says that nobody will ask for Identities, so that Observe need not list the secrets for their ARNs, which
	// end in characters that AWS makes up.
	NoIdentities bool
	// DeepCheck makes Observe look at each device's attachment and bundle: one more request per device and a page per 50.
	DeepCheck bool
	// Progress, when set, is told how many of total devices are done with what; total is 0 while it is unknown. Calls do not overlap.
	Progress func(done, total int, what string)
}

// Driver reconciles the devices of one pipeline; it serves one plan or one apply. It implements
// assembly.Driver[object.Fleet]; Ref.ID is the thing group's name.
type Driver struct {
	aws   *awsapi.Clients
	opts  Options
	prior map[string]object.DeviceIdentity // as given to New
	pool  *pool

	members map[string]bool // of the thing group, as last listed
	absent  map[string]bool // wanted names that were looked for and do not exist
	// registered are the things that registered themselves, as last listed, with their ARNs.
	registered map[string]string

	mu         sync.Mutex
	identities map[string]object.DeviceIdentity
	observed   map[string]object.Device
}

var _ assembly.Driver[object.Fleet] = (*Driver)(nil)

// DeletesOnlyOurs says that Delete looks at the owner of every thing by itself.
func (d *Driver) DeletesOnlyOurs() {}

// New makes a driver. prior is what Identities gave after the last run, or nil where nothing was kept.
func New(c *awsapi.Clients, prior map[string]object.DeviceIdentity, o Options) *Driver {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	identities := make(map[string]object.DeviceIdentity, len(prior))
	maps.Copy(identities, prior)
	return &Driver{aws: c, opts: o, prior: prior, pool: newPool(o.Concurrency, o.Progress), identities: identities, absent: map[string]bool{}}
}

// Identities gives what AWS made of each device that exists now, as far as it is known, also after an error or a
// cancellation. A device whose thing somebody has deleted is in it until an apply has removed the rest. The map is a copy.
func (d *Driver) Identities() map[string]object.DeviceIdentity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.identities)
}

// Observed gives the devices that Observe saw, or nil before. The map is a copy.
func (d *Driver) Observed() map[string]object.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.observed)
}

// Create makes the devices of want. Devices that exist already with ref.Owner's token are brought to what is wanted.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want object.Fleet) (assembly.Identity, error) {
	id := identity(want)
	ref.ID = id.ID
	have, err := d.observe(ctx, ref, want)
	if err != nil {
		return assembly.Identity{}, err
	}
	return id, d.reconcile(ctx, ref.Owner, have, want)
}

// Update brings the devices that differ to what is wanted. Removals come last and only when all else succeeded.
func (d *Driver) Update(ctx context.Context, ref assembly.Ref, have *assembly.Object[object.Fleet], want object.Fleet, _ []assembly.Change) (assembly.Identity, error) {
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

// Delete removes every thing that carries ref.Owner's token or stands in the prior identities, with its certificates
// and its bundle; things that registered themselves among them. A certificate that another thing uses as well is left and
// reported; the other devices go on.
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
	if err := errors.Join(r.removeAll(ctx, slices.Sorted(maps.Keys(have.Devices))), r.removeRegistered(ctx)); err != nil {
		return err
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	return r.removeLeftovers(ctx)
}

// addUnlisted adds to devices those that were made once, are not wanted and not listed: things whose type was changed by
// hand, and things that are gone but may have left a certificate and a bundle. A thing that somebody else has made under
// the name is left alone.
func (d *Driver) addUnlisted(ctx context.Context, owner string, devices, wanted map[string]object.Device) error {
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
			devices[name] = object.Device{Found: &object.DeviceState{}}
		case t.owner == owner && t.registered == "":
			devices[name] = t.device(true)
		default:
			d.forget(name)
		}
	}
	return nil
}

// reconcile brings have to want: changes, then additions, then removals.
func (d *Driver) reconcile(ctx context.Context, owner string, have, want object.Fleet) error {
	if err := d.addUnlisted(ctx, owner, have.Devices, want.Devices); err != nil {
		return err
	}
	r := d.newRun(owner, have, want)
	plan := Compare(have, want)
	work := append(plan.Changed, plan.Added...)
	var errs []error
	if err := r.pool.each(ctx, "devices brought to what is wanted", work, r.settle); err != nil {
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		if err := r.removeAll(ctx, plan.Removed); err != nil {
			errs = append(errs, err)
		}
	}
	if ctx.Err() == nil {
		if err := r.sweep(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Keys of Identity.Outputs: what Observe and Delete need and AWS does not say.
const (
	outputThingType   = "thing_type"
	outputStore       = "credentials_store"
	outputPath        = "credentials_path"
	outputKMSKey      = "credentials_kms_key_id"
	outputEndpoint    = "endpoint"
	outputTopicPrefix = "topic_prefix"
	outputTags        = "tags"
)

// identity is the record of a fleet: its thing group, and what cannot be read back from AWS.
func identity(f object.Fleet) assembly.Identity {
	tags := ""
	if len(f.Tags) > 0 {
		text, _ := json.Marshal(f.Tags) // a map of strings always encodes
		tags = string(text)
	}
	outputs := map[string]string{
		outputThingType: f.ThingType, outputStore: f.Store.Kind, outputPath: f.Store.Path, outputKMSKey: f.Store.KMSKeyID,
		outputEndpoint: f.Endpoint, outputTopicPrefix: f.TopicPrefix, outputTags: tags,
	}
	maps.DeleteFunc(outputs, func(_, v string) bool { return v == "" })
	return assembly.Identity{ID: f.ThingGroup, Outputs: outputs}
}

// recorded is the fleet as the record describes it, without devices; Options.Defaults stand in where there is none.
func (d *Driver) recorded(ref assembly.Ref) object.Fleet {
	f := d.opts.Defaults
	f.Devices = nil
	if f.ThingGroup == "" {
		f.ThingGroup = ref.Name
	}
	if ref.ID != "" {
		f.ThingGroup = ref.ID
	}
	if len(ref.Outputs) == 0 {
		return f
	}
	f.ThingType = ref.Outputs[outputThingType]
	f.Store = object.CredentialsStore{Kind: ref.Outputs[outputStore], Path: ref.Outputs[outputPath], KMSKeyID: ref.Outputs[outputKMSKey]}
	f.Endpoint, f.TopicPrefix = ref.Outputs[outputEndpoint], ref.Outputs[outputTopicPrefix]
	f.Tags = map[string]string{}
	if text := ref.Outputs[outputTags]; text != "" {
		if json.Unmarshal([]byte(text), &f.Tags) != nil {
			f.Tags = nil // unreadable: not known, so not compared
		}
	}
	return f
}

// note changes the identity of one device.
func (d *Driver) note(name string, change func(*object.DeviceIdentity)) {
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
}

func (d *Driver) identity(name string) object.DeviceIdentity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identities[name]
}

// certificateARN derives a certificate's ARN from that of a thing in the same account and region.
func certificateARN(thingARN, id string) string {
	prefix, _, ok := strings.Cut(thingARN, ":thing/")
	if !ok || id == "" {
		return ""
	}
	return prefix + ":cert/" + id
}
