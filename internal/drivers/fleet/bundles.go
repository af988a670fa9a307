package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func (d *Driver) open(owner string, s spec.CredentialsStore, tags map[string]string) *credstore.Store {
	return credstore.Open(d.c, d.pool, s, owner, tags)
}

// putBundle stores the bundle of a device. key is empty if the device has its own.
func (r *run) putBundle(ctx context.Context, name string, c certs.Certificate, key string) error {
	text, err := json.Marshal(contract.Bundle{
		Thing: name, CertificatePEM: c.PEM, PrivateKey: key, CSRPEM: r.want.Devices[name].CSRPEM,
		CertificateID: c.ID, CertificateARN: c.ARN, Endpoint: r.want.Endpoint,
		Topics: contract.TopicsOf(r.want.TopicPrefix, name),
	})
	if err != nil {
		return fmt.Errorf("encoding the credentials bundle: %w", err)
	}
	arn, err := r.store.Put(ctx, name, string(text), false)
	if err != nil {
		return err
	}
	r.d.noteBundle(name, r.want.Store, arn)
	return nil
}

func (d *Driver) noteBundle(name string, s spec.CredentialsStore, arn string) {
	d.note(name, func(id *spec.DeviceIdentity) {
		id.Credentials = arn
		if arn == "" {
			id.Credentials = credstore.ARN(s, id.ThingARN, name)
		}
	})
}

// moveBundles rewrites every bundle if the store, the endpoint or the topics have changed, and only the tags if only
// those have. Bundles that do not exist are left to the deep check. It reports whether the bundles are where want says.
func (d *Driver) moveBundles(ctx context.Context, owner string, have, want spec.Fleet) (bool, error) {
	changed := bundleChanges(have, want)
	if len(changed) == 0 {
		return false, nil
	}
	var names []string
	for name, device := range have.Devices {
		if device.Found.CertificateID != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	to := d.open(owner, want.Store, want.Tags)
	if len(changed) == 1 && changed[0] == "tags" {
		removed := slices.Sorted(maps.Keys(have.Tags))
		removed = slices.DeleteFunc(removed, func(key string) bool { _, kept := want.Tags[key]; return kept })
		return false, d.pool.Each(ctx, "bundles tagged", names, func(ctx context.Context, name string) error {
			return to.Retag(ctx, name, want.Tags, removed)
		})
	}
	m := &move{Driver: d, from: d.open(owner, have.Store, want.Tags), to: to, want: want}
	m.elsewhere = have.Store.Kind != want.Store.Kind || have.Store.Path != want.Store.Path ||
		have.Store.Bucket != want.Store.Bucket
	return true, d.pool.EachBatch(ctx, "bundles rewritten", credstore.Batch, names, m.batch)
}

// move rewrites bundles.
type move struct {
	*Driver
	from, to  *credstore.Store
	want      spec.Fleet
	elsewhere bool // to is another place than from
}

// batch rewrites a few bundles: written at the new place first, deleted at the old one last.
func (m *move) batch(ctx context.Context, names []string) error {
	texts, err := m.from.Read(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := m.rewrite(ctx, name, texts[name]); err != nil {
			return &bulk.DeviceError{Device: name, Err: fmt.Errorf("rewriting its credentials bundle: %w", err)}
		}
	}
	if !m.elsewhere {
		return nil
	}
	return m.from.Remove(ctx, names)
}

func (m *move) rewrite(ctx context.Context, name, old string) error {
	var b contract.Bundle
	if json.Unmarshal([]byte(old), &b) != nil {
		return errors.New("the bundle is not JSON any more") // the cause may show a key
	}
	b.Endpoint, b.Topics = m.want.Endpoint, contract.TopicsOf(m.want.TopicPrefix, name)
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	arn, err := m.to.Put(ctx, name, string(text), !m.elsewhere)
	if err != nil {
		return err
	}
	m.noteBundle(name, m.want.Store, arn)
	return nil
}

// findSecretARNs lists the secrets if the ARN of one that should exist is not known, as on import.
func (d *Driver) findSecretARNs(ctx context.Context, owner string, have spec.Fleet) error {
	if have.Store.Kind != credstore.SecretsManager || d.opts.NoIdentities {
		return nil
	}
	missing := false
	for name, device := range have.Devices {
		missing = missing || device.Found.CertificateID != "" && d.identity(name).Credentials == ""
	}
	if !missing {
		return nil
	}
	arns, err := d.open(owner, have.Store, nil).List(ctx)
	for name, arn := range arns {
		if _, ok := have.Devices[name]; ok {
			d.noteBundle(name, have.Store, arn)
		}
	}
	return err
}

// removeLeftovers deletes bundles with our token whose thing is gone.
func (r *run) removeLeftovers(ctx context.Context) error {
	if r.want.Store.Path == "" {
		return nil
	}
	left, err := r.store.List(ctx)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(left))
	return r.pool.EachBatch(ctx, "leftover bundles deleted", credstore.Batch, names, r.store.Remove)
}
