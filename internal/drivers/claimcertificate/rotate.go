package claimcertificate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// rotate creates the desired pair, or goes on with one that an earlier run began, and brings it into use.
func (u *update) rotate(ctx context.Context) error {
	pair, begun, err := u.prepare(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return u.issue(ctx, pair, begun) },
		func() error { return u.save(ctx) },
		func() error { return u.certs.AttachPolicy(ctx, u.want.Policy, pair.CertificateARN) },
		func() error { return u.certs.SetActive(ctx, pair.CertificateID, true) },
		func() error { return u.promote(ctx, pair) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	u.now.Policy = u.want.Policy
	return nil
}

// prepare returns the pair to go on with, stored. begun means that an earlier run may have requested its certificate
// already.
func (u *update) prepare(ctx context.Context) (pair *contract.ClaimPair, begun bool, err error) {
	if u.state.lost() {
		if l := u.state.label; l != nil && l.Deleted && !u.elsewhere() { // only its name is still in use
			if err := u.removeBundle(ctx, u.to); err != nil {
				return nil, false, err
			}
		}
		pair = u.vacate()
	} else {
		if u.bundle.Next == nil {
			u.bundle.Next = &contract.ClaimPair{}
		}
		pair = u.bundle.Next // the current one stays in use until this one is
	}
	name := commonName(u.want)
	if usable(pair, name) {
		alive, err := u.alive(ctx, pair)
		if err != nil || alive {
			return pair, true, err
		}
	}
	if err := u.discard(ctx, pair); err != nil {
		return nil, false, err
	}
	*pair = contract.ClaimPair{}
	pair.PrivateKey, pair.CSRPEM, err = certs.NewPair(certs.ClaimSubject(name, u.owner))
	if err != nil {
		return nil, false, err
	}
	return pair, false, u.save(ctx)
}

// alive reports whether a pair's certificate exists, or still has to be created.
func (u *update) alive(ctx context.Context, pair *contract.ClaimPair) (bool, error) {
	if pair.CertificateID == "" {
		return true, nil
	}
	c, err := u.certs.Describe(ctx, pair.CertificateID)
	return c != nil, err
}

// vacate returns the bundle's own pair for use after its key or certificate was lost. What may be left of the lost one
// is retired.
func (u *update) vacate() *contract.ClaimPair {
	for _, id := range []string{u.bundle.CertificateID, u.state.recorded} {
		if id != "" && !slices.Contains(u.bundle.Retired, id) {
			u.bundle.Retired = append(u.bundle.Retired, id)
		}
	}
	if u.bundle.CertificateID != "" {
		u.bundle.ClaimPair = contract.ClaimPair{}
	}
	if next := u.bundle.Next; next != nil && u.bundle.PrivateKey == "" {
		u.bundle.ClaimPair, u.bundle.Next = *next, nil
	}
	if u.bundle.CertificateID == "" {
		u.bundle.Endpoint, u.bundle.Template = "", ""
	}
	return &u.bundle.ClaimPair
}

// issue obtains a pair's certificate: one that an earlier run created without learning of it, else a new one.
func (u *update) issue(ctx context.Context, pair *contract.ClaimPair, begun bool) error {
	if pair.CertificateID == "" {
		if err := u.obtain(ctx, pair, begun); err != nil {
			return err
		}
	}
	if pair == &u.bundle.ClaimPair {
		u.bundle.Endpoint, u.bundle.Template = u.want.Endpoint, u.want.Template
	}
	return nil
}

func (u *update) obtain(ctx context.Context, pair *contract.ClaimPair, begun bool) error {
	key := publicKey(pair)
	if begun {
		found, err := u.certificatesFor(ctx, key)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			take(pair, found[0])
			return u.removeAllOf(ctx, key, pair.CertificateID)
		}
	}
	made, uncertain, err := u.certs.Create(ctx, pair.CSRPEM, false)
	if err != nil {
		return err
	}
	if uncertain {
		if err := u.removeAllOf(ctx, key, made.ID); err != nil {
			return err
		}
	}
	take(pair, made)
	return nil
}

// promote makes a pair the one in use and retires the one that it replaces.
func (u *update) promote(ctx context.Context, pair *contract.ClaimPair) error {
	if pair == &u.bundle.ClaimPair {
		return nil
	}
	u.bundle.Retired = append(u.bundle.Retired, u.bundle.CertificateID)
	u.bundle.ClaimPair, u.bundle.Next = *pair, nil
	return u.save(ctx)
}

// removeRetired removes the replaced certificates, and then forgets them.
func (u *update) removeRetired(ctx context.Context) error {
	if u.bundle.Next == nil && len(u.bundle.Retired) == 0 {
		return nil
	}
	if u.bundle.Next != nil { // of a version that is no longer desired
		if err := u.discard(ctx, u.bundle.Next); err != nil {
			return err
		}
	}
	for _, id := range u.bundle.Retired {
		if id == u.bundle.CertificateID {
			continue
		}
		if err := u.removeCertificate(ctx, id); err != nil {
			return fmt.Errorf("removing the replaced certificate: %w", err)
		}
	}
	u.bundle.Next, u.bundle.Retired = nil, nil
	return u.save(ctx)
}

// certificatesFor returns the account's INACTIVE certificates for a public key, newest first. All of one key come from
// one run and the repetitions of its request, so that once one is found, older ones than an hour before it need no
// look.
func (d *Driver) certificatesFor(ctx context.Context, key string) ([]certs.Certificate, error) {
	if key == "" {
		return nil, nil
	}
	var found []certs.Certificate
	var since time.Time
	for page, err := range d.certs.Pages(ctx) {
		if err != nil {
			return nil, err
		}
		for _, listed := range page.Certificates {
			created := aws.ToTime(listed.CreationDate)
			if listed.Status != types.CertificateStatusInactive || created.Before(since) {
				continue
			}
			c, err := d.certificate(ctx, aws.ToString(listed.CertificateId))
			if err != nil {
				return nil, err
			}
			if certs.KeyOf(c.PEM) == key {
				found = append(found, c)
				since = latest(since, created.Add(-certs.ClockMargin))
			}
		}
		if certs.AllBefore(page.Certificates, since) {
			break
		}
	}
	return found, nil
}

// certificate returns a certificate; it is empty if the certificate no longer exists.
func (d *Driver) certificate(ctx context.Context, id string) (certs.Certificate, error) {
	c, err := d.certs.Describe(ctx, id)
	if err != nil || c == nil {
		return certs.Certificate{}, err
	}
	return certs.Certificate{ID: aws.ToString(c.CertificateId), ARN: aws.ToString(c.CertificateArn),
		PEM: aws.ToString(c.CertificatePem)}, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
