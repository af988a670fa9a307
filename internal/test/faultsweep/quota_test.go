package faultsweep

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// fleetUnderQuotas is how many devices a pipeline has that is made under AWS's default quotas.
const fleetUnderQuotas = 200

// limited is an account whose API has AWS's default quotas for every operation, and clients as a user has them.
type limited struct {
	front   *iotstub.Front
	clients *awsapi.Clients
}

func newLimited(t testing.TB) *limited {
	t.Helper()
	moto := mototest.Start(t)
	front, err := iotstub.NewFront(iotstub.Options{Rates: iotstub.Quotas(), Latency: 30 * time.Millisecond}, moto.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	cfg := moto.AWSConfig()
	cfg.BaseEndpoint, cfg.APIOptions = aws.String(server.URL), append(cfg.APIOptions, sayOperation)
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), awsapi.DefaultMaxRetries) }
	clients := awsapi.New(cfg, awsapi.Options{S3UsePathStyle: true}).WithAccount(mototest.AccountID)
	return &limited{front: front, clients: clients}
}

// sayOperation makes requests say which operation they are, so that the front can hold all of them to their quotas.
func sayOperation(stack *middleware.Stack) error {
	return stack.Build.Add(middleware.BuildMiddlewareFunc(
		"NameOperation",
		func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput,
			middleware.Metadata, error) {
			if request, ok := in.Request.(*smithyhttp.Request); ok {
				service := strings.ToLower(strings.ReplaceAll(awsmiddleware.GetServiceID(ctx), " ", ""))
				request.Header.Set(iotstub.OperationHeader, service+":"+awsmiddleware.GetOperationName(ctx))
			}
			return next.HandleBuild(ctx, in)
		},
	), middleware.After)
}

// apply makes a whole pipeline with that many devices, as Terraform does for the first time.
func (l *limited) apply(t testing.TB, devices int) {
	t.Helper()
	s := sweepSpec(1)
	s.Devices = map[string]pipeline.DeviceSpec{}
	for i := range devices {
		s.Devices[fmt.Sprintf("device-%03d", i)] = pipeline.DeviceSpec{
			Attributes: map[string]string{"row": fmt.Sprint(i)},
		}
	}
	s.Credentials = &pipeline.CredentialsSpec{Store: aws.String(credstore.SecretsManager)}
	r := newRun(t, l.clients, s, token)
	r.engine.Parallel = 0 // the engine's own
	records, err := r.engine.Apply(t.Context(), r.parts, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		if rec.Status != assembly.Ready {
			t.Errorf("part %s is %q", rec.Key, rec.Status)
		}
	}
	things, certificates, bundles := l.front.Stub.Size()
	if len(records) != len(r.parts) || things != devices || certificates != devices+1 || bundles != devices+1 {
		t.Errorf("%d of %d parts; %d things, %d certificates, %d bundles for %d devices and a claim", len(records),
			len(r.parts), things, certificates, bundles, devices)
	}
	held := 0
	for _, c := range l.front.Stub.Certificates() {
		held += len(c.Things)
		if !c.Active || len(c.Things) > 1 {
			t.Errorf("certificate %s: active %t, things %v", c.ID, c.Active, c.Things)
		}
	}
	if held != devices { // the claim certificate has none
		t.Errorf("%d certificates have a thing", held)
	}
}

// dictated is the time that the quotas leave no way below for so many new devices: a bucket holds one second's worth,
// which is free.
func dictated(devices int, store string) (time.Duration, string) {
	takes, operation := fleet.Estimate(fleet.Load{Added: devices}, store,
		func(operation string) float64 { return iotstub.Quotas()[operation] })
	return takes - time.Second, operation
}

// A whole pipeline with 200 devices under AWS's default quotas: no error, hardly a request too many, and of no
// operation more requests than its quota allows in the time that it dictates for the devices.
// BenchmarkPipelineUnderQuotas measures the time.
func TestPipelineUnderQuotas(t *testing.T) {
	t.Parallel()
	l := newLimited(t)
	l.apply(t, fleetUnderQuotas)
	requests, quotas := l.front.Stub.Requests(), iotstub.Quotas()
	limit, slowest := dictated(fleetUnderQuotas, credstore.SecretsManager)
	if slowest != "iot:CreateCertificateFromCsr" {
		t.Errorf("the slowest operation is %s", slowest)
	}
	if refused := l.front.Stub.Refused(); refused > l.front.Count()/100 {
		t.Errorf("%d of %d requests were over the quotas", refused, l.front.Count())
	}
	for _, operation := range slices.Sorted(maps.Keys(requests)) {
		n, perSecond := requests[operation], quotas[operation]
		if perSecond == 0 {
			continue
		}
		least := time.Duration((float64(n) - math.Ceil(perSecond)) / perSecond * float64(time.Second))
		if least > limit+limit/20 { // a claim certificate, and what was sent twice
			t.Errorf("%d requests %s take %s, and the devices %s", n, operation, least, limit)
		}
	}
	for operation, each := range map[string]int{
		"iot:CreateThing": 1, "iot:AddThingToThingGroup": 1, "iot:CreateCertificateFromCsr": 1,
		"iot:AttachThingPrincipal": 1, "iot:UpdateThing": 1,
		"secretsmanager:CreateSecret": 1,
		// Never one for each device.
		"iot:UpdateCertificate": 0, "iot:DescribeCertificate": 0, "iot:ListThingPrincipals": 0, "iot:ListPrincipalThings": 0,
		"iot:ListThingGroupsForThing": 0, "iot:AttachPolicy": 0,
	} {
		if n := requests[operation]; n < each*fleetUnderQuotas || n > each*fleetUnderQuotas+fleetUnderQuotas/20 {
			t.Errorf("%d requests %s for %d devices, want %d each", n, operation, fleetUnderQuotas, each)
		}
	}
}

// By itself the provider sends no operation faster than AWS's default quota allows.
func TestRatesAreWithinQuotas(t *testing.T) {
	c := awsapi.New(aws.Config{Region: mototest.Region}, awsapi.Options{})
	for operation, quota := range iotstub.Quotas() {
		if rate := c.Rate(operation); rate == 0 || rate > quota {
			t.Errorf("%s: the provider's rate is %v, AWS's quota %v", operation, rate, quota)
		}
	}
	// Arithmetic only: with Parameter Store it is the store that decides.
	if takes, slowest := dictated(fleetUnderQuotas, credstore.ParameterStore); slowest != "ssm:PutParameter" ||
		takes.Round(time.Second) != 66*time.Second {
		t.Errorf("with Parameter Store %d devices take %s, because of %s", fleetUnderQuotas, takes, slowest)
	}
}

// slack is how much longer than the quotas dictate an apply may take.
const slack = 1.3

// BenchmarkPipelineUnderQuotas measures the first apply of a whole pipeline with 200 devices under AWS's default
// quotas, all of it, as a multiple of what the quotas dictate for the devices; above slack it fails.
func BenchmarkPipelineUnderQuotas(b *testing.B) {
	least, _ := dictated(fleetUnderQuotas, credstore.SecretsManager)
	for b.Loop() {
		l := newLimited(b)
		begun := time.Now()
		l.apply(b, fleetUnderQuotas)
		ratio := time.Since(begun).Seconds() / least.Seconds()
		b.ReportMetric(ratio, "of-the-dictated-time")
		b.ReportMetric(float64(l.front.Stub.Refused()), "refused")
		if ratio > slack {
			b.Errorf("it took %.2f times what the quotas dictate, want %.1f at most", ratio, slack)
		}
	}
}
