package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// run is one reconciliation of many devices.
type run struct {
	d     *Driver
	owner string
	have  spec.Fleet
	want  spec.Fleet
	pool  *bulk.Pool
	certs *certs.Client
	store *credstore.Store
	// nonce tells this run from others that issue certificates at the same time.
	nonce string
	*sweeper
}

func (d *Driver) newRun(owner string, have, want spec.Fleet) *run {
	r := &run{d: d, owner: owner, have: have, want: want, nonce: rand.Text()[:10], sweeper: newSweeper()}
	return r.on(d.pool)
}

// on returns the run with another pool.
func (r *run) on(pool *bulk.Pool) *run {
	other := *r
	other.pool, other.certs = pool, certs.New(r.d.c, pool)
	other.store = credstore.Open(r.d.c, pool, r.want.Store, r.owner, r.want.Tags)
	return &other
}

// reconcileDevice creates or changes one device, with the requests that its difference needs and no other. It begins
// again if somebody rotates the device's certificates meanwhile.
func (r *run) reconcileDevice(ctx context.Context, name string) error {
	have, existed := r.have.Devices[name]
	if existed {
		found := *have.Found // others read what was observed
		have.Found = &found
	}
	for range maxTries {
		err := r.reconcileAs(ctx, name, existed, have)
		var changed *changedError
		if !errors.As(err, &changed) {
			return err
		}
		if have, err = r.deviceNow(ctx, name, have, changed.now); err != nil {
			return err
		}
		existed = true
	}
	return errKeptChanging
}

// deviceNow is a device after somebody has changed its thing.
func (r *run) deviceNow(ctx context.Context, name string, have spec.Device, t *thing) (spec.Device, error) {
	was := have.Found
	now := t.device(was != nil && was.InGroup)
	if was != nil {
		now.Found.Settings, now.Found.Refused = was.Settings, was.Refused
	}
	if id := now.Found.CertificateID; id != "" {
		c, err := r.certs.Describe(ctx, id)
		if err != nil {
			return now, err
		}
		if c == nil {
			now.Found.CertificateID, now.Found.CertificateSource = "", ""
		}
		now.Disabled = c != nil && c.Status != types.CertificateStatusActive
	}
	r.d.note(name, func(id *spec.DeviceIdentity) { *id = t.identity(name, *id, r.have.Store) })
	return now, nil
}

func (r *run) reconcileAs(ctx context.Context, name string, existed bool, have spec.Device) error {
	want := r.want.Devices[name]
	if !existed {
		created, err := r.createThing(ctx, name, want)
		if err != nil {
			return err
		}
		have = created
	}
	known := existed && have.Found.Settled // its shadow has been read
	if have.Found.Adopting {
		adopted, err := r.adopt(ctx, name, want)
		if err != nil {
			return err
		}
		have, known = adopted, false
	}
	if err := r.promote(ctx, name, &have, want); err != nil {
		return err
	}
	found, settled := have.Found, settledByShadow(r.want, want)
	if found.Settled && !settled { // while the thing still says that there are settings
		if err := r.removeShadow(ctx, name); err != nil {
			return err
		}
	}
	if found.ThingType != r.want.ThingType || have.Gateway != want.Gateway || found.Settled != settled ||
		!maps.Equal(have.Attributes, want.Attributes) || behindGateway(name) && found.CertificateSource != sourceNone {
		if err := r.updateThing(ctx, name, want, &found.Entry, markFor(name, have)); err != nil {
			return err
		}
	}
	if err := r.settle(ctx, name, known, have, want); err != nil {
		return err
	}
	if isDue(found, name, want) {
		return r.replaceCertificate(ctx, name, existed, have, want)
	}
	return r.mend(ctx, name, have, want)
}

// mend restores what a device lacks whose certificate stays, and finishes what is begun.
func (r *run) mend(ctx context.Context, name string, have, want spec.Device) error {
	found := have.Found
	if !found.InGroup {
		if err := r.joinGroup(ctx, name); err != nil {
			return err
		}
	}
	if len(found.Lost) > 0 {
		if err := r.repair(ctx, name, have); err != nil {
			return err
		}
	}
	if err := r.setStatus(ctx, have, want); err != nil {
		return err
	}
	return r.finishRotation(ctx, name, have, want)
}

// setStatus enables or disables all valid certificates of a device. The present one comes last: its status is what the
// next run sees. An earlier one may have been retired meanwhile.
func (r *run) setStatus(ctx context.Context, have, want spec.Device) error {
	if have.Disabled == want.Disabled {
		return nil
	}
	for _, id := range have.Found.Previous {
		if err := r.certs.SetActive(ctx, id, !want.Disabled); err != nil && !awsapi.IsNotFound(err) {
			return err
		}
	}
	return r.certs.SetActive(ctx, have.Found.CertificateID, !want.Disabled)
}

// finishRotation finishes what a run has begun that issued or retired certificates of a device, and gives it one of a
// higher version if it is to have that.
func (r *run) finishRotation(ctx context.Context, name string, have, want spec.Device) error {
	if len(have.Found.Retired) > 0 {
		if err := r.removeRetired(ctx, name, want, &have.Found.Entry, markOf(have)); err != nil {
			return err
		}
	}
	var version int64
	if isRaised(have.Found, r.want, name, want) {
		version = wantedVersion(r.want, name, want)
	}
	if have.Found.Issuing != "" || version > 0 {
		return r.finishIssue(ctx, name, want.Disabled, version)
	}
	return nil
}

// repair restores what a deep check missed of a device whose certificate is still the right one.
func (r *run) repair(ctx context.Context, name string, have spec.Device) error {
	f := have.Found
	arn := certs.ARN(r.d.identity(name).ThingARN, f.CertificateID)
	if slices.Contains(f.Lost, LostAttachment) {
		if err := r.certs.Attach(ctx, name, arn); err != nil {
			return err
		}
	}
	if !slices.Contains(f.Lost, LostCredentials) {
		return nil
	}
	c, err := r.certs.Describe(ctx, f.CertificateID)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("reading certificate %s: it has disappeared since it was listed; apply again",
			f.CertificateID)
	}
	again := certs.Certificate{ID: f.CertificateID, ARN: arn, PEM: aws.ToString(c.CertificatePem)}
	return r.putBundle(ctx, name, again, "")
}
