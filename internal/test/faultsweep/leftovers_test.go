package faultsweep

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	apitypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	greengrasstypes "github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
	influxtypes "github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	tstypes "github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// listings are what a pipeline may leave, by kind.
var listings = map[string]func(context.Context, *awsapi.Clients) ([]*string, error){
	"thing": things, "shadow": shadows, "certificate": certificates, "policy": policies, "rule": rules, "thing group": groups,
	"thing type":            types,
	"provisioning template": templates, "CA certificate": authorities, "stream": streams, "table": tables,
	"bucket": buckets, "topic": topics,
	"queue": queues, "role": roles, "log group": logGroups, "function": functions, "event source mapping": mappings,
	"parameter":       parameters,
	"database":        databases,
	"Firehose stream": deliveryStreams, "Glue database": glueDatabases, "workgroup": workgroups,
	"schedule group": scheduleGroups, "alarm": alarms, "dashboard": dashboards, "schedule": schedules,
	"InfluxDB instance": instances,
	"HTTP API":          httpAPIs,
	"role alias":        roleAliases, "component": components, "deployment": deployments,
}

// leftovers names what an account holds of the services that a pipeline uses, sorted, by asking AWS and no record of
// ours.
func (a *localAWS) leftovers() []string {
	a.t.Helper()
	c := awsapi.New(a.server.Config(a.t), awsapi.Options{S3UsePathStyle: true, Unlimited: true})
	var found []string
	for kind, list := range listings {
		names, err := list(a.t.Context(), c)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, n := range names {
			found = append(found, kind+" "+aws.ToString(n))
		}
	}
	slices.Sort(found)
	return found
}

// shadows are those of gateways; a shadow outlives its thing, and is listed by thing only.
func shadows(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	_, err := c.IoTData().GetThingShadow(ctx, &iotdataplane.GetThingShadowInput{ThingName: aws.String("gw"),
		ShadowName: aws.String(contract.EdgeShadow)})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	return []*string{aws.String("gw/" + contract.EdgeShadow)}, err
}

func named[T any](list []T, name func(T) *string) []*string {
	var names []*string
	for _, v := range list {
		names = append(names, name(v))
	}
	return names
}

func things(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListThings(ctx, &iot.ListThingsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Things, func(t iottypes.ThingAttribute) *string { return t.ThingName }), nil
}

func certificates(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListCertificates(ctx, &iot.ListCertificatesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Certificates, func(t iottypes.Certificate) *string { return t.CertificateArn }), nil
}

func policies(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListPolicies(ctx, &iot.ListPoliciesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Policies, func(p iottypes.Policy) *string { return p.PolicyArn }), nil
}

func rules(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListTopicRules(ctx, &iot.ListTopicRulesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Rules, func(r iottypes.TopicRuleListItem) *string { return r.RuleArn }), nil
}

func groups(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListThingGroups(ctx, &iot.ListThingGroupsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.ThingGroups, func(g iottypes.GroupNameAndArn) *string { return g.GroupArn }), nil
}

func types(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListThingTypes(ctx, &iot.ListThingTypesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.ThingTypes, func(t iottypes.ThingTypeDefinition) *string { return t.ThingTypeArn }), nil
}

func templates(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListProvisioningTemplates(ctx, &iot.ListProvisioningTemplatesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Templates, func(t iottypes.ProvisioningTemplateSummary) *string { return t.TemplateArn }), nil
}

func authorities(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IoT().ListCACertificates(ctx, &iot.ListCACertificatesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Certificates, func(t iottypes.CACertificate) *string { return t.CertificateArn }), nil
}

func streams(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Kinesis().ListStreams(ctx, &kinesis.ListStreamsInput{})
	if err != nil {
		return nil, err
	}
	return aws.StringSlice(out.StreamNames), nil
}

func tables(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.DynamoDB().ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		return nil, err
	}
	return aws.StringSlice(out.TableNames), nil
}

func buckets(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.S3().ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Buckets, func(b s3types.Bucket) *string { return b.Name }), nil
}

func topics(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.SNS().ListTopics(ctx, &sns.ListTopicsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Topics, func(t snstypes.Topic) *string { return t.TopicArn }), nil
}

func queues(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.SQS().ListQueues(ctx, &sqs.ListQueuesInput{})
	if err != nil {
		return nil, err
	}
	return aws.StringSlice(out.QueueUrls), nil
}

func roles(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.IAM().ListRoles(ctx, &iam.ListRolesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Roles, func(r iamtypes.Role) *string { return r.Arn }), nil
}

func logGroups(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Logs().DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.LogGroups, func(g logtypes.LogGroup) *string { return g.Arn }), nil
}

func functions(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Lambda().ListFunctions(ctx, &lambda.ListFunctionsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Functions, func(f lambdatypes.FunctionConfiguration) *string { return f.FunctionArn }), nil
}

func mappings(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Lambda().ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.EventSourceMappings,
		func(m lambdatypes.EventSourceMappingConfiguration) *string { return m.UUID }), nil
}

func parameters(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.SSM().DescribeParameters(ctx, &ssm.DescribeParametersInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Parameters, func(p ssmtypes.ParameterMetadata) *string { return p.Name }), nil
}

func databases(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.TimestreamWrite().ListDatabases(ctx, &timestreamwrite.ListDatabasesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Databases, func(d tstypes.Database) *string { return d.Arn }), nil
}

func deliveryStreams(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Firehose().ListDeliveryStreams(ctx, &firehose.ListDeliveryStreamsInput{})
	if err != nil {
		return nil, err
	}
	return aws.StringSlice(out.DeliveryStreamNames), nil
}

// glueDatabases are listed for their tables as well, which go with them.
func glueDatabases(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Glue().GetDatabases(ctx, &glue.GetDatabasesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.DatabaseList, func(d gluetypes.Database) *string { return d.Name }), nil
}

// workgroups are listed for their queries as well, which go with them, and without the one of every account.
func workgroups(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Athena().ListWorkGroups(ctx, &athena.ListWorkGroupsInput{})
	if err != nil {
		return nil, err
	}
	names := named(out.WorkGroups, func(w athenatypes.WorkGroupSummary) *string { return w.Name })
	return slices.DeleteFunc(names, func(name *string) bool { return aws.ToString(name) == "primary" }), nil
}

func alarms(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.CloudWatch().DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.MetricAlarms, func(a cwtypes.MetricAlarm) *string { return a.AlarmArn }), nil
}

func dashboards(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.CloudWatch().ListDashboards(ctx, &cloudwatch.ListDashboardsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.DashboardEntries, func(d cwtypes.DashboardEntry) *string { return d.DashboardArn }), nil
}

// scheduleGroups leaves out the group that every account has.
func scheduleGroups(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Scheduler().ListScheduleGroups(ctx, &scheduler.ListScheduleGroupsInput{})
	if err != nil {
		return nil, err
	}
	groups := named(out.ScheduleGroups, func(g schedulertypes.ScheduleGroupSummary) *string { return g.Name })
	return slices.DeleteFunc(groups, func(name *string) bool { return *name == "default" }), nil
}

func schedules(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Scheduler().ListSchedules(ctx, &scheduler.ListSchedulesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Schedules, func(s schedulertypes.ScheduleSummary) *string { return s.Name }), nil
}

func instances(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.TimestreamInfluxDB().ListDbInstances(ctx, &timestreaminfluxdb.ListDbInstancesInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Items, func(i influxtypes.DbInstanceSummary) *string { return i.Arn }), nil
}

func roleAliases(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := awsapi.IoTClient(c).ListRoleAliases(ctx, &iot.ListRoleAliasesInput{})
	if err != nil {
		return nil, err
	}
	return aws.StringSlice(out.RoleAliases), nil
}

func components(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := awsapi.GreengrassClient(c).ListComponents(ctx, &greengrassv2.ListComponentsInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Components, func(c greengrasstypes.Component) *string { return c.Arn }), nil
}

func deployments(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.Greengrass().ListDeployments(ctx,
		&greengrassv2.ListDeploymentsInput{HistoryFilter: greengrasstypes.DeploymentHistoryFilterAll})
	if err != nil {
		return nil, err
	}
	return named(out.Deployments, func(d greengrasstypes.Deployment) *string { return d.TargetArn }), nil
}

func TestLeftoversSeesAWholePipeline(t *testing.T) {
	a := newLocalAWS(t)
	if _, err := a.apply(sweepSpec(1), token, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(a.leftovers()); n < 30 {
		t.Errorf("a whole pipeline shows as %d objects; the sweep would not notice orphans", n)
	}
}

func httpAPIs(ctx context.Context, c *awsapi.Clients) ([]*string, error) {
	out, err := c.APIGateway().GetApis(ctx, &apigatewayv2.GetApisInput{})
	if err != nil {
		return nil, err
	}
	return named(out.Items, func(a apitypes.Api) *string { return a.ApiId }), nil
}
