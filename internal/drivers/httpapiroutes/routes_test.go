package httpapiroutes

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name        = "greenhouse"
	functionARN = "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-api"
)

// newAPI makes the API that the routes are in.
func newAPI(t *testing.T, c *awsapi.Clients) string {
	t.Helper()
	id, err := httpapi.New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.HTTPAPI{})
	if err != nil {
		t.Fatal(err)
	}
	return id.ID
}

func withTokens(api string) spec.HTTPAPIRoutes {
	return spec.HTTPAPIRoutes{
		API: api, FunctionARN: functionARN, TimeoutMS: 30_000,
		JWT: &spec.JWTAuthorizer{Issuer: "https://issuer.example.com", Audiences: []string{"app", "web"}},
		Routes: []spec.HTTPRoute{
			{Key: "GET /v1/devices", Scopes: []string{"devices/read"}},
			{Key: "POST /v1/devices/{device}/commands", Scopes: []string{"devices/admin", "devices/write"}},
		},
	}
}

func signed(api string) spec.HTTPAPIRoutes {
	s := withTokens(api)
	s.JWT = nil
	s.Routes = []spec.HTTPRoute{{Key: "GET /v1/devices"}, {Key: "GET /v1/summary"}}
	return s
}

// hand is somebody who changes things past the provider.
type hand struct {
	g   *awsapi.APIGateway
	api string
}

func (h hand) route(ctx context.Context, key string) (types.Route, error) {
	out, err := h.g.GetRoutes(ctx, &apigatewayv2.GetRoutesInput{ApiId: &h.api})
	if err != nil {
		return types.Route{}, err
	}
	at := slices.IndexFunc(out.Items, func(r types.Route) bool { return *r.RouteKey == key })
	return out.Items[at], nil
}

func (h hand) opens(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := h.route(ctx, key)
		if err != nil {
			return err
		}
		_, err = h.g.UpdateRoute(ctx, &apigatewayv2.UpdateRouteInput{ApiId: &h.api, RouteId: r.RouteId,
			AuthorizationType: types.AuthorizationTypeNone, AuthorizerId: aws.String("")})
		return err
	}
}

func (h hand) adds(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		made, err := h.g.CreateIntegration(ctx, &apigatewayv2.CreateIntegrationInput{ApiId: &h.api,
			IntegrationType: types.IntegrationTypeHttpProxy, IntegrationUri: aws.String("https://elsewhere.example.com"),
			IntegrationMethod: aws.String("ANY"), PayloadFormatVersion: aws.String("1.0")})
		if err != nil {
			return err
		}
		_, err = h.g.CreateRoute(ctx, &apigatewayv2.CreateRouteInput{ApiId: &h.api, RouteKey: &key,
			Target: aws.String("integrations/" + *made.IntegrationId)})
		return err
	}
}

func (h hand) removes(key string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := h.route(ctx, key)
		if err != nil {
			return err
		}
		_, err = h.g.DeleteRoute(ctx, &apigatewayv2.DeleteRouteInput{ApiId: &h.api, RouteId: r.RouteId})
		return err
	}
}

func (h hand) trusts(issuer string) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := h.g.GetAuthorizers(ctx, &apigatewayv2.GetAuthorizersInput{ApiId: &h.api})
		if err != nil {
			return err
		}
		_, err = h.g.UpdateAuthorizer(ctx, &apigatewayv2.UpdateAuthorizerInput{ApiId: &h.api,
			AuthorizerId:     out.Items[0].AuthorizerId,
			JwtConfiguration: &types.JWTConfiguration{Issuer: &issuer, Audience: []string{"app", "web"}}})
		return err
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	api := newAPI(t, c)
	h, first := hand{c.APIGateway(), api}, "GET /v1/devices"
	drivertest.Life[spec.HTTPAPIRoutes]{
		Clients: c, Driver: New(c), Name: name, Reads: 3, Full: withTokens(api), Ownerless: true,
		Steps: []drivertest.Step[spec.HTTPAPIRoutes]{
			{Why: "a route opened by hand", Fields: []string{"routes"}, Writes: []string{"UpdateRoute"},
				Drift: h.opens(first)},
			{Why: "a route added by hand", Fields: []string{"routes", "integrations"},
				Writes: []string{"DeleteRoute", "DeleteIntegration"}, Drift: h.adds("$default")},
			{Why: "a route removed by hand", Fields: []string{"routes"}, Writes: []string{"CreateRoute"},
				Drift: h.removes(first)},
			{Why: "another issuer by hand", Fields: []string{"jwt"}, Writes: []string{"UpdateAuthorizer"},
				Drift: h.trusts("https://evil.example.com")},
			{Why: "another function", Fields: []string{"integration"}, Writes: []string{"UpdateIntegration"},
				Want: drivertest.Changing(func(s *spec.HTTPAPIRoutes) { s.FunctionARN += "-2" })},
			{Why: "no scopes", Fields: []string{"routes"}, Writes: []string{"UpdateRoute", "UpdateRoute"},
				Want: drivertest.Changing(func(s *spec.HTTPAPIRoutes) {
					s.Routes = slices.Clone(s.Routes)
					for i := range s.Routes {
						s.Routes[i].Scopes = nil
					}
				})},
		},
	}.Run(t)
}

// What callers need changes with the arguments, and back.
func TestSignaturesAndTokens(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	api := newAPI(t, c)
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	for i, want := range []spec.HTTPAPIRoutes{signed(api), withTokens(api), signed(api)} {
		id, err := d.Create(t.Context(), ref, want)
		if err != nil || ref.ID != "" && id.ID != ref.ID {
			t.Fatalf("%d: %+v, %v", i, id, err)
		}
		ref.ID = id.ID
		have, err := d.Observe(t.Context(), ref)
		if err != nil || len(d.Diff(have.Spec, want)) > 0 {
			t.Errorf("%d: %v of %+v, %v", i, d.Diff(have.Spec, want), have.Spec, err)
		}
	}
	for operation, want := range map[string]int{"CreateAuthorizer": 1, "DeleteAuthorizer": 1, "CreateIntegration": 1,
		"CreateRoute": 4, "DeleteRoute": 2, "UpdateRoute": 2} {
		if n := c.Requests()["apigatewayv2:"+operation]; n != want {
			t.Errorf("%s was sent %d times; want %d", operation, n, want)
		}
	}
}

// An integration that changes requests is no function's: another one takes its place, and the routes lead there.
func TestAnIntegrationChangedByHandIsReplaced(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	api := newAPI(t, c)
	d, ref, want := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}, withTokens(api)
	id, err := d.Create(t.Context(), ref, want)
	if err != nil {
		t.Fatal(err)
	}
	ref.ID = id.ID
	integration := id.ID[len(api)+1:]
	if _, err := c.APIGateway().UpdateIntegration(t.Context(), &apigatewayv2.UpdateIntegrationInput{ApiId: &api,
		IntegrationId:     &integration,
		RequestParameters: map[string]string{"overwrite:header.x": "spoofed"}}); err != nil {
		t.Fatal(err)
	}
	if have, err := d.Observe(t.Context(), ref); err != nil || have != nil {
		t.Fatalf("%+v, %v", have, err)
	}
	again, err := d.Create(t.Context(), ref, want)
	if err != nil || again.ID == id.ID {
		t.Fatalf("%+v, %v", again, err)
	}
	ref.ID = again.ID
	have, err := d.Observe(t.Context(), ref)
	if err != nil || have == nil || len(d.Diff(have.Spec, want)) > 0 {
		t.Errorf("%+v, %v", have, err)
	}
}

// Each write can fail before or after it takes effect, and nothing is made twice.
func TestLostAnswers(t *testing.T) {
	for _, operation := range []string{"CreateIntegration", "CreateAuthorizer", "CreateRoute"} {
		for _, after := range []bool{false, true} {
			server := mototest.Start(t)
			c := drivertest.Clients(t, server)
			api := newAPI(t, c)
			server.Fail(t, mototest.Fault{Service: "apigatewayv2", Operation: operation, Times: 1, After: after,
				Code: "TooManyRequestsException", Message: "Too Many Requests"})
			d, ref, want := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}, withTokens(api)
			id, err := d.Create(t.Context(), ref, want)
			if err != nil {
				t.Errorf("%s, after %v: %v", operation, after, err)
				continue
			}
			ref.ID = id.ID
			have, err := d.Observe(t.Context(), ref)
			if err != nil || have == nil || len(d.Diff(have.Spec, want)) > 0 {
				t.Errorf("%s, after %v: %+v, %v", operation, after, have, err)
			}
		}
	}
}

// API Gateway refuses changes that overlap, and takes them a moment later.
func TestAChangeThatIsUnderWayPasses(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	api := newAPI(t, c)
	for _, operation := range []string{"CreateRoute", "DeleteRoute"} {
		server.Fail(t, mototest.Fault{Service: "apigatewayv2", Operation: operation, Times: 2,
			Code:    "ConflictException",
			Message: "Unable to complete operation due to concurrent modification. Please try again later."})
	}
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, withTokens(api))
	if err != nil {
		t.Fatal(err)
	}
	ref.ID = id.ID
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if n := c.Requests()["apigatewayv2:CreateRoute"]; n != 4 {
		t.Errorf("%d routes were sent; want 4", n)
	}
}

// The lists of an API have pages.
func TestReadFollowsPages(t *testing.T) {
	c := drivertest.RESTStub(t, func(call string, _ map[string]any) string {
		switch call {
		case "GET /v2/apis/a/integrations":
			return `{"items":[{"integrationId":"x","integrationType":"HTTP_PROXY"}],"nextToken":"more"}`
		case "GET /v2/apis/a/integrations?nextToken=more":
			return `{"items":[{"integrationId":"i","integrationType":"AWS_PROXY","payloadFormatVersion":"2.0"}]}`
		case "GET /v2/apis/a/authorizers":
			return `{"items":[{"authorizerId":"r","authorizerType":"REQUEST"}],"nextToken":"more"}`
		case "GET /v2/apis/a/authorizers?nextToken=more":
			return `{"items":[{"authorizerId":"j","authorizerType":"JWT"}]}`
		case "GET /v2/apis/a/routes?maxResults=100":
			return `{"items":[{"routeKey":"GET /b","target":"integrations/i"}],"nextToken":"more"}`
		case "GET /v2/apis/a/routes?maxResults=100&nextToken=more":
			return `{"items":[{"routeKey":"GET /a","target":"integrations/x"}]}`
		}
		t.Errorf("unexpected call %s", call)
		return "{}"
	})
	s, err := New(c).read(t.Context(), "a", "")
	if err != nil || s.integration == nil || *s.integration.IntegrationId != "i" || len(s.others) != 1 ||
		*s.authorizer().AuthorizerId != "j" || len(s.authorizers) != 2 || len(s.routes) != 2 ||
		*s.routes[0].RouteKey != "GET /a" {
		t.Errorf("%+v, %v", s, err)
	}
}
