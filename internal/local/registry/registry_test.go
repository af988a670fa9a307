package registry

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const document = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}"},
 {"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:us-east-1:123456789012:topic/gh/${iot:Connection.Thing.ThingName}/${iot:Connection.Thing.Attributes[bay]}"}]}`

// fleet makes one thing in a group that holds the policy, and returns its certificate.
func fleet(t *testing.T, c *iot.Client) *x509.Certificate {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	group, err := c.CreateThingGroup(ctx, &iot.CreateThingGroupInput{ThingGroupName: aws.String("gh")})
	must(err)
	_, err = c.CreatePolicy(ctx,
		&iot.CreatePolicyInput{PolicyName: aws.String("gh"), PolicyDocument: aws.String(document)})
	must(err)
	_, err = c.AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: aws.String("gh"), Target: group.ThingGroupArn})
	must(err)
	_, err = c.CreateThing(ctx, &iot.CreateThingInput{ThingName: aws.String("soil-001"),
		AttributePayload: &types.AttributePayload{Attributes: map[string]string{"bay": "1"}}})
	must(err)
	_, err = c.AddThingToThingGroup(ctx,
		&iot.AddThingToThingGroupInput{ThingName: aws.String("soil-001"), ThingGroupName: aws.String("gh")})
	must(err)
	keys, err := c.CreateKeysAndCertificate(ctx, &iot.CreateKeysAndCertificateInput{SetAsActive: true})
	must(err)
	_, err = c.AttachThingPrincipal(ctx,
		&iot.AttachThingPrincipalInput{ThingName: aws.String("soil-001"), Principal: keys.CertificateArn})
	must(err)
	block, _ := pem.Decode([]byte(*keys.CertificatePem))
	certificate, err := x509.ParseCertificate(block.Bytes)
	must(err)
	return certificate
}

func TestAuthorizeFollowsTheThingsGroup(t *testing.T) {
	client := iot.NewFromConfig(mototest.Start(t).Config(t))
	certificate := fleet(t, client)
	r := New(client)

	grant, err := r.Authorize(t.Context(), certificate, "soil-001", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if grant.Thing != "soil-001" || !grant.Allows(policy.Connect, "client/soil-001") ||
		!grant.Allows(policy.Publish, "topic/gh/soil-001/1") {
		t.Errorf("the device may not do what its group's policy allows: %+v", grant)
	}
	if grant.Allows(policy.Publish, "topic/gh/soil-002/1") {
		t.Error("the device may publish as another")
	}

	other, err := r.Authorize(t.Context(), certificate, "soil-002", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if other.Thing != "" || other.Allows(policy.Connect, "client/soil-002") {
		t.Error("the certificate connects under a name to which it is not attached")
	}
}

// A certificate that is attached to one thing and to nothing else tells the thing whatever the client ID is
// ["Associating an AWS IoT thing to an MQTT client connection"].
func TestAnExclusiveThingNeedsNoClientID(t *testing.T) {
	client := iot.NewFromConfig(mototest.Start(t).Config(t))
	certificate := fleet(t, client)
	principal, err := New(client).Active(t.Context(), certificate)
	if err != nil {
		t.Fatal(err)
	}
	thing := func(clientID string) string {
		grant, err := New(client).Authorize(t.Context(), certificate, clientID, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if allowed := grant.Allows(policy.Publish, "topic/gh/soil-001/1"); allowed != (grant.Thing != "") {
			t.Errorf("as %q, the thing is %q and it may publish: %v", clientID, grant.Thing, allowed)
		}
		return grant.Thing
	}
	if got := thing("soil-001#edge"); got != "" {
		t.Errorf("a certificate that may belong to others makes the client %q", got)
	}
	_, err = client.AttachThingPrincipal(t.Context(), &iot.AttachThingPrincipalInput{ThingName: aws.String("soil-001"),
		Principal: &principal, ThingPrincipalType: types.ThingPrincipalTypeExclusiveThing})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"soil-001", "soil-001#edge", "soil-002"} {
		if got := thing(id); got != "soil-001" {
			t.Errorf("as %q, the thing is %q", id, got)
		}
	}
}

func TestAuthorizeSeesAChangedCertificateAtOnce(t *testing.T) {
	client := iot.NewFromConfig(mototest.Start(t).Config(t))
	certificate := fleet(t, client)
	r := New(client)
	id := Fingerprint(certificate)
	if _, err := client.UpdateCertificate(t.Context(),
		&iot.UpdateCertificateInput{CertificateId: &id, NewStatus: types.CertificateStatusInactive}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Authorize(t.Context(), certificate, "soil-001", "127.0.0.1"); err == nil ||
		!strings.Contains(err.Error(), "INACTIVE") {
		t.Errorf("an inactive certificate: got error %v", err)
	}
	unknown := &x509.Certificate{Raw: []byte("registered nowhere")}
	if _, err := r.Active(t.Context(), unknown); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("an unknown certificate: got error %v", err)
	}
}
