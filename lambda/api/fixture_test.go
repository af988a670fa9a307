package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	deviceTable   = "greenhouse"
	commandTable  = "greenhouse-commands"
	readingsTable = "greenhouse-readings"
	metricsTable  = "greenhouse-metrics"
	owner         = "owner-token"
	alice         = "arn:aws:iam::123456789012:user/alice"
)

// fixture is the function with its tables and things in moto. Its calls pass through a stand-in that counts them and can
// misbehave; every request and answer is compared with the document.
type fixture struct {
	*handler
	t     testing.TB
	moto  *mototest.Server
	db    *dynamodb.Client // past the stand-in
	iot   *iot.Client
	aws   *lambdatest.AWS
	env   map[string]string
	out   *bytes.Buffer
	clock time.Time
	api   routers.Router
}

func newFixture(t testing.TB, more map[string]string) *fixture {
	t.Helper()
	f := &fixture{
		t: t, moto: mototest.Start(t), aws: lambdatest.StartAWS(t), out: &bytes.Buffer{},
		clock: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), api: router(t),
	}
	cfg := f.moto.Config(t)
	f.db, f.iot = dynamodb.NewFromConfig(cfg), iot.NewFromConfig(cfg)
	f.makeTables()
	f.aws.Forward(t, f.moto.URL)
	f.env = f.aws.Env(map[string]string{contract.EnvCommandsTable: commandTable, contract.EnvReadingsTable: readingsTable})
	for name, value := range more {
		f.env[name] = value
	}
	f.handler = f.start()
	return f
}

// start makes another process of the function.
func (f *fixture) start() *handler {
	f.t.Helper()
	h, err := newHandler(func(name string) string { return f.env[name] }, f.out)
	if err != nil {
		f.t.Fatal(err)
	}
	h.service.now = func() time.Time { return f.clock }
	return h
}

// router finds the operations of the document.
func router(t testing.TB) routers.Router {
	t.Helper()
	loaded, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Servers = nil                   // wherever it is served
	found, err := legacy.NewRouter(loaded) // checks the document
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (f *fixture) makeTables() {
	f.t.Helper()
	keys := func(hash, rng string) []types.KeySchemaElement {
		k := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
		if rng != "" {
			k = append(k, types.KeySchemaElement{AttributeName: &rng, KeyType: types.KeyTypeRange})
		}
		return k
	}
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
	}
	make := func(in *dynamodb.CreateTableInput) {
		in.BillingMode = types.BillingModePayPerRequest
		if _, err := f.db.CreateTable(f.t.Context(), in); err != nil {
			f.t.Fatal(err)
		}
	}
	make(&dynamodb.CreateTableInput{
		TableName: aws.String(deviceTable), KeySchema: keys(contract.DeviceKey, ""),
		AttributeDefinitions: []types.AttributeDefinition{attribute(contract.DeviceKey, "S"),
			attribute(contract.StatusAttribute, "S"), attribute(contract.SlotAttribute, "N")},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String(contract.StatusIndex),
			KeySchema:  keys(contract.StatusAttribute, contract.SlotAttribute),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}, {
			IndexName:  aws.String(contract.StatusDeviceIndex),
			KeySchema:  keys(contract.StatusAttribute, contract.DeviceKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
	})
	for name, rng := range map[string]string{commandTable: contract.CommandKey, readingsTable: contract.ReadingKey,
		metricsTable: contract.WindowStartKey} {
		make(&dynamodb.CreateTableInput{
			TableName: aws.String(name), KeySchema: keys(contract.DeviceKey, rng),
			AttributeDefinitions: []types.AttributeDefinition{attribute(contract.DeviceKey, "S"), attribute(rng, "S")},
		})
	}
}

// put writes an item.
func (f *fixture) put(table string, it item) {
	f.t.Helper()
	if _, err := f.db.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: it}); err != nil {
		f.t.Fatal(err)
	}
}

// device writes the row of a device.
func (f *fixture) device(name, status string) {
	f.t.Helper()
	f.put(deviceTable, item{
		contract.DeviceKey: text(name), contract.StatusAttribute: text(status),
		contract.LastSeenAttribute: number(f.clock.UnixMilli()), "status_at": number(f.clock.UnixMilli()),
		"measured_at": number(f.clock.UnixMilli()),
		"latest": &types.AttributeValueMemberM{Value: item{"humidity": number(29), "door": text("open"),
			"lit": &types.AttributeValueMemberBOOL{Value: true}}},
	})
}

// thing makes a thing of an owner.
func (f *fixture) thing(name, owner string) {
	f.t.Helper()
	if _, err := f.iot.CreateThing(f.t.Context(), &iot.CreateThingInput{ThingName: aws.String(name),
		AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{
			contract.OwnerAttribute: owner, contract.CertificateAttribute: "aws:1", "bay": "7"}}}); err != nil {
		f.t.Fatal(err)
	}
}

// reply is an answer of the function, as the gateway passes it on.
type reply struct {
	t       testing.TB
	status  int
	headers http.Header
	body    []byte
}

// request is a request as a client makes it.
type request struct {
	method, path string // path with the query, as in a request line
	headers      map[string]string
	body         string
	caller       string // empty: alice
	route        string // of the gateway; empty: as the gateway finds it
}

// ask sends a request through the adapter, as the gateway does, and compares both with the document.
func (f *fixture) ask(r request) reply {
	f.t.Helper()
	return f.raw(r, f.event(r))
}

// raw hands the function an event.
func (f *fixture) raw(r request, event []byte) reply {
	f.t.Helper()
	answer, err := f.Invoke(f.context(), event)
	if err != nil {
		f.t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	var e events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &e); err != nil {
		f.t.Fatal(err)
	}
	got := reply{t: f.t, status: e.StatusCode, headers: http.Header{}, body: []byte(e.Body)}
	for name, value := range e.Headers {
		got.headers.Set(name, value)
	}
	f.compare(r, got)
	return got
}

func (f *fixture) context() context.Context {
	return lambdacontext.NewContext(f.t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
}

// event is a request in the gateway's payload format 2.0.
func (f *fixture) event(r request) []byte {
	f.t.Helper()
	path, query, _ := strings.Cut(r.path, "?")
	e := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, RawQueryString: query, RouteKey: r.route,
		Headers: map[string]string{"host": "api.test"}}
	if r.body != "" {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(r.body)), true
		e.Headers["content-type"] = "application/json"
	}
	for name, value := range r.headers {
		e.Headers[strings.ToLower(name)] = value
	}
	if e.RouteKey == "" {
		e.RouteKey = routeOf(r.method, path)
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = r.method, path
	who := alice
	if r.caller != "" {
		who = r.caller
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: who}}
	event, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return event
}

// routeOf finds a route as the gateway does: segment by segment, a fixed one before a variable.
func routeOf(method, path string) string {
	have := strings.Split(path, "/")
	best, fixed := "$default", -1
	for _, route := range contract.APIRoutes() {
		want := strings.Split(route.Path, "/")
		if route.Method != method || len(want) != len(have) {
			continue
		}
		n := 0
		for i, segment := range want {
			if segment == have[i] {
				n++
			} else if !strings.HasPrefix(segment, "{") || have[i] == "" {
				n = -1 << 10
			}
		}
		if n > fixed {
			best, fixed = route.Key(), n
		}
	}
	return best
}

// compare checks a request and its answer against the document: the API takes no request that the document refuses, and
// gives no answer that it does not describe.
func (f *fixture) compare(r request, got reply) {
	f.t.Helper()
	got.check(r)
	target, err := url.Parse("http://api.test" + r.path)
	if err != nil {
		return
	}
	in := httptest.NewRequestWithContext(f.t.Context(), r.method, "/", strings.NewReader(r.body))
	in.URL = target
	if r.body != "" {
		in.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.headers {
		in.Header.Set(name, value)
	}
	route, parameters, err := f.api.FindRoute(in)
	if err != nil {
		if got.status < 400 {
			f.t.Errorf("%s %s is not in the document and is answered with %d", r.method, r.path, got.status)
		}
		return
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true}
	input := &openapi3filter.RequestValidationInput{Request: in, PathParams: parameters, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(f.t.Context(), input); err != nil && got.status < 400 {
		f.t.Errorf("%s %s is answered with %d, and the document refuses it: %v", r.method, r.path, got.status, err)
	}
	if err := openapi3filter.ValidateResponse(f.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: got.status, Header: got.headers,
		Body: io.NopCloser(bytes.NewReader(got.body)), Options: options,
	}); err != nil {
		f.t.Errorf("%s %s: answer %d %s: %v", r.method, r.path, got.status, got.body, err)
	}
}

// check checks what every answer has, and what none may have.
func (r reply) check(asked request) {
	r.t.Helper()
	if r.headers.Get("Cache-Control") == "" {
		r.t.Errorf("%s %s: no Cache-Control", asked.method, asked.path)
	}
	for _, secret := range []string{"arn:aws:dynamodb", "arn:aws:iot", "goroutine", ".go:", owner} {
		if bytes.Contains(r.body, []byte(secret)) {
			r.t.Errorf("%s %s: the answer has %q: %s", asked.method, asked.path, secret, r.body)
		}
	}
	if r.status < 400 {
		return
	}
	var p Problem
	if err := json.Unmarshal(r.body, &p); err != nil || p.Status != r.status ||
		!strings.HasPrefix(p.Type, problemBase) || r.headers.Get("Content-Type") != "application/problem+json" {
		r.t.Errorf("%s %s: answer %d is no problem document: %s %v", asked.method, asked.path, r.status, r.body, r.headers)
	}
	again := r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable
	if again != (r.headers.Get("Retry-After") != "") {
		r.t.Errorf("%s %s: answer %d has Retry-After %q", asked.method, asked.path, r.status, r.headers.Get("Retry-After"))
	}
}

// get asks for a path that must be answered with 200, and reads the answer.
func get[T any](f *fixture, path string) T {
	f.t.Helper()
	return answered[T](f.ask(request{method: http.MethodGet, path: path}), http.StatusOK)
}

// answered reads an answer that must have a status.
func answered[T any](r reply, status int) T {
	r.t.Helper()
	var out T
	if r.status != status {
		r.t.Fatalf("answer %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal(r.body, &out); err != nil {
		r.t.Fatalf("answer %s: %v", r.body, err)
	}
	return out
}

// wantProblem checks the kind of a problem.
func (r reply) wantProblem(k kind) {
	r.t.Helper()
	if p := answered[Problem](r, k.status); p.Type != problemBase+k.name {
		r.t.Errorf("problem %s, want %s: %s", p.Type, k.name, r.body)
	}
}
