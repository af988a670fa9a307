package fleet

import (
	"context"
	"errors"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// Delete removes every certificate that the record or a bundle of ours names, and the bundle last: it is the trace of the
// others. A bundle of somebody else stays. Absent is success.
func (c *Claims) Delete(ctx context.Context, ref assembly.Ref) error {
	w := &claimWork{run: &run{d: c.d, owner: ref.Owner, pool: c.d.pool}, c: c, name: ref.Name}
	places, ids, pairs, unread, err := c.remains(ctx, ref)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.removeCertificate(ctx, id); err != nil {
			return err
		}
	}
	for _, p := range pairs {
		if err := w.discard(ctx, &p); err != nil {
			return err
		}
	}
	if unread != nil { // it may name more certificates
		return unread
	}
	for _, p := range places {
		if err := c.removeBundle(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *Claims) removeBundle(ctx context.Context, s object.CredentialsStore) error {
	return c.d.pool.call(ctx, "deleting the credentials bundle", func(ctx context.Context) error { return c.storeOf(s, "", nil).remove(ctx, []string{s.Path}) })
}

// remains gives the places with a bundle of ours, the certificates that are named, and the pairs whose certificate is not
// known. A bundle that cannot be read is an error by itself: what is known can go all the same.
func (c *Claims) remains(ctx context.Context, ref assembly.Ref) (places []object.CredentialsStore, ids []string, pairs []ClaimPair, unread, err error) {
	add := func(more ...string) {
		for _, id := range more {
			if id != "" && id != ref.Name && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	add(ref.ID)
	for i, p := range claimPlaces(ref) {
		l, err := c.inspect(ctx, p)
		if err != nil && (i == 0 && isRecorded(ref) || !outOfReach(err)) {
			return nil, nil, nil, nil, err
		}
		if l == nil || l.tags[object.OwnerTag] != ref.Owner {
			continue
		}
		places = append(places, p)
		if l.gone {
			continue
		}
		b, err := c.readBundle(ctx, p)
		if err != nil {
			unread = errors.Join(unread, err)
		}
		if b == nil {
			continue
		}
		add(b.Retired...)
		for _, pair := range []*ClaimPair{&b.ClaimPair, b.Next} {
			switch {
			case pair == nil:
			case pair.CertificateID != "":
				add(pair.CertificateID)
			default:
				pairs = append(pairs, *pair)
			}
		}
	}
	return places, ids, pairs, unread, nil
}
