package faultsweep

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/s3bucket"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/tagindex"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const token = "01900000-0000-7000-8000-00000000000a"

// localAWS is a local AWS behind a proxy that can fail.
type localAWS struct {
	t      testing.TB
	server *mototest.Server
	proxy  *faultproxy.Proxy
	client *http.Client // one for all runs, or each would leave its idle connections behind
	// attempts of the SDK; 1 lets each fault through to the engine.
	attempts int
	// heard receives what is waited for; nil: nobody listens.
	heard func(what string, waited time.Duration)
}

func newLocalAWS(t testing.TB) *localAWS {
	s := mototest.Start(t)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &localAWS{
		t:        t,
		server:   s,
		proxy:    faultproxy.Start(t, s.URL),
		client:   &http.Client{Transport: readOnlyBodies{transport}},
		attempts: 1,
	}
}

// readOnlyBodies hides that a request's body can write itself. The SDK closes a body when the answer's header is
// there, and its WriteTo answers io.EOF from then on (smithy-go 1.28.9, transport/http/internal/io/safe.go), which
// net/http takes for an error of the request: when it still looks for the body's end, it closes the connection below
// the answer. The SDK tries again then; with one attempt, a request fails by itself now and then.
type readOnlyBodies struct{ http.RoundTripper }

// RoundTrip sends r with a body that can only be read.
func (b readOnlyBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.Clone(r.Context())
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return b.RoundTripper.RoundTrip(r)
}

func (a *localAWS) clients() *awsapi.Clients { return a.clientsWith(nil) }

// clientsWith are clients some of whose requests are answered by instead; it returns nil for the others.
func (a *localAWS) clientsWith(instead func(*http.Request) *http.Response) *awsapi.Clients {
	cfg := a.server.Config(a.t)
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(a.proxy.URL), a.client
	if instead != nil {
		cfg.HTTPClient = &http.Client{Transport: answering{a.client.Transport, instead}}
	}
	attempts := a.attempts
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, time.Millisecond
			o.RateLimiter = noLimit{}
		})
	}
	return awsapi.New(cfg, awsapi.Options{
		S3UsePathStyle: true, Unlimited: true, Clock: awsapi.NewInstantClock(), Waiting: a.waiting,
	}).WithAccount(mototest.AccountID)
}

// answering answers some requests itself.
type answering struct {
	http.RoundTripper
	instead func(*http.Request) *http.Response
}

// RoundTrip sends r, or answers it.
func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if response := a.instead(r); response != nil {
		return response, nil
	}
	return a.RoundTripper.RoundTrip(r)
}

// noLimit keeps the SDK's retry budget out of the way: a sweep fails more requests than any real client.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (noLimit) AddTokens(uint) error { return nil }

// run is what one provider process has: a spec, its parts, an engine.
type run struct {
	engine *assembly.Engine
	parts  []assembly.Part
	fleet  *fleet.Driver
}

func (a *localAWS) run(s pipeline.Spec, owner string) run {
	a.t.Helper()
	return newRun(a.t, a.clients(), s, owner)
}

func newRun(t testing.TB, c *awsapi.Clients, s pipeline.Spec, owner string) run {
	t.Helper()
	parts, err := pipeline.Build(s, pipeline.Env{
		AccountID: mototest.AccountID, Region: mototest.Region, Partition: "aws", Owner: owner, Tags: s.Tags,
		MQTTEndpoint: "mqtt.example.com", DataEndpoint: "mqtt.example.com",
		Code: func(architecture string) (string, func() ([]byte, error), error) {
			code := []byte("code for " + architecture)
			sum := sha256.Sum256(code)
			return base64.StdEncoding.EncodeToString(sum[:]), func() ([]byte, error) { return code, nil }, nil
		},
		Artifact: func(_, path string) ([]byte, func() ([]byte, error), error) {
			sum := sha256.Sum256([]byte(path))
			return sum[:], func() ([]byte, error) { return []byte(path), nil }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := fleet.New(c, nil, fleetOptions(t, parts))
	return run{
		engine: &assembly.Engine{
			Drivers: drivers.Registry(c, f), Owner: owner, Parallel: 4,
			Tags: tagindex.New(c, func(context.Context, error) {}),
		},
		parts: parts,
		fleet: f,
	}
}

// fleetOptions are what a description says of the devices.
func fleetOptions(t testing.TB, parts []assembly.Part) fleet.Options {
	t.Helper()
	for _, p := range parts {
		if p.Key == pipeline.KeyFleet {
			want, err := p.Want(nil)
			if err != nil {
				t.Fatal(err)
			}
			wanted := want.(spec.Fleet)
			return fleet.Options{Known: wanted.Devices, Defaults: wanted}
		}
	}
	return fleet.Options{}
}

func all(string) bool { return true }

// apply reads and applies, as Terraform does.
func (a *localAWS) apply(s pipeline.Spec, owner string, prior []assembly.Record) ([]assembly.Record, error) {
	seen, err := a.refresh(s, owner, prior)
	if err != nil {
		return prior, err
	}
	r := a.run(s, owner)
	return r.engine.Apply(a.t.Context(), r.parts, seen, all)
}

// refresh reads what is recorded and looks for what is not; there is nothing to refresh before the first apply.
func (a *localAWS) refresh(s pipeline.Spec, owner string, prior []assembly.Record) ([]assembly.Record, error) {
	if len(prior) == 0 {
		return nil, nil
	}
	return a.discover(s, owner, prior)
}

// discover is a refresh that looks even where nothing is recorded, as an import does.
func (a *localAWS) discover(s pipeline.Spec, owner string, prior []assembly.Record) ([]assembly.Record, error) {
	r := a.run(s, owner)
	seen, err := r.engine.Observe(a.t.Context(), r.parts, prior)
	if err != nil {
		return prior, err
	}
	return r.engine.Find(a.t.Context(), r.parts, seen)
}

// destroy deletes what the records name, data included, and knows nothing else.
func (a *localAWS) destroy(owner string, records []assembly.Record) ([]assembly.Record, error) {
	c := a.clients()
	engine := &assembly.Engine{
		Drivers:  drivers.Registry(c, fleet.New(c, nil, fleet.Options{})),
		Owner:    owner,
		Parallel: 4,
	}
	records = slices.Clone(records)
	for i := range records {
		if records[i].Kind == spec.KindBucket {
			records[i].Outputs = s3bucket.Outputs(spec.Bucket{ForceDestroy: true})
		}
	}
	return engine.Destroy(a.t.Context(), records)
}
