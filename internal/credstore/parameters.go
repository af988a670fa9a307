package credstore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// parameters keeps bundles as SecureString parameters of Systems Manager.
type parameters struct {
	place
	c *awsapi.Clients
}

func (s *parameters) put(ctx context.Context, thing, text string, replace bool) (string, error) {
	in := &ssm.PutParameterInput{
		Name: aws.String(s.name(thing)), Value: aws.String(text), Type: types.ParameterTypeSecureString,
		// A bundle with a long certificate is over the 4 KiB of the standard tier; this one pays only for those.
		Tier:  types.ParameterTierIntelligentTiering,
		KeyId: keyID(s.KMSKeyID),
	}
	if !replace {
		in.Tags = parameterTags(s.tags) // not accepted together with Overwrite
		_, err := s.c.SSM().PutParameter(ctx, in)
		if !awsapi.Is(err, "ParameterAlreadyExists") {
			return "", err
		}
		l, err := s.inspect(ctx, thing)
		if err := s.refuseForeign("parameter", thing, l, err); err != nil {
			return "", err
		}
		in.Tags = nil
	}
	in.Overwrite = aws.Bool(true)
	_, err := s.c.SSM().PutParameter(ctx, in)
	return "", err
}

func (s *parameters) inspect(ctx context.Context, thing string) (*Label, error) {
	out, err := s.c.SSM().ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(s.name(thing)),
	})
	if awsapi.Is(err, "InvalidResourceId") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Label{
		Tags: ownertag.Map(out.TagList, func(t types.Tag) (key, value *string) { return t.Key, t.Value }),
	}, nil
}

func parameterTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

func (s *parameters) remove(ctx context.Context, things []string) error {
	if _, err := s.c.SSM().DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: s.names(things)}); err != nil {
		return err
	}
	return nil // the answer lists parameters that do not exist; that is not an error
}

func (s *parameters) read(ctx context.Context, things []string) (map[string]string, error) {
	out, err := s.c.SSM().GetParameters(ctx,
		&ssm.GetParametersInput{Names: s.names(things), WithDecryption: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(out.Parameters))
	for _, p := range out.Parameters {
		if thing, ok := s.thing(aws.ToString(p.Name)); ok {
			texts[thing] = aws.ToString(p.Value)
		}
	}
	return texts, nil
}

func (s *parameters) list(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	in := &ssm.DescribeParametersInput{
		MaxResults: aws.Int32(ParametersPage),
		ParameterFilters: []types.ParameterStringFilter{
			{Key: aws.String("Path"), Option: aws.String("OneLevel"), Values: []string{s.Path}},
			{Key: aws.String("tag:" + spec.OwnerTag), Values: []string{s.owner}},
		},
	}
	for pages := ssm.NewDescribeParametersPaginator(s.c.SSM().DescribeParameters, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, s.pool, fmt.Sprintf("listing credentials bundles below %q", s.Path),
			func(ctx context.Context) (*ssm.DescribeParametersOutput, error) { return pages.NextPage(ctx) })
		if err != nil {
			return nil, err
		}
		for _, p := range page.Parameters {
			if thing, ok := s.thing(aws.ToString(p.Name)); ok {
				found[thing] = ""
			}
		}
	}
	return found, nil
}

func (s *parameters) retag(ctx context.Context, thing string, set map[string]string, remove []string) error {
	name := aws.String(s.name(thing))
	if len(set) > 0 {
		_, err := s.c.SSM().AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, Tags: parameterTags(set),
		})
		if err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		_, err := s.c.SSM().RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, TagKeys: remove,
		})
		if err != nil {
			return fmt.Errorf("removing tags: %w", err)
		}
	}
	return nil
}

// keyID leaves an empty key out of a request.
func keyID(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}
