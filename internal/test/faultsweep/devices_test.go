package faultsweep

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// deviceProblems says what would keep a described device from connecting, or a disabled one from staying out,
// and which things and certificates are nobody's. A device may have so many earlier certificates that nobody has
// retired.
func (a *localAWS) deviceProblems(want pipeline.Spec, earlier int) (problems []string) {
	a.t.Helper()
	c := awsapi.New(a.server.Config(a.t), awsapi.Options{Unlimited: true})
	held := 0
	for name, device := range want.Devices {
		if contract.GatewayOf(name) != "" {
			problems = append(problems, a.behindGateway(c, name)...)
			continue
		}
		if device.Gateway != nil {
			problems = append(problems, a.wronglySettled(c, name, want)...)
		}
		has, err := a.usable(c, want, name, device.Enabled == nil || *device.Enabled)
		if err == nil && has > 1+earlier {
			err = fmt.Errorf("it has %d certificates, want %d at most", has, 1+earlier)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("device %q: %v", name, err))
		}
		held += has
	}
	things, err := things(a.t.Context(), c)
	if err != nil {
		a.t.Fatal(err)
	}
	certificates, err := certificates(a.t.Context(), c)
	if err != nil {
		a.t.Fatal(err)
	}
	claims := 0
	if want.Provisioning != nil && want.Provisioning.Claim != nil {
		claims = 1
		if err := a.claimable(c, want.Name); err != nil {
			problems = append(problems, fmt.Sprintf("claim certificate: %v", err))
		}
	}
	if len(things) != len(want.Devices) || len(certificates) != held+claims {
		problems = append(problems, fmt.Sprintf("%d things and %d certificates for %d devices that hold %d, and %d claim",
			len(things), len(certificates), len(want.Devices), held, claims))
	}
	return problems
}

// behindGateway checks that a thing has no principal, and is in the group that has the policy.
func (a *localAWS) behindGateway(c *awsapi.Clients, thing string) (problems []string) {
	ctx := a.t.Context()
	principals, err := c.IoT().ListThingPrincipals(ctx, &iot.ListThingPrincipalsInput{ThingName: &thing})
	if err != nil || len(principals.Principals) > 0 {
		return []string{fmt.Sprintf("device %q, which is behind a gateway, has principals: %v, %v", thing, principals, err)}
	}
	groups, err := c.IoT().ListThingGroupsForThing(ctx, &iot.ListThingGroupsForThingInput{ThingName: &thing})
	if err != nil || len(groups.ThingGroups) != 1 {
		return []string{fmt.Sprintf("device %q is in the groups %v, want one: %v", thing, groups, err)}
	}
	return nil
}

// wronglySettled checks that a gateway has the settings of its pipeline, and nothing else: in its shadow, or with
// Greengrass in the deployment and not in the shadow.
func (a *localAWS) wronglySettled(c *awsapi.Clients, gateway string, want pipeline.Spec) []string {
	out, err := c.IoTData().GetThingShadow(a.t.Context(), &iotdataplane.GetThingShadowInput{ThingName: &gateway,
		ShadowName: aws.String(contract.EdgeShadow)})
	var desired map[string]any
	if want.Edge.Greengrass != nil {
		if !awsapi.IsNotFound(err) {
			return []string{fmt.Sprintf("gateway %q has a shadow beside the deployment: %v", gateway, err)}
		}
		desired, err = a.deployed(c, want)
	} else if err == nil {
		var shadow struct {
			State struct{ Desired map[string]any }
		}
		err = json.Unmarshal(out.Payload, &shadow)
		desired = shadow.State.Desired
	}
	if err != nil {
		return []string{fmt.Sprintf("the settings of gateway %q: %v", gateway, err)}
	}
	settings := map[string]any{"version": desired["version"], "unmatched": *want.Edge.Unmatched}
	if want.API != nil {
		settings["command_results"] = true
	}
	if diff := cmp.Diff(settings, desired); diff != "" || settings["version"] == nil {
		return []string{"the settings of a gateway (-want +got):\n" + diff}
	}
	return nil
}

// deployed are the settings that the deployment of a pipeline brings.
func (a *localAWS) deployed(c *awsapi.Clients, want pipeline.Spec) (settings map[string]any, err error) {
	c = c.WithAccount(mototest.AccountID)
	list, err := c.Greengrass().ListDeployments(a.t.Context(), &greengrassv2.ListDeploymentsInput{
		TargetArn: aws.String(c.ARN("iot", "thinggroup/"+want.Name+"-gateways"))})
	if err != nil || len(list.Deployments) != 1 {
		return nil, fmt.Errorf("%+v, %w", list, err)
	}
	out, err := c.Greengrass().GetDeployment(a.t.Context(),
		&greengrassv2.GetDeploymentInput{DeploymentId: list.Deployments[0].DeploymentId})
	if err != nil {
		return nil, err
	}
	for _, component := range out.Components {
		var configuration struct{ Settings string }
		if err := json.Unmarshal([]byte(aws.ToString(component.ConfigurationUpdate.Merge)), &configuration); err != nil {
			return nil, err
		}
		return settings, json.Unmarshal([]byte(configuration.Settings), &settings)
	}
	return nil, errors.New("the deployment has no component")
}

// usable checks that the thing has the certificate that its bundle holds, with the key that belongs to it, and that each
// of its certificates is enabled or not as the device is. It returns how many it has.
func (a *localAWS) usable(c *awsapi.Clients, spec pipeline.Spec, thing string, enabled bool) (int, error) {
	ctx := a.t.Context()
	principals, err := c.IoT().ListThingPrincipals(ctx, &iot.ListThingPrincipalsInput{ThingName: &thing})
	if err != nil {
		return 0, err
	}
	want := iottypes.CertificateStatusActive
	if !enabled {
		want = iottypes.CertificateStatusInactive
	}
	attached := map[string]string{} // ID to PEM
	for _, principal := range principals.Principals {
		_, id, _ := strings.Cut(principal, ":cert/")
		described, err := c.IoT().DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: &id})
		if err != nil {
			return 0, err
		}
		if status := described.CertificateDescription.Status; status != want {
			return 0, fmt.Errorf("its certificate %s is %s, want %s", id, status, want)
		}
		attached[id] = aws.ToString(described.CertificateDescription.CertificatePem)
	}
	return len(attached), a.holds(c, spec, thing, attached)
}

// holds checks that the bundle of a thing has one of its certificates, with the key that belongs to it.
func (a *localAWS) holds(c *awsapi.Clients, spec pipeline.Spec, thing string, attached map[string]string) error {
	text, err := a.bundle(c, spec, thing)
	if err != nil {
		return fmt.Errorf("its credentials: %w", err)
	}
	var bundle contract.Bundle
	if err := json.Unmarshal([]byte(text), &bundle); err != nil {
		return fmt.Errorf("its credentials: %w", err)
	}
	if _, err := tls.X509KeyPair([]byte(bundle.CertificatePEM), []byte(bundle.PrivateKey)); err != nil {
		return fmt.Errorf("its credentials: %w", err)
	}
	if attached[bundle.CertificateID] != bundle.CertificatePEM {
		return fmt.Errorf("its credentials hold certificate %s, attached are %v", bundle.CertificateID,
			slices.Sorted(maps.Keys(attached)))
	}
	return nil
}

// retire removes the earlier certificates of all devices, as an operator does after a rotation.
func (a *localAWS) retire(want pipeline.Spec) error {
	r, ref := a.run(want, token), assembly.Ref{Name: want.Name, Owner: token}
	selected, err := r.fleet.SelectRotatable(a.t.Context(), ref, nil)
	if err != nil {
		return err
	}
	return r.fleet.Retire(a.t.Context(), ref, selected, nil)
}

// bundle is the text of a device's bundle: an object in the pipeline's bucket if it has one, else a parameter.
func (a *localAWS) bundle(c *awsapi.Clients, spec pipeline.Spec, thing string) (string, error) {
	name := contract.DefaultCredentialsPath(spec.Name) + "/" + thing
	if spec.Credentials != nil && aws.ToString(spec.Credentials.Store) == contract.CredentialsInBucket {
		bucket := fmt.Sprintf("%s-%s-%s-credentials", spec.Name, mototest.AccountID, c.Region())
		return credstore.ReadObject(a.t.Context(), c, bucket, name)
	}
	parameter, err := c.SSM().GetParameter(a.t.Context(),
		&ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	return aws.ToString(parameter.Parameter.Value), nil
}

// claimable checks that the bundle of the claim certificate holds one that is active, with its key, that it may what
// the claim policy says and nothing else, and that no other one is on its way in or out.
func (a *localAWS) claimable(c *awsapi.Clients, pipeline string) error {
	ctx := a.t.Context()
	parameter, err := c.SSM().
		GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/iot-pipeline/" + pipeline + "/devices-claim"),
			WithDecryption: aws.Bool(true)})
	if err != nil {
		return err
	}
	var bundle contract.ClaimBundle
	if err := json.Unmarshal([]byte(*parameter.Parameter.Value), &bundle); err != nil {
		return err
	}
	if _, err := tls.X509KeyPair([]byte(bundle.CertificatePEM), []byte(bundle.PrivateKey)); err != nil {
		return err
	}
	if bundle.Next != nil || len(bundle.Retired) > 0 {
		return fmt.Errorf("its rotation is not finished: next %t, retired %v", bundle.Next != nil, bundle.Retired)
	}
	described, err := c.IoT().
		DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: &bundle.CertificateID})
	if err != nil {
		return err
	}
	if status := described.CertificateDescription.Status; status != iottypes.CertificateStatusActive ||
		*described.CertificateDescription.CertificatePem != bundle.CertificatePEM {
		return fmt.Errorf("it is %s, or another one than the bundle holds", status)
	}
	policies, err := c.IoT().ListAttachedPolicies(ctx, &iot.ListAttachedPoliciesInput{Target: &bundle.CertificateARN})
	if err != nil {
		return err
	}
	if len(policies.Policies) != 1 || *policies.Policies[0].PolicyName != pipeline+"-claim" {
		return fmt.Errorf("it has the policies %v", policies.Policies)
	}
	return nil
}
