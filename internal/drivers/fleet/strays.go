package fleet

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
)

// A run that ends between the attachment of a certificate and the storage of its bundle leaves a stray: nobody has its
// key. Whoever finishes what that run has begun finds it, because it is attached, was made for this device, and is
// neither in the bundle nor on the mark. It is noted on the mark as replaced, in the same conditional write that ends
// the other run's claim, and then removed.
//
// The condition makes this safe. A run claims the thing before it makes a certificate. If it has claimed after the
// finishing run has read the thing, the write fails and nothing is removed. If it has claimed before, it is overtaken:
// it looks at its claim before it stores a bundle, and should it store one nevertheless, it finds its certificate noted
// as replaced, and issues another.

// maxMark is the longest value of an attribute [AWS 1.3].
const maxMark = 800

// findStrays returns the strays of a device whose next mark is m. What has a policy, is attached to another thing as
// well, or was not made for this device is somebody's own.
func (r *rotation) findStrays(ctx context.Context, i *issue, m mark) ([]string, error) {
	principals, err := r.certs.Principals(ctx, i.name)
	if err != nil {
		return nil, err
	}
	known := slices.Concat([]string{m.id, i.made.ID}, m.retired, m.previous)
	var strays []string
	for _, principal := range principals {
		id, ok := certs.IDIn(principal)
		if !ok || slices.Contains(known, id) {
			continue
		}
		m.retired = append(slices.Clone(m.retired), id)
		if len(m.String()) > maxMark {
			break // the next run finds the rest
		}
		stray, err := r.isStray(ctx, i, id)
		if err != nil {
			return nil, err
		}
		if stray {
			strays = append(strays, id)
		} else {
			m.retired = m.retired[:len(m.retired)-1]
		}
	}
	return strays, nil
}

func (r *rotation) isStray(ctx context.Context, i *issue, id string) (bool, error) {
	known, err := r.certs.Describe(ctx, id)
	if err != nil || known == nil {
		return false, err
	}
	c, subject := certs.Parse(aws.ToString(known.CertificatePem)), certs.DeviceSubject(i.name, r.owner)
	if c == nil || !certs.IsDevice(c, r.owner) || c.Subject.CommonName != subject.CommonName {
		return false, nil
	}
	arn := certs.ARN(i.t.arn, id)
	things, err := r.certs.Things(ctx, arn)
	if err != nil || !slices.Equal(things, []string{i.name}) {
		return false, err
	}
	policies, err := r.certs.Policies(ctx, arn)
	return len(policies) == 0, err
}

// dropStrays removes the strays that the thing notes. It returns false if the thing has to be read again; what is noted
// is then removed by whoever reads it.
func (r *rotation) dropStrays(ctx context.Context, i *issue) (bool, error) {
	m := i.t.mark
	i.strays = slices.DeleteFunc(i.strays, func(id string) bool { return !slices.Contains(m.retired, id) })
	if len(i.strays) == 0 {
		return true, nil
	}
	for _, id := range i.strays {
		if err := r.removeCertificate(ctx, i.name, id); err != nil {
			return false, err
		}
	}
	m.retired = slices.DeleteFunc(slices.Clone(m.retired),
		func(id string) bool { return slices.Contains(i.strays, id) })
	err := r.setMark(ctx, i, m)
	if awsapi.Is(err, "VersionConflictException") {
		return false, nil
	}
	return err == nil, err
}
