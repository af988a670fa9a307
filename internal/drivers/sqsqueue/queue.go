// Package sqsqueue is the driver of standard SQS queues. It must not know what the
// messages in a queue are.
package sqsqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/policyjson"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// AWS gives a name out again 60 seconds after the deletion of the queue that had it.
	nameLimit = 2 * time.Minute
	// A new queue is known everywhere after about a second, a change after up to a minute, of the retention after 15.
	spreadLimit    = 2 * time.Minute
	retentionLimit = 15 * time.Minute
)

// Attribute names of the SQS API.
var (
	retention  = string(types.QueueAttributeNameMessageRetentionPeriod)
	visibility = string(types.QueueAttributeNameVisibilityTimeout)
	keyID      = string(types.QueueAttributeNameKmsMasterKeyId)
	managedSSE = string(types.QueueAttributeNameSqsManagedSseEnabled)
	policy     = string(types.QueueAttributeNamePolicy)
	queueARN   = string(types.QueueAttributeNameQueueArn)
	redrive    = string(types.QueueAttributeNameRedrivePolicy)
)

// Driver reads and writes queues. Ref.ID is the queue's URL, which is also the output that URL reads.
type Driver struct{ c *awsapi.Clients }

var _ assembly.Waiter = (*Driver)(nil)

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a queue; its URL only before it is recorded, its tags also for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Queue], error) {
	url, err := d.url(ctx, ref)
	if err != nil || url == "" {
		return nil, err
	}
	attributes, err := d.attributes(ctx, url)
	if err != nil || attributes == nil {
		return nil, err
	}
	observed, err := specOf(attributes)
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Queue]{Identity: identity(url, attributes[queueARN]), Spec: observed}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	tags, err := d.tags(ctx, url)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Owner, o.Spec.Tags = ownertag.Split(tags, d.c.IgnoresTag)
	return o, nil
}

// url gives the recorded URL, else asks for it; it is empty for a queue that does not exist.
func (d *Driver) url(ctx context.Context, ref assembly.Ref) (string, error) {
	if ref.ID != "" {
		return ref.ID, nil
	}
	out, err := d.c.SQS().GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueueUrl), nil
}

// Owner implements [assembly.OwnerReader] with one call for a recorded queue.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	url, err := d.url(ctx, ref)
	if err != nil || url == "" {
		return "", false, err
	}
	tags, err := d.tags(ctx, url)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

func (d *Driver) tags(ctx context.Context, url string) (map[string]string, error) {
	out, err := d.c.SQS().ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

// attributes gives nil for a queue that does not exist.
func (d *Driver) attributes(ctx context.Context, url string) (map[string]string, error) {
	out, err := d.c.SQS().
		GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url,
			AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func specOf(attributes map[string]string) (s spec.Queue, err error) {
	for name, field := range map[string]*int32{retention: &s.RetentionSeconds,
		visibility: &s.VisibilityTimeoutSeconds} {
		n, err := strconv.ParseInt(attributes[name], 10, 32)
		if err != nil {
			return s, fmt.Errorf("reading the attribute %s: %w", name, err)
		}
		*field = int32(n)
	}
	s.Policy = attributes[policy]
	if s.KMSKeyID = attributes[keyID]; s.KMSKeyID == "" && attributes[managedSSE] != "true" {
		s.KMSKeyID = kmskey.None
	}
	s.DeadLetterARN, s.MaxReceives, err = readRedrive(attributes[redrive])
	return s, err
}

// redrivePolicy is the value of the attribute; "" stands for none. AWS takes the number as text as well.
func redrivePolicy(want spec.Queue) string {
	if want.DeadLetterARN == "" {
		return ""
	}
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, want.DeadLetterARN, want.MaxReceives)
}

func readRedrive(text string) (arn string, receives int32, err error) {
	if text == "" {
		return "", 0, nil
	}
	var policy struct {
		Target   string      `json:"deadLetterTargetArn"`
		Receives json.Number `json:"maxReceiveCount"`
	}
	if err = json.Unmarshal([]byte(text), &policy); err != nil {
		return "", 0, fmt.Errorf("reading the attribute %s: %w", redrive, err)
	}
	n, err := strconv.ParseInt(policy.Receives.String(), 10, 32)
	if err != nil {
		return "", 0, fmt.Errorf("reading the attribute %s: %w", redrive, err)
	}
	return policy.Target, int32(n), nil
}

// Create makes the queue with attributes and tags in one call. AWS answers success for a queue that is there with the
// very same attributes; the read before every create has shown that there is none.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Queue) (assembly.Identity, error) {
	in := &sqs.CreateQueueInput{
		QueueName: &ref.Name,
		Tags:      ownertag.Tags(ref.Owner, want.Tags),
		Attributes: map[string]string{
			retention:  decimal(want.RetentionSeconds),
			visibility: decimal(want.VisibilityTimeoutSeconds),
		},
	}
	if want.KMSKeyID == "" {
		in.Attributes[managedSSE] = "true"
	} else {
		in.Attributes[keyID] = want.KMSKeyID
	}
	if want.Policy != "" {
		in.Attributes[policy] = want.Policy
	}
	if want.DeadLetterARN != "" {
		in.Attributes[redrive] = redrivePolicy(want)
	}
	var out *sqs.CreateQueueOutput
	err := d.c.Retry(
		ctx,
		"waiting for AWS to give the queue's name out again",
		nameLimit,
		deletedRecently,
		func(ctx context.Context) (err error) {
			out, err = d.c.SQS().CreateQueue(ctx, in)
			return err
		},
	)
	if awsapi.Is(err, "QueueNameExists", "QueueAlreadyExists") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return identity(aws.ToString(out.QueueUrl), d.arn(ref.Name)), nil
}

// Update sets all changed attributes with one call and returns when AWS shows them, so that the next read does not take
// the old ones for drift.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.Queue],
	want spec.Queue,
	changes []assembly.Change,
) (assembly.Identity, error) {
	set, limit := map[string]string{}, spreadLimit
	for _, c := range changes {
		switch c.Field {
		case "retention_seconds":
			set[retention], limit = decimal(want.RetentionSeconds), retentionLimit
		case "visibility_timeout_seconds":
			set[visibility] = decimal(want.VisibilityTimeoutSeconds)
		case "kms_key_id":
			set[keyID], set[managedSSE] = want.KMSKeyID, strconv.FormatBool(want.KMSKeyID == "")
		case "policy":
			set[policy] = want.Policy // empty: none
		case "dead_letters":
			set[redrive] = redrivePolicy(want)
		case "tags":
			if err := d.retag(ctx, have.ID, have.Spec.Tags, want.Tags); err != nil {
				return have.Identity, err
			}
		default:
			return have.Identity, ownertag.Unknown(c)
		}
	}
	if len(set) == 0 {
		return have.Identity, nil
	}
	// The policy goes with every change: moto takes away one that a call leaves out.
	set[policy] = want.Policy
	if _, err := d.c.SQS().
		SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &have.ID, Attributes: set}); err != nil {
		return have.Identity, err
	}
	return have.Identity, d.c.Poll(
		ctx,
		"waiting for the queue's attributes to change",
		limit,
		func(ctx context.Context) (bool, error) {
			attributes, err := d.attributes(ctx, have.ID)
			if err != nil || attributes == nil {
				return false, err
			}
			now, err := specOf(attributes)
			now.Tags = nil // not read
			return err == nil && len(d.Diff(now, want)) == 0, err
		},
	)
}

func (d *Driver) retag(ctx context.Context, url string, have, want map[string]string) error {
	return ownertag.Retag(have, want, func(set map[string]string) error {
		_, err := d.c.SQS().TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: set})
		return err
	}, func(keys []string) error {
		_, err := d.c.SQS().UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: keys})
		return err
	})
}

// Waiting counts the messages that a queue holds: those that wait, those that are received and not removed, and those
// that are delayed. SQS counts approximately, exactly a minute after the last message. A queue that is gone holds none.
func (d *Driver) Waiting(ctx context.Context, url string) (int64, error) {
	attributes, err := d.attributes(ctx, url)
	if err != nil || attributes == nil {
		return 0, err
	}
	var sum int64
	for _, name := range []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed} {
		n, err := strconv.ParseInt(attributes[string(name)], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the attribute %s: %w", name, err)
		}
		sum += n
	}
	return sum, nil
}

// Wait returns when a new queue can be used, about a second after its creation.
func (d *Driver) Wait(ctx context.Context, ref assembly.Ref) error {
	return d.c.Poll(ctx, "waiting for the queue to be known", spreadLimit, func(ctx context.Context) (bool, error) {
		attributes, err := d.attributes(ctx, ref.ID)
		return attributes != nil, err
	})
}

// Delete removes the queue with its messages. AWS is done within 60 seconds, in which the queue may still be seen.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.SQS().DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &ref.ID})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{Outputs: true} }

// Diff compares.
func (d *Driver) Diff(have, want spec.Queue) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("retention_seconds", have.RetentionSeconds != want.RetentionSeconds)
	add("visibility_timeout_seconds", have.VisibilityTimeoutSeconds != want.VisibilityTimeoutSeconds)
	add("kms_key_id", !kmskey.Same(have.KMSKeyID, want.KMSKeyID))
	add("dead_letters", have.DeadLetterARN != want.DeadLetterARN || have.MaxReceives != want.MaxReceives)
	add("policy", !policyjson.Equal(have.Policy, want.Policy))
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	return changes
}

// URL returns the URL of a recorded queue.
func URL(r assembly.Record) string { return r.Outputs[spec.QueueURLOutput] }

func identity(url, arn string) assembly.Identity {
	return assembly.Identity{ID: url, ARN: arn, Outputs: map[string]string{spec.QueueURLOutput: url}}
}

func (d *Driver) arn(name string) string {
	return fmt.Sprintf("arn:%s:sqs:%s:%s:%s", d.c.Partition(), d.c.Region(), d.c.AccountID(), name)
}

func decimal(n int32) string { return strconv.FormatInt(int64(n), 10) }

func deletedRecently(err error) bool {
	return awsapi.Is(err, "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently")
}
