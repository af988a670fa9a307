package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Adoption takes over a thing and its certificates that somebody has made without a pipeline, as with aws_iot_thing.
// The description names each of them by its ARN. The steps only add, until the last one but one makes the thing ours:
//
//	looked at, all devices before the first write → certificates attached that are not → bundle stored without a key →
//	thing marked, on condition that nobody has changed it → thing joins the group
//
// The certificates are never changed: a device keeps its connection, and whatever policies it has. A run that ends
// before the mark leaves a thing that is still nobody's, and no record of a certificate that a removal could take.

// candidate is a thing that nobody owns and that was found fit for adoption.
type candidate struct {
	t        *thing
	attached map[string]bool // IDs of certificates
	// ids are those of the named certificates, ACTIVE ones first: the status of the first is that of the device.
	ids      []string
	disabled bool // none is ACTIVE
	first    certs.Certificate
}

// device is the candidate as observed.
func (c *candidate) device(inGroup bool) spec.Device {
	return spec.Device{Attributes: c.t.attributes, Disabled: c.disabled,
		Found: &spec.DeviceState{ThingType: c.t.thingType, InGroup: inGroup, Adopting: true}}
}

// AdoptionError means that devices cannot be adopted. Nothing has been changed.
type AdoptionError struct {
	Reasons map[string]string // by device
}

func (e *AdoptionError) Error() string {
	return fmt.Sprintf("%d devices cannot be adopted: %s", len(e.Reasons), listReasons(e.Reasons))
}

// adopted reports whether a mark's source says that the certificate was adopted.
func adopted(source string) bool { return strings.HasPrefix(source, sourceAdopted) }

// allAdopting reports whether no device is the pipeline's own yet.
func allAdopting(devices map[string]spec.Device) bool {
	for _, device := range devices {
		if !device.Found.Adopting {
			return false
		}
	}
	return true
}

// Adopted are the sorted names of the devices whose certificates were adopted. known is false while the driver has not
// read the registry.
func (d *Driver) Adopted() (names []string, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.adopted)), d.adopted != nil
}

func (d *Driver) setAdopted(name string, is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.adopted, name)
	if is {
		if d.adopted == nil {
			d.adopted = map[string]bool{}
		}
		d.adopted[name] = true
	}
}

// described is a device of the description: of want or, while nothing is applied, of what the driver was made for.
func (d *Driver) described(name string, want spec.Fleet) spec.Device {
	if device, ok := want.Devices[name]; ok {
		return device
	}
	return d.opts.Known[name]
}

// CheckAdoption reports whether the devices that name a thing to adopt can be adopted, as a plan needs to know. It only
// reads. Things that a pipeline owns are left to the apply: it may be this one, or one that is destroyed before, as in
// a replacement. The error is an *AdoptionError if a device cannot be adopted.
func (d *Driver) CheckAdoption(ctx context.Context, devices map[string]spec.Device) error {
	adoptees := maps.Clone(devices)
	maps.DeleteFunc(adoptees, func(_ string, device spec.Device) bool { return device.Adopt == nil })
	found, err := d.describeAll(ctx, slices.Sorted(maps.Keys(adoptees)))
	if err != nil {
		return err
	}
	maps.DeleteFunc(adoptees, func(name string, _ spec.Device) bool {
		return found[name] != nil && found[name].owner != ""
	})
	return d.examineAll(ctx, adoptees, found, spec.Fleet{Devices: map[string]spec.Device{}})
}

// examineAll looks at the devices to be adopted and adds them to have. found are their things.
func (d *Driver) examineAll(
	ctx context.Context, adoptees map[string]spec.Device, found map[string]*thing, have spec.Fleet,
) error {
	var mu sync.Mutex
	reasons := map[string]string{}
	names := slices.Sorted(maps.Keys(adoptees))
	err := d.pool.Each(ctx, "adoptions checked", names, func(ctx context.Context, name string) error {
		c, reason, err := d.examine(ctx, name, adoptees[name], found[name])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case reason != "":
			reasons[name] = reason
		case err == nil:
			d.candidates[name] = c
			have.Devices[name] = c.device(d.members[name])
		}
		return err
	})
	if err == nil && len(reasons) > 0 {
		err = &AdoptionError{Reasons: reasons}
	}
	return err
}

// examine looks at one device that is to be adopted. It returns a reason if it must not be.
func (d *Driver) examine(ctx context.Context, name string, device spec.Device, t *thing) (*candidate, string, error) {
	switch {
	case t == nil:
		return nil, "there is no such thing; remove adopt if a new one is to be made", nil
	case t.arn != device.Adopt.ThingARN:
		return nil, fmt.Sprintf("the ARN of its thing is %s", t.arn), nil
	}
	principals, err := d.certs.Principals(ctx, name)
	if err != nil {
		return nil, "", err
	}
	c := &candidate{t: t, attached: map[string]bool{}}
	for _, principal := range principals {
		id, ok := certs.IDIn(principal)
		if ok && !slices.Contains(device.Adopt.CertificateIDs, id) {
			return nil, fmt.Sprintf("the certificate %s is attached to its thing and not named; name it as well, or "+
				"detach it first", id), nil
		}
		c.attached[id] = ok
	}
	for _, id := range device.Adopt.CertificateIDs {
		known, reason, err := d.examineCertificate(ctx, name, t, id, device.Disabled)
		if reason != "" || err != nil {
			return nil, reason, err
		}
		c.add(known)
	}
	return c, "", nil
}

func (c *candidate) add(known *types.CertificateDescription) {
	id, active := aws.ToString(known.CertificateId), known.Status == types.CertificateStatusActive
	first := len(c.ids) == 0 || c.disabled && active
	if first {
		c.first = certs.Certificate{ID: id, ARN: aws.ToString(known.CertificateArn),
			PEM: aws.ToString(known.CertificatePem)}
		c.ids, c.disabled = slices.Insert(c.ids, 0, id), !active
		return
	}
	c.ids = append(c.ids, id)
}

// examineCertificate reads a certificate that is to be adopted with a thing.
func (d *Driver) examineCertificate(
	ctx context.Context, name string, t *thing, id string, disabled bool,
) (*types.CertificateDescription, string, error) {
	known, err := d.certs.Describe(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if known == nil {
		return nil, fmt.Sprintf("there is no certificate %s", id), nil
	}
	switch status := known.Status; {
	case status == types.CertificateStatusActive:
	case status == types.CertificateStatusInactive && disabled:
	case status == types.CertificateStatusInactive:
		return nil, fmt.Sprintf("the certificate %s is INACTIVE, so that the device cannot connect with it; activate "+
			"it, or write enabled = false", id), nil
	default:
		return nil, fmt.Sprintf("the certificate %s is %s; name only certificates that can be used", id, status), nil
	}
	things, err := d.certs.Things(ctx, certs.ARN(t.arn, id))
	if err != nil {
		return nil, "", err
	}
	if others := slices.DeleteFunc(things, func(t string) bool { return t == name }); len(others) > 0 {
		return nil, fmt.Sprintf("the certificate %s is attached to other things too (%s); a certificate is of one "+
			"device. Detach it from them, or give each device its own", id, strings.Join(others, ", ")), nil
	}
	return known, "", nil
}

// adopt makes a thing and its certificates the pipeline's own, and returns the device as it is then. A thing without
// certificates is as one that an earlier run has created: it gets a certificate next.
func (r *run) adopt(ctx context.Context, name string, want spec.Device) (spec.Device, error) {
	c := r.d.candidate(name)
	ids := c.ids
	m := mark{begun: r.begun.Unix()}
	r.d.note(name, func(id *spec.DeviceIdentity) { id.ThingARN = c.t.arn })
	if len(ids) > 0 {
		for _, id := range ids {
			if c.attached[id] {
				continue
			}
			if err := r.certs.Attach(ctx, name, certs.ARN(c.t.arn, id)); err != nil {
				return spec.Device{}, err
			}
		}
		if err := r.putBundle(ctx, name, c.first, ""); err != nil {
			return spec.Device{}, err
		}
		m = mark{source: sourceAdopted + c.t.thingType, id: ids[0], previous: ids[1:]}
	}
	if err := r.take(ctx, name, want, m, c.t.version); err != nil {
		return spec.Device{}, err
	}
	r.d.mu.Lock()
	delete(r.d.candidates, name)
	r.d.mu.Unlock()
	if len(ids) > 0 { // not before: what is recorded, a removal takes
		r.d.note(name, func(id *spec.DeviceIdentity) { id.CertificateID, id.CertificateARN = c.first.ID, c.first.ARN })
		r.d.setAdopted(name, true)
	}
	t := &thing{thingType: r.want.ThingType, attributes: want.Attributes, mark: m, version: c.t.version + 1,
		gateway: attributesOf(r.want, want, r.owner, m)[contract.GatewayAttribute]}
	device := t.device(r.d.members[name])
	device.Disabled = c.disabled
	return device, nil
}

func (d *Driver) candidate(name string) *candidate {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.candidates[name]
}

// take makes a thing ours: owner, mark, attributes and type in one write, if it is still as it was looked at.
func (r *run) take(ctx context.Context, name string, want spec.Device, m mark, version int64) error {
	in := &iot.UpdateThingInput{
		ThingName: &name, ThingTypeName: optional(r.want.ThingType), ExpectedVersion: &version,
		AttributePayload: &types.AttributePayload{Attributes: attributesOf(r.want, want, r.owner, m)},
	}
	err := r.pool.Call(ctx, "adopting the thing", func(ctx context.Context) error {
		_, err := r.d.c.IoT().UpdateThing(ctx, in)
		return err
	})
	if !awsapi.Is(err, "VersionConflictException") {
		return err
	}
	// The SDK repeats a request whose answer was lost.
	t, describeErr := r.d.describe(ctx, name)
	if describeErr != nil {
		return describeErr
	}
	if t != nil && t.owner == r.owner && t.mark.String() == m.String() {
		return nil
	}
	return fmt.Errorf("somebody has changed the thing while it was being adopted; apply again: %w", err)
}

// promote makes another adopted certificate the present one if somebody has deleted that. Nobody could make the others
// again, and the device may use one of them.
func (r *run) promote(ctx context.Context, name string, have *spec.Device, want spec.Device) error {
	found, m := have.Found, readMark(have.Found.Entry.Mark)
	if found.CertificateID != "" || !adopted(m.source) || m.pending || !fits(m.source, name, want) {
		return nil
	}
	for i, id := range m.previous {
		known, err := r.certs.Describe(ctx, id)
		if err != nil {
			return err
		}
		if known == nil {
			continue
		}
		c := certs.Certificate{ID: id, ARN: aws.ToString(known.CertificateArn), PEM: aws.ToString(known.CertificatePem)}
		if err := r.putBundle(ctx, name, c, ""); err != nil {
			return err
		}
		m.id, m.previous = id, m.previous[i+1:]
		if err := r.updateThing(ctx, name, want, &found.Entry, m); err != nil {
			return err
		}
		r.d.note(name, func(id *spec.DeviceIdentity) { id.CertificateID, id.CertificateARN = c.ID, c.ARN })
		found.CertificateID, found.CertificateSource, found.Previous = id, m.source, m.previous
		have.Disabled = known.Status != types.CertificateStatusActive
		return nil
	}
	return nil
}
