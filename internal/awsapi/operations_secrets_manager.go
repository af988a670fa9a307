package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// SecretsManager are the operations of Secrets Manager that the project uses.
type SecretsManager struct {
	Options             func() secretsmanager.Options
	BatchGetSecretValue Call[secretsmanager.BatchGetSecretValueInput, secretsmanager.Options, secretsmanager.BatchGetSecretValueOutput]
	CreateSecret        Call[secretsmanager.CreateSecretInput, secretsmanager.Options, secretsmanager.CreateSecretOutput]
	DeleteSecret        Call[secretsmanager.DeleteSecretInput, secretsmanager.Options, secretsmanager.DeleteSecretOutput]
	DescribeSecret      Call[secretsmanager.DescribeSecretInput, secretsmanager.Options, secretsmanager.DescribeSecretOutput]
	GetSecretValue      Call[secretsmanager.GetSecretValueInput, secretsmanager.Options, secretsmanager.GetSecretValueOutput]
	ListSecrets         SecretsManagerListSecrets
	TagResource         Call[secretsmanager.TagResourceInput, secretsmanager.Options, secretsmanager.TagResourceOutput]
	UntagResource       Call[secretsmanager.UntagResourceInput, secretsmanager.Options, secretsmanager.UntagResourceOutput]
	UpdateSecret        Call[secretsmanager.UpdateSecretInput, secretsmanager.Options, secretsmanager.UpdateSecretOutput]
}

func newSecretsManager(c *secretsmanager.Client) *SecretsManager {
	return &SecretsManager{
		Options:             c.Options,
		BatchGetSecretValue: c.BatchGetSecretValue,
		CreateSecret:        c.CreateSecret,
		DeleteSecret:        c.DeleteSecret,
		DescribeSecret:      c.DescribeSecret,
		GetSecretValue:      c.GetSecretValue,
		ListSecrets:         c.ListSecrets,
		TagResource:         c.TagResource,
		UntagResource:       c.UntagResource,
		UpdateSecret:        c.UpdateSecret,
	}
}

// SecretsManagerListSecrets is an operation that the SDK's paginator takes.
type SecretsManagerListSecrets Call[secretsmanager.ListSecretsInput, secretsmanager.Options, secretsmanager.ListSecretsOutput]

// ListSecrets implements the paginator's interface.
func (call SecretsManagerListSecrets) ListSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput, o ...func(*secretsmanager.Options)) (
	*secretsmanager.ListSecretsOutput, error,
) {
	return call(ctx, in, o...)
}
