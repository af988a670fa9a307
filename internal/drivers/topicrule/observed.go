package topicrule

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// specOfAction is the inverse of action. Where AWS has a documented default it stands for an absent member [AWS 2.1], so
// that an action compares equal whether or not AWS gives its defaults back. An action of a kind that no pipeline
// writes comes out empty, which differs from everything wanted.
func specOfAction(a types.Action) object.Action {
	text := aws.ToString
	switch {
	case a.DynamoDB != nil:
		return object.Action{DynamoDB: observedDynamoDB(a.DynamoDB)}
	case a.Timestream != nil:
		return object.Action{Timestream: observedTimestream(a.Timestream)}
	case a.Republish != nil:
		return object.Action{Republish: observedRepublish(a.Republish)}
	case a.Http != nil:
		return object.Action{HTTP: observedHTTP(a.Http)}
	case a.CloudwatchMetric != nil, a.CloudwatchLogs != nil, a.CloudwatchAlarm != nil:
		return observedCloudWatch(a)
	case a.Kinesis != nil:
		v := a.Kinesis
		return object.Action{Kinesis: &object.KinesisAction{RoleARN: text(v.RoleArn), StreamName: text(v.StreamName), PartitionKey: text(v.PartitionKey)}}
	case a.S3 != nil:
		v := a.S3
		return object.Action{S3: &object.S3Action{
			RoleARN: text(v.RoleArn), Bucket: text(v.BucketName), Key: text(v.Key), CannedACL: cmp.Or(string(v.CannedAcl), "private"),
		}}
	case a.Lambda != nil:
		return object.Action{Lambda: &object.LambdaAction{FunctionARN: text(a.Lambda.FunctionArn)}}
	case a.Sns != nil:
		v := a.Sns
		return object.Action{SNS: &object.SNSAction{
			RoleARN: text(v.RoleArn), TargetARN: text(v.TargetArn), MessageFormat: cmp.Or(string(v.MessageFormat), "RAW"),
		}}
	case a.Sqs != nil:
		v := a.Sqs
		return object.Action{SQS: &object.SQSAction{RoleARN: text(v.RoleArn), QueueURL: text(v.QueueUrl), UseBase64: aws.ToBool(v.UseBase64)}}
	case a.DynamoDBv2 != nil:
		v := &object.DynamoDBv2Action{RoleARN: text(a.DynamoDBv2.RoleArn)}
		if put := a.DynamoDBv2.PutItem; put != nil {
			v.TableName = text(put.TableName)
		}
		return object.Action{DynamoDBv2: v}
	case a.Firehose != nil:
		v := a.Firehose
		return object.Action{Firehose: &object.FirehoseAction{
			RoleARN: text(v.RoleArn), DeliveryStreamName: text(v.DeliveryStreamName), Separator: text(v.Separator), BatchMode: aws.ToBool(v.BatchMode),
		}}
	case a.StepFunctions != nil:
		v := a.StepFunctions
		return object.Action{StepFunctions: &object.StepFunctionsAction{
			RoleARN: text(v.RoleArn), StateMachine: text(v.StateMachineName), ExecutionNamePrefix: text(v.ExecutionNamePrefix),
		}}
	}
	return object.Action{}
}

func observedDynamoDB(v *types.DynamoDBAction) *object.DynamoDBAction {
	text := aws.ToString
	out := &object.DynamoDBAction{
		RoleARN: text(v.RoleArn), TableName: text(v.TableName),
		HashKeyField: text(v.HashKeyField), HashKeyType: cmp.Or(string(v.HashKeyType), "STRING"), HashKeyValue: text(v.HashKeyValue),
		RangeKeyField: text(v.RangeKeyField), RangeKeyValue: text(v.RangeKeyValue),
		PayloadField: cmp.Or(text(v.PayloadField), "payload"), Operation: cmp.Or(text(v.Operation), "INSERT"),
	}
	if out.RangeKeyField != "" {
		out.RangeKeyType = cmp.Or(string(v.RangeKeyType), "STRING")
	}
	return out
}

func observedTimestream(v *types.TimestreamAction) *object.TimestreamAction {
	out := &object.TimestreamAction{RoleARN: aws.ToString(v.RoleArn), Database: aws.ToString(v.DatabaseName), Table: aws.ToString(v.TableName)}
	for _, d := range v.Dimensions {
		out.Dimensions = append(out.Dimensions, object.TimestreamDimension{Name: aws.ToString(d.Name), Value: aws.ToString(d.Value)})
	}
	if t := v.Timestamp; t != nil {
		out.TimestampValue, out.TimestampUnit = aws.ToString(t.Value), cmp.Or(aws.ToString(t.Unit), "MILLISECONDS")
	}
	return out
}

func observedRepublish(v *types.RepublishAction) *object.RepublishAction {
	out := &object.RepublishAction{RoleARN: aws.ToString(v.RoleArn), Topic: aws.ToString(v.Topic), QoS: aws.ToInt32(v.Qos)}
	if h := v.Headers; h != nil {
		out.Headers = &object.RepublishHeaders{
			PayloadFormatIndicator: aws.ToString(h.PayloadFormatIndicator), ContentType: aws.ToString(h.ContentType),
			ResponseTopic: aws.ToString(h.ResponseTopic), CorrelationData: aws.ToString(h.CorrelationData), MessageExpiry: aws.ToString(h.MessageExpiry),
		}
		for _, p := range h.UserProperties {
			out.Headers.UserProperties = append(out.Headers.UserProperties, object.Header{Key: aws.ToString(p.Key), Value: aws.ToString(p.Value)})
		}
	}
	return out
}

func observedHTTP(v *types.HttpAction) *object.HTTPAction {
	out := &object.HTTPAction{URL: aws.ToString(v.Url), ConfirmationURL: aws.ToString(v.ConfirmationUrl)}
	for _, h := range v.Headers {
		out.Headers = append(out.Headers, object.Header{Key: aws.ToString(h.Key), Value: aws.ToString(h.Value)})
	}
	if v.Auth != nil && v.Auth.Sigv4 != nil {
		s := v.Auth.Sigv4
		out.SigV4 = &object.SigV4{RoleARN: aws.ToString(s.RoleArn), ServiceName: aws.ToString(s.ServiceName), SigningRegion: aws.ToString(s.SigningRegion)}
	}
	return out
}

func observedCloudWatch(a types.Action) object.Action {
	text := aws.ToString
	switch {
	case a.CloudwatchMetric != nil:
		v := a.CloudwatchMetric
		return object.Action{CloudWatchMetric: &object.CloudWatchMetricAction{
			RoleARN: text(v.RoleArn), Namespace: text(v.MetricNamespace), Name: text(v.MetricName), Value: text(v.MetricValue),
			Unit: text(v.MetricUnit), Timestamp: text(v.MetricTimestamp),
		}}
	case a.CloudwatchLogs != nil:
		v := a.CloudwatchLogs
		return object.Action{CloudWatchLogs: &object.CloudWatchLogsAction{RoleARN: text(v.RoleArn), LogGroup: text(v.LogGroupName), BatchMode: aws.ToBool(v.BatchMode)}}
	default:
		v := a.CloudwatchAlarm
		return object.Action{CloudWatchAlarm: &object.CloudWatchAlarmAction{
			RoleARN: text(v.RoleArn), AlarmName: text(v.AlarmName), StateReason: text(v.StateReason), StateValue: text(v.StateValue),
		}}
	}
}
