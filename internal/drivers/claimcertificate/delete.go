package claimcertificate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// remains is what Delete has to remove.
type remains struct {
	places []spec.CredentialsStore // with a bundle of ours
	ids    []string                // of certificates
	pairs  []contract.ClaimPair    // whose certificate is not known
	// unread is the error of a bundle that could not be read: it may name more certificates.
	unread error
}

// Delete removes every certificate that the record or a bundle of ours names, and the bundle last, because it is the
// record of the others. It leaves somebody else's bundle alone. Absent is success.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	r, err := d.findRemains(ctx, ref)
	if err != nil {
		return err
	}
	for _, id := range r.ids {
		if err := d.removeCertificate(ctx, id); err != nil {
			return err
		}
	}
	for _, p := range r.pairs {
		if err := d.discard(ctx, &p); err != nil {
			return err
		}
	}
	if r.unread != nil {
		return r.unread
	}
	for _, p := range r.places {
		if err := d.removeBundle(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) findRemains(ctx context.Context, ref assembly.Ref) (*remains, error) {
	r := &remains{}
	if ref.ID != ref.Name {
		r.add(ref.ID)
	}
	for i, p := range places(ref) {
		l, err := d.inspect(ctx, p)
		if err != nil && (i == 0 && isRecorded(ref) || !outOfReach(err)) {
			return nil, err
		}
		if l == nil || l.Owner() != ref.Owner {
			continue
		}
		r.places = append(r.places, p)
		if l.Deleted {
			continue
		}
		b, err := d.readBundle(ctx, p)
		r.unread = errors.Join(r.unread, err)
		if b != nil {
			r.addBundle(b)
		}
	}
	return r, nil
}

func (r *remains) add(ids ...string) {
	for _, id := range ids {
		if id != "" && !slices.Contains(r.ids, id) {
			r.ids = append(r.ids, id)
		}
	}
}

func (r *remains) addBundle(b *contract.ClaimBundle) {
	r.add(b.Retired...)
	for _, pair := range []*contract.ClaimPair{&b.ClaimPair, b.Next} {
		switch {
		case pair == nil:
		case pair.CertificateID != "":
			r.add(pair.CertificateID)
		default:
			r.pairs = append(r.pairs, *pair)
		}
	}
}

// discard removes the certificate of a pair that is no longer desired, even if the answer to its creation was lost.
func (d *Driver) discard(ctx context.Context, pair *contract.ClaimPair) error {
	if pair.CertificateID != "" {
		return d.removeCertificate(ctx, pair.CertificateID)
	}
	return d.removeAllOf(ctx, publicKey(pair), "")
}

// removeAllOf removes the INACTIVE certificates for a key, except one.
func (d *Driver) removeAllOf(ctx context.Context, key, except string) error {
	found, err := d.certificatesFor(ctx, key)
	if err != nil {
		return err
	}
	for _, c := range found {
		if c.ID == except {
			continue
		}
		if err := d.removeCertificate(ctx, c.ID); err != nil {
			return fmt.Errorf("removing a certificate that was created twice: %w", err)
		}
	}
	return nil
}

// removeCertificate deactivates a certificate, detaches its policies and deletes it. Absent is success.
func (d *Driver) removeCertificate(ctx context.Context, id string) error {
	certificate, err := d.certs.Describe(ctx, id)
	if err != nil || certificate == nil {
		return err
	}
	if err := d.certs.SetActive(ctx, id, false); err != nil {
		if awsapi.IsNotFound(err) {
			return nil
		}
		return err
	}
	arn := aws.ToString(certificate.CertificateArn)
	names, err := d.certs.Policies(ctx, arn)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := d.certs.DetachPolicy(ctx, name, arn); err != nil {
			return err
		}
	}
	return d.certs.Delete(ctx, id)
}
