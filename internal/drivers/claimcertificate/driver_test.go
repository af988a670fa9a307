package claimcertificate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
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

func TestClaimLife(t *testing.T) {
	for _, kind := range []string{credstore.ParameterStore, credstore.SecretsManager} {
		t.Run(kind, func(t *testing.T) {
			c := newClaims(t)
			certificate := func() *string {
				out, err := c.aws.IoT().ListCertificates(c.ctx, &iot.ListCertificatesInput{})
				c.must(err)
				return out.Certificates[0].CertificateId
			}
			target := func() *string {
				return aws.String("arn:aws:iot:us-east-1:123456789012:cert/" + *certificate())
			}
			rewritten, elsewhere, back := []string{
				"PutParameter",
			}, []string{
				"CreateSecret",
				"DeleteParameters",
			}, []string{
				"DeleteSecret",
				"PutParameter",
			}
			other, retagged := credstore.SecretsManager, []string{"AddTagsToResource", "RemoveTagsFromResource"}
			tagByHand := func(ctx context.Context) error {
				_, err := c.aws.SSM().
					AddTagsToResource(ctx,
						&ssm.AddTagsToResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter,
							ResourceId: aws.String(claimName),
							Tags: []ssmtypes.Tag{
								{Key: aws.String("stage"), Value: aws.String("x")},
								{Key: aws.String("extra"), Value: aws.String("y")},
							}})
				return err
			}
			if kind == credstore.SecretsManager {
				rewritten, elsewhere, back, other, retagged = []string{
					"UpdateSecret",
				}, back, elsewhere, credstore.ParameterStore, []string{
					"TagResource",
					"UntagResource",
				}
				tagByHand = nil // the same code reads both
			}
			d := claimcertificate.New(c.aws)
			steps := []drivertest.Step[spec.ClaimCertificate]{
				{Why: "deactivated by hand", Fields: []string{"enabled"}, Writes: []string{"UpdateCertificate"},
					Drift: func(ctx context.Context) error {
						_, err := c.aws.IoT().
							UpdateCertificate(ctx,
								&iot.UpdateCertificateInput{CertificateId: certificate(),
									NewStatus: types.CertificateStatusInactive})
						return err
					}},
				{Why: "the policy detached by hand", Fields: []string{"policy"}, Writes: []string{"AttachPolicy"},
					Drift: func(ctx context.Context) error {
						_, err := c.aws.IoT().
							DetachPolicy(ctx, &iot.DetachPolicyInput{PolicyName: aws.String("greenhouse-claim"),
								Target: target()})
						return err
					}},
				{Why: "another policy beside ours is not ours to take off",
					Drift: func(ctx context.Context) error {
						_, err := c.aws.IoT().
							AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: aws.String("other"), Target: target()})
						return err
					}},
				{
					Why:    "another policy wanted",
					Fields: []string{"policy"},
					Writes: []string{"AttachPolicy", "DetachPolicy"},
					Want:   drivertest.Changing(func(s *spec.ClaimCertificate) { s.Policy = "other" }),
				},
				{
					Why:    "another endpoint and template wanted",
					Fields: []string{"endpoint", "template"},
					Writes: rewritten,
					Want: drivertest.Changing(func(s *spec.ClaimCertificate) {
						s.Endpoint, s.Template = "other-ats.iot.us-east-1.amazonaws.com", "greenhouse-2"
					}),
				},
				{Why: "tags wanted otherwise", Fields: []string{"tags"}, Writes: retagged,
					Want: drivertest.Changing(
						func(s *spec.ClaimCertificate) { s.Tags = map[string]string{"stage": "test"} },
					)},
				{Why: "another key of encryption wanted", Fields: []string{"credentials.kms_key_id"}, Writes: rewritten,
					Want: drivertest.Changing(
						func(s *spec.ClaimCertificate) { s.Store.KMSKeyID = "alias/greenhouse" },
					)},
				{Why: "the other store wanted", Fields: []string{"credentials.store"}, Writes: elsewhere,
					Want: drivertest.Changing(func(s *spec.ClaimCertificate) { s.Store.Kind = other })},
				{Why: "and the first one again", Fields: []string{"credentials.store"}, Writes: back,
					Want: drivertest.Changing(func(s *spec.ClaimCertificate) { s.Store.Kind = kind })},
			}
			if tagByHand != nil {
				steps = slices.Insert(steps, 6, drivertest.Step[spec.ClaimCertificate]{
					Why:    "tags changed by hand",
					Fields: []string{"tags"},
					Writes: retagged,
					Drift:  tagByHand,
				})
			}
			drivertest.Life[spec.ClaimCertificate]{
				Clients: c.aws, Driver: d, Name: claimName, Full: claim(kind), Reads: 2, Steps: steps,
				Foreign: func(ctx context.Context) error {
					if kind == credstore.SecretsManager {
						_, err := c.aws.SecretsManager().
							CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(claimName),
								SecretString: aws.String("x")})
						return err
					}
					_, err := c.aws.SSM().
						PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(claimName), Value: aws.String("x"),
							Type: ssmtypes.ParameterTypeSecureString})
					return err
				},
			}.Run(t)
			if got := c.text(kind); got != "x" {
				t.Errorf("somebody else's bundle was changed to %q", got)
			}
		})
	}
}

func TestClaimIsMadeWhole(t *testing.T) {
	for _, kind := range []string{credstore.ParameterStore, credstore.SecretsManager} {
		t.Run(kind, func(t *testing.T) {
			c := newClaims(t)
			ref := c.made(claim(kind))
			c.whole(ref, claim(kind))
			arn := "arn:aws:ssm:us-east-1:123456789012:parameter" + claimName
			if got := ref.Outputs["credentials"]; kind == credstore.ParameterStore && got != arn ||
				!strings.Contains(got, claimName) {
				t.Errorf("the record names the bundle %q", got)
			}
			if got := fmt.Sprintf("%v %+v %#v", c.whole(ref, claim(kind)), c.whole(ref, claim(kind)),
				c.whole(ref, claim(kind)).ClaimPair); strings.Contains(
				got,
				"PRIVATE",
			) {
				t.Errorf("the key is printed: %s", got)
			}
		})
	}
}

// What makes another pair due, and leaves one certificate and one bundle anyway.
func TestClaimIsRenewed(t *testing.T) {
	deactivate := func(c *claims, id string) {
		_, err := c.aws.IoT().
			UpdateCertificate(c.ctx, &iot.UpdateCertificateInput{CertificateId: &id,
				NewStatus: types.CertificateStatusInactive})
		c.must(err)
	}
	put := func(c *claims, text string) {
		_, err := c.aws.SSM().
			PutParameter(c.ctx, &ssm.PutParameterInput{Name: aws.String(claimName), Value: &text,
				Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true)})
		c.must(err)
	}
	deleteBundle := func(c *claims) {
		_, err := c.aws.SSM().DeleteParameter(c.ctx, &ssm.DeleteParameterInput{Name: aws.String(claimName)})
		c.must(err)
	}
	for _, tc := range []struct {
		why     string
		damage  func(c *claims, ref assembly.Ref)
		change  func(*spec.ClaimCertificate)
		fields  []string
		shallow []string // what a refresh sees of it
		same    bool     // the key stays
	}{
		{why: "another version", change: func(s *spec.ClaimCertificate) { s.Version = 2 }, fields: []string{"version"},
			shallow: []string{"version"}},
		{why: "another version in another store", change: func(s *spec.ClaimCertificate) {
			s.Version, s.Store.Kind = 7,
				credstore.SecretsManager
		},
			fields: []string{"credentials.store", "version"}, shallow: []string{"credentials.store", "version"}},
		{why: "the bundle is gone, and the key with it", damage: func(c *claims, _ assembly.Ref) { deleteBundle(c) },
			fields: []string{"certificate"}, shallow: []string{"certificate"}},
		{why: "the bundle is gone, and another store is wanted",
			damage:  func(c *claims, _ assembly.Ref) { deleteBundle(c) },
			change:  func(s *spec.ClaimCertificate) { s.Store.Kind = credstore.SecretsManager },
			fields:  []string{"credentials.store", "certificate"},
			shallow: []string{"credentials.store", "certificate"}},
		{why: "the bundle holds something else", damage: func(c *claims, _ assembly.Ref) { put(c, "no bundle") },
			fields: []string{"certificate"}},
		{why: "the bundle holds something else, and another store is wanted",
			damage: func(c *claims, _ assembly.Ref) { put(c, "no bundle") },
			change: func(s *spec.ClaimCertificate) { s.Store.Kind = credstore.SecretsManager },
			fields: []string{"credentials.store", "certificate"}, shallow: []string{"credentials.store"}},
		{why: "the bundle holds another key", damage: func(c *claims, _ assembly.Ref) {
			var b, other contract.ClaimBundle
			c.must(json.Unmarshal([]byte(c.text(credstore.ParameterStore)), &b))
			another := newClaims(c.t)
			another.made(claim(credstore.ParameterStore))
			c.must(json.Unmarshal([]byte(another.text(credstore.ParameterStore)), &other))
			b.PrivateKey = other.PrivateKey
			text, err := json.Marshal(b)
			c.must(err)
			put(c, string(text))
		}, fields: []string{"certificate"}},
		{why: "the certificate is gone", damage: func(c *claims, ref assembly.Ref) {
			deactivate(c, ref.ID)
			_, err := c.aws.IoT().DetachPolicy(c.ctx,
				&iot.DetachPolicyInput{PolicyName: aws.String("greenhouse-claim"),
					Target: aws.String("arn:aws:iot:us-east-1:123456789012:cert/" + ref.ID)})
			c.must(err)
			_, err = c.aws.IoT().DeleteCertificate(c.ctx,
				&iot.DeleteCertificateInput{CertificateId: &ref.ID, ForceDelete: true})
			c.must(err)
		}, fields: []string{"certificate"}, shallow: []string{"certificate"}},
		{why: "a run ended before it had removed what it replaced", damage: func(c *claims, ref assembly.Ref) {
			csr, _ := pemtest.Request(c.t, "old")
			old, err := c.aws.IoT().CreateCertificateFromCsr(c.ctx,
				&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr, SetAsActive: true})
			c.must(err)
			_, err = c.aws.IoT().AttachPolicy(c.ctx,
				&iot.AttachPolicyInput{PolicyName: aws.String("greenhouse-claim"), Target: old.CertificateArn})
			c.must(err)
			put(c, strings.Replace(c.text(credstore.ParameterStore), "{", `{"retired":["`+*old.CertificateId+`"],`, 1))
		}, fields: []string{"retired"}, same: true},
		{why: "a pair of a version that nobody wants any more", damage: func(c *claims, ref assembly.Ref) {
			c.server.Fail(c.t, mototest.Fault{Service: "iot", Operation: "AttachPolicy", Code: "LimitExceededException",
				Message: "no", Times: 1})
			want := claim(credstore.ParameterStore)
			want.Version = 2
			if _, _, err := applied(c.ctx, c.aws, ref, want); !awsapi.Is(err, "LimitExceededException") {
				c.t.Errorf("%v", err)
			}
		}, fields: []string{"retired"}, same: true},
		{why: "another version after one that was not finished", damage: func(c *claims, ref assembly.Ref) {
			c.server.Fail(c.t, mototest.Fault{Service: "iot", Operation: "CreateCertificateFromCsr",
				Code: "LimitExceededException", Message: "no", Times: 1})
			want := claim(credstore.ParameterStore)
			want.Version = 2
			if _, _, err := applied(c.ctx, c.aws, ref, want); !awsapi.Is(err, "LimitExceededException") {
				c.t.Errorf("%v", err)
			}
		}, change: func(s *spec.ClaimCertificate) { s.Version = 3 }, fields: []string{"version"},
			shallow: []string{"version"}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			c := newClaims(t)
			want := claim(credstore.ParameterStore)
			ref := c.made(want)
			before := c.whole(ref, want)
			if tc.damage != nil {
				tc.damage(c, ref)
			}
			if tc.change != nil {
				tc.change(&want)
			}
			d := claimcertificate.New(c.aws)
			refreshed, err := d.Observe(c.ctx, ref)
			c.must(err)
			var shallow []string
			for _, change := range d.Diff(refreshed.Spec, want) {
				shallow = append(shallow, change.Field)
			}
			if diff := cmp.Diff(tc.shallow, shallow); diff != "" {
				t.Errorf("a refresh sees (-want +got):\n%s", diff)
			}
			fields, next := c.apply(ref, want)
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Errorf("an apply sees (-want +got):\n%s", diff)
			}
			after := c.whole(next, want)
			if same := before.PrivateKey == after.PrivateKey && ref.ID == next.ID; same != tc.same {
				t.Errorf("the pair stayed: %t", same)
			}
			if fields, again := c.apply(next, want); fields != nil || again.ID != next.ID {
				t.Errorf("a second apply changes %v", fields)
			}
			c.must(claimcertificate.New(c.aws).Delete(c.ctx, next))
			c.empty()
		})
	}
}

// empty checks that nothing but the policies is left.
func (c *claims) empty() {
	c.t.Helper()
	out, err := c.aws.IoT().ListCertificates(c.ctx, &iot.ListCertificatesInput{})
	c.must(err)
	if n := len(out.Certificates); n > 0 || c.text(credstore.ParameterStore) != "" ||
		c.text(credstore.SecretsManager) != "" {
		c.t.Errorf("left: %d certificates, or a bundle", n)
	}
	targets, err := c.aws.IoT().
		ListTargetsForPolicy(c.ctx, &iot.ListTargetsForPolicyInput{PolicyName: aws.String("greenhouse-claim")})
	c.must(err)
	if len(targets.Targets) > 0 {
		c.t.Errorf("the policy is still attached to %v", targets.Targets)
	}
}

func TestClaimIsFoundWithoutARecord(t *testing.T) {
	for _, kind := range []string{credstore.ParameterStore, credstore.SecretsManager} {
		t.Run(kind, func(t *testing.T) {
			c := newClaims(t)
			want := claim(kind)
			ref := c.made(want)
			unrecorded := assembly.Ref{Name: claimName, Owner: drivertest.Owner}
			d := claimcertificate.New(c.aws)
			have, err := d.Observe(c.ctx, unrecorded)
			c.must(err)
			if changes := d.Diff(have.Spec, want); len(changes) > 0 {
				t.Errorf("changes after an import: %v", changes)
			}
			if diff := cmp.Diff(assembly.Identity{ID: ref.ID, ARN: have.ARN, Outputs: ref.Outputs},
				have.Identity); diff != "" ||
				have.ARN == "" {
				t.Errorf("identity (-made +imported):\n%s", diff)
			}
			c.must(d.Delete(c.ctx, unrecorded))
			c.empty()
		})
	}
}

// Who uses one kind of store only may have no permission for the other.
func TestClaimNeedsOneKindOfStoreOnly(t *testing.T) {
	for kind, denied := range map[string][]string{
		credstore.ParameterStore: {"secretsmanager:DescribeSecret"},
		credstore.SecretsManager: {"ssm:ListTagsForResource"},
	} {
		t.Run(kind, func(t *testing.T) {
			c := newClaims(t)
			for _, call := range denied {
				service, operation, _ := strings.Cut(call, ":")
				c.server.Fail(t, mototest.Fault{
					Service:   service,
					Operation: operation,
					Code:      "AccessDeniedException",
					Message:   "not authorized",
					Times:     1000,
				})
			}
			want := claim(kind)
			fields, ref := c.apply(assembly.Ref{Name: claimName, Owner: drivertest.Owner}, want)
			if fields != nil {
				t.Errorf("changes before anything was there: %v", fields)
			}
			if fields, _ := c.apply(ref, want); fields != nil {
				t.Errorf("changes: %v", fields)
			}
			c.must(claimcertificate.New(c.aws).Delete(c.ctx, ref))
		})
	}
	c := newClaims(t)
	for _, fault := range []mototest.Fault{{Service: "secretsmanager", Operation: "DescribeSecret"},
		{Service: "ssm", Operation: "ListTagsForResource"}} {
		fault.Code, fault.Message, fault.Times = "AccessDeniedException", "not authorized", 1000
		c.server.Fail(t, fault)
	}
	if have, err := claimcertificate.New(c.aws).
		Observe(c.ctx, assembly.Ref{Name: claimName, Owner: drivertest.Owner}); have != nil ||
		!awsapi.Is(err, "AccessDeniedException") {
		t.Errorf("with neither allowed: %+v, %v", have, err)
	}
}

func TestClaimBundleOfAnotherPipelineIsNeitherReadNorTouched(t *testing.T) {
	c := newClaims(t)
	want := claim(credstore.ParameterStore)
	theirs := c.made(want)
	text := c.text(credstore.ParameterStore)
	d := claimcertificate.New(c.aws)
	ref := assembly.Ref{Name: claimName, Owner: drivertest.Other}
	before := c.aws.Requests()
	id, err := d.Create(c.ctx, ref, want)
	var foreign *assembly.ForeignError
	if !errors.As(err, &foreign) || foreign.Owner != drivertest.Owner || id.ID != "" {
		t.Errorf("%+v, %v; want a refusal that names the owner", id, err)
	}
	c.must(d.Delete(c.ctx, ref))
	if reads := c.aws.Requests()["ssm:GetParameters"] - before["ssm:GetParameters"]; reads > 0 ||
		c.text(credstore.ParameterStore) != text {
		t.Errorf("somebody else's bundle was read %d times, or changed", reads)
	}

	// The name is taken between the look and the write.
	c.server.Fail(t, mototest.Fault{
		Service:   "ssm",
		Operation: "ListTagsForResource",
		Code:      "InvalidResourceId",
		Message:   "gone",
		Times:     1,
	})
	id, err = d.Create(c.ctx, ref, want)
	if !errors.As(err, &foreign) || foreign.Owner != drivertest.Owner || id.ID != "" {
		t.Errorf("%+v, %v; want a refusal that names the owner", id, err)
	}
	c.whole(theirs, want)

	// Ours has a certificate, and its bundle is somebody else's by now: our certificate goes, their bundle stays.
	stolen := assembly.Ref{Name: claimName, Owner: drivertest.Owner, ID: theirs.ID, Outputs: theirs.Outputs}
	_, err = c.aws.SSM().
		AddTagsToResource(c.ctx, &ssm.AddTagsToResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter,
			ResourceId: aws.String(claimName),
			Tags:       []ssmtypes.Tag{{Key: aws.String(spec.OwnerTag), Value: aws.String(drivertest.Other)}}})
	c.must(err)
	fields, _, err := applied(c.ctx, c.aws, stolen, want)
	if !errors.As(err, &foreign) || !cmp.Equal(fields, []string{"certificate"}) {
		t.Errorf("changes %v, %v", fields, err)
	}
	c.must(d.Delete(c.ctx, stolen))
	out, err := c.aws.IoT().ListCertificates(c.ctx, &iot.ListCertificatesInput{})
	c.must(err)
	if len(out.Certificates) != 0 || c.text(credstore.ParameterStore) != text {
		t.Errorf("%d certificates are left, or their bundle has changed", len(out.Certificates))
	}
}

// A secret whose deletion somebody has scheduled cannot be read, and keeps its name for weeks.
func TestClaimSecretThatIsBeingDeleted(t *testing.T) {
	c := newClaims(t)
	want := claim(credstore.SecretsManager)
	ref := c.made(want)
	schedule := func() {
		_, err := c.aws.SecretsManager().
			DeleteSecret(c.ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(claimName),
				RecoveryWindowInDays: aws.Int64(30)})
		c.must(err)
	}
	schedule()
	fields, next := c.apply(ref, want)
	if diff := cmp.Diff([]string{"certificate"}, fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.whole(next, want)
	schedule()
	c.must(claimcertificate.New(c.aws).Delete(c.ctx, next))
	c.empty()
}

// A bundle that cannot be decrypted may name certificates that nothing else does.
func TestClaimDeletionNeedsTheBundle(t *testing.T) {
	c := newClaims(t)
	want := claim(credstore.ParameterStore)
	ref := c.made(want)
	c.server.Fail(t, mototest.Fault{
		Service:   "ssm",
		Operation: "GetParameters",
		Code:      "InvalidKeyId",
		Message:   "the key is disabled",
		Times:     1,
	})
	if err := claimcertificate.New(c.aws).Delete(c.ctx, ref); !awsapi.Is(err, "InvalidKeyId") {
		t.Errorf("%v", err)
	}
	out, err := c.aws.IoT().ListCertificates(c.ctx, &iot.ListCertificatesInput{})
	c.must(err)
	if len(out.Certificates) > 0 || c.text(credstore.ParameterStore) == "" {
		t.Errorf("%d certificates are left, or the bundle is gone", len(out.Certificates))
	}
	c.must(claimcertificate.New(c.aws).Delete(c.ctx, ref))
	c.empty()
}

// What has the bundle's name in the kind of store that is not wanted is nobody's business.
func TestClaimHasNothingToDoWithTheOtherStore(t *testing.T) {
	c := newClaims(t)
	want := claim(credstore.ParameterStore)
	_, err := c.aws.SecretsManager().
		CreateSecret(c.ctx, &secretsmanager.CreateSecretInput{Name: aws.String(claimName),
			SecretString: aws.String("theirs")})
	c.must(err)
	ref := c.made(want)
	_, err = c.aws.SSM().DeleteParameter(c.ctx, &ssm.DeleteParameterInput{Name: aws.String(claimName)})
	c.must(err)
	fields, ref := c.apply(ref, want)
	if diff := cmp.Diff([]string{"certificate"}, fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wholeBundle(t, c.text(credstore.ParameterStore), want)
	c.must(claimcertificate.New(c.aws).Delete(c.ctx, ref))
	if got := c.text(credstore.SecretsManager); got != "theirs" || c.text(credstore.ParameterStore) != "" {
		t.Errorf("somebody else's secret is %q, or a bundle is left", got)
	}
}
