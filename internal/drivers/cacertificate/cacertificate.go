// Package cacertificate knows certificate authorities that AWS IoT registers
// device certificates of, at a device's first connection. It must not know what
// the template of these registrations says.
package cacertificate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iotaccess"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// deactivationTimeout bounds the wait until a deletion sees that the certificate is INACTIVE by now.
const deactivationTimeout = time.Minute

// Driver implements assembly.Driver for certificate authorities; name and ID are both the certificate's ID, the
// SHA-256 of its DER form in hex [AWS 1.3 certificate id].
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the certificate and its registration; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.CACertificate], error) {
	out, err := d.c.IoT().DescribeCACertificate(ctx, &iot.DescribeCACertificateInput{CertificateId: id(ref)})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := out.CertificateDescription
	if c == nil {
		return nil, fmt.Errorf("reading CA certificate %q: the answer holds no description", *id(ref))
	}
	o := &assembly.Observed[spec.CACertificate]{Identity: identity(c.CertificateId, c.CertificateArn)}
	o.Spec = spec.CACertificate{
		CertificatePEM: aws.ToString(c.CertificatePem),
		Inactive: c.Status != types.CACertificateStatusActive ||
			c.AutoRegistrationStatus != types.AutoRegistrationStatusEnable,
	}
	if r := out.RegistrationConfig; r != nil {
		o.Spec.Template, o.Spec.RoleARN = aws.ToString(r.TemplateName), aws.ToString(r.RoleArn)
	}
	o.Owner, o.Spec.Tags, err = iottags.Observe(ctx, d.c, ref, o.ARN)
	return o, err
}

// Create registers the certificate, active, with its tags. The mode SNI_ONLY takes no proof of the key, and lets other
// accounts register the same certificate.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.CACertificate) (assembly.Identity, error) {
	in := &iot.RegisterCACertificateInput{
		CaCertificate:         &want.CertificatePEM,
		CertificateMode:       types.CertificateModeSniOnly,
		SetAsActive:           true,
		AllowAutoRegistration: true,
		RegistrationConfig:    registration(want),
		Tags:                  iottags.WithOwner(ref.Owner, want.Tags),
	}
	var out *iot.RegisterCACertificateOutput
	err := iotaccess.Retry(ctx, d.c, "waiting until AWS IoT can use the role of the registrations",
		func(ctx context.Context) (err error) {
			out, err = d.c.IoT().RegisterCACertificate(ctx, in)
			return err
		},
	)
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return identity(out.CertificateId, out.CertificateArn), nil
}

// Update changes status and registration with one call, and tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.CACertificate],
	want spec.CACertificate,
	changes []assembly.Change,
) (assembly.Identity, error) {
	in := &iot.UpdateCACertificateInput{CertificateId: &have.ID}
	settings, tags := false, false
	for _, c := range changes {
		switch c.Field {
		case "enabled":
			in.NewStatus, in.NewAutoRegistrationStatus, settings = types.CACertificateStatusActive,
				types.AutoRegistrationStatusEnable, true
		case "template", "role":
			in.RegistrationConfig, settings = registration(want), true
		case "tags":
			tags = true
		default:
			return have.Identity, ownertag.Unknown(c)
		}
	}
	if settings {
		err := iotaccess.Retry(ctx, d.c, "waiting until AWS IoT can use the role of the registrations",
			func(ctx context.Context) error {
				_, err := d.c.IoT().UpdateCACertificate(ctx, in)
				return err
			},
		)
		if err != nil {
			return have.Identity, err
		}
	}
	if tags {
		return have.Identity, iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
	}
	return have.Identity, nil
}

// Delete deactivates the certificate and deletes it. Certificates of devices that it signed stay.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.IoT().UpdateCACertificate(ctx,
		&iot.UpdateCACertificateInput{CertificateId: id(ref), NewStatus: types.CACertificateStatusInactive})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deactivating it: %w", err)
	}
	err = d.c.Retry(ctx, "waiting until AWS takes the CA certificate for inactive", deactivationTimeout,
		func(err error) bool { return awsapi.Is(err, "CertificateStateException") },
		func(ctx context.Context) error {
			_, err := d.c.IoT().DeleteCACertificate(ctx, &iot.DeleteCACertificateInput{CertificateId: id(ref)})
			return err
		})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names certificate_pem, enabled, template, role and tags. Another certificate is another object.
func (d *Driver) Diff(have, want spec.CACertificate) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, c assembly.Change) {
		if differs {
			changes = append(changes, c)
		}
	}
	add(!sameCertificate(have.CertificatePEM, want.CertificatePEM),
		assembly.Change{Field: "certificate_pem", Replace: true})
	add(have.Inactive, assembly.Change{Field: "enabled"})
	add(have.Template != want.Template, assembly.Change{Field: "template"})
	// Beside a template's name AWS may leave the role out or show the template's own (C): only two that are named can
	// differ.
	add(have.RoleARN != "" && want.RoleARN != "" && have.RoleARN != want.RoleARN, assembly.Change{Field: "role"})
	add(ownertag.TagsDiffer(have.Tags, want.Tags), assembly.Change{Field: "tags"})
	return changes
}

// sameCertificate compares what the PEM holds: AWS may give it back with other line ends.
func sameCertificate(a, b string) bool {
	left, _ := pem.Decode([]byte(a))
	right, _ := pem.Decode([]byte(b))
	if left == nil || right == nil {
		return a == b
	}
	return bytes.Equal(left.Bytes, right.Bytes)
}

func registration(want spec.CACertificate) *types.RegistrationConfig {
	r := &types.RegistrationConfig{TemplateName: &want.Template}
	if want.RoleARN != "" {
		r.RoleArn = &want.RoleARN
	}
	return r
}

func id(ref assembly.Ref) *string { return aws.String(cmp.Or(ref.ID, ref.Name)) }

func identity(id, arn *string) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(id), ARN: aws.ToString(arn)}
}
