package cacertificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const role = "arn:aws:iam::123456789012:role/greenhouse-registration"

// authority makes a self-signed CA certificate, and its ID as AWS gives it.
func authority(t *testing.T) (text, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "greenhouse CA"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), hex.EncodeToString(sum[:])
}

// templates makes provisioning templates for certificate authorities.
func templates(t *testing.T, c *awsapi.Clients, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := c.IoT().
			CreateProvisioningTemplate(t.Context(),
				&iot.CreateProvisioningTemplateInput{TemplateName: &name, Type: types.TemplateTypeJitp,
					TemplateBody: aws.String(`{"Resources":{}}`), ProvisioningRoleArn: aws.String(role)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// moto keeps these fields through this repository's launcher only (launcher/amend/provisioning.py); the wire shapes
// are tested below.
func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	templates(t, c, "jit", "other")
	text, id := authority(t)
	byHand := func(edit func(*iot.UpdateCACertificateInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := &iot.UpdateCACertificateInput{CertificateId: &id}
			edit(in)
			_, err := c.IoT().UpdateCACertificate(ctx, in)
			return err
		}
	}
	updated := []string{"UpdateCACertificate"}
	drivertest.Life[spec.CACertificate]{
		Clients: c, Driver: New(c), Name: id, Reads: 1,
		Full: spec.CACertificate{
			CertificatePEM: text,
			Template:       "jit",
			RoleARN:        role,
			Tags:           map[string]string{"team": "bay"},
		},
		Steps: []drivertest.Step[spec.CACertificate]{
			{Why: "deactivated by hand", Fields: []string{"enabled"}, Writes: updated,
				Drift: byHand(func(in *iot.UpdateCACertificateInput) { in.NewStatus = "INACTIVE" })},
			{Why: "registrations stopped by hand", Fields: []string{"enabled"}, Writes: updated,
				Drift: byHand(func(in *iot.UpdateCACertificateInput) { in.NewAutoRegistrationStatus = "DISABLE" })},
			{Why: "the registration taken off by hand", Fields: []string{"enabled", "template"}, Writes: updated,
				Drift: byHand(func(in *iot.UpdateCACertificateInput) { in.RemoveAutoRegistration = true })},
			{Why: "another template and role by hand", Fields: []string{"template", "role"}, Writes: updated,
				Drift: byHand(func(in *iot.UpdateCACertificateInput) {
					in.RegistrationConfig = &types.RegistrationConfig{
						TemplateName: aws.String("other"),
						RoleArn:      aws.String(role + "-other"),
					}
				})},
			{Why: "a body by hand in place of a template", Fields: []string{"template"}, Writes: updated,
				Drift: byHand(func(in *iot.UpdateCACertificateInput) {
					in.RegistrationConfig = &types.RegistrationConfig{
						TemplateBody: aws.String(`{"Resources":{}}`),
						RoleArn:      aws.String(role),
					}
				})},
			{Why: "leaving out a role makes no difference", Drift: byHand(func(in *iot.UpdateCACertificateInput) {
				in.RegistrationConfig = &types.RegistrationConfig{TemplateName: aws.String("jit")}
			})},
			{Why: "another template wanted", Fields: []string{"template"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.CACertificate) { s.Template = "other" })},
			{
				Why:  "the template's own role wanted",
				Want: drivertest.Changing(func(s *spec.CACertificate) { s.RoleARN = "" }),
			},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource", "TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().
						TagResource(ctx,
							&iot.TagResourceInput{ResourceArn: aws.String("arn:aws:iot:us-east-1:123456789012:cacert/" +
								id), Tags: []types.Tag{
								{
									Key:   aws.String("team"),
									Value: aws.String("x"),
								}, {Key: aws.String("extra"), Value: aws.String("y")}}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IoT().
				RegisterCACertificate(ctx, &iot.RegisterCACertificateInput{CaCertificate: &text,
					CertificateMode: types.CertificateModeSniOnly})
			return err
		},
	}.Run(t)
}

func TestAnotherCertificateIsAnotherObject(t *testing.T) {
	d := New(drivertest.RESTStub(t, nil))
	one, _ := authority(t)
	other, _ := authority(t)
	if changes := d.Diff(spec.CACertificate{CertificatePEM: strings.ReplaceAll(one, "\n", "\r\n")},
		spec.CACertificate{CertificatePEM: one}); len(
		changes,
	) > 0 {
		t.Errorf("line ends make no difference: %v", changes)
	}
	if diff := cmp.Diff([]assembly.Change{{Field: "certificate_pem", Replace: true}},
		d.Diff(spec.CACertificate{CertificatePEM: one}, spec.CACertificate{CertificatePEM: other})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// moto sees a role at once; codes are of AWS's model, the text about the role is not documented (C).
func TestWhatAWSRefuses(t *testing.T) {
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		sent  int // RegisterCACertificate calls
		fails string
	}{
		{why: "the role is not there yet", fault: mototest.Fault{Code: "InvalidRequestException",
			Message: "unable to assume role", Times: 5}, sent: 6},
		{why: "the answer was lost", fault: mototest.Fault{Code: "ThrottlingException", Message: "Rate exceeded",
			Times: 1, After: true}, sent: 2},
		{why: "not a CA", fault: mototest.Fault{Code: "CertificateValidationException", Message: "not a CA", Times: 1},
			sent: 1, fails: "CertificateValidationException"},
		{why: "proof of the key", fault: mototest.Fault{Code: "RegistrationCodeValidationException", Message: "code",
			Times: 1}, sent: 1, fails: "RegistrationCodeValidationException"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			c := drivertest.Clients(t, server)
			templates(t, c, "jit")
			tc.fault.Service, tc.fault.Operation = "iot", "RegisterCACertificate"
			server.Fail(t, tc.fault)
			text, certificate := authority(t)
			id, err := New(c).Create(t.Context(), assembly.Ref{Name: certificate, Owner: drivertest.Owner},
				spec.CACertificate{CertificatePEM: text, Template: "jit"})
			if tc.fails == "" && (err != nil || id.ID != certificate) {
				t.Errorf("%+v, %v", id, err)
			}
			if tc.fails != "" && !awsapi.Is(err, tc.fails) {
				t.Errorf("got %v, want AWS's reason", err)
			}
			if n := c.Requests()["iot:RegisterCACertificate"]; n != tc.sent {
				t.Errorf("sent %d, want %d", n, tc.sent)
			}
		})
	}
}

func TestDeletionWaitsForTheDeactivation(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	templates(t, c, "jit")
	d := New(c)
	text, id := authority(t)
	ref := assembly.Ref{Name: id, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, spec.CACertificate{CertificatePEM: text, Template: "jit"}); err != nil {
		t.Fatal(err)
	}
	refusal := mototest.Fault{
		Service:   "iot",
		Operation: "DeleteCACertificate",
		Code:      "CertificateStateException",
		Message:   "must be deactivated",
		Times:     1000,
	}
	server.Fail(t, refusal)
	if err := d.Delete(t.Context(), ref); !awsapi.Is(err, "CertificateStateException") ||
		!strings.Contains(err.Error(), "1m0s") {
		t.Errorf("after a minute: %v", err)
	}
}

// Shapes of the API reference, against a stub: what moto answers to these calls is this repository's own work.
func TestWireShapes(t *testing.T) {
	gone := strings.Repeat("0", 64)
	text, certificate := authority(t)
	arn := "arn:aws:iot:us-east-1:123456789012:cacert/" + certificate
	var sent []string
	var registered, changed map[string]any
	c := drivertest.RESTStub(t, func(call string, input map[string]any) string {
		sent = append(sent, call)
		switch call {
		case "POST /cacertificate?allowAutoRegistration=true&setAsActive=true":
			registered = input
			return `{"certificateArn":"` + arn + `","certificateId":"` + certificate + `"}`
		case "GET /cacertificate/" + certificate:
			return `{"certificateDescription":{"certificateArn":"` + arn + `","certificateId":"` + certificate +
				`","status":"INACTIVE","certificatePem":"` + strings.ReplaceAll(
				text,
				"\n",
				`\n`,
			) + `",
				"ownedBy":"123456789012","creationDate":1.7E9,"autoRegistrationStatus":"DISABLE","lastModifiedDate":1.7E9,"customerVersion":1,"generationId":"a1b2","validity":{"notBefore":1.7E9,"notAfter":1.8E9},
				"certificateMode":"SNI_ONLY"},"registrationConfig":{"templateName":"jit","roleArn":"` + role + `"}}`
		case "PUT /cacertificate/" + certificate + "?newAutoRegistrationStatus=ENABLE&newStatus=ACTIVE":
			changed = input
			return `{}`
		case "PUT /cacertificate/" + certificate + "?newStatus=INACTIVE", "DELETE /cacertificate/" + certificate:
			return `{}`
		case "GET /cacertificate/" + gone:
			return `{"__type":"ResourceNotFoundException","message":"not found"}`
		}
		t.Errorf("unexpected %s", call)
		return `{}`
	})
	d, ctx, ref := New(c), t.Context(), assembly.Ref{Name: certificate, Owner: drivertest.Owner}

	id, err := d.Create(ctx, ref, spec.CACertificate{CertificatePEM: text, Template: "jit"})
	if err != nil || id.ID != certificate || id.ARN != arn {
		t.Fatalf("%+v, %v", id, err)
	}
	want := map[string]any{
		"caCertificate":      text,
		"certificateMode":    "SNI_ONLY",
		"registrationConfig": map[string]any{"templateName": "jit"},
		"tags":               []any{map[string]any{"Key": spec.OwnerTag, "Value": drivertest.Owner}},
	}
	if diff := cmp.Diff(want, registered); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	ref.ID = id.ID
	have, err := d.Observe(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec.CACertificate{CertificatePEM: text, Template: "jit", RoleARN: role, Inactive: true},
		have.Spec); diff != "" ||
		have.ARN != arn {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if got, err := d.Observe(ctx, assembly.Ref{Name: gone}); got != nil || err != nil {
		t.Errorf("absent: %+v, %v", got, err)
	}
	next := spec.CACertificate{CertificatePEM: text, Template: "other"}
	if _, err := d.Update(ctx, ref, have, next, d.Diff(have.Spec, next)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"registrationConfig": map[string]any{"templateName": "other"}},
		changed); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	sent = nil
	if err := d.Delete(ctx, ref); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(
		[]string{"PUT /cacertificate/" + certificate + "?newStatus=INACTIVE", "DELETE /cacertificate/" + certificate},
		sent,
	); diff != "" {
		t.Errorf("deleting sent (-want +got):\n%s", diff)
	}
}
