package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// certificate is a certificate in the making.
type certificate struct {
	id, arn, pem string
	key, csr     string // PEM; what there is of both
}

// certify gives a device a certificate in place of the one it has, if any:
//
//	(when there is one already: noted that another follows →)
//	made INACTIVE → attached → bundle stored → marked on the thing → activated → old ones removed
//
// Until it is activated nothing can connect with it, and until it is marked the next apply starts over and removes it.
func (r *run) certify(ctx context.Context, name string, existed bool, have, want object.Device) error {
	old, err := r.oldCertificates(ctx, name, existed, have)
	if err != nil {
		return err
	}
	if m := markOf(have); m.id != "" && !m.pending {
		m.pending = true
		if err := r.updateThing(ctx, name, want, m); err != nil {
			return err
		}
	}
	c, err := r.makeCertificate(ctx, name, want)
	if err != nil {
		return err
	}
	r.d.note(name, func(id *object.DeviceIdentity) { id.CertificateID, id.CertificateARN = c.id, c.arn })
	if err := r.attach(ctx, name, c.arn); err != nil {
		return err
	}
	if err := r.putBundle(ctx, name, c); err != nil {
		return err
	}
	old = slices.DeleteFunc(old, func(id string) bool { return id == c.id })
	next := mark{source: SourceOf(want), id: c.id, retired: old}
	if err := r.updateThing(ctx, name, want, next); err != nil {
		return err
	}
	if !want.Disabled {
		if err := r.setActive(ctx, c.id, true); err != nil {
			return err
		}
	}
	if len(old) == 0 {
		return nil
	}
	return r.removeRetired(ctx, name, want, next)
}

// oldCertificates are those that a new one replaces: what the thing is marked with, what the last run remembered, and what
// hangs on the thing and was made for this pipeline by a run that did not get as far as the mark.
func (r *run) oldCertificates(ctx context.Context, name string, existed bool, have object.Device) ([]string, error) {
	var old []string
	add := func(ids ...string) {
		for _, id := range ids {
			if id != "" && !slices.Contains(old, id) {
				old = append(old, id)
			}
		}
	}
	m := markOf(have)
	add(m.id)
	add(m.retired...)
	add(r.d.prior[name].CertificateID, r.d.identity(name).CertificateID)
	if !existed {
		return old, nil
	}
	principals, err := r.d.attached(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, principal := range principals {
		id, ok := certificateIn(principal)
		if !ok || slices.Contains(old, id) {
			continue
		}
		c, err := r.d.certificate(ctx, id)
		if err != nil {
			return nil, err
		}
		if c != nil && r.madeForUs(aws.ToString(c.CertificatePem)) {
			add(id)
		}
	}
	if traced := slices.ContainsFunc(old, func(id string) bool { return id != m.id }); !traced && (m.id == "" || m.pending) {
		r.noteStale()
	}
	return old, nil
}

// certificateIn gives the ID in a principal's ARN when it is a certificate.
func certificateIn(principal string) (string, bool) {
	_, id, ok := strings.Cut(principal, ":cert/")
	return id, ok
}

func (r *run) makeCertificate(ctx context.Context, name string, want object.Device) (*certificate, error) {
	if want.CertificatePEM != "" {
		return r.register(ctx, name, want.CertificatePEM)
	}
	c := &certificate{csr: want.CSRPEM}
	csr := want.CSRPEM
	if csr == "" {
		var err error
		if c.key, csr, err = newKey(name, r.owner); err != nil {
			return nil, err
		}
	}
	err := r.pool.call(ctx, "creating the certificate", func(ctx context.Context) error {
		out, err := r.d.aws.IoT().CreateCertificateFromCsr(ctx, &iot.CreateCertificateFromCsrInput{CertificateSigningRequest: aws.String(csr)})
		if err != nil {
			if ambiguous(err) {
				r.noteLost()
			}
			return fmt.Errorf("creating the certificate: %w", err)
		}
		if retriedBlindly(out.ResultMetadata) {
			r.noteLost()
		}
		c.id, c.arn, c.pem = aws.ToString(out.CertificateId), aws.ToString(out.CertificateArn), aws.ToString(out.CertificatePem)
		return nil
	})
	return c, err
}

// ambiguous reports whether a request may have taken effect although it failed: AWS did not say no. Each repetition of
// CreateCertificateFromCsr makes another certificate.
func ambiguous(err error) bool {
	code := awsapi.Code(err)
	return code == "" || strings.HasPrefix(code, "Internal") || strings.HasPrefix(code, "ServiceUnavailable")
}

// retriedBlindly reports whether the SDK repeated a request after an attempt that may have taken effect.
func retriedBlindly(m middleware.Metadata) bool {
	attempts, _ := retry.GetAttemptResults(m)
	return slices.ContainsFunc(attempts.Results, func(a retry.AttemptResult) bool { return a.Err != nil && ambiguous(a.Err) })
}

// register makes a certificate that the configuration gives known to AWS. One that is known already is taken only when
// an interrupted run of ours can have left it: inactive, and in use by no other thing.
func (r *run) register(ctx context.Context, name, text string) (*certificate, error) {
	c := &certificate{pem: text}
	err := r.pool.call(ctx, "registering the certificate", func(ctx context.Context) error {
		out, err := r.d.aws.IoT().RegisterCertificateWithoutCA(ctx, &iot.RegisterCertificateWithoutCAInput{
			CertificatePem: aws.String(text), Status: types.CertificateStatusInactive,
		})
		if err == nil {
			c.id, c.arn = aws.ToString(out.CertificateId), aws.ToString(out.CertificateArn)
		}
		return err
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		c.id = digest(text)
		c.arn = certificateARN(r.d.identity(name).ThingARN, c.id)
		return c, r.mayTake(ctx, name, c)
	}
	if err != nil {
		return nil, fmt.Errorf("registering the certificate: %w", err)
	}
	return c, nil
}

func (r *run) mayTake(ctx context.Context, name string, c *certificate) error {
	things, err := r.d.users(ctx, c.arn)
	if err != nil {
		return err
	}
	if others := slices.DeleteFunc(things, func(t string) bool { return t == name }); len(others) > 0 {
		return fmt.Errorf("registering the certificate: it is registered already and attached to other things (%s)", strings.Join(others, ", "))
	}
	if r.d.identity(name).CertificateID == c.id {
		return nil
	}
	known, err := r.d.certificate(ctx, c.id)
	if err != nil {
		return err
	}
	if known != nil && known.Status != types.CertificateStatusInactive {
		return fmt.Errorf("registering the certificate: certificate %s is registered already with status %s, and not by this pipeline; set it to INACTIVE or delete it if this device is to have it", c.id, known.Status)
	}
	return nil
}

// attach binds a certificate to one thing and no other [AWS 1.4 AttachThingPrincipal].
func (r *run) attach(ctx context.Context, name, arn string) error {
	in := &iot.AttachThingPrincipalInput{ThingName: aws.String(name), Principal: aws.String(arn), ThingPrincipalType: types.ThingPrincipalTypeExclusiveThing}
	return r.pool.call(ctx, "attaching the certificate", func(ctx context.Context) error {
		if _, err := r.d.aws.IoT().AttachThingPrincipal(ctx, in); err != nil {
			return fmt.Errorf("attaching the certificate: %w", err)
		}
		return nil
	})
}

// removeRetired removes certificates that m says are replaced, and then says on the thing that they are gone.
func (r *run) removeRetired(ctx context.Context, name string, want object.Device, m mark) error {
	for _, id := range m.retired {
		if err := r.dismantle(ctx, name, id); err != nil {
			return fmt.Errorf("removing the replaced certificate: %w", err)
		}
	}
	m.retired = nil
	return r.updateThing(ctx, name, want, m)
}
