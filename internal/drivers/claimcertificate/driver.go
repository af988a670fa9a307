// Package claimcertificate creates and rotates the claim certificate of a
// pipeline: the certificate, the policy on it, and the bundle with its key.
package claimcertificate

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver creates, rotates and deletes claim certificates. Ref.Name is the bundle's name, Ref.ID the certificate's ID,
// or the bundle's name until there is a certificate.
//
// The stored bundle is the record. A key pair is in it before AWS is asked for a certificate, and an ID stays in it
// until the certificate is gone, so that a crash between two steps neither loses a key nor leaks a certificate:
//
//	pair stored → certificate created INACTIVE → stored with the pair → policy attached → activated
//	(→ replaces the old one → old one deactivated, policies detached, deleted → forgotten)
type Driver struct {
	c     *awsapi.Clients
	pool  *bulk.Pool
	certs *certs.Client
}

var _ assembly.Driver[spec.ClaimCertificate] = (*Driver)(nil)

// New returns a driver that works with c.
func New(c *awsapi.Clients) *Driver {
	pool := bulk.NewPool(c, 1, nil)
	return &Driver{c: c, pool: pool, certs: certs.New(c, pool)}
}

// Keys of Identity.Outputs.
const (
	outputStore       = "credentials_store"
	outputPath        = "credentials_path"
	outputKMSKey      = "credentials_kms_key_id"
	outputEndpoint    = "endpoint"
	outputTemplate    = "template"
	outputPolicy      = "policy"
	outputCredentials = "credentials" // ARN of the bundle
)

// Create creates key, certificate and bundle, or goes on where an earlier run ended. It refuses a bundle of that name
// without our token and does not read it.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.ClaimCertificate) (assembly.Identity, error) {
	store := storeFor(want.Store, ref.Name)
	ref.ID, ref.Outputs = "", outputs(spec.ClaimCertificate{Store: store}, "")
	have, err := d.Observe(ctx, ref.InFull())
	switch {
	case err != nil:
		return assembly.Identity{}, err
	case have == nil:
		have = &assembly.Observed[spec.ClaimCertificate]{
			Extra: &state{store: store}, Spec: spec.ClaimCertificate{Store: store, Lost: true},
		}
	case have.Owner != ref.Owner:
		return assembly.Identity{}, fmt.Errorf("storing the credentials bundle: %w",
			&assembly.ForeignError{Owner: have.Owner})
	}
	return d.Update(ctx, ref, have, want, d.Diff(have.Spec, want))
}

// Update makes the changes. The certificate in use keeps working until the one that replaces it does.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.ClaimCertificate],
	want spec.ClaimCertificate,
	changes []assembly.Change,
) (assembly.Identity, error) {
	u, err := d.newUpdate(ctx, ref, have, want)
	if err != nil {
		return have.Identity, err
	}
	err = u.apply(ctx, changes)
	return u.identity(), err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind {
	return assembly.Kind{ServerID: true, UpdateChangesID: true, Outputs: true}
}

// Diff names certificate (it or its key is gone), version, policy, enabled, the bundle's place and content, tags, and
// retired: what is left by a run that ended between two certificates.
func (d *Driver) Diff(have, want spec.ClaimCertificate) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	h, w := storeFor(have.Store, want.Store.Path), storeFor(want.Store, have.Store.Path)
	add(h.Kind != w.Kind, "credentials.store")
	add(h.Path != w.Path, "credentials.path")
	add(h.KMSKeyID != w.KMSKeyID, "credentials.kms_key_id")
	add(!have.Lost && have.Endpoint != want.Endpoint, "endpoint")
	add(!have.Lost && have.Template != want.Template, "template")
	add(have.Lost, "certificate")
	another := have.Lost || have.Subject != want.Subject || have.Version != want.Version
	add(another && !have.Lost, "version")
	add(!another && have.Policy != want.Policy, "policy")
	add(!another && have.Inactive, "enabled")
	add(!another && have.Unfinished, "retired")
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}

// storeFor fills in the default kind, and the bundle's name for a missing path.
func storeFor(s spec.CredentialsStore, name string) spec.CredentialsStore {
	s.Kind, s.Path = cmp.Or(s.Kind, credstore.ParameterStore), cmp.Or(s.Path, name)
	return s
}

// outputs is what Delete needs and AWS does not say, and what Observe does not see without reading the bundle.
func outputs(c spec.ClaimCertificate, bundleARN string) map[string]string {
	out := map[string]string{
		outputStore: c.Store.Kind, outputPath: c.Store.Path, outputKMSKey: c.Store.KMSKeyID,
		outputEndpoint: c.Endpoint, outputTemplate: c.Template, outputPolicy: c.Policy, outputCredentials: bundleARN,
	}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

// open returns the store of the bundle.
func (d *Driver) open(s spec.CredentialsStore, owner string, tags map[string]string) *credstore.Store {
	return credstore.OpenSingle(d.c, d.pool, s, owner, tags)
}

func (d *Driver) inspect(ctx context.Context, s spec.CredentialsStore) (*credstore.Label, error) {
	return d.open(s, "", nil).Inspect(ctx, s.Path)
}

// readBundle returns nil if there is no bundle, or the text is not a bundle.
func (d *Driver) readBundle(ctx context.Context, s spec.CredentialsStore) (*contract.ClaimBundle, error) {
	texts, err := d.open(s, "", nil).Read(ctx, []string{s.Path})
	if err != nil {
		return nil, err
	}
	text, ok := texts[s.Path]
	if !ok {
		return nil, nil
	}
	return parseBundle(text), nil
}

func (d *Driver) removeBundle(ctx context.Context, s spec.CredentialsStore) error {
	return d.open(s, "", nil).Remove(ctx, []string{s.Path})
}
