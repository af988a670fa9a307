package kinesisstream

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse-telemetry"

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	k := c.Kinesis()
	stream := aws.String(name)
	drivertest.Life[spec.Stream]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.Stream{Shards: 2, RetentionHours: 48, Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.Stream]{
			{
				Why:    "retention shortened by hand",
				Fields: []string{"retention_hours"},
				Writes: []string{"IncreaseStreamRetentionPeriod"},
				Drift: func(ctx context.Context) error {
					_, err := k.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
						StreamName:           stream,
						RetentionPeriodHours: aws.Int32(24),
					})
					return err
				},
			},
			{
				Why:    "less retention wanted",
				Fields: []string{"retention_hours"},
				Writes: []string{"DecreaseStreamRetentionPeriod"},
				Want:   drivertest.Changing(func(s *spec.Stream) { s.RetentionHours = 24 }),
			},
			{
				Why:    "encryption stopped by hand",
				Fields: []string{"kms_key_id"},
				Writes: []string{"StartStreamEncryption"},
				Drift: func(ctx context.Context) error {
					_, err := k.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{
						StreamName:     stream,
						EncryptionType: types.EncryptionTypeKms,
						KeyId:          aws.String(managedKey),
					})
					return err
				},
			},
			{Why: "another key wanted", Fields: []string{"kms_key_id"}, Writes: []string{"StartStreamEncryption"},
				Want: drivertest.Changing(
					func(s *spec.Stream) { s.KMSKeyID = "arn:aws:kms:us-east-1:123456789012:key/1f3c" },
				)},
			{
				Why:    "AWS's own key wanted again",
				Fields: []string{"kms_key_id"},
				Writes: []string{"StartStreamEncryption"},
				Want:   drivertest.Changing(func(s *spec.Stream) { s.KMSKeyID = "" }),
			},
			{
				Why:    "five shards wanted of two: one call can only double",
				Fields: []string{"shards"},
				Writes: []string{"UpdateShardCount", "UpdateShardCount"},
				Want:   drivertest.Changing(func(s *spec.Stream) { s.Shards = 5 }),
			},
			{
				Why:    "one shard wanted of five: one call can only halve",
				Fields: []string{"shards"},
				Writes: []string{"UpdateShardCount", "UpdateShardCount", "UpdateShardCount"},
				Want:   drivertest.Changing(func(s *spec.Stream) { s.Shards = 1 }),
			},
			{
				Why:    "tags changed by hand",
				Fields: []string{"tags"},
				Writes: []string{"AddTagsToStream", "RemoveTagsFromStream"},
				Drift: func(ctx context.Context) error {
					_, err := k.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{
						StreamName: stream,
						Tags:       map[string]string{"team": "x", "extra": "y"},
					})
					return err
				},
			},
			{
				Why:    "on demand wanted: shards no longer count",
				Fields: []string{"mode"},
				Writes: []string{"UpdateStreamMode"},
				Want:   drivertest.Changing(func(s *spec.Stream) { s.OnDemand, s.Shards = true, 0 }),
			},
		},
		Foreign: func(ctx context.Context) error {
			_, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(1)})
			return err
		},
	}.Run(t)
}

func TestOnDemandIsSettledByOneEncryption(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner},
		spec.Stream{OnDemand: true, RetentionHours: 24})
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:aws:kinesis:us-east-1:123456789012:stream/" + name; id.ARN != want {
		t.Errorf("ARN %q, want %q", id.ARN, want)
	}
	if sent := c.Requests(); sent["kinesis:CreateStream"] != 1 || sent["kinesis:StartStreamEncryption"] != 1 ||
		sent["kinesis:IncreaseStreamRetentionPeriod"] != 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestPassingRefusals(t *testing.T) {
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		fails bool
	}{
		{why: "five streams are being created", fault: mototest.Fault{Operation: "CreateStream",
			Code:    "LimitExceededException",
			Message: "You can have at most 5 streams that can simultaneously be in CREATING or DELETING", Times: 4}},
		{why: "no more streams allowed: asked once",
			fault: mototest.Fault{Operation: "CreateStream", Code: "LimitExceededException",
				Message: "This request would exceed the stream limit", Times: 1}, fails: true},
		{why: "the stream is not ACTIVE yet", fault: mototest.Fault{Operation: "StartStreamEncryption",
			Code: "ResourceInUseException", Message: "Stream is not ACTIVE", Times: 3}},
		{why: "the answer of create was lost", fault: mototest.Fault{Operation: "CreateStream",
			Code: "ThrottlingException", Message: "lost", Times: 1, After: true}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			tc.fault.Service = "kinesis"
			server.Fail(t, tc.fault)
			d := New(drivertest.Clients(t, server))
			ref, want := assembly.Ref{
				Name:  name,
				Owner: drivertest.Owner,
			}, spec.Stream{
				OnDemand:       true,
				RetentionHours: 24,
			}
			id, err := d.Create(t.Context(), ref, want)
			if (err != nil) != tc.fails {
				t.Fatalf("%+v, %v", id, err)
			}
			got, err := d.Observe(t.Context(), ref)
			if err != nil || (got == nil) != tc.fails {
				t.Fatalf("%+v, %v", got, err)
			}
			if got != nil && len(d.Diff(got.Spec, want)) > 0 {
				t.Errorf("not complete: %+v", got.Spec)
			}
		})
	}
}

func TestCreateThatIsCutShortLeavesItsIdentity(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "kinesis",
		Operation: "StartStreamEncryption",
		Code:      "KMSDisabledException",
		Message:   "disabled",
		Times:     1,
	})
	d := New(drivertest.Clients(t, server))
	ref, want := assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.Stream{OnDemand: true, RetentionHours: 24}
	id, err := d.Create(t.Context(), ref, want)
	if id.ID != name || !awsapi.Is(err, "KMSDisabledException") {
		t.Fatalf("%+v, %v", id, err)
	}
	if again, err := d.Create(t.Context(), ref, want); err != nil || again.ID != name {
		t.Fatalf("resuming: %+v, %v", again, err)
	}
	got, err := d.Observe(t.Context(), ref)
	if err != nil || got == nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
