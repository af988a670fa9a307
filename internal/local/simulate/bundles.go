package simulate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
)

// certificateOf is the device's TLS certificate.
func certificateOf(b contract.Bundle) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(b.CertificatePEM), []byte(b.PrivateKey))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the certificate of device %q: %w", b.Thing, err)
	}
	return pair, nil
}

// Bundles reads the credentials of a pipeline's devices, sorted by name. Devices that brought their own key have none
// that could be used; keyless names them.
func Bundles(
	ctx context.Context, c *awsapi.Clients, m *local.Manifest,
) (bundles []contract.Bundle, keyless []string, err error) {
	texts, err := readBundles(ctx, c, m)
	if err != nil {
		return nil, nil, fmt.Errorf("reading device credentials below %q: %w", m.CredentialsPath, err)
	}
	for _, text := range texts {
		var b contract.Bundle
		if json.Unmarshal([]byte(text), &b) != nil || b.Thing == "" {
			return nil, nil, fmt.Errorf(
				"reading device credentials below %q: an entry is not a credentials bundle",
				m.CredentialsPath,
			)
		}
		if b.PrivateKey == "" {
			keyless = append(keyless, b.Thing)
			continue
		}
		bundles = append(bundles, b)
	}
	slices.SortFunc(bundles, func(a, b contract.Bundle) int { return strings.Compare(a.Thing, b.Thing) })
	slices.Sort(keyless)
	return bundles, keyless, nil
}

func readBundles(ctx context.Context, c *awsapi.Clients, m *local.Manifest) ([]string, error) {
	switch m.CredentialsStore {
	case contract.SecretsManager:
		return secrets(ctx, c, m.CredentialsPath)
	case contract.CredentialsInBucket:
		return objects(ctx, c, m.Parts[contract.KeyCredentialsBucket], m.CredentialsPath)
	}
	return parameters(ctx, c, m.CredentialsPath)
}

// concurrentReads bounds the objects that are read at the same time.
const concurrentReads = 16

func objects(ctx context.Context, c *awsapi.Clients, bucket, path string) ([]string, error) {
	prefix := strings.TrimPrefix(path, "/") + "/"
	pages := s3.NewListObjectsV2Paginator(c.S3(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	var texts []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		read := make([]string, len(page.Contents))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(concurrentReads)
		for i, o := range page.Contents {
			group.Go(func() (err error) {
				read[i], err = credstore.ReadObject(ctx, c, bucket, aws.ToString(o.Key))
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		texts = append(texts, read...)
	}
	return texts, nil
}

func parameters(ctx context.Context, c *awsapi.Clients, path string) (texts []string, err error) {
	pages := ssm.NewGetParametersByPathPaginator(
		c.SSM().GetParametersByPath,
		&ssm.GetParametersByPathInput{Path: &path, WithDecryption: aws.Bool(true)},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Parameters {
			texts = append(texts, *p.Value)
		}
	}
	return texts, nil
}

func secrets(ctx context.Context, c *awsapi.Clients, path string) (texts []string, err error) {
	pages := secretsmanager.NewListSecretsPaginator(
		c.SecretsManager().ListSecrets,
		&secretsmanager.ListSecretsInput{Filters: []secrettypes.Filter{{Key: "name", Values: []string{path + "/"}}}},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.SecretList {
			out, err := c.SecretsManager().GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: s.ARN})
			if err != nil {
				return nil, err
			}
			texts = append(texts, aws.ToString(out.SecretString))
		}
	}
	return texts, nil
}
