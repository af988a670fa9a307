package local

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const apiOwner = "6f1c2b7e-0000-4000-8000-000000000001"

// addAPI gives the pipeline an HTTP API with one route for callers of IAM, and lists it in a manifest.
func (d *deployed) addAPI(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	parts := map[string]contract.ManifestPart{"function/api": {Kind: "function", Name: "gh-api"}}
	for _, name := range []string{"processor", "alerts"} {
		parts["function/"+name] = contract.ManifestPart{Kind: "function", Name: "gh-" + name}
	}
	for _, key := range []string{"telemetry", "archive", "alerts"} {
		parts["rule/"+key] = contract.ManifestPart{Kind: "topic_rule", Name: "gh_" + key}
	}
	manifest := must(contract.FormatManifest(contract.Manifest[struct{}]{Version: contract.ManifestVersion,
		ID: apiOwner, Name: "gh", Region: "us-east-1", TopicPrefix: "gh", Parts: parts}))(t)
	must(d.aws.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(contract.ManifestName("gh")),
		Type: "String", Value: &manifest, Overwrite: aws.Bool(true)}))(t)
	function := must(d.aws.Lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: aws.String("gh-api"),
		Role: aws.String("arn:aws:iam::" + account + ":role/r"), Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: emptyArchive(t)},
		Timeout: aws.Int32(30)}))(t)
	gateway := apigatewayv2.NewFromConfig(d.server.Config(t))
	id := must(gateway.CreateApi(ctx, &apigatewayv2.CreateApiInput{Name: aws.String("gh"),
		ProtocolType: types.ProtocolTypeHttp, Tags: map[string]string{"iot-pipeline:id": apiOwner}}))(t).ApiId
	to := must(gateway.CreateIntegration(ctx, &apigatewayv2.CreateIntegrationInput{ApiId: id,
		IntegrationType: types.IntegrationTypeAwsProxy, PayloadFormatVersion: aws.String("2.0"),
		IntegrationUri: function.FunctionArn}))(t).IntegrationId
	must(gateway.CreateRoute(ctx, &apigatewayv2.CreateRouteInput{ApiId: id,
		RouteKey: aws.String("GET /v1/devices/{device}"), Target: aws.String("integrations/" + *to),
		AuthorizationType: types.AuthorizationTypeAwsIam}))(t)
	must(gateway.CreateStage(ctx, &apigatewayv2.CreateStageInput{ApiId: id, StageName: aws.String("$default"),
		AutoDeploy: aws.Bool(true)}))(t)
}

func TestServesTheAPI(t *testing.T) {
	d := deploy(t, 0)
	r, l := d.runOn(t, d.server.Config(t), func(o *Options) { o.HTTPAddr = "127.0.0.1:0" })
	get := func(path string) (int, string) {
		t.Helper()
		response, err := http.Get("http://" + r.HTTPAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode, strings.TrimSpace(string(must(io.ReadAll(response.Body))(t)))
	}
	l.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Warned && strings.Contains(e.Detail, "no HTTP API") })
	if status, body := get("/v1/devices/soil-001"); status != 404 || body != `{"message":"Not Found"}` {
		t.Errorf("before there is an API: %d %s", status, body)
	}
	d.addAPI(t)
	l.await(t, func(e runlog.Event) bool {
		return e.Kind == runlog.Warned && strings.Contains(e.Detail, "IAM signatures are not evaluated")
	})
	status, body := get("/v1/devices/soil-001?a=1")
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal([]byte(body), &e); status != 200 || err != nil {
		t.Fatalf("got %d %s: %v", status, body, err)
	}
	who := e.RequestContext.Authorizer
	if e.PathParameters["device"] != "soil-001" || e.RawQueryString != "a=1" || who == nil || who.IAM == nil ||
		who.IAM.AccountID != account || !strings.HasPrefix(who.IAM.UserARN, "arn:aws:") {
		t.Errorf("the function got %s", body)
	}
	if status, body := get("/v1/devices/fail"); status != 500 || body != `{"message":"Internal Server Error"}` {
		t.Errorf("a function that fails: %d %s", status, body)
	}
	l.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Failed && strings.Contains(e.Error, "as asked") })
	if status, _ := get("/v1/other"); status != 404 {
		t.Errorf("an unknown route: %d", status)
	}
}

// A pipeline whose API is not served says so; on another address than this machine's own it warns.
func TestSaysHowTheAPIIsServed(t *testing.T) {
	d := deploy(t, 0)
	d.addAPI(t)
	for address, says := range map[string]string{"": "HTTP API is not served", "0.0.0.0:0": "not encrypted"} {
		_, l := d.runOn(t, d.server.Config(t), func(o *Options) { o.HTTPAddr = address })
		l.await(t, func(e runlog.Event) bool {
			return (e.Kind == runlog.Ready || e.Kind == runlog.Warned) && strings.Contains(e.Detail, says)
		})
	}
}
