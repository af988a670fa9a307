package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// The tests of this file run against package iotstub, in the shapes of the reference: moto does not page, throttle,
// lose answers or take its time to detach.

// stubbed gives clients of a stub, without retries by the SDK, whose pauses are real.
func stubbed(t testing.TB, stub http.Handler) *awsapi.Clients {
	t.Helper()
	return stubbedWith(t, stub, awsapi.Options{Unlimited: true})
}

func stubbedWith(t testing.TB, stub http.Handler, o awsapi.Options) *awsapi.Clients {
	t.Helper()
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	return awsapi.New(aws.Config{
		Region: iotstub.Region, BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
			tr.MaxIdleConnsPerHost = 256
		}),
	}, o)
}

func stubAccount(t *testing.T, o iotstub.Options) (*account, *iotstub.Server) {
	stub := iotstub.New(o)
	handler := http.Handler(stub)
	if o.Fault == nil { // a sweep of faults sends what one run sends, thousands of times
		handler = mototest.Start(t).Checked(t, stub)
	}
	clients := stubbedWith(t, handler, awsapi.Options{
		Unlimited: true, Clock: awsapi.NewInstantClock(),
	})
	return &account{t: t, aws: clients, ctx: t.Context()}, stub
}

func manyDevices(n int) map[string]spec.Device {
	devices := make(map[string]spec.Device, n)
	for i := range n {
		devices[fmt.Sprintf("device-%05d", i)] = spec.Device{Attributes: map[string]string{"row": fmt.Sprint(i)}}
	}
	return devices
}

// whole checks that the account holds these devices, each complete, and nothing else.
func whole(t *testing.T, stub *iotstub.Server, devices map[string]spec.Device) {
	t.Helper()
	n := len(devices)
	if things, certificates, bundles := stub.Size(); things != n || certificates != n || bundles != n {
		t.Errorf("account has %d things, %d certificates, %d bundles; want %d of each", things, certificates, bundles,
			n)
	}
	for _, c := range stub.Certificates() {
		if len(c.Things) != 1 || c.Active == devices[c.Things[0]].Disabled {
			t.Errorf("certificate %s: active %t, attached to %v", c.ID[:8], c.Active, c.Things)
		}
	}
}

func TestListsArePaged(t *testing.T) {
	const n = 620
	a, stub := stubAccount(t, iotstub.Options{})
	want := greenhouse(manyDevices(n))
	d, ref := a.apply(newRef(), want, nil)
	whole(t, stub, want.Devices)

	before := stub.Requests()
	if got := a.changes(ref, want, fleet.Options{}); got != nil {
		t.Errorf("second plan: %v", got)
	}
	sent := difference(before, stub.Requests())
	if diff := cmp.Diff(map[string]int{"iot:ListThings": 3, "iot:ListThingsInThingGroup": 3, "iot:ListCertificates": 3},
		sent); diff != "" {
		t.Errorf("requests of an empty plan (-want +got):\n%s", diff)
	}

	before = stub.Requests()
	want.Devices["another"] = spec.Device{}
	d, ref = a.apply(ref, want, d.Identities())
	sent = difference(before, stub.Requests())
	if diff := cmp.Diff(map[string]int{
		"iot:ListThings":               3,
		"iot:ListThingsInThingGroup":   3,
		"iot:ListCertificates":         3,
		"iot:DescribeThing":            1,
		"iot:CreateThing":              1,
		"iot:AddThingToThingGroup":     1,
		"iot:CreateCertificateFromCsr": 1,
		"iot:AttachThingPrincipal":     1,
		"ssm:PutParameter":             1,
		"iot:UpdateThing":              1,
	}, sent); diff != "" {
		t.Errorf("requests for one device more (-want +got):\n%s", diff)
	}
	if err := d.Delete(a.ctx, ref); err != nil {
		t.Fatal(err)
	}
	whole(t, stub, nil)
}

// The ARNs of secrets cannot be told from their names; they are listed for those who want to know identities.
func TestSecretsAreListedForIdentitiesOnly(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{})
	want := greenhouse(manyDevices(3))
	want.Store = spec.CredentialsStore{Kind: credstore.SecretsManager, Path: "greenhouse"}
	_, ref := a.apply(newRef(), want, nil)
	for unwanted, pages := range map[bool]int{false: 1, true: 0} {
		before := stub.Requests()
		if got := a.changes(ref, want, fleet.Options{NoIdentities: unwanted}); got != nil {
			t.Errorf("plan: %v", got)
		}
		if got := difference(before, stub.Requests())["secretsmanager:ListSecrets"]; got != pages {
			t.Errorf("without identities: %t: %d pages of secrets, want %d", unwanted, got, pages)
		}
	}
}

func difference(before, after map[string]int) map[string]int {
	sent := map[string]int{}
	for operation, n := range after {
		if n > before[operation] {
			sent[operation] = n - before[operation]
		}
	}
	return sent
}

func TestStatusCostsNoMoreThanTwiceTheDevices(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{})
	want := greenhouse(manyDevices(3))
	_, ref := a.apply(newRef(), want, nil)
	tests := []struct {
		others          int // newer certificates of somebody else
		pages, describe int
	}{
		{0, 1, 0},
		{400, 2, 0},    // ours are on the second page
		{20_000, 3, 3}, // eighty pages before ours
	}
	for _, test := range tests {
		stub.AddCertificates(test.others)
		before := stub.Requests()
		if got := a.changes(ref, want, fleet.Options{}); got != nil {
			t.Errorf("plan: %v", got)
		}
		sent := difference(before, stub.Requests())
		if sent["iot:ListCertificates"] != test.pages || sent["iot:DescribeCertificate"] != test.describe {
			t.Errorf("three devices and %d others: %d pages and %d descriptions, want %d and %d", test.others,
				sent["iot:ListCertificates"], sent["iot:DescribeCertificate"], test.pages, test.describe)
		}
	}
}

// TestEveryRequestFailsOnce makes each request of a run fail before it takes effect, and lose its answer after it
// did, with the record of the failed run kept and, as when the process dies, not kept. The next run must finish the
// work, the one after that must have nothing to do, and a destroy must leave nothing.
func TestEveryRequestFailsOnce(t *testing.T) {
	csr, _ := pemtest.Request(t, "soil-002")
	newCSR, _ := pemtest.Request(t, "soil-002")
	own := pemtest.SelfSigned(t, "soil-003")
	first := map[string]spec.Device{
		"soil-001": {Attributes: map[string]string{"bay": "1"}},
		"soil-002": {CSRPEM: csr},
		"soil-003": {CertificatePEM: own},
		"soil-004": {Disabled: true},
	}
	runs := []struct {
		name   string
		before map[string]spec.Device // the fleet that a run without faults has made
		after  map[string]spec.Device
	}{
		{"create", nil, first},
		{
			"change",
			first,
			map[string]spec.Device{
				"soil-001": {CertificatePEM: pemtest.SelfSigned(t, "soil-001")},
				"soil-002": {CSRPEM: newCSR},
				"soil-003": {},
				"soil-004": {},
			},
		},
		{"remove", first, map[string]spec.Device{"soil-001": {}}},
		{"destroy", first, nil},
	}
	faults := map[string]iotstub.Fault{
		"refused": {Code: "InternalFailureException", Status: http.StatusInternalServerError},
		"lost":    {Lost: true},
	}
	for _, run := range runs {
		for how, fault := range faults {
			for _, kept := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/record kept %t", run.name, how, kept), func(t *testing.T) {
					for at := 1; ; at++ {
						f := &iotstub.FailNth{Fault: fault}
						a, stub := stubAccount(t, iotstub.Options{Fault: f.Next, DetachLag: 1})
						ref := newRef()
						var prior map[string]spec.DeviceIdentity
						if run.before != nil {
							d, made := a.apply(ref, greenhouse(run.before), nil)
							ref, prior = made, d.Identities()
						}
						f.Plan(at)
						failed := a.finishAfter(ref, run.after, prior, kept)
						what, met := f.Met()
						if !met {
							return // the run has fewer requests: all were tried
						}
						whole(t, stub, run.after)
						if t.Failed() {
							t.Fatalf("request %d, %s; the run said: %s", at, what, failed)
						}
					}
				})
			}
		}
	}
}

// TestDestroyAfterAnyFailureLeavesNothing makes each request of a creation fail, forgets everything, and destroys.
func TestDestroyAfterAnyFailureLeavesNothing(t *testing.T) {
	csr, _ := pemtest.Request(t, "soil-002")
	want := greenhouse(map[string]spec.Device{
		"soil-001": {},
		"soil-002": {CSRPEM: csr},
		"soil-003": {CertificatePEM: pemtest.SelfSigned(t, "soil-003")},
	})
	for how, fault := range map[string]iotstub.Fault{"refused": {Code: "InternalFailureException",
		Status: http.StatusInternalServerError}, "lost": {Lost: true}} {
		for at := 1; ; at++ {
			f := &iotstub.FailNth{Fault: fault}
			f.Plan(at)
			a, stub := stubAccount(t, iotstub.Options{Fault: f.Next})
			_, _, failed := a.tryApply(a.ctx, newRef(), want, nil)
			what, met := f.Met()
			if !met {
				break
			}
			a.must(fleet.New(a.aws, nil, fleet.Options{Known: want.Devices, Defaults: want}).Delete(a.ctx, newRef()))
			whole(t, stub, nil)
			if t.Failed() {
				t.Fatalf("request %d %s, %s: %v", at, how, what, failed)
			}
		}
	}
}

// finishAfter runs until the fleet is as wanted, with a failure in the first run, then checks that nothing is left to
// do. It gives the first run's error.
func (a *account) finishAfter(
	ref assembly.Ref,
	devices map[string]spec.Device,
	prior map[string]spec.DeviceIdentity,
	kept bool,
) string {
	a.t.Helper()
	if devices == nil {
		d := fleet.New(a.aws, prior, fleet.Options{Concurrency: 1})
		err := d.Delete(a.ctx, ref)
		if err == nil {
			return ""
		}
		if kept {
			prior = d.Identities()
		}
		a.must(fleet.New(a.aws, prior, fleet.Options{Concurrency: 1}).Delete(a.ctx, ref))
		return err.Error()
	}
	want := greenhouse(devices)
	d, next, err := a.tryApply(a.ctx, ref, want, prior)
	if err == nil {
		return ""
	}
	if kept {
		ref, prior = next, d.Identities()
	}
	_, ref = a.apply(ref, want, prior)
	if got := a.changes(ref, want, fleet.Options{DeepCheck: true}); got != nil {
		a.t.Errorf("after %v and another apply still different: %v", err, got)
	}
	return err.Error()
}

func TestThrottlingSlowsAndLosesNothing(t *testing.T) {
	count := 0
	a, stub := stubAccount(t, iotstub.Options{Fault: func(string, *http.Request) iotstub.Fault {
		if count++; count%3 != 0 {
			return iotstub.Fault{}
		}
		return iotstub.Fault{Code: "ThrottlingException", Message: "Rate exceeded"}
	}})
	want := greenhouse(manyDevices(100))
	d, ref := a.apply(newRef(), want, nil)
	whole(t, stub, want.Devices)
	a.must(d.Delete(a.ctx, ref))
	whole(t, stub, nil)
}

func TestCancellationKeepsWhatWasDone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the user pressed ctrl-c")
	count := 0
	a, stub := stubAccount(t, iotstub.Options{Fault: func(operation string, _ *http.Request) iotstub.Fault {
		if operation == "iot:AddThingToThingGroup" {
			if count++; count == 40 {
				cancel(stopped)
			}
		}
		return iotstub.Fault{}
	}})
	want := greenhouse(manyDevices(300))
	d, ref, err := a.tryApply(ctx, newRef(), want, nil)
	var many *bulk.DevicesError
	if !errors.As(err, &many) || !errors.Is(err, stopped) || len(many.Errors) > 0 {
		t.Fatalf("got %v", err)
	}
	ids := d.Identities()
	things, _, _ := stub.Size()
	if many.Done < 30 || many.Done >= 300 || len(ids) > things || len(ids) < many.Done || things == 300 {
		t.Errorf("%d done, %d identities, %d things", many.Done, len(ids), things)
	}
	d, ref = a.apply(ref, want, ids)
	whole(t, stub, want.Devices)

	// The same for a removal.
	ctx, cancel = context.WithCancelCause(t.Context())
	removing := fleet.New(a.aws, d.Identities(), fleet.Options{Progress: func(done, total int, what string) {
		if what == "devices removed" && done == 100 {
			cancel(stopped)
		}
	}})
	if err := removing.Delete(ctx, ref); !errors.Is(err, stopped) {
		t.Fatalf("got %v", err)
	}
	things, _, _ = stub.Size()
	if got := len(removing.Identities()); got > 200 || got < things || things == 0 {
		t.Errorf("%d identities and %d things after the interruption", got, things)
	}
	a.must(fleet.New(a.aws, removing.Identities(), fleet.Options{}).Delete(a.ctx, ref))
	whole(t, stub, nil)
}

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	bad := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "7") && r.Method == http.MethodPost }
	a, stub := stubAccount(t, iotstub.Options{Fault: func(operation string, r *http.Request) iotstub.Fault {
		if operation == "iot:CreateThing" && bad(r) {
			return iotstub.Fault{Code: "InvalidRequestException", Message: "no sevens"}
		}
		return iotstub.Fault{}
	}})
	want := greenhouse(manyDevices(150))
	_, _, err := a.tryApply(a.ctx, newRef(), want, nil)
	var many *bulk.DevicesError
	if !errors.As(err, &many) || many.Done != 135 || len(many.Errors) != 15 {
		t.Fatalf("got %v", err)
	}
	text := err.Error()
	if n := strings.Count(text, "\n  device"); n != 10 || !strings.Contains(text, "and 5 more") ||
		!strings.Contains(text, `device "device-00007"`) {
		t.Errorf("ten devices are to be named and five counted:\n%s", text)
	}
	if things, _, _ := stub.Size(); things != 135 {
		t.Errorf("%d things, want 135", things)
	}
}

func TestAFailureCommonToAllIsGivenUp(t *testing.T) {
	a, stub := stubAccount(t, iotstub.Options{Fault: func(operation string, r *http.Request) iotstub.Fault {
		if operation == "iot:CreateThing" {
			return iotstub.Fault{Code: "UnauthorizedException", Message: "not allowed", Status: http.StatusForbidden}
		}
		return iotstub.Fault{}
	}})
	_, _, err := a.tryApply(a.ctx, newRef(), greenhouse(manyDevices(500)), nil)
	if err == nil || !strings.Contains(err.Error(), "without one success") {
		t.Fatalf("got %v", err)
	}
	if n := stub.Requests()["iot:CreateThing"]; n > 200 {
		t.Errorf("%d devices were tried", n)
	}
}

func TestProgressIsTold(t *testing.T) {
	a, _ := stubAccount(t, iotstub.Options{})
	last := map[string][2]int{}
	d := fleet.New(a.aws, nil, fleet.Options{Progress: func(done, total int, what string) {
		if done != last[what][0]+1 && total > 0 {
			t.Errorf("%s: %d after %d", what, done, last[what][0])
		}
		last[what] = [2]int{done, total}
	}})
	id, err := d.Create(a.ctx, newRef(), greenhouse(manyDevices(25)))
	a.must(err)
	ref := newRef()
	ref.ID, ref.Outputs = id.ID, id.Outputs
	a.must(d.Delete(a.ctx, ref))
	want := map[string][2]int{
		"things listed":      {25, 0},
		"names looked up":    {25, 25},
		"devices reconciled": {25, 25},
		"devices removed":    {25, 25},
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanIsPure(t *testing.T) {
	have := greenhouse(map[string]spec.Device{
		"same": {}, "gone": {}, "changed": {Attributes: map[string]string{"a": "1"}},
	})
	want := greenhouse(
		map[string]spec.Device{"same": {}, "new": {}, "changed": {Attributes: map[string]string{"a": "2"}}},
	)
	before := maps.Clone(have.Devices)
	if diff := cmp.Diff(fleet.Plan{Added: []string{"new"}, Changed: []string{"changed"}, Removed: []string{"gone"}},
		fleet.Compare(have, want)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, have.Devices); diff != "" {
		t.Errorf("Compare changed its argument:\n%s", diff)
	}
}
