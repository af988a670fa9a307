package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// replaceCertificate gives a device a certificate in place of the one it has, if any:
//
//	(if it has one: noted that another follows →)
//	created ACTIVE → attached → bundle stored → marked on the thing →
//	(if the device is new: thing joins the group →) old ones removed
//
// A certificate without a policy can do nothing, and the policy is the group's: nothing can connect before the thing
// of a new device joins it, nor with a replaced certificate before the bundle with its key is stored. Until the
// certificate is marked, the next apply starts over and removes it. A disabled device's is created INACTIVE, and so is
// one that the configuration gives: only the status tells whether an interrupted run of ours registered it (mayTake).
func (r *run) replaceCertificate(ctx context.Context, name string, existed bool, have, want spec.Device) error {
	old, err := r.oldCertificates(ctx, name, existed, have)
	if err != nil {
		return err
	}
	if m := markOf(have); m.begun == 0 || m.issuing != "" {
		m.pending, m.begun, m.issuing, m.raised = m.id != "", cmp.Or(m.begun, r.begun.Unix()), "", 0
		if err := r.updateThing(ctx, name, want, &have.Found.Entry, m); err != nil {
			return err
		}
	}
	c, key, err := r.createCertificate(ctx, name, want)
	if err != nil {
		return err
	}
	r.d.note(name, func(id *spec.DeviceIdentity) { id.CertificateID, id.CertificateARN = c.ID, c.ARN })
	if err := r.certs.Attach(ctx, name, c.ARN); err != nil {
		return err
	}
	if err := r.putBundle(ctx, name, c, key); err != nil {
		return err
	}
	old = slices.DeleteFunc(old, func(id string) bool { return id == c.ID })
	next := mark{source: sourceIn(r.want, name, want), id: c.ID, retired: old}
	if err := r.updateThing(ctx, name, want, &have.Found.Entry, next); err != nil {
		return err
	}
	r.d.setAdopted(name, false)
	r.d.note(name, func(id *spec.DeviceIdentity) { id.CertificateVersion = versionOf(next.source) })
	if want.CertificatePEM != "" && !want.Disabled {
		if err := r.certs.SetActive(ctx, c.ID, true); err != nil {
			return err
		}
	}
	if !have.Found.InGroup {
		if err := r.joinGroup(ctx, name); err != nil {
			return err
		}
	}
	if len(old) == 0 {
		return nil
	}
	return r.removeRetired(ctx, name, want, &have.Found.Entry, next)
}

// oldCertificates are those that a new one replaces: what the thing is marked with, what the last run remembered, and
// what is attached to the thing and was created for this pipeline by a run that ended before the mark.
func (r *run) oldCertificates(ctx context.Context, name string, existed bool, have spec.Device) ([]string, error) {
	var old []string
	add := func(ids ...string) {
		for _, id := range ids {
			if id != "" && !slices.Contains(old, id) {
				old = append(old, id)
			}
		}
	}
	m := markOf(have)
	add(m.id)
	add(m.retired...)
	add(m.previous...)
	add(r.d.prior[name].CertificateID, r.d.identity(name).CertificateID)
	if !existed {
		return old, nil
	}
	principals, err := r.certs.Principals(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, principal := range principals {
		id, ok := certs.IDIn(principal)
		if !ok || slices.Contains(old, id) {
			continue
		}
		c, err := r.certs.Describe(ctx, id)
		if err != nil {
			return nil, err
		}
		if c != nil && r.madeForUs(aws.ToString(c.CertificatePem)) {
			add(id)
		}
	}
	if traced := slices.ContainsFunc(old, func(id string) bool { return id != m.id }); !traced &&
		(m.id == "" || m.pending || m.issuing != "") {
		r.noteStale(m.begun)
	}
	return old, nil
}

// createCertificate returns a device's new certificate, and its key if the provider generated it.
func (r *run) createCertificate(ctx context.Context, name string, want spec.Device) (
	c certs.Certificate, key string, err error,
) {
	if want.CertificatePEM != "" {
		c, err = r.register(ctx, name, want.CertificatePEM)
		return c, "", err
	}
	csr := want.CSRPEM
	if csr == "" {
		if key, csr, err = certs.NewPair(certs.DeviceSubject(name, r.owner)); err != nil {
			return c, "", err
		}
	}
	c, uncertain, err := r.certs.Create(ctx, csr, !want.Disabled)
	if uncertain {
		r.noteLost()
	}
	return c, key, err
}

// register registers a certificate that the configuration gives. One that AWS knows already is accepted only if an
// interrupted run of ours can have left it: inactive, and in use by no other thing.
func (r *run) register(ctx context.Context, name, text string) (certs.Certificate, error) {
	c, err := r.certs.Register(ctx, text)
	if !awsapi.Is(err, "ResourceAlreadyExistsException") {
		return c, err
	}
	id := certs.Digest(text)
	c = certs.Certificate{ID: id, ARN: certs.ARN(r.d.identity(name).ThingARN, id), PEM: text}
	if err := r.mayTake(ctx, name, c); err != nil {
		return c, fmt.Errorf("registering the certificate: %w", err)
	}
	return c, nil
}

func (r *run) mayTake(ctx context.Context, name string, c certs.Certificate) error {
	things, err := r.certs.Things(ctx, c.ARN)
	if err != nil {
		return err
	}
	if others := slices.DeleteFunc(things, func(t string) bool { return t == name }); len(others) > 0 {
		return fmt.Errorf("it is registered already and attached to other things (%s)", strings.Join(others, ", "))
	}
	if r.d.identity(name).CertificateID == c.ID {
		return nil
	}
	known, err := r.certs.Describe(ctx, c.ID)
	if err != nil {
		return err
	}
	if known != nil && known.Status != types.CertificateStatusInactive {
		return fmt.Errorf("certificate %s is registered already with status %s, and not by this pipeline; "+
			"set it to INACTIVE or delete it if this device is to have it", c.ID, known.Status)
	}
	return nil
}

// removeRetired removes the certificates that m says are replaced, and then removes them from the mark.
func (r *run) removeRetired(
	ctx context.Context, name string, want spec.Device, e *spec.ThingEntry, m mark,
) error {
	for _, id := range m.retired {
		if err := r.removeCertificate(ctx, name, id); err != nil {
			return fmt.Errorf("removing the replaced certificate: %w", err)
		}
	}
	m.retired = nil
	return r.updateThing(ctx, name, want, e, m)
}

// removeCertificate deactivates, detaches and deletes a certificate of a device. It leaves one alone that other things
// use as well and returns an *InUseError. Absent is success.
func (r *run) removeCertificate(ctx context.Context, name, id string) error {
	arn := certs.ARN(r.d.thingARN(name), id)
	things, err := r.certs.Things(ctx, arn)
	if err != nil {
		return err
	}
	attachedHere := slices.Contains(things, name)
	if others := slices.DeleteFunc(things, func(t string) bool { return t == name }); len(others) > 0 {
		return &InUseError{CertificateID: id, Things: others}
	}
	if err := r.certs.SetActive(ctx, id, false); err != nil {
		if awsapi.IsNotFound(err) {
			return nil
		}
		return err
	}
	if attachedHere {
		if err := r.certs.Detach(ctx, name, arn); err != nil {
			return err
		}
	}
	return r.certs.Delete(ctx, id)
}

// stripThing detaches every principal from a thing and removes those that are certificates.
func (r *run) stripThing(ctx context.Context, name string) error {
	principals, err := r.certs.Principals(ctx, name)
	if err != nil {
		return err
	}
	for _, principal := range principals {
		if id, ok := certs.IDIn(principal); ok {
			err = r.removeCertificate(ctx, name, id)
		} else {
			err = r.certs.Detach(ctx, name, principal) // a Cognito identity
		}
		if err != nil {
			return err
		}
	}
	return nil
}
