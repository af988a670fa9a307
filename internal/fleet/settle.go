package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// run is one reconciliation of many devices.
type run struct {
	d     *Driver
	owner string
	have  object.Fleet
	want  object.Fleet
	store store
	pool  *pool
	begun time.Time

	keysOnce sync.Once
	keys     map[string]bool

	mu    sync.Mutex
	lost  bool // a creation was not answered in this run
	stale bool // a device of an earlier run has no trace of a certificate
}

func (d *Driver) newRun(owner string, have, want object.Fleet) *run {
	return &run{d: d, owner: owner, have: have, want: want, pool: d.pool, begun: time.Now(), store: d.newStore(owner, want.Store, want.Tags)}
}

// sweepNeeded says whether certificates may have been made that nothing points to, and the earliest time of their making.
func (r *run) sweepNeeded() (bool, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stale {
		return true, time.Time{}
	}
	return r.lost, r.begun.Add(-sweepMargin)
}

func (r *run) noteLost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
}

func (r *run) noteStale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale = true
}

// settle brings one device to what is wanted, with the requests that its difference needs and no other.
func (r *run) settle(ctx context.Context, name string) error {
	want := r.want.Devices[name]
	have, existed := r.have.Devices[name]
	if !existed {
		created, err := r.createThing(ctx, name, want)
		if err != nil {
			return err
		}
		have = created
	}
	found := have.Found
	if found.ThingType != r.want.ThingType || !maps.Equal(have.Attributes, want.Attributes) {
		if err := r.updateThing(ctx, name, want, markOf(have)); err != nil {
			return err
		}
	}
	if !found.InGroup {
		if err := r.joinGroup(ctx, name); err != nil {
			return err
		}
	}
	switch {
	case r.certificateIsDue(have, want):
		return r.certify(ctx, name, existed, have, want)
	case len(found.Lost) > 0:
		if err := r.repair(ctx, name, have, want); err != nil {
			return err
		}
	}
	if have.Disabled != want.Disabled {
		if err := r.setActive(ctx, found.CertificateID, !want.Disabled); err != nil {
			return err
		}
	}
	if len(found.Retired) > 0 {
		return r.removeRetired(ctx, name, want, markOf(have))
	}
	return nil
}

// certificateIsDue reports whether a device needs another certificate: it has none, the one it has was made from
// something else, or the only copy of a generated key is gone.
func (r *run) certificateIsDue(have, want object.Device) bool {
	f := have.Found
	return f.CertificateID == "" || f.Interrupted || f.CertificateSource != SourceOf(want) ||
		slices.Contains(f.Lost, LostCredentials) && f.CertificateSource == sourceGenerated
}

// createThing makes the thing. A thing that exists by now is ours when it carries our token, whatever else it carries:
// AWS answers success only to a repeated call with the same attributes [AWS 1.4 CreateThing].
func (r *run) createThing(ctx context.Context, name string, want object.Device) (object.Device, error) {
	in := &iot.CreateThingInput{
		ThingName: aws.String(name), ThingTypeName: optional(r.want.ThingType),
		AttributePayload: &types.AttributePayload{Attributes: attributesOf(want, r.owner, mark{})},
	}
	var arn string
	err := r.pool.call(ctx, "creating the thing", func(ctx context.Context) error {
		out, err := r.d.aws.IoT().CreateThing(ctx, in)
		if err == nil {
			arn = aws.ToString(out.ThingArn)
		}
		return err
	})
	created := object.Device{Attributes: want.Attributes, Found: &object.DeviceState{ThingType: r.want.ThingType}}
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		t, describeErr := r.d.describe(ctx, name)
		switch {
		case describeErr != nil:
			return created, describeErr
		case t != nil && t.owner != r.owner:
			return created, &ForeignError{Things: map[string]string{name: t.owner}}
		case t != nil && t.registered != "":
			return created, &ForeignError{Registered: []string{name}}
		case t != nil:
			created, arn, err = t.device(false), t.arn, nil
		}
	}
	if err != nil {
		return created, fmt.Errorf("creating the thing: %w", err)
	}
	r.d.note(name, func(id *object.DeviceIdentity) { id.ThingARN = arn })
	return created, nil
}

// updateThing replaces the whole attribute map, ours included [AWS 1.4 UpdateThing].
func (r *run) updateThing(ctx context.Context, name string, want object.Device, m mark) error {
	in := &iot.UpdateThingInput{
		ThingName: aws.String(name), ThingTypeName: optional(r.want.ThingType),
		AttributePayload: &types.AttributePayload{Attributes: attributesOf(want, r.owner, m)},
	}
	return r.pool.call(ctx, "updating the thing", func(ctx context.Context) error {
		if _, err := r.d.aws.IoT().UpdateThing(ctx, in); err != nil {
			return fmt.Errorf("updating the thing: %w", err)
		}
		return nil
	})
}

func (r *run) joinGroup(ctx context.Context, name string) error {
	in := &iot.AddThingToThingGroupInput{ThingGroupName: aws.String(r.want.ThingGroup), ThingName: aws.String(name)}
	return r.pool.call(ctx, "adding the thing to its group", func(ctx context.Context) error {
		if _, err := r.d.aws.IoT().AddThingToThingGroup(ctx, in); err != nil {
			return fmt.Errorf("adding the thing to thing group %q: %w", r.want.ThingGroup, err)
		}
		return nil
	})
}

// setActive sets a certificate's status; doing it twice does no harm [AWS 1.4 UpdateCertificate].
func (r *run) setActive(ctx context.Context, id string, active bool) error {
	status := types.CertificateStatusInactive
	if active {
		status = types.CertificateStatusActive
	}
	return r.pool.call(ctx, "setting the status of a certificate", func(ctx context.Context) error {
		_, err := r.d.aws.IoT().UpdateCertificate(ctx, &iot.UpdateCertificateInput{CertificateId: aws.String(id), NewStatus: status})
		if err != nil {
			return fmt.Errorf("setting certificate %s to %s: %w", id, status, err)
		}
		return nil
	})
}

// repair restores what a deep check missed of a device whose certificate is still the right one.
func (r *run) repair(ctx context.Context, name string, have, want object.Device) error {
	f := have.Found
	arn := certificateARN(r.d.identity(name).ThingARN, f.CertificateID)
	if slices.Contains(f.Lost, LostAttachment) {
		if err := r.attach(ctx, name, arn); err != nil {
			return err
		}
	}
	if !slices.Contains(f.Lost, LostCredentials) {
		return nil
	}
	c, err := r.d.certificate(ctx, f.CertificateID)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("reading certificate %s: it has disappeared since it was listed; apply again", f.CertificateID)
	}
	return r.putBundle(ctx, name, &certificate{id: f.CertificateID, arn: arn, pem: aws.ToString(c.CertificatePem), csr: want.CSRPEM})
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
