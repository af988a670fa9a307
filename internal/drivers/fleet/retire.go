package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
)

// Retire removes the earlier certificates of devices that have a newer one: deactivated, detached, deleted. A device
// with one certificate is left as it is. done receives each device that is finished; calls do not overlap. An error
// of one device does not stop the others.
func (d *Driver) Retire(ctx context.Context, ref assembly.Ref, s *Rotatable, done func(Rotation)) error {
	r := d.newRotation(ref, s, done)
	return r.pool.Each(ctx, "certificates retired", s.Names, func(ctx context.Context, name string) error {
		removed := map[string]bool{}
		return r.step(ctx, name, func(ctx context.Context, i *issue) (bool, error) { return r.retire(ctx, i, removed) })
	})
}

// retire removes the earlier certificates of one device. It returns false if another run has come between. removed
// collects what it has removed.
func (r *rotation) retire(ctx context.Context, i *issue, removed map[string]bool) (bool, error) {
	if i.t.mark.issuing != "" {
		return false, errors.New("a run that issues it another certificate was interrupted or is under way; issue " +
			"again, then retire")
	}
	dropped, err := r.dropEarlier(ctx, i, removed)
	if err != nil || !dropped {
		return false, err
	}
	done := Rotation{Device: i.name, Certificate: i.t.mark.id, Removed: slices.Sorted(maps.Keys(removed))}
	r.tell(done)
	return true, nil
}

// dropEarlier removes the earlier certificates of one device. It returns false if the thing has to be read again.
func (r *rotation) dropEarlier(ctx context.Context, i *issue, removed map[string]bool) (bool, error) {
	m := i.t.mark
	if len(m.previous) > 0 {
		return r.chooseRetired(ctx, i)
	}
	for _, id := range m.retired {
		if err := r.removeCertificate(ctx, i.name, id); err != nil {
			return false, err
		}
		removed[id] = true
	}
	if len(m.retired) == 0 {
		return true, nil
	}
	m.retired = nil
	if err := r.setMark(ctx, i, m); awsapi.Is(err, "VersionConflictException") {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

// otherBundleError means that a device's credentials do not hold its present certificate.
type otherBundleError struct{ bundle, present string }

func (e *otherBundleError) Error() string {
	return fmt.Sprintf("its credentials hold the certificate %s, and the present one is %s; issue again, then retire",
		e.bundle, e.present)
}

// chooseRetired notes on the thing which certificates go; whoever reads it then, also an apply, removes them. Others
// that are attached and were made for the pipeline are what interrupted runs have left.
func (r *rotation) chooseRetired(ctx context.Context, i *issue) (bool, error) {
	b, err := r.readBundle(ctx, i)
	if err != nil {
		return false, err
	}
	m := i.t.mark
	if b.CertificateID != m.id {
		return false, &otherBundleError{b.CertificateID, m.id}
	}
	going := append(slices.Clone(m.retired), m.previous...)
	principals, err := r.certs.Principals(ctx, i.name)
	if err != nil {
		return false, err
	}
	if !slices.Contains(principals, certs.ARN(i.t.arn, m.id)) {
		return false, fmt.Errorf("its present certificate %s is not attached to it, so that without the earlier one "+
			"it could not connect. Set deep_check = true and apply the pipeline, then retire", m.id)
	}
	for _, principal := range principals {
		id, ok := certs.IDIn(principal)
		if !ok || id == m.id || slices.Contains(going, id) {
			continue
		}
		c, err := r.certs.Describe(ctx, id)
		if err != nil {
			return false, err
		}
		if c != nil && r.madeForUs(aws.ToString(c.CertificatePem)) {
			going = append(going, id)
		}
	}
	m.previous, m.retired = nil, going
	if err := r.setMark(ctx, i, m); err != nil && !awsapi.Is(err, "VersionConflictException") {
		return false, err
	}
	return false, nil
}

// finishIssue finishes for an apply what a run has begun that issued a certificate beside the present one, or issues
// one of a higher version; 0: the version is not raised.
func (r *run) finishIssue(ctx context.Context, name string, disabled bool, version int64) error {
	s := &rotation{run: r, things: map[string]*thing{}}
	return s.step(ctx, name, func(ctx context.Context, i *issue) (bool, error) {
		i.disabled, i.version = disabled, version
		if version > 0 {
			return s.raise(ctx, i)
		}
		return s.try(ctx, i)
	})
}
