package thingtype

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
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
	thingType, arn := aws.String(name), aws.String("arn:aws:iot:us-east-1:123456789012:thingtype/"+name)
	drivertest.Life[spec.ThingType]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.ThingType{Description: "devices of greenhouse", Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.ThingType]{
			{
				Why:    "deprecated by hand: no thing could be added",
				Fields: []string{"deprecated"},
				Writes: []string{"DeprecateThingType"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().DeprecateThingType(ctx, &iot.DeprecateThingTypeInput{ThingTypeName: thingType})
					return err
				},
			},
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
			_, err := c.IoT().CreateThingType(ctx, &iot.CreateThingTypeInput{ThingTypeName: thingType})
			return err
		},
	}.Run(t)
}

// moto has no UpdateThingType; a stub with the documented shapes takes it.
func TestDescriptionChangesInPlace(t *testing.T) {
	var sent iot.UpdateThingTypeInput
	mux := http.NewServeMux()
	mux.HandleFunc("PATCH /thing-types/"+name, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		w.Write([]byte("{}"))
	})
	server := httptest.NewServer(mototest.Start(t).Checked(t, mux))
	defer server.Close()
	d := New(awsapi.New(aws.Config{
		Region: mototest.Region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
	}, awsapi.Options{}))
	have := &assembly.Observed[spec.ThingType]{
		Identity: assembly.Identity{ID: name},
		Spec:     spec.ThingType{Description: "old"},
	}
	want := spec.ThingType{Description: "new"}
	if _, err := d.Update(t.Context(), assembly.Ref{Name: name}, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	if sent.ThingTypeProperties == nil || aws.ToString(sent.ThingTypeProperties.ThingTypeDescription) != "new" {
		t.Errorf("sent %+v", sent.ThingTypeProperties)
	}
}

// moto does not keep the five minutes; the refusal is AWS's own text [AWS 2.2 DeleteThingType].
func TestDeletionWaitsForAWS(t *testing.T) {
	for _, tc := range []struct {
		why, message string
		times        int
		fails        bool
	}{
		{why: "gone after some refusals", message: "Thing type " + name +
			" is deprecated. Please wait for 5 minutes after deprecation and then retry", times: 9},
		{why: "refused longer than six minutes", message: "Please wait for 5 minutes after deprecation and then retry",
			times: 1000, fails: true},
		{why: "another refusal is not waited for", message: "Cannot delete thing type: things are associated with it",
			times: 1, fails: true},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			d := New(drivertest.Clients(t, server))
			ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
			if _, err := d.Create(t.Context(), ref, spec.ThingType{}); err != nil {
				t.Fatal(err)
			}
			if err := d.Retire(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
			server.Fail(t, mototest.Fault{
				Service:   "iot",
				Operation: "DeleteThingType",
				Code:      "InvalidRequestException",
				Message:   tc.message,
				Times:     tc.times,
			})
			err := d.Delete(t.Context(), ref)
			if (err != nil) != tc.fails {
				t.Fatalf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.message) {
				t.Errorf("the error hides AWS's reason: %v", err)
			}
			deprecations := 0
			for _, r := range server.Requests(t) {
				if r.Operation == "DeprecateThingType" {
					deprecations++
				}
			}
			if deprecations != 1 {
				t.Errorf("deprecated %d times; each time starts the five minutes again", deprecations)
			}
		})
	}
}
