package sqsqueue

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name    = "greenhouse-dead-letters"
	arn     = "arn:aws:sqs:us-east-1:123456789012:greenhouse-dead-letters"
	other   = "arn:aws:sqs:us-east-1:123456789012:letters"
	tlsOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"tls","Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"` + arn + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
)

func full() spec.Queue {
	return spec.Queue{
		RetentionSeconds:         1209600,
		VisibilityTimeoutSeconds: 60,
		Policy:                   tlsOnly,
		Tags:                     map[string]string{"team": "bay"},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	url := func(ctx context.Context) *string {
		out, err := c.SQS().GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		return out.QueueUrl
	}
	set := func(attributes map[string]string) func(context.Context) error {
		return func(ctx context.Context) error {
			if _, ok := attributes["Policy"]; !ok {
				attributes["Policy"] = tlsOnly // moto takes away a policy that the call leaves out
			}
			_, err := c.SQS().
				SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url(ctx), Attributes: attributes})
			return err
		}
	}
	if _, err := c.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("letters")}); err != nil {
		t.Fatal(err)
	}
	drivertest.Life[spec.Queue]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: full(),
		Steps: []drivertest.Step[spec.Queue]{
			{
				Why:    "times changed by hand: one call",
				Fields: []string{"retention_seconds", "visibility_timeout_seconds"},
				Writes: []string{"SetQueueAttributes"},
				Drift:  set(map[string]string{"MessageRetentionPeriod": "60", "VisibilityTimeout": "1"}),
			},
			{
				Why:    "encryption switched off by hand",
				Fields: []string{"kms_key_id"},
				Writes: []string{"SetQueueAttributes"},
				Drift:  set(map[string]string{"SqsManagedSseEnabled": "false"}),
			},
			{Why: "a key wanted", Fields: []string{"kms_key_id"}, Writes: []string{"SetQueueAttributes"},
				Want: drivertest.Changing(
					func(s *spec.Queue) { s.KMSKeyID = "arn:aws:kms:us-east-1:123456789012:key/a" },
				)},
			{Why: "no key wanted", Fields: []string{"kms_key_id"}, Writes: []string{"SetQueueAttributes"},
				Want: drivertest.Changing(func(s *spec.Queue) { s.KMSKeyID = "" })},
			{Why: "a queue for dead letters wanted", Fields: []string{"dead_letters"}, Writes: []string{"SetQueueAttributes"},
				Want: drivertest.Changing(func(s *spec.Queue) { s.DeadLetterARN, s.MaxReceives = other, 11 })},
			{Why: "receives changed by hand", Fields: []string{"dead_letters"}, Writes: []string{"SetQueueAttributes"},
				Drift: set(map[string]string{
					"RedrivePolicy": `{"deadLetterTargetArn":"` + other + `","maxReceiveCount":"5"}`})},
			{Why: "dead letters switched off by hand", Fields: []string{"dead_letters"}, Writes: []string{"SetQueueAttributes"},
				Drift: set(map[string]string{"RedrivePolicy": ""})},
			{Why: "no queue for dead letters wanted", Fields: []string{"dead_letters"}, Writes: []string{"SetQueueAttributes"},
				Want: drivertest.Changing(func(s *spec.Queue) { s.DeadLetterARN, s.MaxReceives = "", 0 })},
			{
				Why:    "policy removed by hand",
				Fields: []string{"policy"},
				Writes: []string{"SetQueueAttributes"},
				Drift:  set(map[string]string{"Policy": ""}),
			},
			{Why: "no policy wanted", Fields: []string{"policy"}, Writes: []string{"SetQueueAttributes"},
				Want: drivertest.Changing(func(s *spec.Queue) { s.Policy = "" })},
			{
				Why:    "tags changed by hand",
				Fields: []string{"tags"},
				Writes: []string{"TagQueue", "UntagQueue"},
				Drift: func(ctx context.Context) error {
					_, err := c.SQS().
						TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: url(ctx),
							Tags: map[string]string{"team": "x", "extra": "y"}})
					return err
				},
			},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.SQS().CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name)})
			return err
		},
	}.Run(t)
}

func TestOutputs(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, full())
	if err != nil {
		t.Fatal(err)
	}
	if id.ARN != arn || !strings.HasSuffix(id.Outputs["url"], "/123456789012/"+name) {
		t.Errorf("%+v", id)
	}
}

func TestWaits(t *testing.T) {
	t.Run("a name that was freed within the last minute", func(t *testing.T) {
		server := mototest.Start(t)
		server.Fail(t, mototest.Fault{
			Service:   "sqs",
			Operation: "CreateQueue",
			Code:      "AWS.SimpleQueueService.QueueDeletedRecently",
			Message: "You must wait 60 seconds after deleting a queue before you can create another with the " +
				"same name.",
			Times: 5,
		})
		if _, err := New(
			drivertest.Clients(t, server),
		).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, full()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a queue that is not known everywhere", func(t *testing.T) {
		server := mototest.Start(t)
		d := New(drivertest.Clients(t, server))
		id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, full())
		if err != nil {
			t.Fatal(err)
		}
		server.Fail(t, mototest.Fault{
			Service:   "sqs",
			Operation: "GetQueueAttributes",
			Code:      "AWS.SimpleQueueService.NonExistentQueue",
			Message:   "The specified queue does not exist.",
			Times:     3,
		})
		if err := d.Wait(t.Context(), assembly.Ref{Name: name, ID: id.ID}); err != nil {
			t.Error(err)
		}
	})
}

// moto changes attributes at once; the stub shows the old ones for a while, as AWS does.
func TestUpdateWaitsUntilTheChangeIsSeen(t *testing.T) {
	reads := 0
	d := New(drivertest.Stub(t, func(operation string, _ map[string]any) string {
		switch operation {
		case "GetQueueAttributes":
			if reads++; reads < 4 {
				return `{"Attributes":{"MessageRetentionPeriod":"60","VisibilityTimeout":"30","SqsManagedSseEnabled":"true"}}`
			}
			return `{"Attributes":{"MessageRetentionPeriod":"120","VisibilityTimeout":"30","SqsManagedSseEnabled":"true"}}`
		case "SetQueueAttributes":
			return "{}"
		}
		t.Errorf("unexpected %s", operation)
		return "{}"
	}))
	have := &assembly.Observed[spec.Queue]{
		Identity: assembly.Identity{ID: "url"},
		Spec:     spec.Queue{RetentionSeconds: 60, VisibilityTimeoutSeconds: 30},
	}
	want := spec.Queue{RetentionSeconds: 120, VisibilityTimeoutSeconds: 30}
	if _, err := d.Update(t.Context(), assembly.Ref{ID: "url"}, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	if reads != 4 {
		t.Errorf("read %d times", reads)
	}
}

// A message counts until it is removed, also while somebody has it in work or before its delay is over.
func TestWaiting(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: "owner"}, full())
	if err != nil {
		t.Fatal(err)
	}
	want := func(n int64) {
		t.Helper()
		if got, err := d.Waiting(t.Context(), id.ID); got != n || err != nil {
			t.Errorf("%d messages, %v; want %d", got, err, n)
		}
	}
	want(0)
	for _, delay := range []int32{0, 600} {
		if _, err := c.SQS().SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &id.ID,
			MessageBody: aws.String("m"), DelaySeconds: delay}); err != nil {
			t.Fatal(err)
		}
	}
	want(2)
	out, err := c.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &id.ID})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	want(2)
	if _, err := c.SQS().DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &id.ID,
		ReceiptHandle: out.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	want(1)
	if err := d.Delete(t.Context(), assembly.Ref{Name: name, ID: id.ID}); err != nil {
		t.Fatal(err)
	}
	want(0)
}
