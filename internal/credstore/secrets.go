package credstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// secrets keeps bundles in Secrets Manager.
type secrets struct {
	place
	c *awsapi.Clients
}

// defaultSecretKey is the key that Secrets Manager uses by default; going back to it needs its name.
const defaultSecretKey = "alias/aws/secretsmanager"

// deletionLimit bounds the wait until the name of a deleted secret is free.
const deletionLimit = 2 * time.Minute

func (s *secrets) put(ctx context.Context, thing, text string, replace bool) (string, error) {
	if !replace {
		arn, err := s.create(ctx, thing, text)
		if !awsapi.Is(err, "ResourceExistsException") {
			return arn, err
		}
		l, err := s.inspect(ctx, thing)
		if err := s.refuseForeign("secret", thing, l, err); err != nil {
			return "", err
		}
	}
	key := s.KMSKeyID
	if key == "" {
		key = defaultSecretKey
	}
	out, err := s.c.SecretsManager().UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{
		SecretId: aws.String(s.name(thing)), SecretString: aws.String(text), KmsKeyId: aws.String(key),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ARN), nil
}

// create waits for the name when the secret that had it is still being deleted.
func (s *secrets) create(ctx context.Context, thing, text string) (arn string, err error) {
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String(s.name(thing)), SecretString: &text, KmsKeyId: keyID(s.KMSKeyID), Tags: secretTags(s.tags),
	}
	beingDeleted := func(err error) bool {
		return awsapi.Is(err, "InvalidRequestException") && awsapi.MessageHas(err, "scheduled for deletion")
	}
	what := "waiting for the name of a deleted secret"
	err = s.c.Retry(ctx, what, deletionLimit, beingDeleted, func(ctx context.Context) error {
		out, err := s.c.SecretsManager().CreateSecret(ctx, in)
		if err == nil {
			arn = aws.ToString(out.ARN)
		}
		return err
	})
	return arn, err
}

func (s *secrets) inspect(ctx context.Context, thing string) (*Label, error) {
	out, err := s.c.SecretsManager().
		DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(s.name(thing))})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Label{
		ARN: aws.ToString(out.ARN), Deleted: out.DeletedDate != nil,
		Tags: ownertag.Map(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }),
	}, nil
}

func secretTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// remove deletes permanently: a key that can be recovered for a month is not gone.
func (s *secrets) remove(ctx context.Context, things []string) error {
	for _, thing := range things {
		_, err := s.c.SecretsManager().DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{
			SecretId: aws.String(s.name(thing)), ForceDeleteWithoutRecovery: aws.Bool(true),
		})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("%q: %w", s.name(thing), err)
		}
	}
	return nil
}

func (s *secrets) read(ctx context.Context, things []string) (map[string]string, error) {
	in := &secretsmanager.BatchGetSecretValueInput{SecretIdList: s.names(things)}
	out, err := s.c.SecretsManager().BatchGetSecretValue(ctx, in)
	if err != nil {
		return nil, err
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
			errs = append(errs, fmt.Errorf("reading credentials bundle %q: %s: %s", aws.ToString(e.SecretId),
				aws.ToString(e.ErrorCode), aws.ToString(e.Message)))
		}
	}
	return texts, errors.Join(errs...)
}

func (s *secrets) list(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	in := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(SecretsPage), Filters: []types.Filter{
		{Key: types.FilterNameStringTypeName, Values: []string{s.Path + "/"}}, // a prefix
	}}
	for pages := secretsmanager.NewListSecretsPaginator(s.c.SecretsManager().ListSecrets, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, s.pool, fmt.Sprintf("listing credentials bundles below %q", s.Path),
			func(ctx context.Context) (*secretsmanager.ListSecretsOutput, error) { return pages.NextPage(ctx) })
		if err != nil {
			return nil, err
		}
		for _, item := range page.SecretList {
			thing, ok := s.thing(aws.ToString(item.Name))
			if ok && slices.ContainsFunc(item.Tags, func(t types.Tag) bool {
				return aws.ToString(t.Key) == spec.OwnerTag && aws.ToString(t.Value) == s.owner
			}) {
				found[thing] = aws.ToString(item.ARN)
			}
		}
	}
	return found, nil
}

func (s *secrets) retag(ctx context.Context, thing string, set map[string]string, remove []string) error {
	name := aws.String(s.name(thing))
	if len(set) > 0 {
		in := &secretsmanager.TagResourceInput{SecretId: name, Tags: secretTags(set)}
		if _, err := s.c.SecretsManager().TagResource(ctx, in); err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		in := &secretsmanager.UntagResourceInput{SecretId: name, TagKeys: remove}
		if _, err := s.c.SecretsManager().UntagResource(ctx, in); err != nil {
			return fmt.Errorf("removing tags: %w", err)
		}
	}
	return nil
}
