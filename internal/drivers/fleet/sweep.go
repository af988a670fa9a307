package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// sweeper remembers whether certificates may exist that nothing points to.
type sweeper struct {
	begun time.Time

	keysOnce sync.Once
	keys     map[string]bool

	mu    sync.Mutex
	lost  bool // a creation was not answered in this run
	stale bool // a device of an earlier run has no trace of a certificate
}

func newSweeper() *sweeper { return &sweeper{begun: time.Now()} }

func (s *sweeper) noteLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
}

func (s *sweeper) noteStale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
}

// needed reports whether to look for certificates, and the earliest time of their creation.
func (s *sweeper) needed() (bool, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale {
		return true, time.Time{}
	}
	return s.lost, s.begun.Add(-certs.ClockMargin)
}

// sweep removes certificates that were created for this pipeline, are INACTIVE and attached to nothing: what is left if
// the answer to a creation was lost. It does so only if that may have happened.
func (r *run) sweep(ctx context.Context) error {
	needed, since := r.needed()
	if !needed {
		return nil
	}
	candidates, err := r.sweepCandidates(ctx, since)
	if err != nil {
		return fmt.Errorf("looking for lost certificates: %w", err)
	}
	return r.pool.Each(ctx, "possibly lost certificates checked", candidates, r.sweepOne)
}

func (r *run) sweepCandidates(ctx context.Context, since time.Time) ([]string, error) {
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
			if c.Status == types.CertificateStatusInactive && !known[aws.ToString(c.CertificateId)] &&
				!aws.ToTime(c.CreationDate).Before(since) {
				candidates = append(candidates, aws.ToString(c.CertificateId))
			}
		}
	}
	return candidates, nil
}

func (r *run) sweepOne(ctx context.Context, id string) error {
	c, err := r.certs.Describe(ctx, id)
	if err != nil || c == nil || !r.madeForUs(aws.ToString(c.CertificatePem)) {
		return err
	}
	things, err := r.certs.Things(ctx, aws.ToString(c.CertificateArn))
	if err != nil || len(things) > 0 {
		return err
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
