package gluedatabase

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse"

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	g := c.Glue()
	arn := aws.String("arn:aws:glue:us-east-1:123456789012:database/" + name)
	drivertest.Life[spec.GlueDatabase]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.GlueDatabase{Description: "Telemetry", Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.GlueDatabase]{
			{
				Why: "described by hand", Fields: []string{"description"}, Writes: []string{"UpdateDatabase"},
				Drift: func(ctx context.Context) error {
					_, err := g.UpdateDatabase(ctx, &glue.UpdateDatabaseInput{Name: aws.String(name),
						DatabaseInput: &types.DatabaseInput{Name: aws.String(name), Description: aws.String("mine")}})
					return err
				},
			},
			{
				Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := g.TagResource(ctx, &glue.TagResourceInput{ResourceArn: arn,
						TagsToAdd: map[string]string{"team": "x", "extra": "y"}})
					return err
				},
			},
		},
		Foreign: func(ctx context.Context) error {
			_, err := g.CreateDatabase(ctx,
				&glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String(name)}})
			return err
		},
	}.Run(t)
}

func TestUpdateKeepsWhatOthersSet(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, spec.GlueDatabase{Description: "a"}); err != nil {
		t.Fatal(err)
	}
	permissions := []types.PrincipalPermissions{{
		Principal:   &types.DataLakePrincipal{DataLakePrincipalIdentifier: aws.String("IAM_ALLOWED_PRINCIPALS")},
		Permissions: []types.Permission{types.PermissionAll},
	}}
	if _, err := c.Glue().UpdateDatabase(t.Context(), &glue.UpdateDatabaseInput{Name: aws.String(name),
		DatabaseInput: &types.DatabaseInput{Name: aws.String(name), CreateTableDefaultPermissions: permissions,
			Parameters: map[string]string{"classification": "internal"}}}); err != nil {
		t.Fatal(err)
	}
	want := spec.GlueDatabase{Description: "b", Tags: map[string]string{}}
	have, err := d.Observe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Update(t.Context(), ref, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	out, err := c.Glue().GetDatabase(t.Context(), &glue.GetDatabaseInput{Name: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Database; aws.ToString(got.Description) != "b" || len(got.CreateTableDefaultPermissions) != 1 ||
		got.Parameters["classification"] != "internal" {
		t.Errorf("after the update: %+v", got)
	}
}

func TestAConcurrentChangePasses(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, spec.GlueDatabase{}); err != nil {
		t.Fatal(err)
	}
	server.Fail(t, mototest.Fault{Service: "glue", Operation: "DeleteDatabase", Code: "ConcurrentModificationException",
		Message: "Update failed due to concurrent modifications.", Times: 2})
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if n := c.Requests()["glue:DeleteDatabase"]; n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}
