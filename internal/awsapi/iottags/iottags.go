// Package iottags reads and writes the tags of AWS IoT objects, which all share
// one tag API. It knows nothing of the objects themselves.
package iottags

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/tags"
)

// List gives tags in the SDK's shape, in key order.
func List(all map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return list
}

// Observe gives the owner token and the other tags of an object. An object that is recorded (ref.ID) is taken for ours
// without a call unless everything is asked for; its tags are nil then: not read.
func Observe(ctx context.Context, client *iot.Client, ref assembly.Ref, arn string) (owner string, rest map[string]string, err error) {
	if ref.ID != "" && !assembly.Deep(ctx) {
		return ref.Owner, nil, nil
	}
	all := map[string]string{}
	pages := iot.NewListTagsForResourcePaginator(client, &iot.ListTagsForResourceInput{ResourceArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", nil, fmt.Errorf("reading tags of %q: %w", arn, err)
		}
		for _, tag := range page.Tags {
			all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	owner, rest = tags.Split(all)
	return owner, rest, nil
}

// Update brings an object's tags from have to want.
func Update(ctx context.Context, client *iot.Client, arn string, have, want map[string]string) error {
	set, remove := tags.Changes(have, want)
	if len(set) > 0 {
		if _, err := client.TagResource(ctx, &iot.TagResourceInput{ResourceArn: &arn, Tags: List(set)}); err != nil {
			return fmt.Errorf("tagging %q: %w", arn, err)
		}
	}
	if len(remove) > 0 {
		if _, err := client.UntagResource(ctx, &iot.UntagResourceInput{ResourceArn: &arn, TagKeys: remove}); err != nil {
			return fmt.Errorf("removing tags from %q: %w", arn, err)
		}
	}
	return nil
}
