package awstest

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
	influxtypes "github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	timestreamtypes "github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/sqsqueue"
)

// Remove deletes objects as if by hand.
func (a Account) Remove(t testing.TB, owner string, records ...assembly.Record) {
	t.Helper()
	engine := assembly.Engine{
		Drivers: drivers.Registry(a.Clients, fleet.New(a.Clients, nil, fleet.Options{})),
		Owner:   owner,
	}
	if _, err := engine.Destroy(t.Context(), records); err != nil {
		t.Fatalf("removing by hand: %v", err)
	}
}

// must stops the test when a change by hand did not work.
func must[T any](t testing.TB) func(T, error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("changing by hand: %v", err)
		}
		return out
	}
}

// Tampering is a change of one part by hand: what it does, and how.
type Tampering struct {
	Part string
	Do   func(t testing.TB, a Account, r assembly.Record)
}

// Tamperings changes an important field of each part of a pipeline that has everything.
var Tamperings = slices.Concat([]Tampering{
	{"manifest", func(t testing.TB, a Account, r assembly.Record) {
		must[*ssm.PutParameterOutput](t)(
			a.SSM().PutParameter(t.Context(), &ssm.PutParameterInput{Name: &r.Name, Value: aws.String("{}"),
				Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true)}),
		)
	}},
	{"stream", func(t testing.TB, a Account, r assembly.Record) {
		must[*kinesis.IncreaseStreamRetentionPeriodOutput](t)(a.Kinesis().IncreaseStreamRetentionPeriod(t.Context(),
			&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: &r.Name, RetentionPeriodHours: aws.Int32(100)}))
	}},
	{"device_table", func(t testing.TB, a Account, r assembly.Record) {
		must[*dynamodb.UpdateContinuousBackupsOutput](t)(
			a.DynamoDB().UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{
				TableName: &r.Name,
				PointInTimeRecoverySpecification: &dynamodbtypes.PointInTimeRecoverySpecification{
					PointInTimeRecoveryEnabled: aws.Bool(false),
				},
			}),
		)
	}},
	{"recent/table", func(t testing.TB, a Account, r assembly.Record) {
		must[*dynamodb.UpdateTimeToLiveOutput](t)(
			a.DynamoDB().UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{TableName: &r.Name,
				TimeToLiveSpecification: &dynamodbtypes.TimeToLiveSpecification{
					AttributeName: aws.String("expires_at"), Enabled: aws.Bool(false)}}),
		)
	}},
	{"metrics/event_source", func(t testing.TB, a Account, r assembly.Record) {
		must[*lambda.UpdateEventSourceMappingOutput](t)(
			a.Lambda().UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &r.ID,
				TumblingWindowInSeconds: aws.Int32(0), BisectBatchOnFunctionError: aws.Bool(true)}),
		)
	}},
	{"bucket", func(t testing.TB, a Account, r assembly.Record) {
		must[*s3.DeleteBucketPolicyOutput](t)(
			a.S3().DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &r.Name}),
		)
	}},
	{"dead_letters", func(t testing.TB, a Account, r assembly.Record) {
		must[*sqs.SetQueueAttributesOutput](t)(a.SQS().SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: aws.String(sqsqueue.URL(r)), Attributes: map[string]string{"MessageRetentionPeriod": "60"}}))
	}},
	{"timestream/table", func(t testing.TB, a Account, r assembly.Record) {
		must[*timestreamwrite.UpdateTableOutput](t)(
			a.TimestreamWrite().UpdateTable(t.Context(), &timestreamwrite.UpdateTableInput{
				DatabaseName: aws.String("greenhouse"), TableName: aws.String("telemetry"),
				RetentionProperties: &timestreamtypes.RetentionProperties{
					MemoryStoreRetentionPeriodInHours:  aws.Int64(1),
					MagneticStoreRetentionPeriodInDays: aws.Int64(1),
				}}),
		)
	}},
	{"influxdb/instance", func(t testing.TB, a Account, r assembly.Record) {
		must[*timestreaminfluxdb.UpdateDbInstanceOutput](t)(a.TimestreamInfluxDB().UpdateDbInstance(t.Context(),
			&timestreaminfluxdb.UpdateDbInstanceInput{Identifier: &r.ID,
				DbInstanceType: influxtypes.DbInstanceTypeDbInfluxXlarge}))
	}},
	{"rule/telemetry", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.DisableTopicRuleOutput](t)(
			a.IoT().DisableTopicRule(t.Context(), &iot.DisableTopicRuleInput{RuleName: &r.Name}),
		)
	}},
	{"policy", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.CreatePolicyVersionOutput](t)(
			a.IoT().
				CreatePolicyVersion(t.Context(), &iot.CreatePolicyVersionInput{PolicyName: &r.Name, SetAsDefault: true,
					PolicyDocument: aws.String(
						`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}`,
					)}),
		)
	}},
	{"provisioning/template", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.UpdateProvisioningTemplateOutput](t)(
			a.IoT().UpdateProvisioningTemplate(t.Context(), &iot.UpdateProvisioningTemplateInput{TemplateName: &r.Name,
				RemovePreProvisioningHook: aws.Bool(true)}),
		)
	}},
	{"provisioning/jitp_template", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.CreateProvisioningTemplateVersionOutput](t)(
			a.IoT().
				CreateProvisioningTemplateVersion(t.Context(),
					&iot.CreateProvisioningTemplateVersionInput{TemplateName: &r.Name,
						TemplateBody: aws.String(`{"Parameters":{},"Resources":{}}`), SetAsDefault: true}),
		)
	}},
	{"provisioning/claim", func(t testing.TB, a Account, r assembly.Record) { a.Deactivate(t, r.ID) }},
	{"provisioning/ca", func(t testing.TB, a Account, r assembly.Record) {
		must[*iot.UpdateCACertificateOutput](t)(
			a.IoT().UpdateCACertificate(t.Context(), &iot.UpdateCACertificateInput{CertificateId: &r.ID,
				NewAutoRegistrationStatus: iottypes.AutoRegistrationStatusDisable}),
		)
	}},
	{"role/processor", func(t testing.TB, a Account, r assembly.Record) {
		inline := must[*iam.ListRolePoliciesOutput](t)(
			a.IAM().ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &r.Name}),
		)
		must[*iam.PutRolePolicyOutput](t)(
			a.IAM().
				PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &r.Name,
					PolicyName: &inline.PolicyNames[0],
					PolicyDocument: aws.String(
						`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
					)}),
		)
	}},
	{"log_group/processor", func(t testing.TB, a Account, r assembly.Record) {
		must[*cloudwatchlogs.DeleteRetentionPolicyOutput](t)(a.Logs().DeleteRetentionPolicy(t.Context(),
			&cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &r.Name}))
	}},
	{"function/processor", func(t testing.TB, a Account, r assembly.Record) {
		must[*lambda.UpdateFunctionConfigurationOutput](t)(a.Lambda().UpdateFunctionConfiguration(t.Context(),
			&lambda.UpdateFunctionConfigurationInput{FunctionName: &r.Name, MemorySize: aws.Int32(1024)}))
	}},
	{"alarm/iterator_age", func(t testing.TB, a Account, r assembly.Record) {
		must[*cloudwatch.DisableAlarmActionsOutput](t)(a.CloudWatch().DisableAlarmActions(t.Context(),
			&cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{r.Name}}))
	}},
	{"dashboard", func(t testing.TB, a Account, r assembly.Record) {
		must[*cloudwatch.PutDashboardOutput](t)(a.CloudWatch().PutDashboard(t.Context(),
			&cloudwatch.PutDashboardInput{DashboardName: &r.Name, DashboardBody: aws.String(`{"widgets":[]}`)}))
	}},
	{"schedule/watch", func(t testing.TB, a Account, r assembly.Record) {
		group, name, _ := strings.Cut(r.Name, "|")
		have := must[*scheduler.GetScheduleOutput](t)(a.Scheduler().GetSchedule(t.Context(),
			&scheduler.GetScheduleInput{GroupName: &group, Name: &name}))
		must[*scheduler.UpdateScheduleOutput](t)(a.Scheduler().UpdateSchedule(t.Context(),
			&scheduler.UpdateScheduleInput{
				GroupName: &group, Name: &name, ScheduleExpression: have.ScheduleExpression, Target: have.Target,
				FlexibleTimeWindow: have.FlexibleTimeWindow, State: schedulertypes.ScheduleStateDisabled,
			}))
	}},
	{"silence", func(t testing.TB, a Account, r assembly.Record) {
		table, key, _ := strings.Cut(r.Name, "|")
		must[*dynamodb.UpdateItemOutput](t)(a.DynamoDB().UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table,
			Key: map[string]dynamodbtypes.AttributeValue{
				"device_id": &dynamodbtypes.AttributeValueMemberS{Value: key}},
			UpdateExpression: aws.String("SET document = :empty"),
			ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{
				":empty": &dynamodbtypes.AttributeValueMemberS{Value: "{}"}},
		}))
	}},
	{"event_source", func(t testing.TB, a Account, r assembly.Record) {
		must[*lambda.UpdateEventSourceMappingOutput](t)(a.Lambda().UpdateEventSourceMapping(t.Context(),
			&lambda.UpdateEventSourceMappingInput{UUID: &r.ID, BatchSize: aws.Int32(1)}))
	}},
}, archiveTamperings, apiTamperings, greengrassTamperings)

// ChangeThing adds attributes to a thing by hand.
func (a Account) ChangeThing(t testing.TB, name string, attributes map[string]string) {
	t.Helper()
	must[*iot.UpdateThingOutput](t)(a.IoT().UpdateThing(t.Context(), &iot.UpdateThingInput{ThingName: &name,
		AttributePayload: &iottypes.AttributePayload{Attributes: attributes, Merge: true}}))
}

// ChangeShadow updates a named shadow by hand.
func (a Account) ChangeShadow(t testing.TB, thing, shadow, payload string) {
	t.Helper()
	must[*iotdataplane.UpdateThingShadowOutput](t)(a.IoTData().UpdateThingShadow(t.Context(),
		&iotdataplane.UpdateThingShadowInput{ThingName: &thing, ShadowName: &shadow, Payload: []byte(payload)}))
}

// Shadow is the document of a named shadow.
func (a Account) Shadow(t testing.TB, thing, shadow string) []byte {
	t.Helper()
	return must[*iotdataplane.GetThingShadowOutput](t)(a.IoTData().GetThingShadow(t.Context(),
		&iotdataplane.GetThingShadowInput{ThingName: &thing, ShadowName: &shadow})).Payload
}

// Deactivate makes a certificate inactive by hand.
func (a Account) Deactivate(t testing.TB, certificateID string) {
	t.Helper()
	must[*iot.UpdateCertificateOutput](t)(
		a.IoT().UpdateCertificate(t.Context(), &iot.UpdateCertificateInput{CertificateId: &certificateID,
			NewStatus: iottypes.CertificateStatusInactive}),
	)
}

// Detach takes a certificate off a thing by hand.
func (a Account) Detach(t testing.TB, thing, certificateID string) {
	t.Helper()
	must[*iot.DetachThingPrincipalOutput](t)(
		a.IoT().DetachThingPrincipal(t.Context(), &iot.DetachThingPrincipalInput{ThingName: &thing,
			Principal: aws.String(a.ARN("iot", "cert/"+certificateID))}),
	)
}

// Principals are the ARNs of the certificates of a thing.
func (a Account) Principals(t testing.TB, thing string) []string {
	t.Helper()
	return must[*iot.ListThingPrincipalsOutput](t)(
		a.IoT().ListThingPrincipals(t.Context(), &iot.ListThingPrincipalsInput{ThingName: &thing}),
	).Principals
}

// RemoveCertificate deletes the certificate of a thing by hand.
func (a Account) RemoveCertificate(t testing.TB, thing, certificateID string) {
	t.Helper()
	a.Detach(t, thing, certificateID)
	a.Deactivate(t, certificateID)
	must[*iot.DeleteCertificateOutput](t)(
		a.IoT().DeleteCertificate(t.Context(), &iot.DeleteCertificateInput{CertificateId: &certificateID}),
	)
}

// RemoveParameter deletes an SSM parameter by hand.
func (a Account) RemoveParameter(t testing.TB, name string) {
	t.Helper()
	must[*ssm.DeleteParameterOutput](t)(a.SSM().DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: &name}))
}

// MakeStream makes a stream that belongs to nobody.
func (a Account) MakeStream(t testing.TB, name string) {
	t.Helper()
	must[*kinesis.CreateStreamOutput](t)(
		a.Kinesis().CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}),
	)
}

// RemoveStream deletes a stream by hand.
func (a Account) RemoveStream(t testing.TB, name string) {
	t.Helper()
	must[*kinesis.DeleteStreamOutput](t)(
		a.Kinesis().DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &name}),
	)
}

// PutObject writes an object into a bucket. The bucket's policy goes first: moto does not look at conditions and
// would take the request for one without TLS.
func (a Account) PutObject(t testing.TB, bucket, key string) {
	t.Helper()
	must[*s3.DeleteBucketPolicyOutput](t)(
		a.S3().DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &bucket}),
	)
	must[*s3.PutObjectOutput](t)(a.S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key}))
}

// Parameter gives the value of an SSM parameter.
func (a Account) Parameter(t testing.TB, name string) string {
	t.Helper()
	return must[string](t)(a.ReadParameter(t.Context(), name))
}

// RoleTags gives the tags of a role.
func (a Account) RoleTags(t testing.TB, name string) map[string]string {
	t.Helper()
	out := must[*iam.GetRoleOutput](t)(a.IAM().GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name}))
	tags := map[string]string{}
	for _, tag := range out.Role.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}

// TagRole sets a tag by hand.
func (a Account) TagRole(t testing.TB, name, key, value string) {
	t.Helper()
	must[*iam.TagRoleOutput](t)(a.IAM().TagRole(t.Context(),
		&iam.TagRoleInput{RoleName: &name, Tags: []iamtypes.Tag{{Key: &key, Value: &value}}}))
}
