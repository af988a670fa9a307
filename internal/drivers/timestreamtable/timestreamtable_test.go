package timestreamtable

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	database = "greenhouse"
	table    = "telemetry"
	arn      = "arn:aws:timestream:us-east-1:123456789012:database/greenhouse/table/telemetry"
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ts := c.TimestreamWrite()
	if _, err := ts.CreateDatabase(t.Context(),
		&timestreamwrite.CreateDatabaseInput{DatabaseName: aws.String(database)}); err != nil {
		t.Fatal(err)
	}
	byHand := func(in timestreamwrite.UpdateTableInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.DatabaseName, in.TableName = aws.String(database), aws.String(table)
			_, err := ts.UpdateTable(ctx, &in)
			return err
		}
	}
	drivertest.Life[spec.TimestreamTable]{
		Clients: c, Driver: New(c), Name: spec.NameIn(database, table), Reads: 1,
		Full: spec.TimestreamTable{Database: database, MemoryRetentionHours: 24, MagneticRetentionDays: 365,
			MagneticWrites: true, RejectedBucket: "greenhouse-archive", RejectedPrefix: "rejected/",
			Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.TimestreamTable]{
			{
				Why:    "retention changed by hand",
				Fields: []string{"memory_retention_hours", "magnetic_retention_days"},
				Writes: []string{"UpdateTable"},
				Drift: byHand(timestreamwrite.UpdateTableInput{
					RetentionProperties: &types.RetentionProperties{
						MemoryStoreRetentionPeriodInHours:  aws.Int64(1),
						MagneticStoreRetentionPeriodInDays: aws.Int64(2),
					},
				}),
			},
			{
				Why:    "magnetic writes switched off by hand",
				Fields: []string{"magnetic_writes"},
				Writes: []string{"UpdateTable"},
				Drift: byHand(timestreamwrite.UpdateTableInput{
					MagneticStoreWriteProperties: &types.MagneticStoreWriteProperties{
						EnableMagneticStoreWrites: aws.Bool(false),
					},
				}),
			},
			{
				Why:    "rejected records go elsewhere",
				Fields: []string{"rejected_records"},
				Writes: []string{"UpdateTable"},
				Want:   drivertest.Changing(func(s *spec.TimestreamTable) { s.RejectedPrefix = "" }),
			},
			{Why: "no magnetic writes wanted", Fields: []string{"magnetic_writes"}, Writes: []string{"UpdateTable"},
				Want: drivertest.Changing(
					func(s *spec.TimestreamTable) { s.MagneticWrites, s.RejectedBucket = false, "" },
				)},
			{
				Why:    "tags changed by hand",
				Fields: []string{"tags"},
				Writes: []string{"TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := ts.UntagResource(ctx,
						&timestreamwrite.UntagResourceInput{ResourceARN: aws.String(arn), TagKeys: []string{"team"}})
					return err
				},
			},
		},
		Foreign: func(ctx context.Context) error {
			if _, err := ts.CreateTable(ctx, &timestreamwrite.CreateTableInput{DatabaseName: aws.String(database),
				TableName: aws.String(table)}); err != nil {
				return err
			}
			// moto keeps the tags of what is deleted.
			_, err := ts.UntagResource(ctx,
				&timestreamwrite.UntagResourceInput{ResourceARN: aws.String(arn), TagKeys: []string{spec.OwnerTag}})
			return err
		},
	}.Run(t)
}

func TestAbsentDatabaseMeansAbsentTable(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	if got, err := d.Observe(t.Context(), assembly.Ref{Name: "none|t"}); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), assembly.Ref{Name: "none|t"}); err != nil {
		t.Error(err)
	}
}

func TestAnotherDatabaseIsAnotherTable(t *testing.T) {
	got := New(nil).Diff(spec.TimestreamTable{Database: "a"}, spec.TimestreamTable{Database: "b"})
	if diff := cmp.Diff([]assembly.Change{{Field: "database", Replace: true}}, got); diff != "" {
		t.Error(diff)
	}
}
