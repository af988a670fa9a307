// Package snstopic is the driver of standard SNS topics. It must not know who
// listens to a topic.
package snstopic

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/policyjson"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Attribute names of the SNS API.
const (
	displayName = "DisplayName"
	keyID       = "KmsMasterKeyId"
	policy      = "Policy"
)

// Driver reads and writes topics. Ref.ID is the topic's ARN.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a topic; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Topic], error) {
	arn := d.arn(ref)
	attributes, err := d.c.SNS().GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Topic]{
		Identity: assembly.Identity{ID: arn, ARN: arn},
		Spec: spec.Topic{
			DisplayName: attributes.Attributes[displayName],
			KMSKeyID:    attributes.Attributes[keyID],
			Policy:      attributes.Attributes[policy],
		},
	}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := d.tags(ctx, arn)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

func (d *Driver) arn(ref assembly.Ref) string { return cmp.Or(ref.ID, d.c.ARN("sns", ref.Name)) }

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, d.arn(ref))
	return ownertag.Owner(tags, absent(err), err)
}

// tags reads the tags of a topic, during a pass once also for its subscriptions.
func (d *Driver) tags(ctx context.Context, arn string) (map[string]string, error) {
	return assembly.Shared(ctx, "tags of topic "+arn, func(ctx context.Context) (map[string]string, error) {
		out, err := d.c.SNS().ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		return ownertag.Map(out.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), nil
	})
}

// Create makes the topic with attributes and tags in one call. AWS answers success for a topic that is there with the
// very same ones, our token among them, and refuses any other.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Topic) (assembly.Identity, error) {
	attributes := map[string]string{}
	for name, value := range map[string]string{displayName: want.DisplayName, keyID: want.KMSKeyID,
		policy: want.Policy} {
		if value != "" {
			attributes[name] = value
		}
	}
	out, err := d.c.SNS().
		CreateTopic(ctx, &sns.CreateTopicInput{Name: &ref.Name, Attributes: attributes,
			Tags: newTags(ownertag.Tags(ref.Owner, want.Tags))})
	if awsapi.MessageHas(err, "already exists with different") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	arn := aws.ToString(out.TopicArn)
	return assembly.Identity{ID: arn, ARN: arn}, nil
}

// Update makes one call per attribute, and at most two for tags.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.Topic],
	want spec.Topic,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		if err := d.write(ctx, have, want, c); err != nil {
			return have.Identity, fmt.Errorf("setting %s: %w", c.Field, err)
		}
	}
	return have.Identity, nil
}

func (d *Driver) write(
	ctx context.Context,
	have *assembly.Observed[spec.Topic],
	want spec.Topic,
	c assembly.Change,
) error {
	set := func(name, value string) error {
		_, err := d.c.SNS().
			SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &have.ARN, AttributeName: &name,
				AttributeValue: &value})
		return err
	}
	switch c.Field {
	case "display_name":
		return set(displayName, want.DisplayName)
	case "kms_key_id":
		return set(keyID, want.KMSKeyID)
	case "policy":
		return set(policy, want.Policy)
	case "tags":
		return ownertag.Retag(have.Spec.Tags, want.Tags, func(tags map[string]string) error {
			_, err := d.c.SNS().TagResource(ctx, &sns.TagResourceInput{ResourceArn: &have.ARN, Tags: newTags(tags)})
			return err
		}, func(keys []string) error {
			_, err := d.c.SNS().UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: &have.ARN, TagKeys: keys})
			return err
		})
	}
	return ownertag.Unknown(c)
}

// Delete removes the topic and all its subscriptions. SNS answers success for an absent one.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.SNS().DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &ref.ID})
	if absent(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares. No wanted policy means the one that SNS gives every topic.
func (d *Driver) Diff(have, want spec.Topic) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("display_name", have.DisplayName != want.DisplayName)
	add("kms_key_id", !kmskey.Same(have.KMSKeyID, want.KMSKeyID))
	add("policy", want.Policy != "" && !policyjson.Equal(have.Policy, want.Policy))
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	return changes
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// absent: the tag calls of SNS have a code of their own.
func absent(err error) bool { return awsapi.IsNotFound(err) || awsapi.Is(err, "ResourceNotFound") }
