package fleet_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/claimcertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

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
