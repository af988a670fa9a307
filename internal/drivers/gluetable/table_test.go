package gluetable

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/gluedatabase"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const database, name = "greenhouse", "telemetry"

func table() spec.GlueTable {
	return spec.GlueTable{
		Description: "Telemetry", Type: "EXTERNAL_TABLE",
		Columns:     []spec.Column{{Name: "thing", Type: "string", Comment: "device"}, {Name: "time", Type: "timestamp"}},
		Partitions:  []spec.Column{{Name: "day", Type: "string"}},
		Location:    "s3://bucket/telemetry/",
		InputFormat: "org.apache.hadoop.mapred.TextInputFormat", OutputFormat: "org.apache.hadoop.hive.ql.io.X",
		SerDe: "org.openx.data.jsonserde.JsonSerDe", SerDeOptions: map[string]string{"case.insensitive": "false"},
		Parameters: map[string]string{"projection.enabled": "true"},
	}
}

func clients(t *testing.T, server *mototest.Server) *awsapi.Clients {
	t.Helper()
	c := drivertest.Clients(t, server)
	ref := assembly.Ref{Name: database, Owner: drivertest.Owner}
	if _, err := gluedatabase.New(c).Create(t.Context(), ref, spec.GlueDatabase{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// written is the table as somebody writes it by hand who knows of the owner token only that it must stay.
func written(edit func(*types.TableInput)) *types.TableInput {
	in := input(name, drivertest.Owner, table(), nil)
	edit(in)
	return in
}

func TestLife(t *testing.T) {
	c := clients(t, mototest.Start(t))
	byHand := func(edit func(*types.TableInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.Glue().UpdateTable(ctx,
				&glue.UpdateTableInput{DatabaseName: aws.String(database), TableInput: written(edit)})
			return err
		}
	}
	update := []string{"UpdateTable"}
	drivertest.Life[spec.GlueTable]{
		Clients: c, Driver: New(c), Name: spec.NameIn(database, name), Reads: 1, Full: table(),
		Steps: []drivertest.Step[spec.GlueTable]{
			{Why: "a column removed by hand", Fields: []string{"columns"}, Writes: update,
				Drift: byHand(func(in *types.TableInput) {
					in.StorageDescriptor.Columns = in.StorageDescriptor.Columns[:1]
				})},
			{Why: "projection switched off by hand", Fields: []string{"parameters"}, Writes: update,
				Drift: byHand(func(in *types.TableInput) { in.Parameters["projection.enabled"] = "false" })},
			{Why: "another SerDe set by hand", Fields: []string{"format"}, Writes: update,
				Drift: byHand(func(in *types.TableInput) {
					in.StorageDescriptor.SerdeInfo.SerializationLibrary = aws.String("org.example.SerDe")
				})},
			{Why: "moved and described by hand, without partitions", Writes: update,
				Fields: []string{"description", "partitions", "location"},
				Drift: byHand(func(in *types.TableInput) {
					in.Description, in.PartitionKeys = aws.String("mine"), nil
					in.StorageDescriptor.Location = aws.String("s3://elsewhere/")
				})},
			{Why: "a view wanted", Writes: update, Fields: []string{"type", "partitions", "location", "format", "view"},
				Want: drivertest.Changing(func(s *spec.GlueTable) {
					s.Type, s.ViewText, s.ViewComment = "VIRTUAL_VIEW", "/* Presto View: eyJ9 */", "/* Presto View */"
					s.Partitions, s.Location, s.InputFormat, s.OutputFormat, s.SerDe = nil, "", "", "", ""
					s.SerDeOptions = nil
				})},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Glue().CreateTable(ctx, &glue.CreateTableInput{DatabaseName: aws.String(database),
				TableInput: written(func(in *types.TableInput) { delete(in.Parameters, spec.OwnerTag) })})
			return err
		},
	}.Run(t)
}

// Athena and crawlers add parameters to a table, which are no drift and stay.
func TestParametersOfOthersStay(t *testing.T) {
	c := clients(t, mototest.Start(t))
	d, ref := New(c), assembly.Ref{Name: spec.NameIn(database, name), Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, table()); err != nil {
		t.Fatal(err)
	}
	in := written(func(in *types.TableInput) { in.Parameters["transient_lastDdlTime"] = "1764444444" })
	if _, err := c.Glue().UpdateTable(t.Context(),
		&glue.UpdateTableInput{DatabaseName: aws.String(database), TableInput: in}); err != nil {
		t.Fatal(err)
	}
	have, err := d.Observe(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if changes := d.Diff(have.Spec, table()); len(changes) > 0 {
		t.Errorf("taken for drift: %v", changes)
	}
	want := table()
	want.Description = "other"
	if _, err := d.Update(t.Context(), ref, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	if have, err = d.Observe(t.Context(), ref); err != nil || have.Spec.Parameters["transient_lastDdlTime"] == "" {
		t.Errorf("after an update: %+v, %v", have, err)
	}
}

func TestWithoutTheDatabaseThereIsNoTable(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	ref := assembly.Ref{Name: spec.NameIn(database, name), Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), ref); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

func TestAConcurrentChangePasses(t *testing.T) {
	server := mototest.Start(t)
	c := clients(t, server)
	d, ref := New(c), assembly.Ref{Name: spec.NameIn(database, name), Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, table()); err != nil {
		t.Fatal(err)
	}
	server.Fail(t, mototest.Fault{Service: "glue", Operation: "DeleteTable", Code: "ConcurrentModificationException",
		Message: "Update failed due to concurrent modifications.", Times: 2})
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if n := c.Requests()["glue:DeleteTable"]; n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}
