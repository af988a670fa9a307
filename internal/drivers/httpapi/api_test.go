package httpapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse"

func wanted() spec.HTTPAPI {
	return spec.HTTPAPI{
		Description: "Devices of greenhouse",
		CORS: &spec.CORS{Origins: []string{"https://app.example.com"}, Methods: []string{http.MethodGet, http.MethodPut},
			RequestHeaders: []string{"authorization"}, ResponseHeaders: []string{"etag"}, MaxAgeSeconds: 600},
		Tags: map[string]string{"team": "bay"},
	}
}

// onlyID gives the ID of the one API of the server.
func onlyID(ctx context.Context, t *testing.T, g *awsapi.APIGateway) *string {
	t.Helper()
	out, err := g.GetApis(ctx, &apigatewayv2.GetApisInput{})
	if err != nil || len(out.Items) != 1 {
		t.Fatalf("%d APIs, %v", len(out.Items), err)
	}
	return out.Items[0].ApiId
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	g := c.APIGateway()
	byHand := func(in apigatewayv2.UpdateApiInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.ApiId = onlyID(ctx, t, g)
			_, err := g.UpdateApi(ctx, &in)
			return err
		}
	}
	update := []string{"UpdateApi"}
	drivertest.Life[spec.HTTPAPI]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: wanted(),
		// An API of another pipeline is another object, even if it has the same name.
		Ownerless: true,
		Steps: []drivertest.Step[spec.HTTPAPI]{
			{Why: "described and switched off by hand", Fields: []string{"description", "endpoint"}, Writes: update,
				Drift: byHand(apigatewayv2.UpdateApiInput{Description: aws.String("mine"),
					DisableExecuteApiEndpoint: aws.Bool(true)})},
			{Why: "open for all pages by hand", Fields: []string{"cors_origins", "cors_credentials"}, Writes: update,
				Drift: byHand(apigatewayv2.UpdateApiInput{CorsConfiguration: &types.Cors{AllowOrigins: []string{"*"},
					AllowCredentials: aws.Bool(true)}})},
			{Why: "no page of other origins", Fields: []string{"cors_origins"},
				Writes: []string{"DeleteCorsConfiguration", "UpdateApi"},
				Want:   drivertest.Changing(func(s *spec.HTTPAPI) { s.CORS = nil })},
			{Why: "pages again", Fields: []string{"cors_origins"}, Writes: update,
				Want: drivertest.Changing(func(s *spec.HTTPAPI) { s.CORS = wanted().CORS })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := g.TagResource(ctx, &apigatewayv2.TagResourceInput{
						ResourceArn: aws.String(ARN(c, *onlyID(ctx, t, g))),
						Tags:        map[string]string{"team": "x", "extra": "y"}})
					return err
				}},
		},
	}.Run(t)
}

// An API of the same name that is not ours is left alone, and is no obstacle.
func TestNamesAreNotUnique(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d, other := New(c), assembly.Ref{Name: name, Owner: drivertest.Other}
	theirs, err := d.Create(t.Context(), other, wanted())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.APIGateway().CreateApi(t.Context(), &apigatewayv2.CreateApiInput{Name: aws.String(name),
		ProtocolType: types.ProtocolTypeHttp}); err != nil {
		t.Fatal(err)
	}
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), ref); err != nil || got != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	ours, err := d.Create(t.Context(), ref, wanted())
	if err != nil || ours.ID == theirs.ID {
		t.Fatalf("%+v, %v", ours, err)
	}
	if got, err := d.Observe(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner, ID: theirs.ID}); err != nil ||
		got.Owner != drivertest.Other {
		t.Errorf("read by ID: %+v, %v; want the owner %s", got, err, drivertest.Other)
	}
}

// API Gateway knows no client tokens, so a creation whose answer is lost must not be sent again.
func TestLostAnswerMakesNoSecondAPI(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	server.Fail(t, mototest.Fault{Service: "apigatewayv2", Operation: "CreateApi", Code: "TooManyRequestsException",
		Message: "lost", Times: 1, After: true})
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, wanted())
	if err != nil || id.ID != *onlyID(t.Context(), t, c.APIGateway()) {
		t.Errorf("%+v, %v", id, err)
	}
}

// The API may be on any page.
func TestFindReadsAllPages(t *testing.T) {
	c := drivertest.RESTStub(t, func(call string, _ map[string]any) string {
		if call == "GET /v2/apis" {
			return `{"items":[{"apiId":"a","name":"greenhouse","tags":{"iot-pipeline:id":"` + drivertest.Other +
				`"}}],"nextToken":"more"}`
		}
		return `{"items":[{"apiId":"c","name":"greenhouse","tags":{"iot-pipeline:id":"` + drivertest.Owner +
			`"}},{"apiId":"b","name":"greenhouse","tags":{"iot-pipeline:id":"` + drivertest.Owner + `"}}]}`
	})
	api, err := Find(t.Context(), c, name, drivertest.Owner)
	if err != nil || api == nil || *api.ApiId != "b" {
		t.Errorf("%+v, %v", api, err)
	}
}
