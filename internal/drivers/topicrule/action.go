package topicrule

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// action gives an action in the API's shape [AWS 2.1]; empty optional members are left out.
func action(a object.Action) types.Action {
	switch {
	case a.DynamoDB != nil:
		return types.Action{DynamoDB: dynamoDBAction(a.DynamoDB)}
	case a.Timestream != nil:
		return types.Action{Timestream: timestreamAction(a.Timestream)}
	case a.Republish != nil:
		return types.Action{Republish: republishAction(a.Republish)}
	case a.HTTP != nil:
		return types.Action{Http: httpAction(a.HTTP)}
	case a.CloudWatchMetric != nil, a.CloudWatchLogs != nil, a.CloudWatchAlarm != nil:
		return cloudWatchAction(a)
	case a.Kinesis != nil:
		v := a.Kinesis
		return types.Action{Kinesis: &types.KinesisAction{RoleArn: &v.RoleARN, StreamName: &v.StreamName, PartitionKey: optional(v.PartitionKey)}}
	case a.S3 != nil:
		v := a.S3
		return types.Action{S3: &types.S3Action{RoleArn: &v.RoleARN, BucketName: &v.Bucket, Key: &v.Key, CannedAcl: types.CannedAccessControlList(v.CannedACL)}}
	case a.Lambda != nil:
		return types.Action{Lambda: &types.LambdaAction{FunctionArn: &a.Lambda.FunctionARN}}
	case a.SNS != nil:
		v := a.SNS
		return types.Action{Sns: &types.SnsAction{RoleArn: &v.RoleARN, TargetArn: &v.TargetARN, MessageFormat: types.MessageFormat(v.MessageFormat)}}
	case a.SQS != nil:
		v := a.SQS
		return types.Action{Sqs: &types.SqsAction{RoleArn: &v.RoleARN, QueueUrl: &v.QueueURL, UseBase64: &v.UseBase64}}
	case a.DynamoDBv2 != nil:
		v := a.DynamoDBv2
		return types.Action{DynamoDBv2: &types.DynamoDBv2Action{RoleArn: &v.RoleARN, PutItem: &types.PutItemInput{TableName: &v.TableName}}}
	case a.Firehose != nil:
		v := a.Firehose
		return types.Action{Firehose: &types.FirehoseAction{
			RoleArn: &v.RoleARN, DeliveryStreamName: &v.DeliveryStreamName, Separator: optional(v.Separator), BatchMode: &v.BatchMode,
		}}
	case a.StepFunctions != nil:
		v := a.StepFunctions
		return types.Action{StepFunctions: &types.StepFunctionsAction{
			RoleArn: &v.RoleARN, StateMachineName: &v.StateMachine, ExecutionNamePrefix: optional(v.ExecutionNamePrefix),
		}}
	}
	return types.Action{}
}

func dynamoDBAction(v *object.DynamoDBAction) *types.DynamoDBAction {
	return &types.DynamoDBAction{
		RoleArn: &v.RoleARN, TableName: &v.TableName,
		HashKeyField: &v.HashKeyField, HashKeyType: types.DynamoKeyType(v.HashKeyType), HashKeyValue: &v.HashKeyValue,
		RangeKeyField: optional(v.RangeKeyField), RangeKeyType: types.DynamoKeyType(v.RangeKeyType), RangeKeyValue: optional(v.RangeKeyValue),
		PayloadField: optional(v.PayloadField), Operation: optional(v.Operation),
	}
}

func timestreamAction(v *object.TimestreamAction) *types.TimestreamAction {
	out := &types.TimestreamAction{RoleArn: &v.RoleARN, DatabaseName: &v.Database, TableName: &v.Table}
	for _, d := range v.Dimensions {
		out.Dimensions = append(out.Dimensions, types.TimestreamDimension{Name: &d.Name, Value: &d.Value})
	}
	if v.TimestampValue != "" {
		// The unit is required beside the value.
		out.Timestamp = &types.TimestreamTimestamp{Value: &v.TimestampValue, Unit: aws.String(cmp.Or(v.TimestampUnit, "MILLISECONDS"))}
	}
	return out
}

func republishAction(v *object.RepublishAction) *types.RepublishAction {
	out := &types.RepublishAction{RoleArn: &v.RoleARN, Topic: &v.Topic, Qos: &v.QoS}
	if h := v.Headers; h != nil {
		out.Headers = &types.MqttHeaders{
			PayloadFormatIndicator: optional(h.PayloadFormatIndicator), ContentType: optional(h.ContentType),
			ResponseTopic: optional(h.ResponseTopic), CorrelationData: optional(h.CorrelationData), MessageExpiry: optional(h.MessageExpiry),
		}
		for _, p := range h.UserProperties {
			out.Headers.UserProperties = append(out.Headers.UserProperties, types.UserProperty{Key: &p.Key, Value: &p.Value})
		}
	}
	return out
}

func httpAction(v *object.HTTPAction) *types.HttpAction {
	out := &types.HttpAction{Url: &v.URL, ConfirmationUrl: optional(v.ConfirmationURL)}
	for _, h := range v.Headers {
		out.Headers = append(out.Headers, types.HttpActionHeader{Key: &h.Key, Value: &h.Value})
	}
	if s := v.SigV4; s != nil {
		out.Auth = &types.HttpAuthorization{Sigv4: &types.SigV4Authorization{RoleArn: &s.RoleARN, ServiceName: &s.ServiceName, SigningRegion: &s.SigningRegion}}
	}
	return out
}

func cloudWatchAction(a object.Action) types.Action {
	switch {
	case a.CloudWatchMetric != nil:
		v := a.CloudWatchMetric
		return types.Action{CloudwatchMetric: &types.CloudwatchMetricAction{
			RoleArn: &v.RoleARN, MetricNamespace: &v.Namespace, MetricName: &v.Name, MetricValue: &v.Value, MetricUnit: &v.Unit,
			MetricTimestamp: optional(v.Timestamp),
		}}
	case a.CloudWatchLogs != nil:
		v := a.CloudWatchLogs
		return types.Action{CloudwatchLogs: &types.CloudwatchLogsAction{RoleArn: &v.RoleARN, LogGroupName: &v.LogGroup, BatchMode: &v.BatchMode}}
	default:
		v := a.CloudWatchAlarm
		return types.Action{CloudwatchAlarm: &types.CloudwatchAlarmAction{
			RoleArn: &v.RoleARN, AlarmName: &v.AlarmName, StateReason: &v.StateReason, StateValue: &v.StateValue,
		}}
	}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
