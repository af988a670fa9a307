package workgroup

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "greenhouse"
	key  = "arn:aws:kms:us-east-1:123456789012:key/1f3c9f5e-0000-4000-8000-000000000001"
)

func group() spec.Workgroup {
	return spec.Workgroup{Description: "Queries", OutputLocation: "s3://bucket/athena-results/", KMSKeyID: key,
		ScanLimitBytes: 100e9, Tags: map[string]string{"team": "bay"}}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	a := c.Athena()
	arn, update := aws.String("arn:aws:athena:us-east-1:123456789012:workgroup/"+name), []string{"UpdateWorkGroup"}
	byHand := func(in athena.UpdateWorkGroupInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.WorkGroup = aws.String(name)
			_, err := a.UpdateWorkGroup(ctx, &in)
			return err
		}
	}
	settings := func(u types.WorkGroupConfigurationUpdates) func(context.Context) error {
		return byHand(athena.UpdateWorkGroupInput{ConfigurationUpdates: &u})
	}
	drivertest.Life[spec.Workgroup]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: group(),
		Steps: []drivertest.Step[spec.Workgroup]{
			{Why: "disabled by hand", Fields: []string{"state"}, Writes: update,
				Drift: byHand(athena.UpdateWorkGroupInput{State: types.WorkGroupStateDisabled})},
			{Why: "limit lifted by hand", Fields: []string{"scan_limit"}, Writes: update,
				Drift: settings(types.WorkGroupConfigurationUpdates{RemoveBytesScannedCutoffPerQuery: aws.Bool(true)})},
			{Why: "settings no longer enforced, no metrics", Fields: []string{"enforcement", "metrics"}, Writes: update,
				Drift: settings(types.WorkGroupConfigurationUpdates{EnforceWorkGroupConfiguration: aws.Bool(false),
					PublishCloudWatchMetricsEnabled: aws.Bool(false)})},
			{Why: "results elsewhere, in the clear",
				Fields: []string{"output_location", "kms_key_id", "bucket_owner"}, Writes: update,
				Drift: settings(types.WorkGroupConfigurationUpdates{
					ResultConfigurationUpdates: &types.ResultConfigurationUpdates{
						OutputLocation: aws.String("s3://elsewhere/"), RemoveEncryptionConfiguration: aws.Bool(true),
						RemoveExpectedBucketOwner: aws.Bool(true)}})},
			{Why: "requester pays and described by hand", Fields: []string{"description", "requester_pays"},
				Writes: update,
				Drift: byHand(athena.UpdateWorkGroupInput{Description: aws.String("mine"),
					ConfigurationUpdates: &types.WorkGroupConfigurationUpdates{RequesterPaysEnabled: aws.Bool(true)}})},
			{Why: "SSE-S3 wanted", Fields: []string{"kms_key_id"}, Writes: update,
				Want: drivertest.Changing(func(s *spec.Workgroup) { s.KMSKeyID = "" })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := a.TagResource(ctx, &athena.TagResourceInput{ResourceARN: arn,
						Tags: newTags(map[string]string{"team": "x", "extra": "y"})})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := a.CreateWorkGroup(ctx, &athena.CreateWorkGroupInput{Name: aws.String(name)})
			return err
		},
	}.Run(t)
}

// What people saved in the workgroup goes with it.
func TestDeleteTakesSavedQueriesAlong(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d, ref := New(c), assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, group()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Athena().CreateNamedQuery(t.Context(), &athena.CreateNamedQueryInput{Name: aws.String("mine"),
		Database: aws.String("default"), QueryString: aws.String("SELECT 1"), WorkGroup: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}
