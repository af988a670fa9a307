package timestreamdb

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "greenhouse"
	arn  = "arn:aws:timestream:us-east-1:123456789012:database/greenhouse"
	keyA = "arn:aws:kms:us-east-1:123456789012:key/a"
	keyB = "arn:aws:kms:us-east-1:123456789012:key/b"
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	ts := c.TimestreamWrite()
	drivertest.Life[spec.TimestreamDatabase]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.TimestreamDatabase{KMSKeyID: keyA, Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.TimestreamDatabase]{
			{
				Why:    "key changed by hand",
				Fields: []string{"kms_key_id"},
				Writes: []string{"UpdateDatabase"},
				Drift: func(ctx context.Context) error {
					_, err := ts.UpdateDatabase(ctx, &timestreamwrite.UpdateDatabaseInput{
						DatabaseName: aws.String(name),
						KmsKeyId:     aws.String(keyB),
					})
					return err
				},
			},
			{
				Why:    "tag added by hand",
				Fields: []string{"tags"},
				Writes: []string{"UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := ts.TagResource(ctx, &timestreamwrite.TagResourceInput{
						ResourceARN: aws.String(arn),
						Tags:        []types.Tag{{Key: aws.String("extra"), Value: aws.String("y")}},
					})
					return err
				},
			},
			{
				Why:  "no key wanted any more: it stays",
				Want: drivertest.Changing(func(s *spec.TimestreamDatabase) { s.KMSKeyID = "" }),
			},
			{Why: "tag changed", Fields: []string{"tags"}, Writes: []string{"TagResource"},
				Want: drivertest.Changing(
					func(s *spec.TimestreamDatabase) { s.Tags = map[string]string{"team": "other"} },
				)},
		},
		Foreign: func(ctx context.Context) error {
			if _, err := ts.CreateDatabase(ctx,
				&timestreamwrite.CreateDatabaseInput{DatabaseName: aws.String(name)}); err != nil {
				return err
			}
			// moto keeps the tags of what is deleted.
			_, err := ts.UntagResource(ctx,
				&timestreamwrite.UntagResourceInput{ResourceARN: aws.String(arn), TagKeys: []string{spec.OwnerTag}})
			return err
		},
	}.Run(t)
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		why, code, message string
		closed             bool
		says               string
	}{
		{why: "open"},
		{why: "closed to new customers", code: "AccessDeniedException",
			message: "Only existing Timestream for LiveAnalytics customers can access the service.", closed: true,
			says: "2025-06-20"},
		{why: "IAM refuses", code: "AccessDeniedException",
			message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: " +
				"timestream:DescribeEndpoints", says: "lack a Timestream permission"},
		{why: "another error stays as it is", code: "ValidationException", message: "no", says: "ValidationException"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			if tc.code != "" {
				server.Fail(t, mototest.Fault{
					Service:   "timestream-write",
					Operation: "DescribeEndpoints",
					Code:      tc.code,
					Message:   tc.message,
					Times:     9,
				})
			}
			err := Check(t.Context(), drivertest.Clients(t, server))
			if errors.Is(err, ErrClosed) != tc.closed {
				t.Errorf("closed is not %v in %v", tc.closed, err)
			}
			if (err != nil) != (tc.says != "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %q", err, tc.says)
			}
		})
	}
}

func TestClosedAccountIsSaidByEveryFirstCall(t *testing.T) {
	server := mototest.Start(t)
	for _, operation := range []string{"DescribeDatabase", "CreateDatabase"} {
		server.Fail(t, mototest.Fault{
			Service:   "timestream-write",
			Operation: operation,
			Code:      "AccessDeniedException",
			Message:   "Only existing customers",
			Times:     1,
		})
	}
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Observe(t.Context(), ref); !errors.Is(err, ErrClosed) {
		t.Errorf("observing: %v", err)
	}
	if _, err := d.Create(t.Context(), ref, spec.TimestreamDatabase{}); !errors.Is(err, ErrClosed) {
		t.Errorf("creating: %v", err)
	}
}
