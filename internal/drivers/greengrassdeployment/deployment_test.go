package greengrassdeployment

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thinggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name      = "greenhouse-gateways"
	component = "iot.pipeline.greenhouse.edge"
	target    = "arn:aws:iot:us-east-1:123456789012:thinggroup/" + name
)

func wanted() spec.Deployment {
	return spec.Deployment{
		TargetARN: target, Name: "greenhouse", Component: component, Version: "1.2.3",
		Configuration: `{"settings":"{}"}`, Rollback: true,
		Rollout: spec.Rollout{MaximumPerMinute: 100, StartPerMinute: 5, GrowthFactor: 2, GrowthAfter: 10,
			AbortPercent: 20, AbortMinimum: 3, TimeoutMinutes: 30},
		Tags: map[string]string{"team": "bay"},
	}
}

// prepare makes the target and two versions of the component.
func prepare(t *testing.T, c *awsapi.Clients) {
	t.Helper()
	_, err := thinggroup.New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.ThingGroup{})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.2.3", "1.2.4"} {
		_, err := c.Greengrass().CreateComponentVersion(t.Context(), &greengrassv2.CreateComponentVersionInput{
			InlineRecipe: fmt.Appendf(nil, `{"RecipeFormatVersion":"2020-01-25","ComponentName":%q,"ComponentVersion":%q,`+
				`"Manifests":[{"Platform":{"os":"linux"}}]}`, component, version)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	prepare(t, c)
	d := New(c)
	byHand := func(change func(*spec.Deployment)) func(context.Context) error {
		return func(ctx context.Context) error {
			s := wanted()
			change(&s)
			return d.revise(ctx, assembly.Ref{Owner: drivertest.Owner}, s)
		}
	}
	drivertest.Life[spec.Deployment]{
		Clients: c, Driver: d, Name: name, Reads: 2, Full: wanted(),
		Steps: []drivertest.Step[spec.Deployment]{
			{Why: "revised by hand: one revision repairs it all", Fields: []string{"configuration", "rollback", "rollout"},
				Writes: []string{"CreateDeployment"}, Drift: byHand(func(s *spec.Deployment) {
					s.Configuration, s.Rollback, s.Rollout = "", false, spec.Rollout{MaximumPerMinute: 1000}
				})},
			{Why: "cancelled by hand", Fields: []string{"status"}, Writes: []string{"CreateDeployment"},
				Drift: func(ctx context.Context) error {
					have, err := d.Observe(ctx, assembly.Ref{Name: name})
					if err != nil {
						return err
					}
					_, err = c.Greengrass().CancelDeployment(ctx,
						&greengrassv2.CancelDeploymentInput{DeploymentId: aws.String(have.Extra.(string))})
					return err
				}},
			{Why: "another version wanted", Fields: []string{"component"}, Writes: []string{"CreateDeployment"},
				Want: drivertest.Changing(func(s *spec.Deployment) { s.Version = "1.2.4" })},
			{Why: "no limits wanted", Fields: []string{"rollout"}, Writes: []string{"CreateDeployment"},
				Want: drivertest.Changing(func(s *spec.Deployment) { s.Rollout = spec.Rollout{MaximumPerMinute: 1000} })},
			{Why: "another tag wanted", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Want: drivertest.Changing(func(s *spec.Deployment) { s.Tags = map[string]string{"unit": "x"} })},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Greengrass().CreateDeployment(ctx,
				&greengrassv2.CreateDeploymentInput{TargetArn: aws.String(target)})
			return err
		},
	}.Run(t)
}

// TestTheWholeRequest: what is sent, in AWS's words. A core device keeps what an earlier revision has set, unless the
// configuration is reset first.
func TestTheWholeRequest(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	prepare(t, c)
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, wanted()); err != nil {
		t.Fatal(err)
	}
	have, err := d.Observe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Greengrass().GetDeployment(t.Context(),
		&greengrassv2.GetDeploymentInput{DeploymentId: aws.String(have.Extra.(string))})
	if err != nil {
		t.Fatal(err)
	}
	update := out.Components[component].ConfigurationUpdate
	job := out.IotJobConfiguration
	if len(update.Reset) != 1 || update.Reset[0] != "" || *update.Merge != wanted().Configuration ||
		out.DeploymentPolicies.FailureHandlingPolicy != types.DeploymentFailureHandlingPolicyRollback ||
		*job.JobExecutionsRolloutConfig.ExponentialRate.IncrementFactor != 2 ||
		job.AbortConfig.CriteriaList[0].Action != types.IoTJobAbortActionCancel ||
		*job.TimeoutConfig.InProgressTimeoutInMinutes != 30 || aws.ToString(out.DeploymentName) != "greenhouse" {
		t.Errorf("%+v, %+v, %+v", update, out.DeploymentPolicies, job)
	}
}

// TestDeleteWaits: AWS deletes no active revision; a revision that ends meanwhile is no failure.
func TestDeleteWaits(t *testing.T) {
	const conflict = `{"__type":"ConflictException","message":"active","resourceId":"r1","resourceType":"deployment"}`
	refusals, deleted := 3, 0
	d := New(drivertest.RESTStub(t, func(call string, _ map[string]any) string {
		switch call {
		case "POST /greengrass/v2/deployments/r1/cancel":
			return conflict
		case "DELETE /greengrass/v2/deployments/r1":
			if refusals--; refusals >= 0 {
				return conflict
			}
			deleted++
			return `{}`
		}
		return `{"deployments":[{"deploymentId":"r1","deploymentStatus":"ACTIVE","targetArn":"` + target + `"}]}`
	}))
	if err := d.Delete(t.Context(), assembly.Ref{Name: name}); err != nil || deleted != 1 {
		t.Errorf("%v, deleted %d times", err, deleted)
	}
}

func TestADeploymentOfSomebodyElseIsNotRevised(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	prepare(t, c)
	d := New(c)
	if err := d.revise(t.Context(), assembly.Ref{Owner: drivertest.Other}, wanted()); err != nil {
		t.Fatal(err)
	}
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, wanted())
	var foreign *assembly.ForeignError
	if !errors.As(err, &foreign) || id.ID != "" {
		t.Errorf("%+v, %v; want a refusal that names the owner", id, err)
	}
}
