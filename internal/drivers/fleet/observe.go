package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// pageSize is the largest page of the registry's lists [AWS 1.3 page size].
const pageSize = 250

// Observe reads the fleet by list pages. It returns an *assembly.ForeignError if things that are not ours have names in
// Options.Wanted: the engine reads everything before its first write, so nothing has changed then.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Fleet], error) {
	have, err := d.observe(ctx, ref, spec.Fleet{})
	if err != nil {
		return nil, err
	}
	if ref.ID == "" && allAdopting(have.Devices) && !d.opts.EmptyExists {
		return nil, nil
	}
	id := identity(have)
	if len(ref.Outputs) > 0 {
		id.Outputs = ref.Outputs
	}
	return &assembly.Observed[spec.Fleet]{Identity: id, Owner: ref.Owner, Spec: have}, nil
}

// observe is Observe; want supplements the names to look for and, for a fleet not recorded yet, its surroundings.
func (d *Driver) observe(ctx context.Context, ref assembly.Ref, want spec.Fleet) (spec.Fleet, error) {
	f := d.recorded(ref)
	if want.ThingGroup != "" {
		f = want
	}
	have, err := d.list(ctx, ref.Owner, f)
	if err != nil {
		return have, err
	}
	if err := d.refuseForeign(ctx, ref.Owner, have, want); err != nil {
		return have, err
	}
	if err := d.readStatus(ctx, have.Devices); err != nil {
		return have, err
	}
	if err := d.readSettings(ctx, have); err != nil {
		return have, err
	}
	if err := d.readOptional(ctx, ref.Owner, have); err != nil {
		return have, err
	}
	for name, device := range have.Devices {
		known, ok := d.opts.Known[name]
		if ok && device.CSRPEM == "" && device.CertificatePEM == "" &&
			SourceOf(name, known) == device.Found.CertificateSource {
			device.CSRPEM, device.CertificatePEM = known.CSRPEM, known.CertificatePEM
			have.Devices[name] = device
		}
	}
	d.mu.Lock()
	d.observed = have.Devices
	d.mu.Unlock()
	return have, nil
}

// list reads the things that carry the owner's token and the members of the group, page by page, both at the same time.
func (d *Driver) list(ctx context.Context, owner string, f spec.Fleet) (spec.Fleet, error) {
	things := map[string]*thing{}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.listThings(gctx, owner, f.ThingType, things) })
	g.Go(func() (err error) { d.members, err = d.listMembers(gctx, f.ThingGroup); return err })
	if err := g.Wait(); err != nil {
		return spec.Fleet{}, err
	}
	d.setApart(things)
	f.Devices = make(map[string]spec.Device, len(things))
	for name, t := range things {
		f.Devices[name] = t.device(d.members[name])
	}
	d.identify(things, f.Store)
	return f, nil
}

// listThings asks by thing type if it is known: a search by an attribute of typed things finds only attributes that
// the type makes searchable, and a type cannot be changed [AWS 1.3 searchable attributes].
func (d *Driver) listThings(ctx context.Context, owner, thingType string, things map[string]*thing) error {
	in := &iot.ListThingsInput{MaxResults: aws.Int32(pageSize)}
	if thingType != "" {
		in.ThingTypeName = aws.String(thingType)
	} else {
		in.AttributeName, in.AttributeValue = aws.String(contract.OwnerAttribute), aws.String(owner)
	}
	for pages := iot.NewListThingsPaginator(d.c.IoT().ListThings, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, d.pool, "listing things of the pipeline",
			func(ctx context.Context) (*iot.ListThingsOutput, error) { return pages.NextPage(ctx) })
		if err != nil {
			return err
		}
		for _, item := range page.Things {
			t := newThing(aws.ToString(item.ThingArn), aws.ToString(item.ThingTypeName), item.Attributes)
			t.version = item.Version
			if t.owner == owner {
				things[aws.ToString(item.ThingName)] = t
			}
		}
		d.report(len(things), "things listed")
	}
	return nil
}

// listMembers returns the names in the thing group; a group that does not exist has none.
func (d *Driver) listMembers(ctx context.Context, group string) (map[string]bool, error) {
	members := map[string]bool{}
	in := &iot.ListThingsInThingGroupInput{ThingGroupName: aws.String(group), MaxResults: aws.Int32(pageSize)}
	for pages := iot.NewListThingsInThingGroupPaginator(d.c.IoT().ListThingsInThingGroup, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, d.pool, fmt.Sprintf("listing things in thing group %q", group),
			func(ctx context.Context) (*iot.ListThingsInThingGroupOutput, error) { return pages.NextPage(ctx) })
		if awsapi.IsNotFound(err) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		for _, name := range page.Things {
			members[name] = true
		}
	}
	return members, nil
}

func (d *Driver) report(n int, what string) {
	if d.opts.Progress != nil {
		d.opts.Progress(n, 0, what)
	}
}

// identify sets the identities to what was listed. An unfinished device keeps the certificate of the prior run, and a
// device whose thing has disappeared its whole identity, so that what is left of it is found and removed.
func (d *Driver) identify(things map[string]*thing, store spec.CredentialsStore) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.adopted = map[string]bool{}
	for name, t := range things {
		d.identities[name] = t.identity(name, d.identities[name], store)
		if adopted(t.mark.source) {
			d.adopted[name] = true
		}
	}
}

// identity is what the thing says about its device; the rest stays as it was known.
func (t *thing) identity(name string, known spec.DeviceIdentity, store spec.CredentialsStore) spec.DeviceIdentity {
	known.ThingARN = t.arn
	if t.mark.id == "" {
		return known
	}
	known.CertificateID, known.CertificateARN = t.mark.id, certs.ARN(t.arn, t.mark.id)
	known.CertificateVersion = versionOf(t.mark.source)
	if arn := credstore.ARN(store, t.arn, name); arn != "" {
		known.Credentials = arn
	}
	return known
}

// describe reads one thing. It returns nil if there is none.
func (d *Driver) describe(ctx context.Context, name string) (*thing, error) {
	out, err := bulk.Ask(ctx, d.pool, fmt.Sprintf("reading thing %q", name),
		func(ctx context.Context) (*iot.DescribeThingOutput, error) {
			return d.c.IoT().DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &name})
		})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := newThing(aws.ToString(out.ThingArn), aws.ToString(out.ThingTypeName), out.Attributes)
	t.version = out.Version
	return t, nil
}

// describeAll reads things by name, for names that a listing lacks; what does not exist is left out.
func (d *Driver) describeAll(ctx context.Context, names []string) (map[string]*thing, error) {
	var mu sync.Mutex
	found := map[string]*thing{}
	err := d.pool.Each(ctx, "names looked up", names, func(ctx context.Context, name string) error {
		t, err := d.describe(ctx, name)
		if t != nil {
			mu.Lock()
			defer mu.Unlock()
			found[name] = t
		}
		return err
	})
	return found, err
}

// refuseForeign looks for desired names that the listing lacks. Our things among them (of another type, or too new for
// the list) are added to have; somebody else's are the error. A driver looks for a name once.
func (d *Driver) refuseForeign(ctx context.Context, owner string, have, want spec.Fleet) error {
	var names []string
	look := func(name string) {
		_, listed := have.Devices[name]
		switch c := d.candidates[name]; {
		case listed || d.absent[name]:
		case c != nil:
			have.Devices[name] = c.device(d.members[name])
		default:
			names = append(names, name)
		}
	}
	for _, name := range d.opts.Wanted {
		look(name)
	}
	for name := range want.Devices {
		look(name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	found, err := d.describeAll(ctx, names)
	if err != nil {
		return err
	}
	others, adoptees := map[string]string{}, map[string]spec.Device{}
	var registered []string
	for _, name := range names {
		t := found[name]
		switch device := d.described(name, want); {
		case device.Adopt != nil && (t == nil || t.owner == ""):
			adoptees[name] = device
		case t == nil:
			d.absent[name] = true
		case t.owner != owner:
			others[name] = t.owner
		case t.registered != "":
			registered = append(registered, name)
		default:
			have.Devices[name] = t.device(d.members[name])
			d.note(name, func(id *spec.DeviceIdentity) { *id = t.identity(name, *id, have.Store) })
		}
	}
	if err := foreignThings(others, registered); err != nil {
		return err
	}
	return d.examineAll(ctx, adoptees, found, have)
}
