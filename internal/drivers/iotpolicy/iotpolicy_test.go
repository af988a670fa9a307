package iotpolicy

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse"

func document(action string) string {
	return fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["%s"],"Resource":"*"}]}`,
		action,
	)
}

// group makes a thing group to attach to and gives its ARN.
func group(t *testing.T, c *awsapi.Clients, name string) string {
	t.Helper()
	out, err := c.IoT().CreateThingGroup(t.Context(), &iot.CreateThingGroupInput{ThingGroupName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ThingGroupArn)
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	first, second := group(t, c, "first"), group(t, c, "second")
	policy, arn := aws.String(name), aws.String("arn:aws:iot:us-east-1:123456789012:policy/"+name)
	drivertest.Life[spec.IoTPolicy]{
		Clients: c, Driver: New(c), Name: name, Reads: 2,
		Full: spec.IoTPolicy{
			Document:  document("iot:Connect"),
			TargetARN: first,
			Tags:      map[string]string{"team": "bay"},
		},
		Steps: []drivertest.Step[spec.IoTPolicy]{
			{Why: "widened by hand", Fields: []string{"document"}, Writes: []string{"CreatePolicyVersion"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().
						CreatePolicyVersion(ctx, &iot.CreatePolicyVersionInput{PolicyName: policy,
							PolicyDocument: aws.String(document("iot:*")), SetAsDefault: true})
					return err
				}},
			{Why: "another document wanted", Fields: []string{"document"}, Writes: []string{"CreatePolicyVersion"},
				Want: drivertest.Changing(func(s *spec.IoTPolicy) { s.Document = document("iot:Publish") })},
			{Why: "a version that is in force for nobody", Writes: nil,
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().
						CreatePolicyVersion(ctx, &iot.CreatePolicyVersionInput{PolicyName: policy,
							PolicyDocument: aws.String(document("iot:*"))})
					return err
				}},
			{Why: "the sixth version: the oldest makes room", Fields: []string{"document"},
				Writes: []string{"CreatePolicyVersion", "DeletePolicyVersion", "CreatePolicyVersion"},
				Want:   drivertest.Changing(func(s *spec.IoTPolicy) { s.Document = document("iot:Receive") })},
			{Why: "detached by hand", Fields: []string{"target"}, Writes: []string{"AttachPolicy"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().DetachPolicy(ctx, &iot.DetachPolicyInput{PolicyName: policy, Target: &first})
					return err
				}},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().
						UntagResource(ctx, &iot.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}})
					return err
				}},
			{Why: "another group wanted", Fields: []string{"target"}, Writes: []string{"AttachPolicy", "DetachPolicy"},
				Want: drivertest.Changing(func(s *spec.IoTPolicy) { s.TargetARN = second })},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IoT().
				CreatePolicy(ctx, &iot.CreatePolicyInput{PolicyName: policy,
					PolicyDocument: aws.String(document("iot:*")), Tags: []types.Tag{}})
			return err
		},
	}.Run(t)
}

func TestAttachmentsOfOthersStay(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	ours, theirs := group(t, c, "ours"), group(t, c, "a-group-of-theirs") // sorts before ours
	ref, want := assembly.Ref{
		Name:  name,
		Owner: drivertest.Owner,
	}, spec.IoTPolicy{
		Document:  document("iot:Connect"),
		TargetARN: ours,
	}
	id, err := d.Create(t.Context(), ref, want)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.IoT().
		AttachPolicy(t.Context(), &iot.AttachPolicyInput{PolicyName: aws.String(name), Target: &theirs}); err != nil {
		t.Fatal(err)
	}
	ref.ID, ref.Outputs = id.ID, id.Outputs
	got, err := d.Observe(t.Context(), ref)
	if err != nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	// Deleting the policy ends all its attachments.
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
}

func TestCreateThatCannotAttachLeavesItsIdentity(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	server.Fail(t, mototest.Fault{
		Service:   "iot",
		Operation: "AttachPolicy",
		Code:      "LimitExceededException",
		Message:   "The number of policies attached to the target exceeds the limit",
		Times:     1,
	})
	d := New(c)
	ref, want := assembly.Ref{
		Name:  name,
		Owner: drivertest.Owner,
	}, spec.IoTPolicy{
		Document:  document("iot:Connect"),
		TargetARN: group(t, c, "g"),
	}
	id, err := d.Create(t.Context(), ref, want)
	if id.ID != name || !awsapi.Is(err, "LimitExceededException") {
		t.Fatalf("%+v, %v", id, err)
	}
	if again, err := d.Create(t.Context(), ref, want); err != nil || again.Outputs[targetOutput] != want.TargetARN {
		t.Errorf("resuming: %+v, %v", again, err)
	}
}

// moto forgets an attachment at once; AWS takes up to five minutes [AWS 1.4 DeletePolicy].
func TestDeletionWaitsUntilTheDetachingIsSeen(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, spec.IoTPolicy{Document: document("iot:Connect")}); err != nil {
		t.Fatal(err)
	}
	refusal := mototest.Fault{
		Service:   "iot",
		Operation: "DeletePolicy",
		Code:      "DeleteConflictException",
		Message:   "Cannot delete the policy because it is attached to one or more principals",
		Times:     10,
	}
	server.Fail(t, refusal)
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(t.Context(), ref, spec.IoTPolicy{Document: document("iot:Connect")}); err != nil {
		t.Fatal(err)
	}
	refusal.Times = 1000
	server.Fail(t, refusal)
	if err := d.Delete(t.Context(), ref); !awsapi.Is(err, "DeleteConflictException") {
		t.Errorf("after six minutes: %v", err)
	}
}

func TestVersionsAreNumbers(t *testing.T) {
	if byNumber("9", "10") >= 0 || byNumber("11", "10") <= 0 || byNumber("3", "3") != 0 {
		t.Error(`want "9" before "10" before "11"`)
	}
}
