package thinggroup

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse"

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	group, arn := aws.String(name), aws.String("arn:aws:iot:us-east-1:123456789012:thinggroup/"+name)
	describe := func(ctx context.Context, text string) error {
		_, err := c.IoT().UpdateThingGroup(ctx, &iot.UpdateThingGroupInput{
			ThingGroupName: group, ThingGroupProperties: &types.ThingGroupProperties{ThingGroupDescription: &text},
		})
		return err
	}
	drivertest.Life[spec.ThingGroup]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.ThingGroup{Description: "devices of greenhouse", Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.ThingGroup]{
			{Why: "description changed by hand", Fields: []string{"description"}, Writes: []string{"UpdateThingGroup"},
				Drift: func(ctx context.Context) error { return describe(ctx, "mine now") }},
			{Why: "another description wanted", Fields: []string{"description"}, Writes: []string{"UpdateThingGroup"},
				Want: drivertest.Changing(func(s *spec.ThingGroup) { s.Description = "all devices" })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource", "TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().TagResource(ctx, &iot.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{
						{
							Key:   aws.String("team"),
							Value: aws.String("x"),
						}, {Key: aws.String("extra"), Value: aws.String("y")},
					}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IoT().CreateThingGroup(ctx, &iot.CreateThingGroupInput{ThingGroupName: group})
			return err
		},
	}.Run(t)
}

// AWS answers 200 to the creation of an equal group, whoever made it [AWS 1.4 CreateThingGroup]. A stub with its
// shapes, for moto has no group that was made between the survey and the create.
func TestAnEqualGroupOfSomebodyElseIsNotTakenOver(t *testing.T) {
	const arn = "arn:aws:iot:us-east-1:123456789012:thinggroup/" + name
	mux := http.NewServeMux()
	mux.HandleFunc("POST /thing-groups/"+name, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"thingGroupName":"` + name + `","thingGroupArn":"` + arn + `","thingGroupId":"5f1c"}`))
	})
	mux.HandleFunc("GET /tags", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"tags":[{"Key":"` + spec.OwnerTag + `","Value":"` + drivertest.Other + `"}]}`))
	})
	server := httptest.NewServer(mototest.Start(t).Checked(t, mux))
	defer server.Close()
	d := New(awsapi.New(aws.Config{
		Region: mototest.Region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
	}, awsapi.Options{}))

	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.ThingGroup{})
	var foreign *assembly.ForeignError
	if !errors.As(err, &foreign) || foreign.Owner != drivertest.Other || id.ID != "" {
		t.Errorf("%+v, %v; want a refusal that names the owner", id, err)
	}
}

func TestALostAnswerIsNotAFailure(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "iot",
		Operation: "CreateThingGroup",
		Code:      "ThrottlingException",
		Message:   "lost",
		Times:     1,
		After:     true,
	})
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if id, err := d.Create(t.Context(), ref, spec.ThingGroup{Description: "d"}); err != nil || id.ID != name {
		t.Fatalf("%+v, %v", id, err)
	}
	// A later run may want something else of the group that it does not know to have made.
	want := spec.ThingGroup{Description: "e"}
	if id, err := d.Create(t.Context(), ref, want); err != nil || id.ID != name {
		t.Fatalf("%+v, %v", id, err)
	}
	got, err := d.Observe(t.Context(), ref)
	if err != nil || got == nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
