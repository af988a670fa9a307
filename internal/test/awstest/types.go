package awstest

import (
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	iam "github.com/aws/aws-sdk-go-v2/service/iam/types"
	iot "github.com/aws/aws-sdk-go-v2/service/iot/types"
	lambda "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	s3 "github.com/aws/aws-sdk-go-v2/service/s3/types"
	schedules "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	secrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	sns "github.com/aws/aws-sdk-go-v2/service/sns/types"
	ssm "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	influx "github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb/types"
	timestream "github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"
)

type (
	iotThing       = iot.ThingAttribute
	iotCertificate = iot.Certificate
	iotGroup       = iot.GroupNameAndArn
	iotType        = iot.ThingTypeDefinition
	iotPolicy      = iot.Policy
	iotRule        = iot.TopicRuleListItem
	iotTemplate    = iot.ProvisioningTemplateSummary
	iotAuthority   = iot.CACertificate
	s3Bucket       = s3.Bucket
	database       = timestream.Database
	influxInstance = influx.DbInstanceSummary
	parameter      = ssm.ParameterMetadata
	secret         = secrets.SecretListEntry
	topic          = sns.Topic
	subscription   = sns.Subscription
	role           = iam.Role
	logGroup       = logs.LogGroup
	function       = lambda.FunctionConfiguration
	alarm          = cloudwatch.MetricAlarm
	dashboard      = cloudwatch.DashboardEntry
	scheduleGroup  = schedules.ScheduleGroupSummary
	scheduled      = schedules.ScheduleSummary
	mapping        = lambda.EventSourceMappingConfiguration
)
