package rolealias

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "greenhouse-greengrass"
	role = "arn:aws:iam::123456789012:role/greenhouse-us-east-1-greengrass"
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	drivertest.Life[spec.RoleAlias]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.RoleAlias{RoleARN: role, DurationSeconds: 3600, Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.RoleAlias]{
			{Why: "role and duration changed by hand", Fields: []string{"role", "duration"},
				Writes: []string{"UpdateRoleAlias"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().UpdateRoleAlias(ctx, &iot.UpdateRoleAliasInput{RoleAlias: aws.String(name),
						RoleArn: aws.String(role + "-of-mine"), CredentialDurationSeconds: aws.Int32(900)})
					return err
				}},
			{Why: "another duration wanted", Fields: []string{"duration"}, Writes: []string{"UpdateRoleAlias"},
				Want: drivertest.Changing(func(s *spec.RoleAlias) { s.DurationSeconds = 7200 })},
			{Why: "a tag added by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().TagResource(ctx, &iot.TagResourceInput{
						ResourceArn: aws.String("arn:aws:iot:us-east-1:123456789012:rolealias/" + name),
						Tags:        []types.Tag{{Key: aws.String("extra"), Value: aws.String("y")}}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IoT().CreateRoleAlias(ctx,
				&iot.CreateRoleAliasInput{RoleAlias: aws.String(name), RoleArn: aws.String(role)})
			return err
		},
	}.Run(t)
}

func TestALostAnswerIsNotAFailure(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{Service: "iot", Operation: "CreateRoleAlias", Code: "ThrottlingException",
		Message: "lost", Times: 1, After: true})
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, spec.RoleAlias{RoleARN: role, DurationSeconds: 3600})
	if err != nil || id.ID != name {
		t.Fatalf("%+v, %v", id, err)
	}
}
