// Package awstest looks at the AWS account of a test, past the provider: what is in it, and
// how to break it by hand. Tests only. It knows AWS and nothing of Terraform.
package awstest

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// Account is an account under test.
type Account struct {
	*awsapi.Clients
}

// New looks at the account that cfg leads to.
func New(t testing.TB, cfg aws.Config) Account {
	t.Helper()
	clients := awsapi.New(cfg, awsapi.Options{S3UsePathStyle: true})
	if err := clients.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	return Account{clients}
}

// lister gives the names of all objects of one kind.
type lister struct {
	kind string
	list func(context.Context, Account) ([]string, error)
}

// Objects lists everything in the account that a pipeline could have made, as "kind name", sorted.
func (a Account) Objects(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, l := range slices.Concat(iotListers, storeListers, archiveListers, otherListers, apiListers, greengrassListers) {
		names, err := l.list(t.Context(), a)
		if err != nil {
			t.Fatalf("listing every %s: %v", l.kind, err)
		}
		for _, name := range names {
			all = append(all, l.kind+" "+name)
		}
	}
	slices.Sort(all)
	return all
}

// names takes one string of each element.
func names[T any](list []T, name func(T) *string, err error) ([]string, error) {
	all := make([]string, len(list))
	for i, element := range list {
		all[i] = aws.ToString(name(element))
	}
	return all, err
}

var iotListers = []lister{
	{"thing", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListThings(ctx, &iot.ListThingsInput{MaxResults: aws.Int32(250)})
		if err != nil {
			return nil, err
		}
		return names(out.Things, func(t iotThing) *string { return t.ThingName }, nil)
	}},
	{"certificate", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListCertificates(ctx, &iot.ListCertificatesInput{PageSize: aws.Int32(250)})
		if err != nil {
			return nil, err
		}
		return names(out.Certificates, func(c iotCertificate) *string { return c.CertificateId }, nil)
	}},
	{"thing group", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListThingGroups(ctx, &iot.ListThingGroupsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.ThingGroups, func(g iotGroup) *string { return g.GroupName }, nil)
	}},
	{"thing type", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListThingTypes(ctx, &iot.ListThingTypesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.ThingTypes, func(k iotType) *string { return k.ThingTypeName }, nil)
	}},
	{"policy", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListPolicies(ctx, &iot.ListPoliciesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Policies, func(p iotPolicy) *string { return p.PolicyName }, nil)
	}},
	{"rule", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListTopicRules(ctx, &iot.ListTopicRulesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Rules, func(r iotRule) *string { return r.RuleName }, nil)
	}},
	{"provisioning template", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().
			ListProvisioningTemplates(ctx, &iot.ListProvisioningTemplatesInput{MaxResults: aws.Int32(250)})
		if err != nil {
			return nil, err
		}
		return names(out.Templates, func(t iotTemplate) *string { return t.TemplateName }, nil)
	}},
	{"CA certificate", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IoT().ListCACertificates(ctx, &iot.ListCACertificatesInput{PageSize: aws.Int32(250)})
		if err != nil {
			return nil, err
		}
		return names(out.Certificates, func(c iotAuthority) *string { return c.CertificateId }, nil)
	}},
}

var storeListers = []lister{
	{"stream", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Kinesis().ListStreams(ctx, &kinesis.ListStreamsInput{})
		if err != nil {
			return nil, err
		}
		return out.StreamNames, nil
	}},
	{"table", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.DynamoDB().ListTables(ctx, &dynamodb.ListTablesInput{})
		if err != nil {
			return nil, err
		}
		return out.TableNames, nil
	}},
	{"bucket", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.S3().ListBuckets(ctx, &s3.ListBucketsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Buckets, func(b s3Bucket) *string { return b.Name }, nil)
	}},
	{"database", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.TimestreamWrite().ListDatabases(ctx, &timestreamwrite.ListDatabasesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Databases, func(d database) *string { return d.DatabaseName }, nil)
	}},
	{"InfluxDB instance", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.TimestreamInfluxDB().ListDbInstances(ctx, &timestreaminfluxdb.ListDbInstancesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Items, func(i influxInstance) *string { return i.Name }, nil)
	}},
	{"parameter", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.SSM().DescribeParameters(ctx, &ssm.DescribeParametersInput{MaxResults: aws.Int32(50)})
		if err != nil {
			return nil, err
		}
		return names(out.Parameters, func(p parameter) *string { return p.Name }, nil)
	}},
	{"secret", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.SecretsManager().ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.SecretList, func(s secret) *string { return s.Name }, nil)
	}},
}

var otherListers = []lister{
	{"topic", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.SNS().ListTopics(ctx, &sns.ListTopicsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Topics, func(t topic) *string { return t.TopicArn }, nil)
	}},
	{"subscription", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.SNS().ListSubscriptions(ctx, &sns.ListSubscriptionsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Subscriptions, func(s subscription) *string { return s.Endpoint }, nil)
	}},
	{"queue", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.SQS().ListQueues(ctx, &sqs.ListQueuesInput{})
		if err != nil {
			return nil, err
		}
		return out.QueueUrls, nil
	}},
	{"role", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.IAM().ListRoles(ctx, &iam.ListRolesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Roles, func(r role) *string { return r.RoleName }, nil)
	}},
	{"log group", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Logs().DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.LogGroups, func(g logGroup) *string { return g.LogGroupName }, nil)
	}},
	{"function", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Lambda().ListFunctions(ctx, &lambda.ListFunctionsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Functions, func(f function) *string { return f.FunctionName }, nil)
	}},
	{"alarm", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.CloudWatch().DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.MetricAlarms, func(m alarm) *string { return m.AlarmName }, nil)
	}},
	{"dashboard", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.CloudWatch().ListDashboards(ctx, &cloudwatch.ListDashboardsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.DashboardEntries, func(d dashboard) *string { return d.DashboardName }, nil)
	}},
	{"schedule group", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Scheduler().ListScheduleGroups(ctx, &scheduler.ListScheduleGroupsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.ScheduleGroups, func(g scheduleGroup) *string { return g.Name }, nil)
	}},
	{"schedule", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Scheduler().ListSchedules(ctx, &scheduler.ListSchedulesInput{})
		if err != nil {
			return nil, err
		}
		return names(out.Schedules, func(s scheduled) *string { return s.Name }, nil)
	}},
	{"event source mapping", func(ctx context.Context, a Account) ([]string, error) {
		out, err := a.Lambda().ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
		if err != nil {
			return nil, err
		}
		return names(out.EventSourceMappings, func(m mapping) *string { return m.UUID }, nil)
	}},
}

// Environment returns the variables of a Lambda function.
func (a Account) Environment(t testing.TB, function string) map[string]string {
	t.Helper()
	out, err := a.Lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &function})
	if err != nil || out.Configuration.Environment == nil {
		t.Errorf("function %q has no environment: %v", function, err)
		return nil
	}
	return out.Configuration.Environment.Variables
}

// HTTPHeaders are the headers of a topic rule's HTTP action.
func (a Account) HTTPHeaders(t testing.TB, rule string) map[string]string {
	t.Helper()
	out, err := a.IoT().GetTopicRule(t.Context(), &iot.GetTopicRuleInput{RuleName: &rule})
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for _, action := range out.Rule.Actions {
		if action.Http != nil {
			for _, h := range action.Http.Headers {
				headers[aws.ToString(h.Key)] = aws.ToString(h.Value)
			}
		}
	}
	return headers
}
