package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestDescribe(t *testing.T) {
	c := apigatewayv2.NewFromConfig(mototest.Start(t).Config(t))
	make := func(owner string) *string {
		return must(c.CreateApi(t.Context(), &apigatewayv2.CreateApiInput{Name: aws.String("gh-api"),
			ProtocolType: types.ProtocolTypeHttp, Tags: map[string]string{"iot-pipeline:id": owner},
			CorsConfiguration: &types.Cors{AllowOrigins: []string{"https://app.example"}, AllowMethods: []string{"GET"},
				MaxAge: aws.Int32(60)}}))(t).ApiId
	}
	make("other")
	id := make("owner")
	if found := must(Find(t.Context(), c, "iot-pipeline:id", "owner"))(t); found != *id {
		t.Errorf("found %q, want %q", found, *id)
	}
	if found := must(Find(t.Context(), c, "iot-pipeline:id", "nobody"))(t); found != "" {
		t.Errorf("found %q", found)
	}
	authorizer := must(c.CreateAuthorizer(t.Context(), &apigatewayv2.CreateAuthorizerInput{ApiId: id,
		AuthorizerType: types.AuthorizerTypeJwt, Name: aws.String("jwt"),
		IdentitySource:   []string{"$request.header.Authorization"},
		JwtConfiguration: &types.JWTConfiguration{Issuer: aws.String("https://i"), Audience: []string{"app"}}}))(t)
	integration := must(c.CreateIntegration(t.Context(), &apigatewayv2.CreateIntegrationInput{ApiId: id,
		IntegrationType: types.IntegrationTypeAwsProxy, PayloadFormatVersion: aws.String("2.0"),
		TimeoutInMillis: aws.Int32(5000), IntegrationUri: aws.String(
			"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + functionARN + "/invocations")}))(t)
	target := aws.String("integrations/" + *integration.IntegrationId)
	must(c.CreateRoute(t.Context(), &apigatewayv2.CreateRouteInput{ApiId: id, RouteKey: aws.String("GET /b"),
		Target: target, AuthorizationType: types.AuthorizationTypeAwsIam}))(t)
	must(c.CreateRoute(t.Context(), &apigatewayv2.CreateRouteInput{ApiId: id, RouteKey: aws.String("GET /a"),
		Target: target, AuthorizationType: types.AuthorizationTypeJwt, AuthorizerId: authorizer.AuthorizerId,
		AuthorizationScopes: []string{"read"}}))(t)
	if api := must(Describe(t.Context(), c, *id))(t); api != nil {
		t.Errorf("without a stage: %+v", api)
	}
	must(c.CreateStage(t.Context(), &apigatewayv2.CreateStageInput{ApiId: id, StageName: aws.String("$default"),
		AutoDeploy: aws.Bool(true), StageVariables: map[string]string{"v": "1"},
		DefaultRouteSettings: &types.RouteSettings{ThrottlingRateLimit: aws.Float64(50),
			ThrottlingBurstLimit: aws.Int32(100)}}))(t)
	api := must(Describe(t.Context(), c, *id))(t)
	want := &API{ID: *id, Name: "gh-api", DomainName: *id + ".execute-api.us-east-1.amazonaws.com", Stage: "$default",
		Variables: map[string]string{"v": "1"},
		CORS:      &CORS{Origins: []string{"https://app.example"}, Methods: []string{"GET"}, MaxAge: 60},
		Routes: []Route{
			{Key: "GET /a", Authorization: JWT, Issuer: "https://i", Audiences: []string{"app"}, Scopes: []string{"read"},
				FunctionARN: functionARN, Timeout: 5 * time.Second, Rate: 50, Burst: 100},
			{Key: "GET /b", Authorization: IAM, FunctionARN: functionARN, Timeout: 5 * time.Second, Rate: 50, Burst: 100},
		}}
	if diff := cmp.Diff(want, api); diff != "" {
		t.Error(diff)
	}
	must(c.CreateRoute(t.Context(), &apigatewayv2.CreateRouteInput{ApiId: id, RouteKey: aws.String("GET /c"),
		AuthorizationType: types.AuthorizationTypeNone}))(t)
	if _, err := Describe(t.Context(), c, *id); err == nil || !strings.Contains(err.Error(), `"GET /c"`) {
		t.Errorf("a route without an integration: %v", err)
	}
	if _, err := Describe(t.Context(), c, "missing"); err == nil {
		t.Error("an API that does not exist was described")
	}
}
