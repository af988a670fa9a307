package claimcertificate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/claimcertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

const claimName = "/iot-pipeline/greenhouse/devices-claim"

func claim(kind string) spec.ClaimCertificate {
	return spec.ClaimCertificate{
		Subject:  "greenhouse-claim",
		Version:  1,
		Policy:   "greenhouse-claim",
		Endpoint: "a1b2c3-ats.iot.us-east-1.amazonaws.com",
		Template: "greenhouse",
		Store:    spec.CredentialsStore{Kind: kind, Path: claimName},
		Tags:     map[string]string{"team": "growers"},
	}
}

// claims is a claim certificate's account: a server that knows two policies to attach.
type claims struct {
	t      *testing.T
	server *mototest.Server
	aws    *awsapi.Clients
	ctx    context.Context
}

func newClaims(t *testing.T) *claims {
	t.Helper()
	server := mototest.Start(t)
	c := &claims{t: t, server: server, ctx: t.Context()}
	c.aws = awsapi.New(server.Config(t), awsapi.Options{
		Unlimited: true, Clock: awsapi.NewInstantClock(),
	}).WithAccount(mototest.AccountID)
	for _, name := range []string{"greenhouse-claim", "other"} {
		_, err := c.aws.IoT().
			CreatePolicy(c.ctx, &iot.CreatePolicyInput{PolicyName: &name,
				PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
		c.must(err)
	}
	return c
}

func (c *claims) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// made creates a claim certificate and gives its reference as it is recorded.
func (c *claims) made(want spec.ClaimCertificate) assembly.Ref {
	c.t.Helper()
	ref := assembly.Ref{Name: claimName, Owner: drivertest.Owner}
	id, err := claimcertificate.New(c.aws).Create(c.ctx, ref, want)
	c.must(err)
	ref.ID, ref.Outputs = id.ID, id.Outputs
	return ref
}

// applied does what the engine does with one part: read in full, compare, and create or update.
func applied(
	ctx context.Context,
	clients *awsapi.Clients,
	ref assembly.Ref,
	want spec.ClaimCertificate,
) (fields []string, next assembly.Ref, err error) {
	d := claimcertificate.New(clients)
	have, err := d.Observe(ctx, ref.InFull())
	if err != nil {
		return nil, ref, err
	}
	var id assembly.Identity
	if have == nil {
		ref.ID, ref.Outputs = "", nil
		id, err = d.Create(ctx, ref, want)
	} else {
		id = have.Identity
		changes := d.Diff(have.Spec, want)
		for _, c := range changes {
			fields = append(fields, c.Field)
		}
		if len(changes) > 0 {
			ref.ID, ref.Outputs = have.ID, have.Outputs
			id, err = d.Update(ctx, ref, have, want, changes)
		}
	}
	if id.ID != "" {
		ref.ID, ref.Outputs = id.ID, id.Outputs
	}
	return fields, ref, err
}

func (c *claims) apply(ref assembly.Ref, want spec.ClaimCertificate) ([]string, assembly.Ref) {
	c.t.Helper()
	fields, next, err := applied(c.ctx, c.aws, ref, want)
	c.must(err)
	return fields, next
}

// text is the content of a store; empty when there is nothing.
func (c *claims) text(kind string) string {
	c.t.Helper()
	if kind == credstore.SecretsManager {
		out, err := c.aws.SecretsManager().
			GetSecretValue(c.ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(claimName)})
		if awsapi.IsNotFound(err) {
			return ""
		}
		c.must(err)
		return aws.ToString(out.SecretString)
	}
	out, err := c.aws.SSM().
		GetParameter(c.ctx, &ssm.GetParameterInput{Name: aws.String(claimName), WithDecryption: aws.Bool(true)})
	if awsapi.IsNotFound(err) {
		return ""
	}
	c.must(err)
	if out.Parameter.Type != ssmtypes.ParameterTypeSecureString {
		c.t.Errorf("the bundle is a %s", out.Parameter.Type)
	}
	return aws.ToString(out.Parameter.Value)
}

// whole checks that there is one certificate, as wanted, and one bundle with its key.
func (c *claims) whole(ref assembly.Ref, want spec.ClaimCertificate) contract.ClaimBundle {
	c.t.Helper()
	out, err := c.aws.IoT().ListCertificates(c.ctx, &iot.ListCertificatesInput{})
	c.must(err)
	if len(out.Certificates) != 1 || aws.ToString(out.Certificates[0].CertificateId) != ref.ID ||
		out.Certificates[0].Status != types.CertificateStatusActive {
		c.t.Fatalf("certificates %+v; want %s, active", out.Certificates, ref.ID)
	}
	policies, err := c.aws.IoT().
		ListAttachedPolicies(c.ctx, &iot.ListAttachedPoliciesInput{Target: out.Certificates[0].CertificateArn})
	c.must(err)
	if len(policies.Policies) != 1 || aws.ToString(policies.Policies[0].PolicyName) != want.Policy {
		c.t.Errorf("policies %+v, want %q", policies.Policies, want.Policy)
	}
	kind, other := want.Store.Kind, credstore.SecretsManager
	if kind == credstore.SecretsManager {
		other = credstore.ParameterStore
	}
	if c.text(other) != "" {
		c.t.Errorf("a bundle is left in %s", other)
	}
	b := wholeBundle(c.t, c.text(kind), want)
	if b.CertificateID != ref.ID || b.CertificateARN != aws.ToString(out.Certificates[0].CertificateArn) {
		c.t.Errorf("the bundle is of certificate %s", b.CertificateID)
	}
	return b
}

// wholeBundle checks that a text is a finished bundle as wanted, with the key of its certificate.
func wholeBundle(t *testing.T, text string, want spec.ClaimCertificate) contract.ClaimBundle {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatalf("the bundle is not JSON: %v", err)
	}
	if diff := cmp.Diff(
		[]string{"certificate_arn", "certificate_id", "certificate_pem", "endpoint", "private_key", "template"},
		slices.Sorted(maps.Keys(members)),
	); diff != "" {
		t.Errorf("members of the bundle (-want +got):\n%s", diff)
	}
	var b contract.ClaimBundle
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	certificate := pemtest.Certificate(t, b.CertificatePEM)
	if !pemtest.Key(t, b.PrivateKey).PublicKey.Equal(certificate.PublicKey) {
		t.Error("the key is not the certificate's")
	}
	if name := fmt.Sprintf("%s-%d", want.Subject, want.Version); certificate.Subject.CommonName != name ||
		!slices.Contains(certificate.Subject.OrganizationalUnit, drivertest.Owner) {
		t.Errorf("subject %s, want %s", certificate.Subject, name)
	}
	if b.Endpoint != want.Endpoint || b.Template != want.Template {
		t.Errorf("endpoint %q, template %q", b.Endpoint, b.Template)
	}
	return b
}
