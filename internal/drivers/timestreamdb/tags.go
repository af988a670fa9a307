package timestreamdb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
)

// Tags reads all tags of a database or table by its ARN.
func Tags(ctx context.Context, c *awsapi.Clients, arn string) (map[string]string, error) {
	out, err := c.TimestreamWrite().
		ListTagsForResource(ctx, &timestreamwrite.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return nil, err
	}
	return ownertag.Map(out.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), nil
}

// NewTags gives tags in Timestream's own type.
func NewTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// Retag changes the tags of a database or table.
func Retag(ctx context.Context, c *awsapi.Clients, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want, func(set map[string]string) error {
		_, err := c.TimestreamWrite().
			TagResource(ctx, &timestreamwrite.TagResourceInput{ResourceARN: &arn, Tags: NewTags(set)})
		return err
	}, func(keys []string) error {
		_, err := c.TimestreamWrite().
			UntagResource(ctx, &timestreamwrite.UntagResourceInput{ResourceARN: &arn, TagKeys: keys})
		return err
	})
}
