package namedquery

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/workgroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const group, name = "greenhouse", "Messages per device and day"

func query() spec.NamedQuery {
	return spec.NamedQuery{Database: "greenhouse", Description: "How many", SQL: "SELECT 1"}
}

func clients(t *testing.T, owner string) *awsapi.Clients {
	t.Helper()
	c := drivertest.Clients(t, mototest.Start(t))
	if _, err := workgroup.New(c).Create(t.Context(), assembly.Ref{Name: group, Owner: owner},
		spec.Workgroup{OutputLocation: "s3://bucket/r/", ScanLimitBytes: 1e9}); err != nil {
		t.Fatal(err)
	}
	return c
}

// save makes a query by hand.
func save(ctx context.Context, c *awsapi.Clients, name string) (string, error) {
	out, err := c.Athena().CreateNamedQuery(ctx, &athena.CreateNamedQueryInput{Name: &name, WorkGroup: aws.String(group),
		Database: aws.String("default"), QueryString: aws.String("SELECT 2")})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.NamedQueryId), nil
}

// changed finds the only query of the workgroup and changes it by hand.
func changed(c *awsapi.Clients, in athena.UpdateNamedQueryInput) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := c.Athena().ListNamedQueries(ctx, &athena.ListNamedQueriesInput{WorkGroup: aws.String(group)})
		if err != nil {
			return err
		}
		in.NamedQueryId = &out.NamedQueryIds[0]
		_, err = c.Athena().UpdateNamedQuery(ctx, &in)
		return err
	}
}

func TestLife(t *testing.T) {
	c := clients(t, drivertest.Owner)
	update := []string{"UpdateNamedQuery"}
	drivertest.Life[spec.NamedQuery]{
		Clients: c, Driver: New(c), Name: spec.NameIn(group, name), Reads: 1, Ownerless: true, Full: query(),
		Steps: []drivertest.Step[spec.NamedQuery]{
			{Why: "rewritten by hand", Fields: []string{"description", "sql"}, Writes: update,
				Drift: changed(c, athena.UpdateNamedQueryInput{Name: aws.String(name), Description: aws.String("mine"),
					QueryString: aws.String("SELECT 3")})},
			{Why: "renamed by hand", Fields: []string{"name"}, Writes: update,
				Drift: changed(c, athena.UpdateNamedQueryInput{Name: aws.String("mine"),
					QueryString: aws.String("SELECT 1")})},
			{Why: "another text wanted", Fields: []string{"sql"}, Writes: update,
				Want: drivertest.Changing(func(s *spec.NamedQuery) { s.SQL = "SELECT 4" })},
		},
	}.Run(t)
}

func TestAQueryIsWhoseItsWorkgroupIs(t *testing.T) {
	c := clients(t, drivertest.Other)
	if _, err := save(t.Context(), c, name); err != nil {
		t.Fatal(err)
	}
	d, mine := New(c), assembly.Ref{Name: spec.NameIn(group, name), Owner: drivertest.Owner}
	got, err := d.Observe(t.Context(), mine)
	if err != nil || got == nil || got.Owner != drivertest.Other {
		t.Errorf("observed %+v, %v; want the owner of the workgroup", got, err)
	}
	if id, err := d.Create(t.Context(), mine, query()); err == nil || id.ID != "" {
		t.Errorf("creating: %+v, %v; want a refusal", id, err)
	}
}

// A workgroup may hold more queries than one page, and queries of people.
func TestAmongManyQueries(t *testing.T) {
	c := clients(t, drivertest.Owner)
	d, ref := New(c), assembly.Ref{Name: spec.NameIn(group, name), Owner: drivertest.Owner}
	for i := range 60 {
		if _, err := save(t.Context(), c, fmt.Sprintf("query %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	id, err := d.Create(t.Context(), ref, query())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Observe(t.Context(), ref); err != nil || got == nil || got.ID != id.ID {
		t.Errorf("observed %+v, %v; want %s", got, err, id.ID)
	}
}

func TestAnotherDatabaseReplaces(t *testing.T) {
	have, want := query(), query()
	want.Database = "other"
	if changes := New(nil).Diff(have, want); len(changes) != 1 || !changes[0].Replace {
		t.Errorf("got %v", changes)
	}
}

func TestWithoutTheWorkgroupThereIsNoQuery(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	ref := assembly.Ref{Name: spec.NameIn(group, name), Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), ref); err != nil || got != nil {
		t.Errorf("by name: %+v, %v", got, err)
	}
	ref.ID = "8f0f1a5e-0000-4000-8000-000000000001"
	if got, err := d.Observe(t.Context(), ref); err != nil || got != nil {
		t.Errorf("by ID: %+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}
