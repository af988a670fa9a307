package logstream

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/loggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const group, stream = "/aws/kinesisfirehose/greenhouse-archive", "delivery"

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ref := assembly.Ref{Name: group, Owner: drivertest.Owner}
	if _, err := loggroup.New(c).Create(t.Context(), ref, spec.LogGroup{RetentionDays: 30}); err != nil {
		t.Fatal(err)
	}
	// A stream whose name goes on must not be taken for ours.
	in := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream + "-2")}
	if _, err := c.Logs().CreateLogStream(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	drivertest.Life[spec.LogStream]{
		Clients: c, Driver: New(c), Name: spec.NameIn(group, stream), Reads: 1, Ownerless: true,
	}.Run(t)
}

func TestAStreamIsWhoseItsGroupIs(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ref := assembly.Ref{Name: group, Owner: drivertest.Other}
	if _, err := loggroup.New(c).Create(t.Context(), ref, spec.LogGroup{}); err != nil {
		t.Fatal(err)
	}
	d := New(c)
	mine := assembly.Ref{Name: spec.NameIn(group, stream), Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), mine, spec.LogStream{}); err != nil {
		t.Fatal(err)
	}
	got, err := d.Observe(t.Context(), mine)
	if err != nil || got == nil || got.Owner != drivertest.Other {
		t.Errorf("observed %+v, %v; want the owner of the group", got, err)
	}
	if id, err := d.Create(t.Context(), mine, spec.LogStream{}); err == nil || id.ID != "" {
		t.Errorf("creating again: %+v, %v; want a refusal", id, err)
	}
}

func TestWithoutTheGroupThereIsNoStream(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	ref := assembly.Ref{Name: spec.NameIn(group, stream), Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), ref); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}
