package awstest

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// Impatient gives clients that send each request once, over wire, and whose waits take no time.
func (l *LocalAWS) Impatient(t testing.TB, wire http.RoundTripper) *awsapi.Clients {
	t.Helper()
	cfg := l.Server.Config(t)
	cfg.HTTPClient = &http.Client{Transport: wire}
	cfg.Retryer = func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) }
	clients := awsapi.New(cfg, awsapi.Options{S3UsePathStyle: true, Unlimited: true, Clock: awsapi.NewInstantClock()})
	if err := clients.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	return clients
}

// MakeThing creates a thing that nobody owns.
func (a Account) MakeThing(t testing.TB, name string) {
	t.Helper()
	must[*iot.CreateThingOutput](t)(a.IoT().CreateThing(t.Context(), &iot.CreateThingInput{ThingName: &name}))
}

// MakeRule creates a topic rule that nobody owns.
func (a Account) MakeRule(t testing.TB, name string) {
	t.Helper()
	must[*iot.CreateTopicRuleOutput](t)(a.IoT().CreateTopicRule(t.Context(), &iot.CreateTopicRuleInput{
		RuleName: &name,
		TopicRulePayload: &iottypes.TopicRulePayload{
			Sql: aws.String("SELECT * FROM 'a'"), Actions: []iottypes.Action{},
		},
	}))
}

// MakeRole creates a role that nobody owns.
func (a Account) MakeRole(t testing.TB, name string) {
	t.Helper()
	must[*iam.CreateRoleOutput](t)(a.IAM().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` +
			`{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	}))
}

// MakeBucket creates a bucket that nobody owns.
func (a Account) MakeBucket(t testing.TB, name string) {
	t.Helper()
	must[*s3.CreateBucketOutput](t)(a.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}))
}

// Protect switches on the deletion protection of a table by hand.
func (a Account) Protect(t testing.TB, table string) {
	t.Helper()
	must[*dynamodb.UpdateTableOutput](t)(a.DynamoDB().UpdateTable(t.Context(),
		&dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(true)}))
}
