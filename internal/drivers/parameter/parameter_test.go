package parameter

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "/iot-pipeline/greenhouse"
	key  = "arn:aws:kms:us-east-1:123456789012:key/1f3c"
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	parameter := aws.String(name)
	byHand := func(in ssm.PutParameterInput) func(context.Context) error {
		return func(ctx context.Context) error {
			in.Name, in.Type, in.Overwrite = parameter, types.ParameterTypeSecureString, aws.Bool(true)
			_, err := c.SSM().PutParameter(ctx, &in)
			return err
		}
	}
	drivertest.Life[spec.Parameter]{
		Clients: c, Driver: New(c), Name: name, Reads: 1,
		Full: spec.Parameter{
			Value:       `{"version":1}`,
			Description: "the manifest",
			KMSKeyID:    key,
			Tags:        map[string]string{"team": "bay"},
		},
		Steps: []drivertest.Step[spec.Parameter]{
			{Why: "the value changed by hand", Fields: []string{"value"}, Writes: []string{"PutParameter"},
				Drift: byHand(ssm.PutParameterInput{
					Value:       aws.String("{}"),
					Description: aws.String("the manifest"),
					KeyId:       aws.String(key),
				})},
			{
				Why:    "everything changed by hand: one write repairs it",
				Fields: []string{"value", "description", "kms_key_id"},
				Writes: []string{"PutParameter"},
				Drift: byHand(ssm.PutParameterInput{
					Value:       aws.String("{}"),
					Description: aws.String("mine"),
					KeyId:       aws.String("alias/mine"),
				}),
			},
			{
				Why:    "a value too large for the standard tier wanted",
				Fields: []string{"value"},
				Writes: []string{"PutParameter"},
				Want:   drivertest.Changing(func(s *spec.Parameter) { s.Value = strings.Repeat("x", 5000) }),
			},
			{Why: "the account's own key wanted", Fields: []string{"kms_key_id"}, Writes: []string{"PutParameter"},
				Want: drivertest.Changing(func(s *spec.Parameter) { s.KMSKeyID = "" })},
			{
				Why:    "tags changed by hand",
				Fields: []string{"tags"},
				Writes: []string{"AddTagsToResource", "RemoveTagsFromResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.SSM().
						AddTagsToResource(ctx,
							&ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter,
								ResourceId: parameter,
								Tags:       list(map[string]string{"team": "x", "extra": "y"})})
					return err
				},
			},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.SSM().
				PutParameter(ctx, &ssm.PutParameterInput{Name: parameter, Value: aws.String("theirs"),
					Type: types.ParameterTypeString})
			return err
		},
	}.Run(t)
}

func TestItIsWrittenAsASecret(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	if _, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner},
		spec.Parameter{Value: "v"}); err != nil {
		t.Fatal(err)
	}
	out, err := c.SSM().GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String(name)})
	if err != nil || out.Parameter.Type != types.ParameterTypeSecureString || aws.ToString(out.Parameter.Value) == "v" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestPlainTextIsReplaced(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	if _, err := c.SSM().PutParameter(t.Context(),
		&ssm.PutParameterInput{Name: aws.String(name), Value: aws.String("v"), Type: types.ParameterTypeString,
			Tags: list(map[string]string{spec.OwnerTag: drivertest.Owner})}); err != nil {
		t.Fatal(err)
	}
	d := New(c)
	got, err := d.Observe(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner})
	if err != nil {
		t.Fatal(err)
	}
	changes := d.Diff(got.Spec, spec.Parameter{Value: "v"})
	if len(changes) != 1 || changes[0] != (assembly.Change{Field: "kms_key_id", Replace: true}) {
		t.Errorf("%v", changes)
	}
}

func TestErrorsHoldNoValue(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "ssm",
		Operation: "PutParameter",
		Code:      "InvalidKeyId",
		Message:   "no such key",
		Times:     1,
	})
	_, err := New(
		drivertest.Clients(t, server),
	).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.Parameter{Value: "very-secret"})
	if !awsapi.Is(err, "InvalidKeyId") || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("%v", err)
	}
}

func TestALostAnswerIsNotAFailure(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "ssm",
		Operation: "PutParameter",
		Code:      "ThrottlingException",
		Message:   "Rate exceeded",
		Times:     1,
		After:     true,
	})
	c := drivertest.Clients(t, server)
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, spec.Parameter{Value: "v"})
	if err != nil || id.ID != name || c.Requests()["ssm:PutParameter"] != 2 {
		t.Errorf("%+v, %v after %v", id, err, c.Requests())
	}
}
