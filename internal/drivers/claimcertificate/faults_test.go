package claimcertificate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/claimcertificate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/iotstub"
)

// The tests of this file run against package iotstub, in the shapes of the reference: moto pages no list of
// certificates.

// stubbedClaims gives clients of a stub that send each request so many times at most.
func stubbedClaims(t *testing.T, stub http.Handler, attempts int) *awsapi.Clients {
	t.Helper()
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	return awsapi.New(aws.Config{
		Region: iotstub.Region, BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(
				func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, time.Millisecond },
			)
		},
	}, awsapi.Options{Unlimited: true, Clock: awsapi.NewInstantClock()})
}

// claimRun is one thing that happens to a claim certificate.
type claimRun struct {
	name   string
	before *spec.ClaimCertificate // what a run without faults has made; nil: nothing
	damage func(ctx context.Context, c *awsapi.Clients) error
	after  *spec.ClaimCertificate // nil: destroyed
}

func claimRuns() []claimRun {
	first, secret := claim(credstore.ParameterStore), claim(credstore.SecretsManager)
	second, secondSecret, moved, other := first, secret, secret, first
	second.Version, secondSecret.Version, moved.Version = 2, 2, 2
	other.Policy, other.Template = "other", "greenhouse-2"
	return []claimRun{
		{name: "create", after: &first},
		{name: "create a secret", after: &secret},
		{name: "another version", before: &first, after: &second},
		{name: "another version of a secret", before: &secret, after: &secondSecret},
		{name: "another store", before: &first, after: &secret},
		{name: "another version in another store", before: &first, after: &moved},
		{name: "another policy and template", before: &first, after: &other},
		{
			name:   "the bundle is gone",
			before: &first,
			after:  &first,
			damage: func(ctx context.Context, c *awsapi.Clients) error {
				_, err := c.SSM().DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{claimName}})
				return err
			},
		},
		{
			name:   "the certificate is gone",
			before: &first,
			after:  &first,
			damage: func(ctx context.Context, c *awsapi.Clients) error {
				out, err := c.IoT().ListCertificates(ctx, &iot.ListCertificatesInput{})
				if err != nil {
					return err
				}
				id := out.Certificates[0].CertificateId
				if _, err := c.IoT().
					UpdateCertificate(ctx, &iot.UpdateCertificateInput{CertificateId: id,
						NewStatus: "INACTIVE"}); err != nil {
					return err
				}
				_, err = c.IoT().
					DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: id, ForceDelete: true})
				return err
			},
		},
		{name: "destroy", before: &first},
		{name: "destroy a secret", before: &secret},
	}
}

// faulty is one way in which a request goes wrong.
type faulty struct {
	how      string
	fault    iotstub.Fault
	attempts int
}

var claimFaults = []faulty{
	{"refused", iotstub.Fault{Code: "InternalFailureException", Status: http.StatusInternalServerError}, 1},
	{"answer lost", iotstub.Fault{Lost: true}, 1},
	{"answer lost and asked again", iotstub.Fault{Lost: true}, 2},
}

// TestEveryClaimRequestFailsOnce makes each request of a run fail before it takes effect, lose its answer after it
// did, and lose it so that the SDK repeats the request; with the record of that run kept and, as when the process
// dies, not kept. The next run must finish the work and leave one certificate and one bundle with its key, the one
// after that must have nothing to do, and a destroy, also one in place of the next run, must leave nothing.
func TestEveryClaimRequestFailsOnce(t *testing.T) {
	for _, run := range claimRuns() {
		for _, f := range claimFaults {
			for _, then := range []string{"apply", "apply without a record", "destroy", "destroy without a record"} {
				if run.after == nil && strings.HasPrefix(then, "apply") {
					continue // a destroy is done again
				}
				t.Run(run.name+"/"+f.how+"/then "+then, func(t *testing.T) {
					t.Parallel()
					for at := 1; ; at++ {
						what, met := oneClaimFault(t, run, f, then, at)
						if !met {
							if at < 3 {
								t.Errorf("only %d requests were tried", at-1)
							}
							return
						}
						if t.Failed() {
							t.Fatalf("request %d, %s", at, what)
						}
					}
				})
			}
		}
	}
}

// oneClaimFault lets one request of a run fail and checks what comes of it.
func oneClaimFault(t *testing.T, run claimRun, f faulty, then string, at int) (what string, met bool) {
	t.Helper()
	failing := &iotstub.FailNth{Fault: f.fault}
	stub := iotstub.New(iotstub.Options{Fault: failing.Next})
	clients, ctx := stubbedClaims(t, stub, f.attempts), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			what, _ := failing.Met()
			t.Fatalf("request %d, %s: %v", at, what, err)
		}
	}
	unrecorded := assembly.Ref{Name: claimName, Owner: drivertest.Owner}
	ref := unrecorded
	var err error
	if run.before != nil {
		_, ref, err = applied(ctx, clients, ref, *run.before)
		must(err)
	}
	if run.damage != nil {
		must(run.damage(ctx, clients))
	}
	stub.AddCertificates(3) // without an owner, INACTIVE: to be looked at and left
	failing.Plan(at)
	kept := ref
	if run.after == nil {
		err = claimcertificate.New(clients).Delete(ctx, ref)
	} else {
		_, kept, err = applied(ctx, clients, ref, *run.after)
	}
	if err != nil && strings.Contains(err.Error(), "PRIVATE KEY") {
		t.Errorf("the key is in the error: %v", err)
	}
	what, met = failing.Met()
	if !met {
		return what, false
	}
	switch {
	case strings.HasPrefix(then, "destroy"):
		if then == "destroy without a record" {
			kept = ref
			if run.before == nil || run.damage == nil {
				kept = unrecorded // the bundle says it all, where there was one
			}
		}
		must(claimcertificate.New(clients).Delete(ctx, kept))
		nothingLeft(t, stub)
		return what, true
	case then == "apply":
		ref = kept
	}
	_, ref, err = applied(ctx, clients, ref, *run.after)
	must(err)
	claimIsWhole(t, ctx, clients, stub, ref, *run.after)
	fields, _, err := applied(ctx, clients, ref, *run.after)
	must(err)
	if len(fields) > 0 {
		t.Errorf("after another apply still different: %v", fields)
	}
	must(claimcertificate.New(clients).Delete(ctx, ref))
	nothingLeft(t, stub)
	return what, true
}

// ours are the certificates of a stub that are certificates; those without an owner hold no text.
func ours(stub *iotstub.Server) []iotstub.Certificate {
	return slices.DeleteFunc(stub.Certificates(), func(c iotstub.Certificate) bool { return c.PEM == "" })
}

func nothingLeft(t *testing.T, stub *iotstub.Server) {
	t.Helper()
	if _, certificates, bundles := stub.Size(); certificates != 3 || bundles != 0 {
		t.Errorf("left after a destroy: %d certificates besides 3 without an owner, %d bundles", certificates-3,
			bundles)
	}
}

func claimIsWhole(
	t *testing.T,
	ctx context.Context,
	c *awsapi.Clients,
	stub *iotstub.Server,
	ref assembly.Ref,
	want spec.ClaimCertificate,
) {
	t.Helper()
	certificates := ours(stub)
	if _, all, bundles := stub.Size(); bundles != 1 || len(certificates) != 1 || all != 4 {
		t.Fatalf("%d bundles, %d certificates, and %d without an owner", bundles, len(certificates),
			all-len(certificates))
	}
	got := certificates[0]
	if got.ID != ref.ID || !got.Active || !cmp.Equal(got.Policies, []string{want.Policy}) {
		t.Errorf("certificate %s, active %t, policies %v; recorded is %s", got.ID, got.Active, got.Policies, ref.ID)
	}
	b := wholeBundle(t, storedClaim(t, ctx, c, want.Store.Kind), want)
	if b.CertificateID != got.ID || b.CertificatePEM != got.PEM {
		t.Errorf("the bundle is of certificate %s", b.CertificateID)
	}
}

func storedClaim(t *testing.T, ctx context.Context, c *awsapi.Clients, kind string) string {
	t.Helper()
	if kind == credstore.SecretsManager {
		out, err := c.SecretsManager().
			BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{claimName}})
		if err != nil || len(out.SecretValues) != 1 {
			t.Fatalf("%d secrets, %v", len(out.SecretValues), err)
		}
		return aws.ToString(out.SecretValues[0].SecretString)
	}
	out, err := c.SSM().
		GetParameters(ctx, &ssm.GetParametersInput{Names: []string{claimName}, WithDecryption: aws.Bool(true)})
	if err != nil || len(out.Parameters) != 1 {
		t.Fatalf("%d parameters, %v", len(out.Parameters), err)
	}
	return aws.ToString(out.Parameters[0].Value)
}

// A lost certificate may stand on a later page of the account's list, behind those of others.
func TestClaimIsLookedForOnAllPages(t *testing.T) {
	lost := true
	stub := iotstub.New(iotstub.Options{Fault: func(operation string, _ *http.Request) iotstub.Fault {
		if operation == "iot:CreateCertificateFromCsr" && lost {
			lost = false
			return iotstub.Fault{Lost: true}
		}
		return iotstub.Fault{}
	}})
	clients, ctx := stubbedClaims(t, stub, 1), t.Context()
	want := claim(credstore.ParameterStore)
	_, ref, err := applied(ctx, clients, assembly.Ref{Name: claimName, Owner: drivertest.Owner}, want)
	if err == nil || ref.ID != claimName {
		t.Fatalf("%+v, %v; want a record of the bundle", ref, err)
	}
	made := ours(stub)[0].ID
	stub.AddCertificates(600)
	_, ref, err = applied(ctx, clients, ref, want)
	if err != nil || ref.ID != made {
		t.Errorf("%+v, %v; want the certificate whose answer was lost, %s", ref, err, made)
	}
	sent := stub.Requests()
	if sent["iot:CreateCertificateFromCsr"] != 1 ||
		sent["iot:ListCertificates"] != 6 { // three pages to adopt, three to see that there is no other
		t.Errorf("sent %d creates and %d list pages", sent["iot:CreateCertificateFromCsr"],
			sent["iot:ListCertificates"])
	}
}

// While its certificate is being made, the bundle holds key and request, and nothing that could be taken for finished.
func TestClaimBundleWhileItIsMade(t *testing.T) {
	stub := iotstub.New(iotstub.Options{Fault: func(operation string, _ *http.Request) iotstub.Fault {
		if operation == "iot:CreateCertificateFromCsr" {
			return iotstub.Fault{Code: "LimitExceededException", Message: "no more certificates"}
		}
		return iotstub.Fault{}
	}})
	clients, ctx := stubbedClaims(t, stub, 1), t.Context()
	_, ref, err := applied(ctx, clients, assembly.Ref{Name: claimName, Owner: drivertest.Owner},
		claim(credstore.ParameterStore))
	if !awsapi.Is(err, "LimitExceededException") || ref.ID != claimName ||
		ref.Outputs["credentials_store"] != credstore.ParameterStore {
		t.Fatalf("%+v, %v", ref, err)
	}
	text := storedClaim(t, ctx, clients, credstore.ParameterStore)
	if !strings.Contains(text, `"private_key"`) || !strings.Contains(text, `"csr_pem"`) ||
		strings.Count(text, `":`) != 2 {
		t.Errorf("the bundle has other members than key and request")
	}
	have, err := claimcertificate.New(clients).Observe(ctx, ref)
	if err != nil || have == nil || !have.Spec.Lost {
		t.Errorf("%v, %v", have, err)
	}
	if text := fmt.Sprintf("%+v %#v", have, have.Extra); strings.Contains(text, "PRIVATE") {
		t.Errorf("the key is printed: %s", text)
	}
	if err := claimcertificate.New(clients).Delete(ctx, ref); err != nil {
		t.Fatal(err)
	}
	if _, certificates, bundles := stub.Size(); certificates+bundles > 0 {
		t.Errorf("left: %d certificates, %d bundles", certificates, bundles)
	}
}
