package snstopic

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name    = "greenhouse-alerts"
	arn     = "arn:aws:sns:us-east-1:123456789012:greenhouse-alerts"
	tlsOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"tls","Effect":"Deny","Principal":"*","Action":"SNS:Publish","Resource":"` + arn + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
)

func full() spec.Topic {
	return spec.Topic{
		DisplayName: "Greenhouse",
		KMSKeyID:    "alias/aws/sns",
		Policy:      tlsOnly,
		Tags:        map[string]string{"team": "bay"},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	set := func(attribute, value string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.SNS().
				SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: aws.String(arn),
					AttributeName: &attribute, AttributeValue: &value})
			return err
		}
	}
	drivertest.Life[spec.Topic]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: full(), Ownerless: true,
		Steps: []drivertest.Step[spec.Topic]{
			{
				Why:    "name changed by hand",
				Fields: []string{"display_name"},
				Writes: []string{"SetTopicAttributes"},
				Drift:  set("DisplayName", "x"),
			},
			{
				Why:    "encryption switched off by hand",
				Fields: []string{"kms_key_id"},
				Writes: []string{"SetTopicAttributes"},
				Drift:  set("KmsMasterKeyId", ""),
			},
			{Why: "policy widened by hand", Fields: []string{"policy"}, Writes: []string{"SetTopicAttributes"},
				Drift: set(
					"Policy",
					`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"SNS:Publish","Resource":"*"}]}`,
				)},
			{
				Why: "policy written otherwise means the same",
				Drift: set(
					"Policy",
					`{"Statement":[{"Condition":{"Bool":{"aws:SecureTransport":["false"]}},"Sid":"tls","Effect":"Deny","Principal":"*","Action":["SNS:Publish"],"Resource":"`+arn+`"}],"Version":"2012-10-17"}`,
				),
			},
			{
				Why:    "everything else wanted",
				Fields: []string{"display_name", "kms_key_id", "tags"},
				Writes: []string{"SetTopicAttributes", "SetTopicAttributes", "TagResource", "UntagResource"},
				Want: drivertest.Changing(func(s *spec.Topic) {
					s.DisplayName, s.KMSKeyID, s.Tags = "", "1f3c", map[string]string{"stage": "prod"}
				}),
			},
			{
				Why:  "no policy wanted: SNS's own or any",
				Want: drivertest.Changing(func(s *spec.Topic) { s.Policy = "" }),
			},
		},
	}.Run(t)
}

// moto's CreateTopic takes any topic of the name for the one that is asked for; AWS refuses one with other tags or
// attributes in the words of the fault.
func TestTopicThatExists(t *testing.T) {
	for _, tc := range []struct {
		why, owner, reason string
		refused            bool
	}{
		{why: "ours, with an older display name: brought up to date", owner: drivertest.Owner,
			reason: "Attributes Reason: Topic already exists with different attributes"},
		{why: "of another pipeline", owner: drivertest.Other,
			reason: "Tags Reason: Topic already exists with different tags", refused: true},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			d := New(drivertest.Clients(t, server))
			old := full()
			old.DisplayName = "Old"
			if _, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: tc.owner}, old); err != nil {
				t.Fatal(err)
			}
			server.Fail(t, mototest.Fault{
				Service:   "sns",
				Operation: "CreateTopic",
				Code:      "InvalidParameter",
				Message:   "Invalid parameter: " + tc.reason,
				Times:     1,
			})
			ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
			id, err := d.Create(t.Context(), ref, full())
			if (err != nil) != tc.refused || (id.ID == "") != tc.refused {
				t.Fatalf("%+v, %v", id, err)
			}
			want := full()
			if tc.refused {
				want = old
			}
			have, err := d.Observe(t.Context(), ref)
			if err != nil || have == nil || have.Owner != tc.owner || len(d.Diff(have.Spec, want)) > 0 {
				t.Errorf("%+v, %v", have, err)
			}
		})
	}
}
