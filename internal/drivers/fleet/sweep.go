package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// sweeper remembers whether certificates may exist that nothing points to.
type sweeper struct {
	begun time.Time

	// only are the common names of the certificates to look for; nil means all of the pipeline. It is complete before
	// the sweep.
	only map[string]bool

	keysOnce sync.Once
	keys     map[string]bool

	mu    sync.Mutex
	lost  bool // a creation was not answered in this run
	stale bool // a device of an earlier run has no trace of a certificate
	// since is when the earliest creation began that a thing tells of; untold says that a thing does not say when.
	since  time.Time
	untold bool
}

func newSweeper() *sweeper {
	now := time.Now()
	return &sweeper{begun: now, since: now}
}

func (s *sweeper) noteLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
}

// noteStale notes that an earlier run may have created a certificate for a device of which nothing tells. begun is
// when, in Unix seconds, or 0 if its thing does not say.
func (s *sweeper) noteStale(begun int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	if begun == 0 {
		s.untold = true
	} else if t := time.Unix(begun, 0); t.Before(s.since) {
		s.since = t
	}
}

// needed reports whether to look for certificates, and the earliest times of their creation. A thing that does not say
// when its certificate was begun is from a version that created INACTIVE certificates only, or was made by hand: to
// look at every ACTIVE certificate of an account would take hours.
func (s *sweeper) needed() (needed bool, active, inactive time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	active = s.since.Add(-certs.ClockMargin)
	if s.untold {
		return true, active, time.Time{}
	}
	return s.lost || s.stale, active, active
}

// sweep removes certificates that were created for this pipeline and are attached to nothing: what is left if the
// answer to a creation was lost. It does so only if that may have happened.
func (r *run) sweep(ctx context.Context) error {
	needed, active, inactive := r.needed()
	if !needed {
		return nil
	}
	candidates, err := r.sweepCandidates(ctx, map[types.CertificateStatus]time.Time{
		types.CertificateStatusActive: active, types.CertificateStatusInactive: inactive,
	})
	if err != nil {
		return fmt.Errorf("looking for lost certificates: %w", err)
	}
	return r.pool.Each(ctx, "possibly lost certificates checked", candidates, r.sweepOne)
}

// sweepCandidates lists the certificates that no device is known to have and that are not older than since says for
// their status; others are not ours.
func (r *run) sweepCandidates(ctx context.Context, since map[types.CertificateStatus]time.Time) ([]string, error) {
	oldest := since[types.CertificateStatusInactive]
	known := map[string]bool{}
	for _, id := range r.d.Identities() {
		known[id.CertificateID] = true
	}
	var candidates []string
	for page, err := range r.certs.Pages(ctx) {
		if err != nil {
			return nil, err
		}
		for _, c := range page.Certificates {
			from, ours := since[c.Status]
			if ours && !known[aws.ToString(c.CertificateId)] && !aws.ToTime(c.CreationDate).Before(from) {
				candidates = append(candidates, aws.ToString(c.CertificateId))
			}
		}
		if certs.AllBefore(page.Certificates, oldest) {
			break
		}
	}
	return candidates, nil
}

func (r *run) sweepOne(ctx context.Context, id string) error {
	c, err := r.certs.Describe(ctx, id)
	if err != nil || c == nil || !r.madeForUs(aws.ToString(c.CertificatePem)) ||
		r.only != nil && !r.only[certs.Parse(aws.ToString(c.CertificatePem)).Subject.CommonName] {
		return err
	}
	things, err := r.certs.Things(ctx, aws.ToString(c.CertificateArn))
	if err != nil || len(things) > 0 {
		return err
	}
	if c.Status == types.CertificateStatusActive {
		// Whoever gave it a policy uses it, whatever it was created for.
		policies, err := r.certs.Policies(ctx, aws.ToString(c.CertificateArn))
		if err != nil || len(policies) > 0 {
			return err
		}
		if err := r.certs.SetActive(ctx, id, false); err != nil && !awsapi.IsNotFound(err) {
			return err
		}
	}
	return r.certs.Delete(ctx, id)
}

// madeForUs reports whether a certificate was created for a device of this pipeline, or belongs to a key that one of
// its devices brought. A claim certificate belongs to no device.
func (r *run) madeForUs(certificatePEM string) bool {
	c := certs.Parse(certificatePEM)
	return c != nil && !certs.IsClaim(c) &&
		(certs.IsDevice(c, r.owner) || r.broughtKeys()[certs.KeyDigest(c.RawSubjectPublicKeyInfo)])
}

// broughtKeys identifies the public keys in the devices' own requests and certificates.
func (r *run) broughtKeys() map[string]bool {
	r.keysOnce.Do(func() {
		r.keys = map[string]bool{}
		for _, devices := range []map[string]spec.Device{r.want.Devices, r.d.opts.Known} {
			for _, device := range devices {
				if csr := certs.ParseRequest(device.CSRPEM); csr != nil {
					r.keys[certs.KeyDigest(csr.RawSubjectPublicKeyInfo)] = true
				}
				if key := certs.KeyOf(device.CertificatePEM); key != "" {
					r.keys[key] = true
				}
			}
		}
	})
	return r.keys
}
