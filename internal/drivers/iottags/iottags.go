// Package iottags reads and writes the tags of AWS IoT objects, which all share
// one tag API. It knows nothing of the objects themselves.
package iottags

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
)

// WithOwner gives the tags of a create call: the wanted ones and the owner token, in key order.
func WithOwner(owner string, want map[string]string) []types.Tag {
	return list(ownertag.Tags(owner, want))
}

func list(all map[string]string) []types.Tag {
	return ownertag.List(all, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// Observe gives the owner token and the other tags of an object. An object that is recorded (ref.ID) counts as ours
// without a call unless everything is asked for; its tags are nil then: not read.
func Observe(
	ctx context.Context,
	c *awsapi.Clients,
	ref assembly.Ref,
	arn string,
) (owner string, rest map[string]string, err error) {
	if ref.Brief() {
		return ref.Owner, nil, nil
	}
	var all []types.Tag
	pages := iot.NewListTagsForResourcePaginator(c.IoT().ListTagsForResource,
		&iot.ListTagsForResourceInput{ResourceArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", nil, fmt.Errorf("reading tags: %w", err)
		}
		all = append(all, page.Tags...)
	}
	tags := ownertag.Map(all, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
	owner, rest = ownertag.Split(tags, c.IgnoresTag)
	return owner, rest, nil
}

// Owner is the answer of an [assembly.OwnerReader] about the object with an ARN.
func Owner(ctx context.Context, c *awsapi.Clients, arn string) (token string, exists bool, err error) {
	token, _, err = Observe(ctx, c, assembly.Ref{}, arn)
	if awsapi.IsNotFound(err) {
		return "", false, nil
	}
	return token, err == nil, err
}

// ConfirmOwner ends a successful create call of a service that answers success also if an equal object exists already:
// it reads the owner back, and refuses an object that is not ours.
func ConfirmOwner(
	ctx context.Context, c *awsapi.Clients, owner string, created assembly.Identity,
) (assembly.Identity, error) {
	found, _, err := Observe(ctx, c, assembly.Ref{}, created.ARN)
	if err != nil {
		return created, err
	}
	if found != owner {
		return assembly.Identity{}, &assembly.ForeignError{Owner: found}
	}
	return created, nil
}

// Update brings an object's tags from have to want.
func Update(ctx context.Context, c *awsapi.Clients, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want,
		func(add map[string]string) error {
			_, err := c.IoT().TagResource(ctx, &iot.TagResourceInput{ResourceArn: &arn, Tags: list(add)})
			return err
		},
		func(drop []string) error {
			_, err := c.IoT().UntagResource(ctx, &iot.UntagResourceInput{ResourceArn: &arn, TagKeys: drop})
			return err
		})
}
