package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// parametersPage is the largest page of a list of parameters [AWS DescribeParameters].
const parametersPage = 50

// parameterStore keeps bundles as SecureString parameters of Systems Manager.
type parameterStore struct {
	place
	client *ssm.Client
}

func (s *parameterStore) put(ctx context.Context, thing, text string, replace bool) (string, error) {
	in := &ssm.PutParameterInput{
		Name: aws.String(s.name(thing)), Value: aws.String(text), Type: types.ParameterTypeSecureString,
		// A bundle with a long certificate is over the 4 KiB of the standard tier; this one pays only for those.
		Tier:  types.ParameterTierIntelligentTiering,
		KeyId: optional(s.KMSKeyID),
	}
	if !replace {
		in.Tags = s.parameterTags(s.tags) // not accepted together with Overwrite
		_, err := s.client.PutParameter(ctx, in)
		if !awsapi.Is(err, "ParameterAlreadyExists") {
			return "", err
		}
		if err := s.refuseForeign(ctx, thing); err != nil {
			return "", err
		}
		in.Tags = nil
	}
	in.Overwrite = aws.Bool(true)
	_, err := s.client.PutParameter(ctx, in)
	return "", err
}

func (s *parameterStore) refuseForeign(ctx context.Context, thing string) error {
	l, err := s.inspect(ctx, thing)
	if err != nil {
		return err
	}
	return s.refuse("parameter", thing, l)
}

func (s *parameterStore) inspect(ctx context.Context, thing string) (*label, error) {
	out, err := s.client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(s.name(thing)),
	})
	if awsapi.Is(err, "InvalidResourceId") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &label{tags: make(map[string]string, len(out.TagList))}
	for _, tag := range out.TagList {
		l.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return l, nil
}

func (s *parameterStore) parameterTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

func (s *parameterStore) names(things []string) []string {
	names := make([]string, len(things))
	for i, thing := range things {
		names[i] = s.name(thing)
	}
	return names
}

func (s *parameterStore) remove(ctx context.Context, things []string) error {
	if _, err := s.client.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: s.names(things)}); err != nil {
		return fmt.Errorf("deleting credentials bundles below %q: %w", s.Path, err)
	}
	return nil // parameters that do not exist are told apart in the answer and are no error
}

func (s *parameterStore) read(ctx context.Context, things []string) (map[string]string, error) {
	out, err := s.client.GetParameters(ctx, &ssm.GetParametersInput{Names: s.names(things), WithDecryption: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("reading credentials bundles below %q: %w", s.Path, err)
	}
	texts := make(map[string]string, len(out.Parameters))
	for _, p := range out.Parameters {
		if thing, ok := s.thing(aws.ToString(p.Name)); ok {
			texts[thing] = aws.ToString(p.Value)
		}
	}
	return texts, nil
}

func (s *parameterStore) list(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	in := &ssm.DescribeParametersInput{MaxResults: aws.Int32(parametersPage), ParameterFilters: []types.ParameterStringFilter{
		{Key: aws.String("Path"), Option: aws.String("OneLevel"), Values: []string{s.Path}},
		{Key: aws.String("tag:" + object.OwnerTag), Values: []string{s.owner}},
	}}
	for pages := ssm.NewDescribeParametersPaginator(s.client, in); pages.HasMorePages(); {
		page, err := ask(ctx, s.pool, fmt.Sprintf("listing credentials bundles below %q", s.Path),
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

func (s *parameterStore) retag(ctx context.Context, thing string, set map[string]string, remove []string) error {
	name := aws.String(s.name(thing))
	if len(set) > 0 {
		_, err := s.client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, Tags: s.parameterTags(set),
		})
		if err != nil {
			return fmt.Errorf("tagging the credentials bundle: %w", err)
		}
	}
	if len(remove) > 0 {
		_, err := s.client.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
			ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: name, TagKeys: remove,
		})
		if err != nil {
			return fmt.Errorf("removing tags of the credentials bundle: %w", err)
		}
	}
	return nil
}
