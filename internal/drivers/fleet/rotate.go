package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// A rotation has two steps, with any time between them. Issue gives a device another certificate beside the one that
// it has, and stores its bundle; both certificates are valid. Retire removes the earlier one. A device that fetches its
// bundle in between is never without a certificate.
//
// Two runs can be at work at once, and each can end between any two requests. The bundle decides which certificate is
// the present one: it cannot be written on condition, so the last who wrote it has won, and whoever finds another
// certificate there than on the thing's mark corrects the mark. Marks are written on condition of the version of the
// thing, so that a run notices that another has come between. Issue removes no certificate but one that its own run
// made in vain; the rest is left to Retire.

// Rotation is what a step of a rotation did to a device.
type Rotation struct {
	Device string
	// Certificate is the ID of the present certificate.
	Certificate string
	// Issued reports that this run issued it, or finished a run that was interrupted.
	Issued bool
	// Previous are the earlier certificates that are valid as well, after the step.
	Previous []string
	// Removed are the certificates that the step removed.
	Removed []string
}

// Rotatable is a selection of devices whose certificates can be rotated.
type Rotatable struct {
	// Names are the devices with a key that the provider generated, in order.
	Names []string
	// Other are the devices that have a certificate or a request of their own, or none, or registered themselves, each
	// with the reason.
	Other map[string]string

	things map[string]*thing
	have   map[string]spec.Device
}

// SelectRotatable reads devices by name, or all devices of the fleet if names is nil. It returns an error if one does
// not exist or belongs to somebody else. It changes nothing.
func (d *Driver) SelectRotatable(ctx context.Context, ref assembly.Ref, names []string) (*Rotatable, error) {
	things := map[string]*thing{}
	var err error
	if names == nil {
		err = d.listThings(ctx, ref.Owner, d.recorded(ref).ThingType, things)
	} else {
		things, err = d.describeAll(ctx, names)
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if t := things[name]; t == nil || t.owner != ref.Owner {
			return nil, fmt.Errorf("the pipeline has no device %q", name)
		}
	}
	s := &Rotatable{Other: map[string]string{}, things: things, have: map[string]spec.Device{}}
	for _, name := range slices.Sorted(maps.Keys(things)) {
		t := things[name]
		switch {
		case t.registered != "":
			s.Other[name] = "registered itself and has a key of its own"
		case behindGateway(name):
			s.Other[name] = "is behind a gateway and has no certificate"
		case strings.HasPrefix(t.mark.source, sourceOwn):
			s.Other[name] = "has a certificate of its own (certificate_pem)"
		case adopted(t.mark.source):
			s.Other[name] = "was adopted, and only the device has its key (for a new certificate, set csr_pem)"
		case strings.HasPrefix(t.mark.source, sourceCSR):
			s.Other[name] = "has a certificate from a request of its own (csr_pem)"
		default:
			s.Names = append(s.Names, name)
			s.have[name] = t.device(true)
		}
	}
	return s, nil
}

// Issue gives devices another certificate beside the one that they have; a device that has two is left as it is. done
// receives each device that is finished; calls do not overlap. An error of one device does not stop the others.
func (d *Driver) Issue(ctx context.Context, ref assembly.Ref, s *Rotatable, done func(Rotation)) error {
	if err := d.readStatus(ctx, s.have); err != nil {
		return err
	}
	r := d.newRotation(ref, s, done)
	err := r.pool.Each(ctx, "certificates issued", s.Names, func(ctx context.Context, name string) error {
		return r.step(ctx, name, r.try)
	})
	if ctx.Err() == nil {
		err = errors.Join(err, r.sweep(ctx))
	}
	return err
}

// rotation is one step of a rotation of many devices.
type rotation struct {
	*run
	things map[string]*thing
	have   map[string]spec.Device

	mu   sync.Mutex
	done func(Rotation)
}

func (d *Driver) newRotation(ref assembly.Ref, s *Rotatable, done func(Rotation)) *rotation {
	want := d.recorded(ref)
	r := &rotation{run: d.newRun(ref.Owner, want, want), things: s.things, have: s.have, done: done}
	r.only = map[string]bool{} // of the devices of which certificates may be lost; nobody else's are looked for
	return r
}

func (r *rotation) tell(done Rotation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done != nil {
		r.done(done)
	}
}

// issue is the step for one device.
type issue struct {
	name     string
	disabled bool
	version  int64 // of the certificate that an apply issues, if it is a higher one; else 0
	t        *thing
	// made is the certificate that this run has made and has not marked yet.
	made certs.Certificate
	// contested says that another run is at work, or was interrupted.
	contested bool
	// strays are certificates that interrupted runs have left; this run has noted them on the thing as replaced.
	strays []string
	issued bool // this run has written which certificate is the present one
}

// maxTries bounds how often a step begins again because somebody else has changed the thing meanwhile.
const maxTries = 8

// step does a step for one device, and again while other runs come between.
func (r *rotation) step(ctx context.Context, name string, try func(context.Context, *issue) (bool, error)) error {
	i := &issue{name: name, t: r.things[name], disabled: r.have[name].Disabled}
	for range maxTries {
		if i.t == nil {
			t, err := r.d.describe(ctx, name)
			if err != nil {
				return err
			}
			if t == nil || t.owner != r.owner {
				return errThingDeleted
			}
			i.t = t
		}
		r.d.note(name, func(id *spec.DeviceIdentity) { id.ThingARN, id.CertificateID = i.t.arn, i.t.mark.id })
		found := r.have[name].Found // with what the list of certificates says
		if i.t.mark.id == "" || i.t.mark.pending || found != nil && found.CertificateID == "" {
			return errors.New("its certificate is missing, or an apply that replaces it was interrupted or is under " +
				"way; apply the pipeline, then rotate again")
		}
		finished, err := try(ctx, i)
		if err != nil || finished {
			return err
		}
		i.t, i.contested = nil, true
	}
	return errKeptChanging
}

// try issues a certificate. It returns false if another run has come between.
func (r *rotation) try(ctx context.Context, i *issue) (bool, error) {
	b, err := r.readBundle(ctx, i)
	if err != nil {
		return false, err
	}
	m := i.t.mark
	if b.CertificateID != m.id {
		usable, err := r.usable(ctx, i, b)
		if err != nil {
			return false, err
		}
		if usable {
			return r.finish(ctx, i, b.CertificateID)
		}
	} else if i.has() {
		if dropped, err := r.dropStrays(ctx, i); err != nil || !dropped {
			return false, err
		}
		return true, r.settle(ctx, i, Rotation{Device: i.name, Certificate: m.id, Previous: m.previous,
			Issued: i.issued || i.made.ID == m.id})
	}
	if mine, err := r.claim(ctx, i); err != nil || !mine {
		return false, err
	}
	return r.issueOne(ctx, i, b)
}

// claim notes on the thing that this run issues a certificate. It returns false if another run has done so meanwhile.
func (r *rotation) claim(ctx context.Context, i *issue) (bool, error) {
	m := i.t.mark
	if m.issuing != "" {
		i.contested = true
		r.mayHaveLost(i.name, m.begun)
	}
	m.issuing, m.raised = r.nonce, max(m.raised, i.version)
	if m.begun == 0 {
		m.begun = r.begun.Unix()
	}
	err := r.setMark(ctx, i, m)
	if awsapi.Is(err, "VersionConflictException") { // perhaps the SDK's repetition of what has taken effect
		return r.holds(ctx, i)
	}
	if err != nil {
		return false, err
	}
	t := *i.t
	t.mark = m
	i.t = &t
	return true, nil
}

// holds reads the thing and reports whether no other run has come after this one's claim. AWS does not answer a write
// with the version, and does not say that it is one more than the one before.
func (r *rotation) holds(ctx context.Context, i *issue) (bool, error) {
	t, err := r.d.describe(ctx, i.name)
	if err != nil || t == nil || t.mark.issuing != r.nonce {
		return false, err
	}
	i.t = t
	return true, nil
}

// issueOne makes a certificate, attaches it and stores it in the bundle.
func (r *rotation) issueOne(ctx context.Context, i *issue, b contract.Bundle) (bool, error) {
	if err := r.discard(ctx, i, ""); err != nil {
		return false, err
	}
	key, csr, err := certs.NewPair(certs.DeviceSubject(i.name, r.owner))
	if err != nil {
		return false, err
	}
	c, uncertain, err := r.certs.Create(ctx, csr, !i.disabled)
	if uncertain {
		r.mayHaveLost(i.name, r.begun.Unix())
	}
	if err != nil {
		return false, err
	}
	i.made = c
	r.d.note(i.name, func(id *spec.DeviceIdentity) { id.CertificateID, id.CertificateARN = c.ID, c.ARN })
	if err := r.certs.Attach(ctx, i.name, c.ARN); awsapi.IsNotFound(err) {
		return false, nil // the run that has come between took it for a lost one
	} else if err != nil {
		return false, err
	}
	// A run that has come between removes what it finds attached and not stored: it is not to be stored any more.
	if mine, err := r.holds(ctx, i); err != nil || !mine {
		return false, err
	}
	b.CertificatePEM, b.PrivateKey, b.CertificateID, b.CertificateARN = c.PEM, key, c.ID, c.ARN
	text, err := json.Marshal(b)
	if err != nil {
		return false, fmt.Errorf("encoding the credentials bundle: %w", err)
	}
	if _, err := r.store.Put(ctx, i.name, string(text), true); err != nil {
		return false, err
	}
	return r.finish(ctx, i, c.ID)
}

// finish marks the certificate of the bundle as the present one.
func (r *rotation) finish(ctx context.Context, i *issue, id string) (bool, error) {
	m := i.t.mark
	contested := i.contested || m.issuing != r.nonce
	if m.issuing != "" && m.issuing != r.nonce {
		r.mayHaveLost(i.name, m.begun)
	}
	m.previous = append(slices.DeleteFunc(slices.Clone(m.previous), func(old string) bool { return old == id }), m.id)
	m.retired = slices.DeleteFunc(slices.Clone(m.retired), func(old string) bool { return old == id })
	if version := max(m.raised, i.version); version > versionOf(m.source) {
		m.source = generated(version)
	}
	m.id, m.issuing, m.raised, m.begun = id, "", 0, 0
	var strays []string
	if contested {
		var err error
		if strays, err = r.findStrays(ctx, i, m); err != nil {
			return false, err
		}
		m.retired = append(m.retired, strays...)
	}
	if err := r.setMark(ctx, i, m); awsapi.Is(err, "VersionConflictException") {
		return false, nil
	} else if err != nil {
		return false, err
	}
	r.d.note(i.name, func(known *spec.DeviceIdentity) {
		known.CertificateID, known.CertificateVersion = id, versionOf(m.source)
	})
	if contested { // another run may have stored its own meanwhile
		b, err := r.readBundle(ctx, i)
		if err != nil || b.CertificateID != id {
			return false, err
		}
	}
	if i.issued = true; len(strays) > 0 {
		i.strays = strays
		return false, nil // once more, with the thing as it is now
	}
	return true, r.settle(ctx, i, Rotation{Device: i.name, Certificate: id, Previous: m.previous, Issued: true})
}

// settle ends the step for a device.
func (r *rotation) settle(ctx context.Context, i *issue, done Rotation) error {
	if err := r.discard(ctx, i, done.Certificate); err != nil {
		return err
	}
	r.tell(done)
	return nil
}

// discard removes the certificate that this run has made, if it is not the present one: the bundle of another run has
// won, so that nobody has its key.
func (r *rotation) discard(ctx context.Context, i *issue, present string) error {
	id := i.made.ID
	if id == "" || id == present || id == i.t.mark.id || slices.Contains(i.t.mark.previous, id) {
		return nil
	}
	if err := r.removeCertificate(ctx, i.name, id); err != nil {
		return fmt.Errorf("removing the certificate %s that another run has overtaken: %w", id, err)
	}
	i.made = certs.Certificate{}
	return nil
}

// setMark writes the mark of a thing unless somebody has changed the thing since it was read.
func (r *rotation) setMark(ctx context.Context, i *issue, m mark) error {
	return r.writeMark(ctx, i.name, m, i.t.version)
}

// mayHaveLost notes that there may be a certificate of a device to which nothing points.
func (r *rotation) mayHaveLost(name string, begun int64) {
	r.noteStale(begun)
	if r.only == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.only[certs.DeviceSubject(name, r.owner).CommonName] = true
}

// readBundle reads the bundle of a device, and refuses one that the provider has not written.
func (r *rotation) readBundle(ctx context.Context, i *issue) (contract.Bundle, error) {
	texts, err := r.store.Read(ctx, []string{i.name})
	if err != nil {
		return contract.Bundle{}, err
	}
	text, ok := texts[i.name]
	if !ok {
		return contract.Bundle{}, fmt.Errorf("it has no credentials at %q: somebody has deleted them. Set deep_check "+
			"= true and apply the pipeline, which gives it a certificate and a key again", r.want.Store.Path+"/"+i.name)
	}
	var b contract.Bundle
	if json.Unmarshal([]byte(text), &b) != nil || b.Thing != i.name || !r.madeForUs(b.CertificatePEM) {
		return contract.Bundle{}, fmt.Errorf("its credentials at %q are not what the provider has written; they were "+
			"left alone. Delete them, set deep_check = true and apply the pipeline", r.want.Store.Path+"/"+i.name)
	}
	return b, nil
}

// usable reports whether a bundle holds a certificate that the device can have, and attaches that to it.
func (r *rotation) usable(ctx context.Context, i *issue, b contract.Bundle) (bool, error) {
	c, err := r.certs.Describe(ctx, b.CertificateID)
	if err != nil || c == nil || b.PrivateKey == "" || slices.Contains(i.t.mark.retired, b.CertificateID) {
		return false, err
	}
	things, err := r.certs.Things(ctx, b.CertificateARN)
	if err != nil {
		return false, err
	}
	if !slices.Contains(things, i.name) {
		if err := r.certs.Attach(ctx, i.name, b.CertificateARN); err != nil {
			return false, err
		}
	}
	return true, nil
}
