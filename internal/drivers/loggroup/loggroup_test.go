package loggroup

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "/aws/lambda/greenhouse-processor"
	arn  = "arn:aws:logs:us-east-1:123456789012:log-group:" + name
	key  = "arn:aws:kms:us-east-1:123456789012:key/1f3c"
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	group := aws.String(name)
	// A group whose name goes on must not be taken for ours.
	if _, err := c.Logs().
		CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(name +
			"-2")}); err != nil {
		t.Fatal(err)
	}
	drivertest.Life[spec.LogGroup]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.LogGroup{RetentionDays: 30, KMSKeyID: key, Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.LogGroup]{
			{
				Why:    "retention removed by hand",
				Fields: []string{"retention_days"},
				Writes: []string{"PutRetentionPolicy"},
				Drift: func(ctx context.Context) error {
					_, err := c.Logs().
						DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: group})
					return err
				},
			},
			{
				Why:    "events wanted forever",
				Fields: []string{"retention_days"},
				Writes: []string{"DeleteRetentionPolicy"},
				Want:   drivertest.Changing(func(s *spec.LogGroup) { s.RetentionDays = 0 }),
			},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource", "TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.Logs().
						TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arn),
							Tags: map[string]string{"team": "x", "extra": "y"}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			if _, err := c.Logs().
				CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}); err != nil {
				return err
			}
			// moto keeps the tags of a deleted group for the next one of its name.
			_, err := c.Logs().
				UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: aws.String(arn),
					TagKeys: []string{spec.OwnerTag, "team"}})
			return err
		},
	}.Run(t)
}

// moto cannot change the key of a group that exists.
func TestTheKeyChangesInPlace(t *testing.T) {
	var sent []string
	d := New(drivertest.Stub(t, func(operation string, input map[string]any) string {
		k, _ := input["kmsKeyId"].(string)
		sent = append(sent, operation+" "+k)
		return "{}"
	}))
	have := &assembly.Observed[spec.LogGroup]{Identity: assembly.Identity{ID: name, ARN: arn}, Spec: spec.LogGroup{}}
	for _, want := range []string{key, ""} {
		spec := spec.LogGroup{KMSKeyID: want}
		if _, err := d.Update(t.Context(), assembly.Ref{Name: name}, have, spec, d.Diff(have.Spec, spec)); err != nil {
			t.Fatal(err)
		}
		have.Spec = spec
	}
	if diff := cmp.Diff([]string{"AssociateKmsKey " + key, "DisassociateKmsKey "}, sent); diff != "" {
		t.Error(diff)
	}
}

func TestARefusalBecauseOfAnotherChangePasses(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "logs",
		Operation: "CreateLogGroup",
		Code:      "OperationAbortedException",
		Message:   "A conflicting operation is currently in progress against this resource. Please try again.",
		Times:     3,
	})
	c := drivertest.Clients(t, server)
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.LogGroup{})
	if err != nil || id.ARN != arn || c.Requests()["logs:CreateLogGroup"] != 4 {
		t.Errorf("%+v, %v after %v", id, err, c.Requests())
	}
}

func TestCreateThatIsCutShortLeavesItsIdentity(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "logs",
		Operation: "PutRetentionPolicy",
		Code:      "InvalidParameterException",
		Message:   "13 is not allowed",
		Times:     1,
	})
	d := New(drivertest.Clients(t, server))
	ref, want := assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.LogGroup{RetentionDays: 30}
	id, err := d.Create(t.Context(), ref, want)
	if id.ID != name || !awsapi.Is(err, "InvalidParameterException") {
		t.Fatalf("%+v, %v", id, err)
	}
	if again, err := d.Create(t.Context(), ref, want); err != nil || again.ARN != arn {
		t.Fatalf("resuming: %+v, %v", again, err)
	}
	got, err := d.Observe(t.Context(), ref)
	if err != nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
