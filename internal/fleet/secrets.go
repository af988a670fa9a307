package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// secretStore keeps bundles in Secrets Manager.
type secretStore struct {
	place
	client *secretsmanager.Client
}

// defaultSecretKey is the key that Secrets Manager uses by itself; it has to be named to go back to it.
const defaultSecretKey = "alias/aws/secretsmanager"

// secretsPage is the largest page of a list of secrets [AWS ListSecrets].
const secretsPage = 100

// deletionLimit bounds the wait for a deleted secret to give its name free.
const deletionLimit = 2 * time.Minute

func (s *secretStore) put(ctx context.Context, thing, text string, replace bool) (string, error) {
	if !replace {
		arn, err := s.create(ctx, thing, text)
		if !awsapi.Is(err, "ResourceExistsException") {
			return arn, err
		}
		if err := s.refuseForeign(ctx, thing); err != nil {
			return "", err
		}
	}
	key := s.KMSKeyID
	if key == "" {
		key = defaultSecretKey
	}
	out, err := s.client.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{
		SecretId: aws.String(s.name(thing)), SecretString: aws.String(text), KmsKeyId: aws.String(key),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ARN), nil
}

// create waits for the name when the secret that had it is still being deleted.
func (s *secretStore) create(ctx context.Context, thing, text string) (arn string, err error) {
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String(s.name(thing)), SecretString: aws.String(text), KmsKeyId: optional(s.KMSKeyID), Tags: s.secretTags(s.tags),
	}
	beingDeleted := func(err error) bool {
		return awsapi.Is(err, "InvalidRequestException") && awsapi.MessageHas(err, "scheduled for deletion")
	}
	err = awsapi.Retry(ctx, "waiting for the name of a deleted secret", deletionLimit, beingDeleted, func(ctx context.Context) error {
		out, err := s.client.CreateSecret(ctx, in)
		if err == nil {
			arn = aws.ToString(out.ARN)
		}
		return err
	})
	return arn, err
}

func (s *secretStore) refuseForeign(ctx context.Context, thing string) error {
	l, err := s.inspect(ctx, thing)
	if err != nil {
		return err
	}
	return s.refuse("secret", thing, l)
}

func (s *secretStore) inspect(ctx context.Context, thing string) (*label, error) {
	out, err := s.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(s.name(thing))})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &label{arn: aws.ToString(out.ARN), tags: make(map[string]string, len(out.Tags)), gone: out.DeletedDate != nil}
	for _, tag := range out.Tags {
		l.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return l, nil
}

func (s *secretStore) secretTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// remove deletes at once and for good: a key that may be recovered for a month is not gone.
func (s *secretStore) remove(ctx context.Context, things []string) error {
	for _, thing := range things {
		_, err := s.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{
			SecretId: aws.String(s.name(thing)), ForceDeleteWithoutRecovery: aws.Bool(true),
		})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("deleting credentials bundle %q: %w", s.name(thing), err)
		}
	}
	return nil
}

func (s *secretStore) read(ctx context.Context, things []string) (map[string]string, error) {
	names := make([]string, len(things))
	for i, thing := range things {
		names[i] = s.name(thing)
	}
	out, err := s.client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
	if err != nil {
		return nil, fmt.Errorf("reading credentials bundles below %q: %w", s.Path, err)
	}
	texts := make(map[string]string, len(out.SecretValues))
	for _, v := range out.SecretValues {
		if thing, ok := s.thing(aws.ToString(v.Name)); ok {
			texts[thing] = aws.ToString(v.SecretString)
		}
	}
	var errs []error
	for _, e := range out.Errors {
		if aws.ToString(e.ErrorCode) != "ResourceNotFoundException" {
			errs = append(errs, fmt.Errorf("reading credentials bundle %q: %s: %s", aws.ToString(e.SecretId), aws.ToString(e.ErrorCode), aws.ToString(e.Message)))
		}
	}
	return texts, errors.Join(errs...)
}

func (s *secretStore) list(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	in := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(secretsPage), Filters: []types.Filter{
		{Key: types.FilterNameStringTypeName, Values: []string{s.Path + "/"}}, // a prefix
	}}
	for pages := secretsmanager.NewListSecretsPaginator(s.client, in); pages.HasMorePages(); {
		page, err := ask(ctx, s.pool, fmt.Sprintf("listing credentials bundles below %q", s.Path),
			func(ctx context.Context) (*secretsmanager.ListSecretsOutput, error) { return pages.NextPage(ctx) })
		if err != nil {
			return nil, err
		}
		for _, item := range page.SecretList {
			thing, ok := s.thing(aws.ToString(item.Name))
			if ok && slices.ContainsFunc(item.Tags, func(t types.Tag) bool {
				return aws.ToString(t.Key) == object.OwnerTag && aws.ToString(t.Value) == s.owner
			}) {
				found[thing] = aws.ToString(item.ARN)
			}
		}
	}
	return found, nil
}

func (s *secretStore) retag(ctx context.Context, thing string, set map[string]string, remove []string) error {
	name := aws.String(s.name(thing))
	if len(set) > 0 {
		if _, err := s.client.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: name, Tags: s.secretTags(set)}); err != nil {
			return fmt.Errorf("tagging the credentials bundle: %w", err)
		}
	}
	if len(remove) > 0 {
		if _, err := s.client.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: name, TagKeys: remove}); err != nil {
			return fmt.Errorf("removing tags of the credentials bundle: %w", err)
		}
	}
	return nil
}
