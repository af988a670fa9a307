package fleet_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/claimcertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// A certificate whose creation was not answered is ACTIVE, attached to nothing and without a policy. The next run finds
// it by its subject, because the thing says that a creation began. What anybody uses stays.
func TestSweepRemovesWhatWasLost(t *testing.T) {
	a := newAccount(t)
	create := func(owner string, active bool) (id, arn string) {
		t.Helper()
		_, csr, err := certs.NewPair(certs.DeviceSubject("soil-001", owner))
		a.must(err)
		out, err := a.aws.IoT().CreateCertificateFromCsr(a.ctx, &iot.CreateCertificateFromCsrInput{
			CertificateSigningRequest: &csr, SetAsActive: active,
		})
		a.must(err)
		return aws.ToString(out.CertificateId), aws.ToString(out.CertificateArn)
	}
	lost, _ := create(owner, true)
	older, _ := create(owner, false)
	others, _ := create("another-token", true)
	attached, attachedARN := create(owner, true)
	_, err := a.aws.IoT().CreateThing(a.ctx, &iot.CreateThingInput{ThingName: aws.String("lamp")})
	a.must(err)
	_, err = a.aws.IoT().AttachThingPrincipal(a.ctx, &iot.AttachThingPrincipalInput{
		ThingName: aws.String("lamp"), Principal: &attachedARN,
	})
	a.must(err)
	allowed, allowedARN := create(owner, true)
	_, err = a.aws.IoT().CreatePolicy(a.ctx, &iot.CreatePolicyInput{
		PolicyName: aws.String("mine"), PolicyDocument: aws.String("{}"),
	})
	a.must(err)
	_, err = a.aws.IoT().AttachPolicy(a.ctx, &iot.AttachPolicyInput{PolicyName: aws.String("mine"), Target: &allowedARN})
	a.must(err)
	_, err = a.aws.IoT().CreateThing(a.ctx, &iot.CreateThingInput{
		ThingName: aws.String("soil-001"), ThingTypeName: aws.String("greenhouse"),
		AttributePayload: &types.AttributePayload{Attributes: map[string]string{
			contract.OwnerAttribute:       owner,
			contract.CertificateAttribute: "@" + strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10),
		}},
	})
	a.must(err)

	a.apply(newRef(), greenhouse(map[string]spec.Device{"soil-001": {}}), nil)
	left := a.certificates()
	for id, why := range map[string]string{
		lost: "its creation was not answered", older: "an earlier version created it INACTIVE",
	} {
		if _, kept := left[id]; kept {
			t.Errorf("the certificate is left although nothing uses it: %s", why)
		}
	}
	for id, why := range map[string]string{
		others: "it is another pipeline's", attached: "a thing has it", allowed: "somebody gave it a policy",
	} {
		if left[id] != types.CertificateStatusActive {
			t.Errorf("the certificate is %q, and %s", left[id], why)
		}
	}
}

// The sweep removes INACTIVE certificates of ours that are attached to nothing; a claim certificate is not one of them.
func TestSweepLeavesClaimCertificates(t *testing.T) {
	a := newAccount(t)
	policy := "greenhouse-claim"
	_, err := a.aws.IoT().CreatePolicy(a.ctx, &iot.CreatePolicyInput{
		PolicyName: &policy, PolicyDocument: aws.String("{}"),
	})
	a.must(err)
	const name = "/iot-pipeline/greenhouse/devices-claim"
	claim := spec.ClaimCertificate{
		Subject: "greenhouse-claim", Version: 1, Policy: policy, Template: "greenhouse",
		Store: spec.CredentialsStore{Kind: credstore.ParameterStore, Path: name},
	}
	id, err := claimcertificate.New(a.aws).Create(a.ctx, assembly.Ref{Name: name, Owner: owner}, claim)
	a.must(err)
	_, err = a.aws.IoT().UpdateCertificate(a.ctx, &iot.UpdateCertificateInput{
		CertificateId: &id.ID, NewStatus: types.CertificateStatusInactive,
	})
	a.must(err)
	// A device without a mark makes a run look for lost certificates.
	_, err = a.aws.IoT().CreateThing(a.ctx, &iot.CreateThingInput{
		ThingName: aws.String("soil-001"), ThingTypeName: aws.String("greenhouse"),
		AttributePayload: &types.AttributePayload{Attributes: map[string]string{contract.OwnerAttribute: owner}},
	})
	a.must(err)
	csr, _ := pemtest.Request(t, "soil-001")
	_, fleetRef := a.apply(newRef(), greenhouse(map[string]spec.Device{"soil-001": {CSRPEM: csr}}), nil)
	if _, kept := a.certificates()[id.ID]; !kept {
		t.Error("the apply has removed the claim certificate")
	}
	a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, fleetRef))
	if _, kept := a.certificates()[id.ID]; !kept {
		t.Error("the destroy has removed the claim certificate")
	}
}
