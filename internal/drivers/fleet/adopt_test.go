package fleet_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// made is what somebody has made for a device without a pipeline.
type made struct {
	arn          string
	certificates []string // IDs
}

// byHand makes a thing as aws_iot_thing does, with its type and attributes.
func (a *account) byHand(name, thingType string, attributes map[string]string) *made {
	a.t.Helper()
	in := &iot.CreateThingInput{ThingName: &name, AttributePayload: &types.AttributePayload{Attributes: attributes}}
	if thingType != "" {
		in.ThingTypeName = &thingType
	}
	out, err := a.aws.IoT().CreateThing(a.ctx, in)
	a.must(err)
	return &made{arn: aws.ToString(out.ThingArn)}
}

// certificate makes a certificate with a policy, attached to things.
func (a *account) certificate(active bool, things ...string) (id string) {
	a.t.Helper()
	csr, _ := pemtest.Request(a.t, "by hand")
	out, err := a.aws.IoT().CreateCertificateFromCsr(a.ctx,
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr, SetAsActive: active})
	a.must(err)
	for _, thing := range things {
		_, err = a.aws.IoT().AttachThingPrincipal(a.ctx,
			&iot.AttachThingPrincipalInput{ThingName: &thing, Principal: out.CertificateArn})
		a.must(err)
	}
	_, err = a.aws.IoT().AttachPolicy(a.ctx,
		&iot.AttachPolicyInput{PolicyName: aws.String("by-hand"), Target: out.CertificateArn})
	a.must(err)
	return aws.ToString(out.CertificateId)
}

// certified adds certificates that are attached to the thing.
func (m *made) certified(a *account, name string, n int) *made {
	for range n {
		m.certificates = append(m.certificates, a.certificate(true, name))
	}
	return m
}

func (m *made) adopted() spec.Device {
	return spec.Device{Adopt: &spec.Adoption{ThingARN: m.arn, CertificateIDs: m.certificates}}
}

// handMade makes a fleet without a pipeline, and returns its certificates and the devices that adopt it.
func (a *account) handMade() (certificates []string, devices map[string]spec.Device) {
	a.t.Helper()
	one := a.byHand("soil-001", "Sensor:soil", map[string]string{"bay": "1"}).certified(a, "soil-001", 1)
	two := a.byHand("soil-002", "", nil).certified(a, "soil-002", 1)
	two.certificates = append(two.certificates, a.certificate(true)) // attached to no thing
	bare := a.byHand("soil-003", "", nil)
	adopted := one.adopted()
	adopted.Attributes = map[string]string{"bay": "2"}
	return slices.Concat(one.certificates, two.certificates), map[string]spec.Device{
		"soil-001": adopted, "soil-002": two.adopted(), "soil-003": bare.adopted(), "soil-004": {},
	}
}

// untouched checks that certificates exist, ACTIVE, with the policy that they had, and returns the things that each is
// attached to.
func (a *account) untouched(stub *iotstub.Server, ids []string) {
	a.t.Helper()
	have := map[string]iotstub.Certificate{}
	for _, c := range stub.Certificates() {
		have[c.ID] = c
	}
	for _, id := range ids {
		c, ok := have[id]
		if !ok || !c.Active || !slices.Equal(c.Policies, []string{"by-hand"}) {
			a.t.Errorf("certificate %s: exists %t, active %t, policies %v", id[:8], ok, c.Active, c.Policies)
		}
	}
}

// withoutAdopt is the description after somebody has removed adopt.
func withoutAdopt(devices map[string]spec.Device) map[string]spec.Device {
	plain := maps.Clone(devices)
	for name, device := range plain {
		device.Adopt = nil
		plain[name] = device
	}
	return plain
}

func TestAdoption(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{})
	hands, devices := a.handMade()
	want := greenhouse(devices)
	d, ref := a.apply(newRef(), want, nil)
	a.untouched(stub, hands)
	if got, _ := d.Adopted(); !slices.Equal(got, []string{"soil-001", "soil-002"}) {
		t.Errorf("adopted %v", got)
	}
	for _, fleetNow := range []spec.Fleet{want, greenhouse(withoutAdopt(devices))} {
		if got := a.changes(ref, fleetNow, fleet.Options{DeepCheck: true}); got != nil {
			t.Errorf("plan after the adoption: %v", got)
		}
	}
	for _, c := range stub.Certificates() {
		if len(c.Things) != 1 {
			t.Errorf("certificate %s is attached to %v", c.ID[:8], c.Things)
		}
	}
	things := a.things()
	if got := things["soil-001"]["iot-pipeline-certificate"]; got != "adopted-Sensor:soil:"+hands[0] {
		t.Errorf("the mark is %q", got)
	}
	if b := a.bundle("soil-001"); b.PrivateKey != "" || b.CertificateID != hands[0] || b.CertificatePEM == "" {
		t.Errorf("the bundle is of certificate %q, with a key: %t", b.CertificateID, b.PrivateKey != "")
	}
	if b := a.bundle("soil-003"); b.PrivateKey == "" {
		t.Error("the device without a certificate got none")
	}
	members, err := a.aws.IoT().ListThingsInThingGroup(a.ctx,
		&iot.ListThingsInThingGroupInput{ThingGroupName: aws.String("greenhouse")})
	a.must(err)
	if len(members.Things) != 4 {
		t.Errorf("the group holds %v", members.Things)
	}

	csr, _ := pemtest.Request(t, "soil-002") // the device is given another key
	replaced := withoutAdopt(devices)
	replaced["soil-002"] = spec.Device{CSRPEM: csr}
	d, ref = a.apply(ref, greenhouse(replaced), d.Identities())
	a.untouched(stub, hands[:1])
	if got, _ := d.Adopted(); !slices.Equal(got, []string{"soil-001"}) {
		t.Errorf("adopted after the replacement: %v", got)
	}
	whole(t, stub, replaced)
	a.must(d.Delete(a.ctx, ref))
	whole(t, stub, nil)
}

// A removal with KeepAdopted gives back what it found.
func TestRelease(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{DetachLag: 1})
	hands, devices := a.handMade()
	d, ref := a.apply(newRef(), greenhouse(devices), nil)
	keep := fleet.New(a.aws, d.Identities(), fleet.Options{KeepAdopted: true})
	a.must(keep.Delete(a.ctx, ref))
	a.untouched(stub, hands)
	if diff := cmp.Diff(map[string]map[string]string{"soil-001": {"bay": "2"}, "soil-002": {}}, a.things()); diff != "" {
		t.Errorf("things (-want +got):\n%s", diff)
	}
	if things, certificates, bundles := stub.Size(); things != 2 || certificates != 3 || bundles != 0 {
		t.Errorf("%d things, %d certificates, %d bundles are left", things, certificates, bundles)
	}
	out, err := a.aws.IoT().DescribeThing(a.ctx, &iot.DescribeThingInput{ThingName: aws.String("soil-001")})
	a.must(err)
	if kind := aws.ToString(out.ThingTypeName); kind != "Sensor:soil" {
		t.Errorf("the thing has the type %q", kind)
	}
	if got, _ := keep.Adopted(); len(got) > 0 {
		t.Errorf("still adopted: %v", got)
	}
	delete(devices, "soil-003") // a device of the pipeline's own: it is gone
	_, ref = a.apply(newRef(), greenhouse(devices), nil)
	a.untouched(stub, hands)
	delete(devices, "soil-001")
	want := greenhouse(devices)
	again := fleet.New(a.aws, nil, fleet.Options{KeepAdopted: true, Known: devices, Defaults: want})
	have, err := again.Observe(a.ctx, ref)
	a.must(err)
	_, err = again.Update(a.ctx, ref, have, want, again.Diff(have.Spec, want))
	a.must(err)
	a.untouched(stub, hands)
	if things := a.things(); things["soil-001"]["bay"] != "2" || len(things["soil-001"]) != 1 {
		t.Errorf("the released thing has %v", things["soil-001"])
	}
}

// What cannot be adopted stops the apply before its first write.
func TestAdoptionRefuses(t *testing.T) {
	tests := []struct {
		name, says string
		device     func(a *account) spec.Device
	}{
		{"no thing", "there is no such thing", func(a *account) spec.Device {
			return (&made{arn: "arn:aws:iot:us-east-1:123456789012:thing/soil-001"}).adopted()
		}},
		{"another account's thing", "the ARN of its thing is arn:aws:iot:us-east-1:", func(a *account) spec.Device {
			m := a.byHand("soil-001", "", nil)
			m.arn = strings.Replace(m.arn, iotstub.Account, "210987654321", 1)
			return m.adopted()
		}},
		{"no certificate", "there is no certificate 0000", func(a *account) spec.Device {
			m := a.byHand("soil-001", "", nil)
			m.certificates = []string{strings.Repeat("0", 64)}
			return m.adopted()
		}},
		{"a certificate that is not named", "is attached to its thing and not named", func(a *account) spec.Device {
			m := a.byHand("soil-001", "", nil).certified(a, "soil-001", 2)
			m.certificates = m.certificates[:1]
			return m.adopted()
		}},
		{"a shared certificate", "is attached to other things too (soil-009)", func(a *account) spec.Device {
			m := a.byHand("soil-001", "", nil)
			a.byHand("soil-009", "", nil)
			m.certificates = []string{a.certificate(true, "soil-001", "soil-009")}
			return m.adopted()
		}},
		{"an inactive certificate", "activate it, or write enabled = false", func(a *account) spec.Device {
			m := a.byHand("soil-001", "", nil)
			m.certificates = []string{a.certificate(false, "soil-001")}
			return m.adopted()
		}},
		{"a revoked certificate", "is REVOKED", func(a *account) spec.Device {
			m := a.byHand("soil-001", "", nil).certified(a, "soil-001", 1)
			_, err := a.aws.IoT().UpdateCertificate(a.ctx, &iot.UpdateCertificateInput{
				CertificateId: &m.certificates[0], NewStatus: types.CertificateStatusRevoked})
			a.must(err)
			device := m.adopted()
			device.Disabled = true
			return device
		}},
		{"another pipeline's thing", `owned by the pipeline with id "theirs"`, func(a *account) spec.Device {
			m := a.byHand("soil-001", "", map[string]string{"iot-pipeline": "theirs"}).certified(a, "soil-001", 1)
			return m.adopted()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, stub := stubAccount(t, iotstub.Options{})
			devices := map[string]spec.Device{"soil-001": test.device(a), "soil-002": {}}
			before := stub.Requests()
			_, _, err := a.tryApply(a.ctx, newRef(), greenhouse(devices), nil)
			var refused *fleet.AdoptionError
			var foreign *assembly.ForeignError
			if !errors.As(err, &refused) && !errors.As(err, &foreign) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
			check := fleet.New(a.aws, nil, fleet.Options{})
			left := test.name == "another pipeline's thing" // to the apply
			if err := check.CheckAdoption(a.ctx, devices); left != (err == nil) || !left && !errors.As(err, &refused) {
				t.Errorf("the check says %v", err)
			}
			for operation := range difference(before, stub.Requests()) {
				if !strings.HasPrefix(operation, "iot:List") && !strings.HasPrefix(operation, "iot:Describe") {
					t.Errorf("the refused apply sent %s", operation)
				}
			}
		})
	}
}

// A device that is adopted disabled keeps what it has; one that was ACTIVE is deactivated because it says so.
func TestAdoptionOfADisabledDevice(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{})
	m := a.byHand("soil-001", "", nil)
	m.certificates = []string{a.certificate(false, "soil-001"), a.certificate(true, "soil-001")}
	device := m.adopted()
	device.Disabled = true
	devices := map[string]spec.Device{"soil-001": device}
	d, ref := a.apply(newRef(), greenhouse(devices), nil)
	for _, c := range stub.Certificates() {
		if c.Active {
			t.Errorf("certificate %s is active", c.ID[:8])
		}
	}
	enabled := map[string]spec.Device{"soil-001": {}}
	a.apply(ref, greenhouse(enabled), d.Identities())
	a.untouched(stub, m.certificates)
	if got := a.changes(ref, greenhouse(enabled), fleet.Options{}); got != nil {
		t.Errorf("plan: %v", got)
	}
}

// Each request of an adoption, and of a release, fails before or after its effect. The certificates are never touched,
// the next run finishes, and what is described is then all that is there.
func TestEveryRequestOfAnAdoptionFailsOnce(t *testing.T) {
	for how, fault := range map[string]iotstub.Fault{
		"refused": {Code: "InternalFailureException", Status: http.StatusInternalServerError}, "lost": {Lost: true},
	} {
		for _, kept := range []bool{true, false} {
			for at := 1; ; at++ {
				f := &iotstub.FailNth{Fault: fault}
				a, stub := stubAccount(t, iotstub.Options{Fault: f.Next, DetachLag: 1})
				hands, devices := a.handMade()
				f.Plan(at)
				failed := a.finishAdopting(stub, hands, devices, kept)
				what, met := f.Met()
				if !met {
					break
				}
				if t.Failed() {
					t.Fatalf("%s, record kept %t, request %d, %s: %v", how, kept, at, what, failed)
				}
			}
		}
	}
}

// finishAdopting adopts and releases, each until it succeeds, and gives the first error.
func (a *account) finishAdopting(
	stub *iotstub.Server, hands []string, devices map[string]spec.Device, kept bool,
) error {
	a.t.Helper()
	want := greenhouse(devices)
	d, ref, first := a.tryApply(a.ctx, newRef(), want, nil)
	a.untouched(stub, hands)
	if first != nil {
		prior := d.Identities()
		if !kept {
			ref, prior = newRef(), nil
		}
		d, ref = a.apply(ref, want, prior)
		a.untouched(stub, hands)
		if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
			a.t.Errorf("after %v and another apply still different: %v", first, got)
		}
	}
	keep := fleet.New(a.aws, d.Identities(), fleet.Options{KeepAdopted: true})
	if err := keep.Delete(a.ctx, ref); err != nil {
		first = errors.Join(first, err)
		a.untouched(stub, hands)
		prior := keep.Identities()
		if !kept {
			prior = d.Identities()
		}
		a.must(fleet.New(a.aws, prior, fleet.Options{KeepAdopted: true}).Delete(a.ctx, ref))
	}
	a.untouched(stub, hands)
	if things, certificates, bundles := stub.Size(); things != 2 || certificates != 3 || bundles != 0 {
		a.t.Errorf("%d things, %d certificates, %d bundles are left", things, certificates, bundles)
	}
	return first
}

// A creation fails on the way and nobody goes on: the destroy leaves what was not adopted, and releases what was.
func TestDestroyAfterAFailedAdoption(t *testing.T) {
	for how, fault := range map[string]iotstub.Fault{
		"refused": {Code: "InternalFailureException", Status: http.StatusInternalServerError}, "lost": {Lost: true},
	} {
		for at := 1; ; at++ {
			f := &iotstub.FailNth{Fault: fault}
			a, stub := stubAccount(t, iotstub.Options{Fault: f.Next})
			hands, devices := a.handMade()
			f.Plan(at)
			d, _, failed := a.tryApply(a.ctx, newRef(), greenhouse(devices), nil)
			what, met := f.Met()
			if !met {
				break
			}
			keep := fleet.New(a.aws, d.Identities(), fleet.Options{Defaults: greenhouse(nil), KeepAdopted: true})
			a.must(keep.Delete(a.ctx, newRef()))
			a.untouched(stub, hands)
			if _, _, bundles := stub.Size(); bundles != 0 {
				t.Errorf("%d bundles are left", bundles)
			}
			if t.Failed() {
				t.Fatalf("request %d %s, %s: %v", at, how, what, failed)
			}
		}
	}
}
