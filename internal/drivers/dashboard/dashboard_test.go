package dashboard

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "greenhouse-us-east-1"
	body = `{"widgets":[{"type":"text","x":0,"y":0,"width":24,"height":2,"properties":{"markdown":"# Greenhouse"}}]}`
)

func wanted() spec.Dashboard {
	return spec.Dashboard{Body: body, Tags: map[string]string{"team": "bay"}}
}

func save(c *awsapi.Clients, body string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.CloudWatch().PutDashboard(ctx,
			&cloudwatch.PutDashboardInput{DashboardName: aws.String(name), DashboardBody: &body})
		return err
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	drivertest.Life[spec.Dashboard]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: wanted(),
		Steps: []drivertest.Step[spec.Dashboard]{
			{Why: "edited by hand", Fields: []string{"body"}, Writes: []string{"PutDashboard"},
				Drift: save(c, `{"widgets":[]}`)},
			{Why: "saved unchanged in the console, which orders members its own way",
				Drift: save(c, spaced(t, body))},
			{Why: "another body wanted", Fields: []string{"body"}, Writes: []string{"PutDashboard"},
				Want: drivertest.Changing(func(s *spec.Dashboard) {
					s.Body = strings.Replace(body, "Greenhouse", "Orchard", 1)
				})},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.CloudWatch().TagResource(ctx, &cloudwatch.TagResourceInput{
						ResourceARN: aws.String("arn:aws:cloudwatch::123456789012:dashboard/" + name),
						Tags:        newTags(map[string]string{"team": "x", "extra": "y"})})
					return err
				}},
		},
		Foreign: save(c, `{"widgets":[]}`),
	}.Run(t)
}

// spaced writes a body with other white space and its members in order of their names.
func spaced(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// moto takes any JSON as a body. AWS keeps a body that it does not fully understand, and says so.
func TestAComplaintOfCloudWatchIsAnError(t *testing.T) {
	err := complaint([]types.DashboardValidationMessage{
		{DataPath: aws.String("/widgets/0"), Message: aws.String("Unrecognized widget type")}})
	if err == nil || !strings.Contains(err.Error(), "/widgets/0: Unrecognized widget type") {
		t.Error(err)
	}
	if err := complaint(nil); err != nil {
		t.Error(err)
	}
}
