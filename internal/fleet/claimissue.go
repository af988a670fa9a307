package fleet

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
)

// claimUnit is the second organizational unit of claim certificates. It tells them from certificates that were made for a
// device, and that the fleet takes for lost when they hang on no thing.
const claimUnit = "claim"

// renew makes the pair that is wanted, or goes on with one that an earlier run began, and brings it into use.
func (w *claimWork) renew(ctx context.Context) error {
	pair, begun, err := w.prepare(ctx)
	if err != nil {
		return err
	}
	inUse := pair == &w.bundle.ClaimPair
	if pair.CertificateID == "" {
		if err := w.issue(ctx, pair, begun); err != nil {
			return err
		}
	}
	if inUse {
		w.bundle.Endpoint, w.bundle.Template = w.want.Endpoint, w.want.Template
	}
	if err := w.save(ctx); err != nil {
		return err
	}
	if err := w.attachPolicy(ctx, pair.CertificateARN); err != nil {
		return err
	}
	if err := w.setActive(ctx, pair.CertificateID, true); err != nil {
		return err
	}
	if !inUse {
		w.bundle.Retired = append(w.bundle.Retired, w.bundle.CertificateID)
		w.bundle.ClaimPair, w.bundle.Next = *pair, nil
		if err := w.save(ctx); err != nil {
			return err
		}
	}
	w.spec.Policy = w.want.Policy
	return nil
}

// prepare gives the pair to go on with, stored. begun says that an earlier run may have asked for its certificate already.
func (w *claimWork) prepare(ctx context.Context) (pair *ClaimPair, begun bool, err error) {
	if w.state.lost() {
		if l := w.state.label; l != nil && l.gone && !w.elsewhere() { // only its name is in the way
			if err := w.c.removeBundle(ctx, w.to); err != nil {
				return nil, false, err
			}
		}
		pair = w.vacate()
	} else {
		if w.bundle.Next == nil {
			w.bundle.Next = &ClaimPair{}
		}
		pair = w.bundle.Next // the present one stays in use until this one is
	}
	name := commonName(w.want)
	if pair.usable(name) {
		alive, err := w.alive(ctx, pair)
		if err != nil || alive {
			return pair, true, err
		}
	}
	if err := w.discard(ctx, pair); err != nil {
		return nil, false, err
	}
	*pair = ClaimPair{}
	pair.PrivateKey, pair.CSRPEM, err = newPair(pkix.Name{CommonName: name, OrganizationalUnit: []string{w.owner, claimUnit}})
	if err != nil {
		return nil, false, err
	}
	return pair, false, w.save(ctx)
}

// alive reports whether a pair's certificate is there, or still to be made.
func (w *claimWork) alive(ctx context.Context, pair *ClaimPair) (bool, error) {
	if pair.CertificateID == "" {
		return true, nil
	}
	c, err := w.d.certificate(ctx, pair.CertificateID)
	return c != nil, err
}

// vacate makes room for a pair in place of one whose key or certificate is gone. What may be left of that one is retired.
func (w *claimWork) vacate() *ClaimPair {
	for _, id := range []string{w.bundle.CertificateID, w.state.recorded} {
		if id != "" && !slices.Contains(w.bundle.Retired, id) {
			w.bundle.Retired = append(w.bundle.Retired, id)
		}
	}
	if w.bundle.CertificateID != "" {
		w.bundle.ClaimPair = ClaimPair{}
	}
	if next := w.bundle.Next; next != nil && w.bundle.PrivateKey == "" {
		w.bundle.ClaimPair, w.bundle.Next = *next, nil
	}
	if w.bundle.CertificateID == "" {
		w.bundle.Endpoint, w.bundle.Template = "", ""
	}
	return &w.bundle.ClaimPair
}

// discard removes the certificate of a pair that is not wanted, also one that was made and whose answer was lost.
func (w *claimWork) discard(ctx context.Context, pair *ClaimPair) error {
	if pair.CertificateID != "" {
		return w.removeCertificate(ctx, pair.CertificateID)
	}
	return w.removeAllOf(ctx, pair.publicKey(), "")
}

// removeAllOf removes the INACTIVE certificates for a key, but for one.
func (w *claimWork) removeAllOf(ctx context.Context, key, but string) error {
	made, err := w.certificatesFor(ctx, key)
	if err != nil {
		return err
	}
	for _, c := range made {
		if id := aws.ToString(c.CertificateId); id != but {
			if err := w.removeCertificate(ctx, id); err != nil {
				return fmt.Errorf("removing a certificate that was made twice: %w", err)
			}
		}
	}
	return nil
}

// issue gives a pair its certificate: one that an earlier run has made without learning of it, else a new one.
func (w *claimWork) issue(ctx context.Context, pair *ClaimPair, begun bool) error {
	if begun {
		made, err := w.certificatesFor(ctx, pair.publicKey())
		if err != nil {
			return err
		}
		if len(made) > 0 {
			c := made[0]
			pair.CertificateID, pair.CertificateARN, pair.CertificatePEM, pair.CSRPEM = aws.ToString(c.CertificateId), aws.ToString(c.CertificateArn), aws.ToString(c.CertificatePem), ""
			return w.removeAllOf(ctx, pair.publicKey(), pair.CertificateID)
		}
	}
	var out *iot.CreateCertificateFromCsrOutput
	err := w.pool.call(ctx, "creating the certificate", func(ctx context.Context) (err error) {
		out, err = w.d.aws.IoT().CreateCertificateFromCsr(ctx, &iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &pair.CSRPEM})
		return err
	})
	if err != nil {
		return fmt.Errorf("creating the certificate: %w", err)
	}
	if retriedBlindly(out.ResultMetadata) {
		if err := w.removeAllOf(ctx, pair.publicKey(), aws.ToString(out.CertificateId)); err != nil {
			return err
		}
	}
	pair.CertificateID, pair.CertificateARN, pair.CertificatePEM, pair.CSRPEM = aws.ToString(out.CertificateId), aws.ToString(out.CertificateArn), aws.ToString(out.CertificatePem), ""
	return nil
}

// certificatesFor gives the account's INACTIVE certificates for a public key, as they are listed: newest first on AWS. All of
// one key are made by one run and the repetitions of its request, so that once one is found those that are older by an hour
// need no look.
func (w *claimWork) certificatesFor(ctx context.Context, key string) ([]*types.CertificateDescription, error) {
	if key == "" {
		return nil, nil
	}
	var made []*types.CertificateDescription
	var since time.Time
	in := &iot.ListCertificatesInput{PageSize: aws.Int32(pageSize)}
	for {
		page, err := w.d.certificatePage(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, listed := range page.Certificates {
			if listed.Status != types.CertificateStatusInactive || aws.ToTime(listed.CreationDate).Before(since) {
				continue
			}
			c, err := w.d.certificate(ctx, aws.ToString(listed.CertificateId))
			if err != nil {
				return nil, err
			}
			if keyOf(c) != key {
				continue
			}
			made = append(made, c)
			if at := aws.ToTime(listed.CreationDate).Add(-sweepMargin); at.After(since) {
				since = at
			}
		}
		if aws.ToString(page.NextMarker) == "" || allBefore(page.Certificates, since) {
			return made, nil
		}
		in.Marker = page.NextMarker
	}
}

// keyOf is the digest of a certificate's public key; empty where there is none.
func keyOf(c *types.CertificateDescription) string {
	if c == nil {
		return ""
	}
	parsed := parseCertificate(aws.ToString(c.CertificatePem))
	if parsed == nil {
		return ""
	}
	return digestOfKey(parsed.RawSubjectPublicKeyInfo)
}

func allBefore(page []types.Certificate, since time.Time) bool {
	return len(page) > 0 && !slices.ContainsFunc(page, func(c types.Certificate) bool { return !aws.ToTime(c.CreationDate).Before(since) })
}
