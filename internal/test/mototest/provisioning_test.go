package mototest

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
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"
)

const (
	registrationRole = "arn:aws:iam::123456789012:role/greenhouse-registration"
	hookFunction     = "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-provisioning"
	templateBody     = `{"Parameters":{},"Resources":{}}`
)

func newTemplate(name string, edit func(*iot.CreateProvisioningTemplateInput)) *iot.CreateProvisioningTemplateInput {
	in := &iot.CreateProvisioningTemplateInput{
		TemplateName:        &name,
		TemplateBody:        aws.String(templateBody),
		ProvisioningRoleArn: aws.String(registrationRole),
		Enabled:             aws.Bool(true),
	}
	if edit != nil {
		edit(in)
	}
	return in
}

func TestProvisioningTemplateRefusals(t *testing.T) {
	s := Start(t)
	c := iot.NewFromConfig(s.Config(t))
	must(c.CreateProvisioningTemplate(t.Context(), newTemplate("taken", nil)))(t)
	for _, member := range []string{"templateName", "templateBody", "description"} {
		s.Allow(t, Violation{Service: "iot", Operation: "CreateProvisioningTemplate", Member: member}, "to be refused")
	}
	hook := &iottypes.ProvisioningHook{TargetArn: aws.String(hookFunction)}
	for _, tc := range []struct {
		why, name string
		edit      func(*iot.CreateProvisioningTemplateInput)
		code      string
	}{
		{why: "the name is taken, even by an equal template", name: "taken", code: "ResourceAlreadyExistsException"},
		{why: "the longest name", name: strings.Repeat("n", 36)},
		{why: "a longer name", name: strings.Repeat("n", 37), code: "InvalidRequestException"},
		{why: "a character that names do not hold", name: "green.house", code: "InvalidRequestException"},
		{why: "a body that is not JSON", name: "a", code: "InvalidRequestException",
			edit: func(in *iot.CreateProvisioningTemplateInput) { in.TemplateBody = aws.String("Resources") }},
		{why: "a body without resources", name: "a", code: "InvalidRequestException",
			edit: func(in *iot.CreateProvisioningTemplateInput) { in.TemplateBody = aws.String("{}") }},
		{why: "a body of more than 10240 bytes", name: "a", code: "InvalidRequestException",
			edit: func(in *iot.CreateProvisioningTemplateInput) {
				in.TemplateBody = aws.String(templateBody + strings.Repeat(" ", 10241-len(templateBody)))
			}},
		{why: "a role's name in place of its ARN", name: "a", code: "InvalidRequestException",
			edit: func(in *iot.CreateProvisioningTemplateInput) {
				in.ProvisioningRoleArn = aws.String("greenhouse-registration-role")
			}},
		{why: "a hook", name: "hooked",
			edit: func(in *iot.CreateProvisioningTemplateInput) { in.PreProvisioningHook = hook }},
		{why: "a hook of a JITP template", name: "a", code: "InvalidRequestException",
			edit: func(in *iot.CreateProvisioningTemplateInput) {
				in.Type, in.PreProvisioningHook = iottypes.TemplateTypeJitp, hook
			}},
		{why: "a description of more than 500 characters", name: "a", code: "InvalidRequestException",
			edit: func(in *iot.CreateProvisioningTemplateInput) {
				in.Description = aws.String(strings.Repeat("d",
					501))
			}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			_, err := c.CreateProvisioningTemplate(t.Context(), newTemplate(tc.name, tc.edit))
			if tc.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, tc.code)
		})
	}
	name := aws.String("none")
	for operation, call := range map[string]func(context.Context) error{
		"describe": func(ctx context.Context) error {
			_, err := c.DescribeProvisioningTemplate(ctx, &iot.DescribeProvisioningTemplateInput{TemplateName: name})
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := c.UpdateProvisioningTemplate(ctx, &iot.UpdateProvisioningTemplateInput{TemplateName: name})
			return err
		},
		"delete": func(ctx context.Context) error {
			_, err := c.DeleteProvisioningTemplate(ctx, &iot.DeleteProvisioningTemplateInput{TemplateName: name})
			return err
		},
		"add a version": func(ctx context.Context) error {
			_, err := c.CreateProvisioningTemplateVersion(ctx,
				&iot.CreateProvisioningTemplateVersionInput{TemplateName: name, TemplateBody: aws.String(templateBody)})
			return err
		},
	} {
		t.Run(operation+" one that does not exist",
			func(t *testing.T) { wantCode(t, call(t.Context()), "ResourceNotFoundException") })
	}
}

func TestProvisioningTemplateKeepsWhatItIsGiven(t *testing.T) {
	s := Start(t)
	c := iot.NewFromConfig(s.Config(t))
	name := aws.String("greenhouse")
	made := must(
		c.CreateProvisioningTemplate(t.Context(), newTemplate(*name, func(in *iot.CreateProvisioningTemplateInput) {
			in.Description, in.Tags = aws.String("registers devices"), []iottypes.Tag{
				{Key: aws.String("team"), Value: aws.String("bay")},
			}
			in.PreProvisioningHook = &iottypes.ProvisioningHook{TargetArn: aws.String(hookFunction)}
		})),
	)(t)
	describe := func() *iot.DescribeProvisioningTemplateOutput {
		return must(
			c.DescribeProvisioningTemplate(t.Context(), &iot.DescribeProvisioningTemplateInput{TemplateName: name}),
		)(t)
	}
	got := describe()
	if *got.TemplateArn != "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/greenhouse" ||
		*got.TemplateArn != *made.TemplateArn || !*got.Enabled ||
		got.Type != "FLEET_PROVISIONING" ||
		*got.DefaultVersionId != 1 ||
		*got.PreProvisioningHook.PayloadVersion != "2020-04-01" ||
		got.CreationDate == nil {
		t.Errorf("created: %+v", got)
	}
	must(
		c.UpdateProvisioningTemplate(t.Context(), &iot.UpdateProvisioningTemplateInput{
			TemplateName:              name,
			Enabled:                   aws.Bool(false),
			RemovePreProvisioningHook: aws.Bool(true),
		}),
	)(t)
	if got := describe(); *got.Enabled || got.PreProvisioningHook != nil || *got.Description != "registers devices" ||
		*got.ProvisioningRoleArn != registrationRole {
		t.Errorf("an update changes what it names and nothing else: %+v", got)
	}
	version := func(body string, inForce bool) error {
		_, err := c.CreateProvisioningTemplateVersion(t.Context(),
			&iot.CreateProvisioningTemplateVersionInput{TemplateName: name, TemplateBody: &body, SetAsDefault: inForce})
		return err
	}
	const second = `{"Resources":{"policy":{}}}`
	for _, inForce := range []bool{true, false, false, false} {
		if err := version(second, inForce); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, version(second, true), "VersionsLimitExceededException")
	remove := func(id int32) error {
		_, err := c.DeleteProvisioningTemplateVersion(t.Context(),
			&iot.DeleteProvisioningTemplateVersionInput{TemplateName: name, VersionId: &id})
		return err
	}
	wantCode(t, remove(2), "DeleteConflictException")
	if err := remove(1); err != nil {
		t.Fatal(err)
	}
	wantCode(t, remove(1), "ResourceNotFoundException")
	inForce := map[int32]bool{}
	for _, v := range must(c.ListProvisioningTemplateVersions(t.Context(),
		&iot.ListProvisioningTemplateVersionsInput{TemplateName: name}))(t).Versions {
		inForce[*v.VersionId] = v.IsDefaultVersion
	}
	if diff := cmp.Diff(map[int32]bool{2: true, 3: false, 4: false, 5: false}, inForce); diff != "" ||
		*describe().TemplateBody != second {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if tags := must(c.ListTagsForResource(t.Context(),
		&iot.ListTagsForResourceInput{ResourceArn: made.TemplateArn}))(t).Tags; len(
		tags,
	) != 1 ||
		*tags[0].Value != "bay" {
		t.Errorf("tags: %v", tags)
	}
	if err := s.Empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := must(c.ListProvisioningTemplates(t.Context(), &iot.ListProvisioningTemplatesInput{}))(t).Templates; len(
		left,
	) != 0 {
		t.Errorf("%d templates after a reset", len(left))
	}
}

// newAuthority makes a self-signed CA certificate and its ID.
func newAuthority(t *testing.T, name string) (text, id string) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	sum := sha256.Sum256(der)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), hex.EncodeToString(sum[:])
}

func TestCertificateAuthorities(t *testing.T) {
	s := Start(t)
	c := iot.NewFromConfig(s.Config(t))
	must(c.CreateProvisioningTemplate(t.Context(), newTemplate("claims", nil)))(t)
	must(c.CreateProvisioningTemplate(t.Context(),
		newTemplate("jit", func(in *iot.CreateProvisioningTemplateInput) { in.Type = iottypes.TemplateTypeJitp })))(t)
	text, id := newAuthority(t, "greenhouse CA")
	register := func(edit func(*iot.RegisterCACertificateInput)) (*iot.RegisterCACertificateOutput, error) {
		in := &iot.RegisterCACertificateInput{
			CaCertificate:         &text,
			CertificateMode:       iottypes.CertificateModeSniOnly,
			SetAsActive:           true,
			AllowAutoRegistration: true,
			RegistrationConfig: &iottypes.RegistrationConfig{
				TemplateName: aws.String("jit"),
			},
			Tags: []iottypes.Tag{{Key: aws.String("team"), Value: aws.String("bay")}},
		}
		edit(in)
		return c.RegisterCACertificate(t.Context(), in)
	}
	for _, tc := range []struct {
		why  string
		edit func(*iot.RegisterCACertificateInput)
		code string
	}{
		{"not a certificate", func(in *iot.RegisterCACertificateInput) { in.CaCertificate = aws.String("no PEM") },
			"CertificateValidationException"},
		{"the default mode asks for proof of the key",
			func(in *iot.RegisterCACertificateInput) { in.CertificateMode = "" }, "InvalidRequestException"},
		{"the other mode takes none", func(in *iot.RegisterCACertificateInput) { in.VerificationCertificate = &text },
			"InvalidRequestException"},
		{"no such template",
			func(in *iot.RegisterCACertificateInput) { in.RegistrationConfig.TemplateName = aws.String("none") },
			"ResourceNotFoundException"},
		{"a template of the other type",
			func(in *iot.RegisterCACertificateInput) { in.RegistrationConfig.TemplateName = aws.String("claims") },
			"InvalidRequestException"},
		{"all of it right", func(*iot.RegisterCACertificateInput) {}, ""},
		{"registered already", func(*iot.RegisterCACertificateInput) {}, "ResourceAlreadyExistsException"},
	} {
		if out, err := register(tc.edit); tc.code != "" {
			wantCode(t, err, tc.code)
		} else if err != nil || *out.CertificateId != id ||
			*out.CertificateArn != "arn:aws:iot:us-east-1:123456789012:cacert/"+id {
			t.Errorf("%s: %+v, %v", tc.why, out, err)
		}
	}
	describe := func() *iot.DescribeCACertificateOutput {
		return must(c.DescribeCACertificate(t.Context(), &iot.DescribeCACertificateInput{CertificateId: &id}))(t)
	}
	if got := describe(); got.CertificateDescription.Status != "ACTIVE" ||
		got.CertificateDescription.AutoRegistrationStatus != "ENABLE" ||
		got.CertificateDescription.CertificateMode != "SNI_ONLY" ||
		*got.CertificateDescription.CertificatePem != text ||
		*got.RegistrationConfig.TemplateName != "jit" {
		t.Errorf("described: %+v, %+v", got.CertificateDescription, got.RegistrationConfig)
	}
	listed := must(c.ListCACertificates(t.Context(), &iot.ListCACertificatesInput{TemplateName: aws.String("jit")}))(
		t,
	).Certificates
	if len(listed) != 1 || *listed[0].CertificateId != id {
		t.Errorf("listed: %+v", listed)
	}
	if tags := must(c.ListTagsForResource(t.Context(),
		&iot.ListTagsForResourceInput{ResourceArn: describe().CertificateDescription.CertificateArn}))(t).Tags; len(
		tags,
	) != 1 {
		t.Errorf("tags: %v", tags)
	}
	removeTemplate := func() error {
		_, err := c.DeleteProvisioningTemplate(t.Context(),
			&iot.DeleteProvisioningTemplateInput{TemplateName: aws.String("jit")})
		return err
	}
	remove := func() error {
		_, err := c.DeleteCACertificate(t.Context(), &iot.DeleteCACertificateInput{CertificateId: &id})
		return err
	}
	wantCode(t, removeTemplate(), "DeleteConflictException")
	wantCode(t, remove(), "CertificateStateException")
	must(
		c.UpdateCACertificate(t.Context(), &iot.UpdateCACertificateInput{
			CertificateId:             &id,
			NewStatus:                 "INACTIVE",
			NewAutoRegistrationStatus: "DISABLE",
		}),
	)(t)
	if got := describe().CertificateDescription; got.Status != "INACTIVE" || got.AutoRegistrationStatus != "DISABLE" {
		t.Errorf("updated: %+v", got)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, remove(), "ResourceNotFoundException")
	if err := removeTemplate(); err != nil {
		t.Error(err)
	}
}

// registration is what TestRestore puts into a server of this file's objects.
func registration(t *testing.T, s *Server) holding {
	c, name := iot.NewFromConfig(s.Config(t)), aws.String("jit")
	text, id := newAuthority(t, "greenhouse CA")
	describe := func() *iot.DescribeProvisioningTemplateOutput {
		return must(
			c.DescribeProvisioningTemplate(t.Context(), &iot.DescribeProvisioningTemplateInput{TemplateName: name}),
		)(t)
	}
	return holding{
		service: "iot",
		make: func() {
			must(
				c.CreateProvisioningTemplate(
					t.Context(),
					newTemplate(*name, func(in *iot.CreateProvisioningTemplateInput) {
						in.Type, in.Tags = iottypes.TemplateTypeJitp, []iottypes.Tag{
							{Key: aws.String("owner"), Value: aws.String("me")},
						}
					}),
				),
			)(t)
			must(
				c.RegisterCACertificate(t.Context(), &iot.RegisterCACertificateInput{
					CaCertificate:      &text,
					CertificateMode:    iottypes.CertificateModeSniOnly,
					SetAsActive:        true,
					RegistrationConfig: &iottypes.RegistrationConfig{TemplateName: name},
				}),
			)(t)
		},
		read: func() []any {
			template := describe()
			return []any{template,
				must(c.ListTagsForResource(t.Context(),
					&iot.ListTagsForResourceInput{ResourceArn: template.TemplateArn}))(t).Tags,
				must(c.DescribeCACertificate(t.Context(), &iot.DescribeCACertificateInput{CertificateId: &id}))(t),
			}
		},
		spoil: func() {
			must(
				c.CreateProvisioningTemplateVersion(
					t.Context(),
					&iot.CreateProvisioningTemplateVersionInput{TemplateName: name, SetAsDefault: true,
						TemplateBody: aws.String(`{"Resources":{"policy":{}}}`)},
				),
			)(t)
			must(c.UpdateCACertificate(t.Context(),
				&iot.UpdateCACertificateInput{CertificateId: &id, NewStatus: "INACTIVE"}))(t)
			must(c.DeleteCACertificate(t.Context(), &iot.DeleteCACertificateInput{CertificateId: &id}))(t)
		},
		refused: func() error {
			_, err := c.DeleteCACertificate(t.Context(), &iot.DeleteCACertificateInput{CertificateId: &id})
			return err // it is active
		},
	}
}
