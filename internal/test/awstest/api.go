package awstest

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

var apiListers = []lister{
	{"HTTP API", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.APIGateway().GetApis(ctx, &apigatewayv2.GetApisInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Items, func(i types.Api) *string { return i.Name }, nil)
	}},
}

var apiTamperings = []Tampering{
	{"api/gateway", func(t testing.TB, a Account, r assembly.Record) {
		must[*apigatewayv2.UpdateApiOutput](t)(a.APIGateway().UpdateApi(t.Context(), &apigatewayv2.UpdateApiInput{
			ApiId: &r.ID, CorsConfiguration: &types.Cors{AllowOrigins: []string{"*"}}}))
	}},
	{"api/routes", func(t testing.TB, a Account, r assembly.Record) {
		api, integration, _ := strings.Cut(r.ID, "|")
		must[*apigatewayv2.CreateRouteOutput](t)(a.APIGateway().CreateRoute(t.Context(), &apigatewayv2.CreateRouteInput{
			ApiId: &api, RouteKey: aws.String("$default"), Target: aws.String("integrations/" + integration)}))
	}},
	{"api/stage", func(t testing.TB, a Account, r assembly.Record) {
		api, stage, _ := strings.Cut(r.ID, "|")
		must[*apigatewayv2.UpdateStageOutput](t)(a.APIGateway().UpdateStage(t.Context(), &apigatewayv2.UpdateStageInput{
			ApiId: &api, StageName: &stage,
			DefaultRouteSettings: &types.RouteSettings{ThrottlingRateLimit: aws.Float64(10_000)}}))
	}},
	{"api/access_logs", func(t testing.TB, a Account, r assembly.Record) {
		must[*cloudwatchlogs.DeleteRetentionPolicyOutput](t)(a.Logs().DeleteRetentionPolicy(t.Context(),
			&cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &r.Name}))
	}},
}
