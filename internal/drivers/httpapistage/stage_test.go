package httpapistage

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name  = "greenhouse|$default"
	stage = "$default"
	group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/apigateway/greenhouse"
)

func wanted(api string) spec.HTTPAPIStage {
	return spec.HTTPAPIStage{API: api, LogGroupARN: group, LogFormat: `{"id":"$context.requestId"}`, Rate: 50, Burst: 100,
		Tags: map[string]string{"team": "bay"}}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	made, err := httpapi.New(c).Create(t.Context(), assembly.Ref{Name: "greenhouse", Owner: drivertest.Owner},
		spec.HTTPAPI{})
	if err != nil {
		t.Fatal(err)
	}
	g, update := c.APIGateway(), []string{"UpdateStage"}
	byHand := func(in apigatewayv2.UpdateStageInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.ApiId, in.StageName = &made.ID, aws.String(stage)
			_, err := g.UpdateStage(ctx, &in)
			return err
		}
	}
	drivertest.Life[spec.HTTPAPIStage]{
		Clients: c, Driver: ofOneAPI{New(c)}, Name: name, Reads: 1, Full: wanted(made.ID),
		// A stage lives in its API.
		Ownerless: true,
		Steps: []drivertest.Step[spec.HTTPAPIStage]{
			{Why: "without limits and logs", Fields: []string{"access_logs", "throttle", "metrics"}, Writes: update,
				Drift: byHand(apigatewayv2.UpdateStageInput{AccessLogSettings: &types.AccessLogSettings{},
					DefaultRouteSettings: &types.RouteSettings{}})},
			{Why: "a route without limits", Fields: []string{"route_settings"}, Writes: []string{"DeleteRouteSettings"},
				Drift: byHand(apigatewayv2.UpdateStageInput{RouteSettings: map[string]types.RouteSettings{
					"GET /v1/devices": {ThrottlingRateLimit: aws.Float64(10_000)}}})},
			{Why: "deployed by hand only", Fields: []string{"auto_deploy"}, Writes: update,
				Drift: byHand(apigatewayv2.UpdateStageInput{AutoDeploy: aws.Bool(false)})},
			{Why: "other limits", Fields: []string{"throttle"}, Writes: update,
				Want: drivertest.Changing(func(s *spec.HTTPAPIStage) { s.Rate, s.Burst = 0.5, 1 })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := g.TagResource(ctx, &apigatewayv2.TagResourceInput{
						ResourceArn: aws.String(httpapi.ARN(c, made.ID) + "/stages/" + stage),
						Tags:        map[string]string{"team": "x", "extra": "y"}})
					return err
				}},
		},
	}.Run(t)
}

// ofOneAPI is the driver in a test whose API stays: the stage then gets the ID that it had.
type ofOneAPI struct{ *Driver }

func (ofOneAPI) Kind() assembly.Kind { return assembly.Kind{} }

// A stage whose API has been replaced belongs to the new one.
func TestStageFollowsItsAPI(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d, apis := New(c), httpapi.New(c)
	of, ref := assembly.Ref{Name: "greenhouse", Owner: drivertest.Owner}, assembly.Ref{Name: name, Owner: drivertest.Owner}
	var ids []string
	for range 2 {
		made, err := apis.Create(t.Context(), of, spec.HTTPAPI{})
		if err != nil {
			t.Fatal(err)
		}
		id, err := d.Create(t.Context(), ref, wanted(made.ID))
		if err != nil || !strings.HasPrefix(id.ID, made.ID+"|") {
			t.Fatalf("%+v, %v", id, err)
		}
		ids, ref.ID, of.ID = append(ids, id.ID), id.ID, made.ID
		if err := apis.Delete(t.Context(), of); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Observe(t.Context(), ref); err != nil || got != nil {
			t.Fatalf("the stage of an API that is gone: %+v, %v", got, err)
		}
	}
	if ids[0] == ids[1] {
		t.Errorf("both stages have the ID %s", ids[0])
	}
}

// Whoever applies needs rights that have nothing to do with API Gateway; the error says which.
func TestMissingRightsForLogsAreExplained(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{Service: "apigatewayv2", Operation: "CreateStage", Code: "BadRequestException",
		Message: "Insufficient permissions to enable logging", Times: 1})
	d := New(drivertest.Clients(t, server))
	_, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, wanted("abc"))
	if err == nil || !strings.Contains(err.Error(), "LogDelivery") {
		t.Errorf("%v", err)
	}
}
