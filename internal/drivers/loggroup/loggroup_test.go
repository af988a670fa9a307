package loggroup

import (
	"context"
	"fmt"
	"strings"
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

// Recorded groups are read with one request, whatever they are called. A service that does not know how, or does not
// name an absent one, is asked as before.
func TestSeveralGroups(t *testing.T) {
	const other, third = "/aws/kinesisfirehose/greenhouse-archive", "/aws/lambda/greenhouse-alerts"
	group := func(names ...string) string {
		var list []string
		for _, name := range names {
			list = append(list, fmt.Sprintf(`{"logGroupName":%q}`, name))
		}
		return `{"logGroups":[` + strings.Join(list, ",") + `]}`
	}
	recorded := func(names ...string) (refs []assembly.Ref) {
		for _, name := range names {
			refs = append(refs, assembly.Ref{Name: name, ID: name, Owner: drivertest.Owner})
		}
		return refs
	}
	for _, tc := range []struct {
		why      string
		refs     []assembly.Ref
		answer   string // to a request that names groups
		found    int
		requests int
	}{
		{"all are there", recorded(name, other, third), group(name, other, third), 3, 1},
		{"one is missing", recorded(name, other), group(name), 1, 2},
		{"AWS says that one is missing", recorded(name, third), `{"__type":"ResourceNotFoundException"}`, 2, 2},
		{"the parameter is refused", recorded(name, third), `{"__type":"InvalidParameterException"}`, 2, 2},
		{"the parameter is ignored", recorded(name, third), group("/aws/lambda/a", "/aws/lambda/b"), 2, 2},
		{"one group", recorded(name), "", 1, 1},
		{"nothing is recorded", []assembly.Ref{{Name: name}, {Name: third}}, "", 2, 1},
	} {
		t.Run(tc.why, func(t *testing.T) {
			requests := 0
			d := New(drivertest.Stub(t, func(_ string, input map[string]any) string {
				requests++
				if input["logGroupIdentifiers"] != nil {
					return tc.answer
				}
				if prefix, _ := input["logGroupNamePrefix"].(string); !strings.HasPrefix(name, prefix) {
					return group()
				}
				return group(third, name)
			}))
			found, err := d.describe(t.Context(), tc.refs)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, ref := range tc.refs {
				if _, ok := found[ref.Name]; ok {
					n++
				}
			}
			if n != tc.found || requests != tc.requests {
				t.Errorf("%d of %d groups with %d requests, want %d with %d", n, len(tc.refs), requests, tc.found,
					tc.requests)
			}
		})
	}
}
