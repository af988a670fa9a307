package dynamotable

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse"

var (
	byStatus = spec.TableIndex{Name: "by-status", HashKey: "status", RangeKey: "last_seen"}
	byKind   = spec.TableIndex{Name: "by-kind", HashKey: "kind"}
	bySlot   = spec.TableIndex{Name: "by-status-and-seen", HashKey: "status", RangeKey: "seen_slot", KeysOnly: true,
		FilledFrom: "last_seen"}
	byDevice = spec.TableIndex{Name: "by-status-and-device", HashKey: "status", RangeKey: "device_id", TextRange: true,
		KeysOnly: true}
)

func full() spec.Table {
	return spec.Table{
		HashKey:             "device_id",
		RangeKey:            "at",
		Indexes:             []spec.TableIndex{byStatus},
		TTLAttribute:        "expires_at",
		PointInTimeRecovery: true,
		KMSKeyID:            "arn:aws:kms:us-east-1:123456789012:key/a",
		Tags:                map[string]string{"team": "bay"},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	db := c.DynamoDB()
	table := aws.String(name)
	drivertest.Life[spec.Table]{
		Clients: c, Driver: New(c), Name: name, Reads: 3, Full: full(),
		Steps: []drivertest.Step[spec.Table]{
			{
				Why:    "TTL switched off by hand",
				Fields: []string{"ttl"},
				Writes: []string{"UpdateTimeToLive"},
				Drift: func(ctx context.Context) error {
					_, err := db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: table,
						TimeToLiveSpecification: &types.TimeToLiveSpecification{
							AttributeName: aws.String("expires_at"),
							Enabled:       aws.Bool(false),
						}})
					return err
				},
			},
			{
				Why:    "recovery switched off by hand",
				Fields: []string{"point_in_time_recovery"},
				Writes: []string{"UpdateContinuousBackups"},
				Drift: func(ctx context.Context) error {
					_, err := db.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: table,
						PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
							PointInTimeRecoveryEnabled: aws.Bool(false),
						}})
					return err
				},
			},
			{
				Why:    "capacity provisioned by hand",
				Fields: []string{"billing_mode"},
				Writes: []string{"UpdateTable"},
				Drift: func(ctx context.Context) error {
					_, err := db.UpdateTable(
						ctx,
						&dynamodb.UpdateTableInput{TableName: table, BillingMode: types.BillingModeProvisioned,
							ProvisionedThroughput: &types.ProvisionedThroughput{
								ReadCapacityUnits:  aws.Int64(1),
								WriteCapacityUnits: aws.Int64(1),
							}},
					)
					return err
				},
			},
			{
				Why:    "index removed by hand",
				Fields: []string{"indexes"},
				Writes: []string{"UpdateTable"},
				Drift: func(ctx context.Context) error {
					_, err := db.UpdateTable(ctx, &dynamodb.UpdateTableInput{
						TableName: table,
						GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
							{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &byStatus.Name}}},
					})
					return err
				},
			},
			{Why: "a second index wanted", Fields: []string{"indexes"}, Writes: []string{"UpdateTable"},
				Want: drivertest.Changing(func(s *spec.Table) { s.Indexes = []spec.TableIndex{byStatus, byDevice} })},
			{Why: "the second index wanted no more", Fields: []string{"indexes"}, Writes: []string{"UpdateTable"},
				Want: drivertest.Changing(func(s *spec.Table) { s.Indexes = []spec.TableIndex{byStatus} })},
			{Why: "another index wanted", Fields: []string{"indexes"}, Writes: []string{"UpdateTable", "UpdateTable"},
				Want: drivertest.Changing(func(s *spec.Table) { s.Indexes = []spec.TableIndex{byKind} })},
			{Why: "no TTL wanted", Fields: []string{"ttl"}, Writes: []string{"UpdateTimeToLive"},
				Want: drivertest.Changing(func(s *spec.Table) { s.TTLAttribute = "" })},
			{
				Why:    "tags changed by hand",
				Fields: []string{"tags"},
				Writes: []string{"UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := db.TagResource(ctx, &dynamodb.TagResourceInput{
						ResourceArn: aws.String("arn:aws:dynamodb:us-east-1:123456789012:table/" + name),
						Tags:        []types.Tag{{Key: aws.String("extra"), Value: aws.String("x")}},
					})
					return err
				},
			},
		},
		Foreign: func(ctx context.Context) error {
			_, err := db.CreateTable(
				ctx,
				&dynamodb.CreateTableInput{TableName: table, BillingMode: types.BillingModePayPerRequest,
					AttributeDefinitions: definitions(
						spec.Table{HashKey: "device_id"},
					), KeySchema: keySchema("device_id", "")},
			)
			return err
		},
	}.Run(t)
}

func TestPassingRefusals(t *testing.T) {
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		fails string
	}{
		{why: "backups are still being prepared", fault: mototest.Fault{Operation: "UpdateContinuousBackups",
			Code:    "ContinuousBackupsUnavailableException",
			Message: "Backups are being enabled for the table: greenhouse. Please retry later", Times: 3}},
		{why: "too many tables at the same time", fault: mototest.Fault{Operation: "CreateTable",
			Code: "LimitExceededException", Message: "Only 500 tables can be created, updated, or deleted " +
				"simultaneously", Times: 3}},
		{why: "no more tables allowed", fault: mototest.Fault{Operation: "CreateTable", Code: "LimitExceededException",
			Message: "Too many tables for this account", Times: 1}, fails: "Too many tables"},
		{why: "the answer of the TTL call was lost",
			fault: mototest.Fault{Operation: "UpdateTimeToLive", Code: "ValidationException",
				Message: "TimeToLive is already enabled", Times: 1, After: true}},
		{why: "TTL was changed within the hour", fault: mototest.Fault{Operation: "UpdateTimeToLive",
			Code: "ValidationException", Message: "Time to live has been modified multiple times within a fixed " +
				"interval", Times: 1}, fails: "apply again after that"},
		{why: "the answer of create was lost", fault: mototest.Fault{Operation: "CreateTable",
			Code: "ThrottlingException", Message: "lost", Times: 1, After: true}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			tc.fault.Service = "dynamodb"
			server.Fail(t, tc.fault)
			d := New(drivertest.Clients(t, server))
			ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
			_, err := d.Create(t.Context(), ref, full())
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("error %v, want one that says %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Observe(t.Context(), ref)
			if err != nil || got == nil || len(d.Diff(got.Spec, full())) > 0 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestAnotherTTLAttributeTakesTwoApplies(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	ctx, ref, want := t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, full()
	if _, err := d.Create(ctx, ref, want); err != nil {
		t.Fatal(err)
	}
	want.TTLAttribute = "gone_at"
	apply := func() error {
		have, err := d.Observe(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Update(ctx, ref, have, want, d.Diff(have.Spec, want))
		return err
	}
	if err := apply(); err == nil || !strings.Contains(err.Error(), "gone_at") {
		t.Errorf("first apply: %v", err)
	}
	if err := apply(); err != nil {
		t.Errorf("second apply: %v", err)
	}
}

func TestDeletionWaitsForAChangeUnderWay(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	ctx, ref := t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(ctx, ref, full()); err != nil {
		t.Fatal(err)
	}
	server.Fail(t, mototest.Fault{
		Service:   "dynamodb",
		Operation: "DeleteTable",
		Code:      "ResourceInUseException",
		Message:   "Attempt to change a resource which is still in use",
		Times:     2,
	})
	if err := d.Delete(ctx, ref); err != nil {
		t.Fatal(err)
	}
	server.Fail(t, mototest.Fault{
		Service:   "dynamodb",
		Operation: "DeleteTable",
		Code:      "AccessDeniedException",
		Message:   "no",
		Times:     1,
	})
	if err := d.Delete(ctx, ref); !awsapi.Is(err, "AccessDeniedException") {
		t.Errorf("deleting without permission: %v", err)
	}
}

// moto's UpdateTable does not look at SSESpecification; the stub answers in AWS's shape.
func TestChangeOfTheKey(t *testing.T) {
	const a, b = "arn:aws:kms:us-east-1:123456789012:key/a", "arn:aws:kms:us-east-1:123456789012:key/b"
	for _, tc := range []struct {
		why, have, want string
		sent            map[string]any
	}{
		{why: "another key", have: a, want: b, sent: map[string]any{"Enabled": true, "SSEType": "KMS",
			"KMSMasterKeyId": b}},
		{why: "a key instead of the AWS owned one", want: b,
			sent: map[string]any{"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": b}},
		{why: "back to the AWS owned key", have: a, sent: map[string]any{"Enabled": false}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			var sent []any
			d := New(drivertest.Stub(t, func(operation string, input map[string]any) string {
				sent = append(sent, operation, input["SSESpecification"])
				return "{}"
			}))
			have, want := &assembly.Observed[spec.Table]{
				Identity: assembly.Identity{ID: name},
				Spec:     spec.Table{KMSKeyID: tc.have},
			}, spec.Table{
				KMSKeyID: tc.want,
			}
			if _, err := d.Update(t.Context(), assembly.Ref{Name: name}, have, want,
				d.Diff(have.Spec, want)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{"UpdateTable", tc.sent}, sent); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeysCannotChange(t *testing.T) {
	got := New(nil).Diff(spec.Table{HashKey: "a"}, spec.Table{HashKey: "b", RangeKey: "c"})
	if len(got) != 2 || !got[0].Replace || got[0].Field != "hash_key" || !got[1].Replace ||
		got[1].Field != "range_key" {
		t.Errorf("%v", got)
	}
}
