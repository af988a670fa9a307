package claimcertificate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// update is one create or update of a claim certificate.
type update struct {
	*Driver
	name  string // the bundle's, which is the part's
	owner string
	state *state
	had   spec.ClaimCertificate
	want  spec.ClaimCertificate
	to    spec.CredentialsStore // where the bundle should be
	store *credstore.Store      // opened at to

	bundle contract.ClaimBundle // as it is stored next
	stored bool                 // there is, or may be, a bundle of ours at the desired place
	now    spec.ClaimCertificate
	id     assembly.Identity
}

func (d *Driver) newUpdate(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.ClaimCertificate],
	want spec.ClaimCertificate,
) (*update, error) {
	s, ok := have.Extra.(*state)
	if !ok {
		return nil, fmt.Errorf("this is a bug in the provider: no state of the claim certificate %q", ref.Name)
	}
	if !s.full && (s.label != nil || s.recorded != "") {
		if err := d.deepen(ctx, s); err != nil {
			return nil, err
		}
	}
	u := &update{
		Driver: d, name: ref.Name, owner: ref.Owner, state: s, had: have.Spec, want: want, now: have.Spec,
		to: storeFor(want.Store, ref.Name), id: have.Identity,
	}
	u.store = d.open(u.to, ref.Owner, want.Tags)
	u.stored = s.label != nil && !s.label.Deleted && !u.elsewhere()
	if s.bundle != nil {
		u.bundle = *s.bundle
	}
	return u, nil
}

// apply makes the changes in the one safe order: the bundle is at its place before anything is put into it.
func (u *update) apply(ctx context.Context, changes []assembly.Change) error {
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.Field] = true
	}
	moved := changed["credentials.store"] || changed["credentials.path"] || changed["credentials.kms_key_id"] ||
		changed["endpoint"] || changed["template"]
	replaced := changed["certificate"] || changed["version"]
	for _, step := range []struct {
		due bool
		do  func(context.Context) error
	}{
		{moved, u.move},
		{replaced, u.rotate},
		{changed["policy"], u.changePolicy},
		{changed["enabled"], u.enable},
		{replaced || changed["retired"], u.removeRetired},
		{changed["tags"], u.retag},
	} {
		if !step.due {
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// move writes the bundle to its desired place and then deletes it at the old one. Until that is done the record names
// the old one.
func (u *update) move(ctx context.Context) error {
	if u.state.bundle != nil {
		if u.bundle.CertificateID != "" {
			u.bundle.Endpoint, u.bundle.Template = u.want.Endpoint, u.want.Template
		}
		if err := u.save(ctx); err != nil {
			return err
		}
	}
	if u.state.label != nil && u.elsewhere() {
		if err := u.removeBundle(ctx, u.state.store); err != nil {
			return err
		}
	}
	u.now.Store = u.to
	return nil
}

// elsewhere reports whether the bundle was found, or recorded, at another place than the desired one.
func (u *update) elsewhere() bool {
	return u.state.store.Kind != u.to.Kind || u.state.store.Path != u.to.Path
}

// save writes the bundle.
func (u *update) save(ctx context.Context) error {
	text, err := json.Marshal(u.bundle)
	if err != nil {
		return fmt.Errorf("encoding the credentials bundle: %w", err)
	}
	arn, err := u.store.Put(ctx, u.to.Path, string(text), u.stored)
	u.stored = u.stored || err == nil || mayBeStored(err)
	if err != nil {
		return err
	}
	if u.state.label == nil {
		u.state.label = &credstore.Label{}
	}
	u.state.label.ARN = arn
	u.now.Endpoint, u.now.Template = u.bundle.Endpoint, u.bundle.Template
	return nil
}

// identity is what exists by now, also after an error.
func (u *update) identity() assembly.Identity {
	if u.id.ID == "" && !u.stored {
		return assembly.Identity{}
	}
	id := assembly.Identity{ID: u.id.ID, ARN: u.id.ARN}
	if u.bundle.CertificateID != "" {
		id.ID, id.ARN = u.bundle.CertificateID, u.bundle.CertificateARN
	}
	id.ID = cmp.Or(id.ID, u.name)
	bundleARN := credstore.SingleARN(u.now.Store, id.ARN)
	if u.now.Store.Kind == credstore.SecretsManager && u.state.label != nil {
		bundleARN = u.state.label.ARN
	}
	id.Outputs = outputs(u.now, bundleARN)
	return id
}

// changePolicy attaches the desired policy before it detaches the old one, so that devices can register meanwhile.
// Until the old one is detached it is the recorded one.
func (u *update) changePolicy(ctx context.Context) error {
	if err := u.certs.AttachPolicy(ctx, u.want.Policy, u.bundle.CertificateARN); err != nil {
		return err
	}
	if u.had.Policy != "" {
		if err := u.certs.DetachPolicy(ctx, u.had.Policy, u.bundle.CertificateARN); err != nil {
			return err
		}
	}
	u.now.Policy = u.want.Policy
	return nil
}

func (u *update) enable(ctx context.Context) error {
	return u.certs.SetActive(ctx, u.bundle.CertificateID, true)
}

func (u *update) retag(ctx context.Context) error {
	set, remove := ownertag.Delta(u.had.Tags, u.want.Tags)
	return u.store.Retag(ctx, u.to.Path, set, remove)
}

// mayBeStored reports whether a bundle may have been written although the request failed.
func mayBeStored(err error) bool {
	return !errors.As(err, new(*assembly.ForeignError)) && certs.Ambiguous(err)
}
