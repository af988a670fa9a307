package fleet_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const owner = "greenhouse-token"

// account is a moto server with a thing group and a thing type, as the drivers before this one leave it.
type account struct {
	t      *testing.T
	server *mototest.Server
	aws    *awsapi.Clients
	ctx    context.Context
}

func newAccount(t *testing.T) *account {
	t.Helper()
	server := mototest.Start(t)
	a := &account{t: t, server: server, ctx: t.Context()}
	a.aws = awsapi.New(server.Config(t), awsapi.Options{Clock: awsapi.NewInstantClock()}).
		WithAccount(mototest.AccountID)
	_, err := a.aws.IoT().CreateThingType(a.ctx, &iot.CreateThingTypeInput{ThingTypeName: aws.String("greenhouse")})
	a.must(err)
	_, err = a.aws.IoT().CreateThingGroup(a.ctx, &iot.CreateThingGroupInput{ThingGroupName: aws.String("greenhouse")})
	a.must(err)
	return a
}

func (a *account) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func greenhouse(devices map[string]spec.Device) spec.Fleet {
	return spec.Fleet{
		ThingGroup: "greenhouse", ThingType: "greenhouse", Devices: devices,
		Store:    spec.CredentialsStore{Kind: credstore.ParameterStore, Path: "/iot-pipeline/greenhouse"},
		Endpoint: "a1b2c3-ats.iot.us-east-1.amazonaws.com", TopicPrefix: "greenhouse",
		Tags: map[string]string{"team": "growers"},
	}
}

// apply does what the engine does with one part, with a new driver as in a new run, and gives the driver and the
// record.
func (a *account) apply(
	ref assembly.Ref,
	want spec.Fleet,
	prior map[string]spec.DeviceIdentity,
) (*fleet.Driver, assembly.Ref) {
	a.t.Helper()
	d, next, err := a.tryApply(a.ctx, ref, want, prior)
	a.must(err)
	return d, next
}

func (a *account) tryApply(
	ctx context.Context,
	ref assembly.Ref,
	want spec.Fleet,
	prior map[string]spec.DeviceIdentity,
) (*fleet.Driver, assembly.Ref, error) {
	var names []string
	for name := range want.Devices {
		names = append(names, name)
	}
	d := fleet.New(a.aws, prior, fleet.Options{Wanted: names, Known: want.Devices, Defaults: want})
	have, err := d.Observe(ctx, ref)
	if err != nil {
		return d, ref, err
	}
	var id assembly.Identity
	switch {
	case have == nil:
		id, err = d.Create(ctx, ref, want)
	default:
		id = have.Identity
		if changes := d.Diff(have.Spec, want); len(changes) > 0 {
			id, err = d.Update(ctx, ref, have, want, changes)
		}
	}
	if id.ID != "" {
		ref.ID, ref.Outputs = id.ID, id.Outputs
	}
	return d, ref, err
}

func newRef() assembly.Ref { return assembly.Ref{Name: "greenhouse", Owner: owner} }

// changes gives the fields that a plan would show.
func (a *account) changes(ref assembly.Ref, want spec.Fleet, o fleet.Options) []string {
	a.t.Helper()
	d := fleet.New(a.aws, nil, o)
	have, err := d.Observe(a.ctx, ref)
	a.must(err)
	if have == nil {
		return []string{"nothing there"}
	}
	var fields []string
	for _, c := range d.Diff(have.Spec, want) {
		fields = append(fields, c.Field)
	}
	return fields
}

func (a *account) bundle(name string) contract.Bundle {
	a.t.Helper()
	out, err := a.aws.SSM().GetParameters(a.ctx, &ssm.GetParametersInput{
		Names: []string{"/iot-pipeline/greenhouse/" + name}, WithDecryption: aws.Bool(true)})
	a.must(err)
	if len(out.Parameters) != 1 {
		a.t.Fatalf("%s has no bundle", name)
	}
	var b contract.Bundle
	a.must(json.Unmarshal([]byte(aws.ToString(out.Parameters[0].Value)), &b))
	return b
}

// certificates gives the status of every certificate of the account.
func (a *account) certificates() map[string]types.CertificateStatus {
	a.t.Helper()
	out, err := a.aws.IoT().ListCertificates(a.ctx, &iot.ListCertificatesInput{})
	a.must(err)
	all := map[string]types.CertificateStatus{}
	for _, c := range out.Certificates {
		all[aws.ToString(c.CertificateId)] = c.Status
	}
	return all
}

func (a *account) things() map[string]map[string]string {
	a.t.Helper()
	out, err := a.aws.IoT().ListThings(a.ctx, &iot.ListThingsInput{MaxResults: aws.Int32(250)})
	a.must(err)
	all := map[string]map[string]string{}
	for _, t := range out.Things {
		all[aws.ToString(t.ThingName)] = t.Attributes
	}
	return all
}

func observedIdentities(
	a *account,
	ref assembly.Ref,
	prior map[string]spec.DeviceIdentity,
) map[string]spec.DeviceIdentity {
	a.t.Helper()
	d := fleet.New(a.aws, nil, fleet.Options{})
	_, err := d.Observe(a.ctx, ref)
	a.must(err)
	return d.Identities()
}

// destroyed deletes the fleet twice and checks that nothing of it is left.
func (a *account) destroyed(d *fleet.Driver, ref assembly.Ref) {
	a.t.Helper()
	a.must(d.Delete(a.ctx, ref))
	if things, certificates := a.things(), a.certificates(); len(things)+len(certificates) > 0 {
		a.t.Errorf("left after destroy: things %v, certificates %v", things, certificates)
	}
	parameters, err := a.aws.SSM().DescribeParameters(a.ctx, &ssm.DescribeParametersInput{})
	a.must(err)
	if n := len(parameters.Parameters); n > 0 {
		a.t.Errorf("left after destroy: %d parameters", n)
	}
	secrets, err := a.aws.SecretsManager().ListSecrets(a.ctx, &secretsmanager.ListSecretsInput{})
	a.must(err)
	if n := len(secrets.SecretList); n > 0 {
		a.t.Errorf("left after destroy: %d secrets", n)
	}
	if n := len(d.Identities()); n > 0 {
		a.t.Errorf("%d identities after destroy", n)
	}
	a.must(d.Delete(a.ctx, ref))
}
