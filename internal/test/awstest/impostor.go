package awstest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/sqsqueue"
)

// Impostor is an object that somebody makes by hand under the name of a part, and that belongs to no pipeline.
type Impostor struct {
	Part string
	// Kind is what a listing of the account calls it, as in Account.Objects.
	Kind   string
	Make   func(t testing.TB, a Account, r assembly.Record)
	Look   func(t testing.TB, a Account, r assembly.Record) any // what AWS says of it
	Remove func(t testing.TB, a Account, r assembly.Record)
}

const nobodysPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:*","Resource":"*"}]}`

// Impostors takes the places of parts that every pipeline has.
var Impostors = append([]Impostor{
	{
		Part: "stream", Kind: "stream",
		Make: func(t testing.TB, a Account, r assembly.Record) { a.MakeStream(t, r.Name) },
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*kinesis.DescribeStreamSummaryOutput](t)(
				a.Kinesis().
					DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &r.Name}),
			).StreamDescriptionSummary
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) { a.RemoveStream(t, r.Name) },
	},
	{
		Part: "dead_letters", Kind: "queue",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*sqs.CreateQueueOutput](t)(a.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &r.Name}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*sqs.GetQueueAttributesOutput](t)(a.SQS().GetQueueAttributes(t.Context(),
				&sqs.GetQueueAttributesInput{QueueUrl: aws.String(sqsqueue.URL(r)),
					AttributeNames: []sqstypes.QueueAttributeName{"All"}})).Attributes
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*sqs.DeleteQueueOutput](t)(
				a.SQS().DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: aws.String(sqsqueue.URL(r))}),
			)
		},
	},
	{
		Part: "device_table", Kind: "table",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*dynamodb.CreateTableOutput](t)(
				a.DynamoDB().
					CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &r.Name,
						BillingMode: dynamodbtypes.BillingModePayPerRequest,
						KeySchema: []dynamodbtypes.KeySchemaElement{
							{AttributeName: aws.String("id"), KeyType: dynamodbtypes.KeyTypeHash},
						},
						AttributeDefinitions: []dynamodbtypes.AttributeDefinition{
							{AttributeName: aws.String("id"), AttributeType: dynamodbtypes.ScalarAttributeTypeS},
						}}),
			)
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*dynamodb.DescribeTableOutput](t)(
				a.DynamoDB().DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &r.Name}),
			).Table
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*dynamodb.DeleteTableOutput](t)(
				a.DynamoDB().DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &r.Name}),
			)
		},
	},
	{
		Part: "bucket", Kind: "bucket",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*s3.CreateBucketOutput](t)(a.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &r.Name}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*s3.GetBucketEncryptionOutput](t)(
				a.S3().GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: &r.Name}),
			).ServerSideEncryptionConfiguration
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*s3.DeleteBucketOutput](t)(a.S3().DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &r.Name}))
		},
	},
	{
		Part: "thing_group", Kind: "thing group",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.CreateThingGroupOutput](t)(
				a.IoT().CreateThingGroup(t.Context(), &iot.CreateThingGroupInput{ThingGroupName: &r.Name}),
			)
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*iot.DescribeThingGroupOutput](t)(
				a.IoT().DescribeThingGroup(t.Context(), &iot.DescribeThingGroupInput{ThingGroupName: &r.Name}),
			)
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.DeleteThingGroupOutput](t)(
				a.IoT().DeleteThingGroup(t.Context(), &iot.DeleteThingGroupInput{ThingGroupName: &r.Name}),
			)
		},
	},
	{
		Part: "policy", Kind: "policy",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.CreatePolicyOutput](t)(a.IoT().
				CreatePolicy(t.Context(), &iot.CreatePolicyInput{PolicyName: &r.Name,
					PolicyDocument: aws.String(nobodysPolicy)}))
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*iot.GetPolicyOutput](t)(
				a.IoT().GetPolicy(t.Context(), &iot.GetPolicyInput{PolicyName: &r.Name}),
			)
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.DeletePolicyOutput](t)(
				a.IoT().DeletePolicy(t.Context(), &iot.DeletePolicyInput{PolicyName: &r.Name}),
			)
		},
	},
	{
		Part: "rule/telemetry", Kind: "rule",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.CreateTopicRuleOutput](t)(
				a.IoT().
					CreateTopicRule(t.Context(), &iot.CreateTopicRuleInput{RuleName: &r.Name,
						TopicRulePayload: &iottypes.TopicRulePayload{
							Sql: aws.String(
								"SELECT * FROM 'elsewhere'",
							), Actions: []iottypes.Action{{Republish: &iottypes.RepublishAction{Topic: aws.String("t"),
								RoleArn: aws.String("arn:aws:iam::123456789012:role/somebody")}}}}}),
			)
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*iot.GetTopicRuleOutput](t)(
				a.IoT().GetTopicRule(t.Context(), &iot.GetTopicRuleInput{RuleName: &r.Name}),
			).Rule
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*iot.DeleteTopicRuleOutput](t)(
				a.IoT().DeleteTopicRule(t.Context(), &iot.DeleteTopicRuleInput{RuleName: &r.Name}),
			)
		},
	},
	{
		Part: "role/processor", Kind: "role",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*iam.CreateRoleOutput](t)(
				a.IAM().
					CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &r.Name,
						AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)}),
			)
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*iam.GetRoleOutput](t)(a.IAM().GetRole(t.Context(), &iam.GetRoleInput{RoleName: &r.Name})).Role
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*iam.DeleteRoleOutput](t)(a.IAM().DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &r.Name}))
		},
	},
	{
		Part: "log_group/processor", Kind: "log group",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			must[*cloudwatchlogs.CreateLogGroupOutput](t)(
				a.Logs().CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &r.Name}),
			)
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*cloudwatchlogs.DescribeLogGroupsOutput](t)(
				a.Logs().
					DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &r.Name}),
			).LogGroups
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*cloudwatchlogs.DeleteLogGroupOutput](t)(
				a.Logs().DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &r.Name}),
			)
		},
	},
	{
		Part: "function/processor", Kind: "function",
		Make: func(t testing.TB, a Account, r assembly.Record) {
			name, purpose, _ := strings.Cut(r.Name, "-")
			role := must[*iam.GetRoleOutput](t)(a.IAM().
				GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String(name + "-" + a.Region() + "-" +
					purpose)})).Role
			must[*lambda.CreateFunctionOutput](t)(
				a.Lambda().
					CreateFunction(t.Context(), &lambda.CreateFunctionInput{
						FunctionName: &r.Name,
						Handler:      aws.String("bootstrap"),
						Role:         role.Arn,
						Runtime:      lambdatypes.RuntimeProvidedal2023,
						Code:         &lambdatypes.FunctionCode{ZipFile: emptyZip(t)},
					}),
			)
		},
		Look: func(t testing.TB, a Account, r assembly.Record) any {
			return must[*lambda.GetFunctionConfigurationOutput](t)(a.Lambda().
				GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &r.Name}))
		},
		Remove: func(t testing.TB, a Account, r assembly.Record) {
			must[*lambda.DeleteFunctionOutput](t)(
				a.Lambda().DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &r.Name}),
			)
		},
	},
}, archiveImpostors...)

func emptyZip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("bootstrap")
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Described is what AWS says of an impostor, to be compared.
func (i Impostor) Described(t testing.TB, a Account, r assembly.Record) string {
	t.Helper()
	text, err := json.Marshal(i.Look(t, a, r))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
