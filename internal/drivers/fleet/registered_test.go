package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// register makes a thing as a provisioning template does, and gives the ARN of its certificate.
func (a *account) register(name string) string {
	a.t.Helper()
	_, err := a.aws.IoT().
		CreateThing(a.ctx, &iot.CreateThingInput{ThingName: &name, ThingTypeName: aws.String("greenhouse"),
			AttributePayload: &types.AttributePayload{Attributes: map[string]string{
				contract.OwnerAttribute:      owner,
				contract.RegisteredAttribute: contract.RegisteredByClaim,
				"site":                       "hall-3",
			}}})
	a.must(err)
	_, err = a.aws.IoT().
		AddThingToThingGroup(a.ctx, &iot.AddThingToThingGroupInput{ThingName: &name,
			ThingGroupName: aws.String("greenhouse")})
	a.must(err)
	csr, _ := pemtest.Request(a.t, name)
	certificate, err := a.aws.IoT().
		CreateCertificateFromCsr(a.ctx, &iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr,
			SetAsActive: true})
	a.must(err)
	_, err = a.aws.IoT().
		AttachThingPrincipal(a.ctx, &iot.AttachThingPrincipalInput{ThingName: &name,
			Principal: certificate.CertificateArn})
	a.must(err)
	return *certificate.CertificateArn
}

func TestRegisteredDevicesAreLeftAlone(t *testing.T) {
	a := newAccount(t)
	want := greenhouse(map[string]spec.Device{"soil-001": {}, "soil-002": {}})
	_, ref := a.apply(newRef(), want, nil)
	a.register("field-1")
	a.register("field-2")
	before := a.things()

	delete(want.Devices, "soil-002")
	if diff := cmp.Diff([]string{`devices["soil-002"]`}, a.changes(ref, want, fleet.Options{})); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	d, ref := a.apply(ref, want, nil)
	if got := d.Registered(); got != 2 {
		t.Errorf("%d registered devices, want 2", got)
	}
	if _, observed := d.Observed()["field-1"]; observed || len(d.Identities()) != 1 {
		t.Errorf("a registered device counts as described: %v, %v", d.Observed(), d.Identities())
	}
	delete(before, "soil-002")
	if diff := cmp.Diff(before, a.things()); diff != "" {
		t.Errorf("things after an apply (-want +got):\n%s", diff)
	}
	n, err := fleet.New(a.aws, nil, fleet.Options{}).CountRegistered(a.ctx, ref)
	if err != nil || n != 2 {
		t.Errorf("counted %d, %v", n, err)
	}
	a.destroyed(fleet.New(a.aws, nil, fleet.Options{}), ref)
}

func TestADescribedDeviceCannotTakeTheNameOfARegisteredOne(t *testing.T) {
	a := newAccount(t)
	_, ref := a.apply(newRef(), greenhouse(map[string]spec.Device{"soil-001": {}}), nil)
	a.register("field-1")
	before := a.things()
	_, _, err := a.tryApply(a.ctx, ref,
		greenhouse(map[string]spec.Device{"soil-001": {}, "field-1": {}, "soil-002": {}}), nil)
	var foreign *assembly.ForeignError
	if !errors.As(err, &foreign) ||
		!strings.HasPrefix(foreign.Detail, "1 devices of the configuration have the names of devices that registered "+
			"themselves: field-1; ") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, a.things()); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

func TestRemovingRegisteredDevicesGoesOnPastOne(t *testing.T) {
	a := newAccount(t)
	_, ref := a.apply(newRef(), greenhouse(map[string]spec.Device{"soil-001": {}}), nil)
	shared := a.register("field-0")
	for i := range 12 {
		a.register(fmt.Sprintf("field-%d", i+1))
	}
	_, err := a.aws.IoT().CreateThing(a.ctx, &iot.CreateThingInput{ThingName: aws.String("other")})
	a.must(err)
	_, err = a.aws.IoT().
		AttachThingPrincipal(a.ctx, &iot.AttachThingPrincipalInput{ThingName: aws.String("other"), Principal: &shared})
	a.must(err)

	d := fleet.New(a.aws, nil, fleet.Options{})
	err = d.Delete(a.ctx, ref)
	var inUse *fleet.InUseError
	if !errors.As(err, &inUse) || !cmp.Equal(inUse.Things, []string{"other"}) {
		t.Errorf("got %v", err)
	}
	if things := a.things(); len(things) != 2 || d.Registered() != 1 {
		t.Errorf("left %v and %d registered; want field-0 and other", things, d.Registered())
	}
	_, err = a.aws.IoT().
		DetachThingPrincipal(a.ctx, &iot.DetachThingPrincipalInput{ThingName: aws.String("other"), Principal: &shared})
	a.must(err)
	a.must(fleet.New(a.aws, nil, fleet.Options{}).Delete(a.ctx, ref))
	if things, certificates := a.things(), a.certificates(); len(things) != 1 || len(certificates) != 0 {
		t.Errorf("left %v, %v", things, certificates)
	}
}
