package topicrule

import (
	"cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// encode returns an action in the form of the API [AWS 2.1].
func encode(a spec.Action) types.Action {
	var out types.Action
	codec{encoding: true}.action(&a, &out)
	return out
}

// decode is the inverse of encode. It replaces absent members by AWS's documented defaults [AWS 2.1], so that an action
// compares equal whether or not AWS returns them. An action of a kind that has no codec decodes to an empty action,
// which equals no desired one.
func decode(a types.Action) spec.Action {
	var out spec.Action
	codec{}.action(&out, &a)
	return out
}

// codec copies the members of an action between the spec and the API. Each member is listed once, for both directions.
type codec struct{ encoding bool }

func (c codec) action(s *spec.Action, t *types.Action) {
	object(c, &s.Kinesis, &t.Kinesis, c.kinesis)
	object(c, &s.S3, &t.S3, c.s3)
	object(c, &s.Lambda, &t.Lambda, c.lambda)
	object(c, &s.SNS, &t.Sns, c.sns)
	object(c, &s.SQS, &t.Sqs, c.sqs)
	object(c, &s.DynamoDB, &t.DynamoDB, c.dynamoDB)
	object(c, &s.DynamoDBv2, &t.DynamoDBv2, c.dynamoDBv2)
	object(c, &s.Firehose, &t.Firehose, c.firehose)
	object(c, &s.Timestream, &t.Timestream, c.timestream)
	object(c, &s.CloudWatchMetric, &t.CloudwatchMetric, c.cloudWatchMetric)
	object(c, &s.CloudWatchLogs, &t.CloudwatchLogs, c.cloudWatchLogs)
	object(c, &s.CloudWatchAlarm, &t.CloudwatchAlarm, c.cloudWatchAlarm)
	object(c, &s.Republish, &t.Republish, c.republish)
	object(c, &s.HTTP, &t.Http, c.http)
	object(c, &s.StepFunctions, &t.StepFunctions, c.stepFunctions)
	object(c, &s.OpenSearch, &t.OpenSearch, c.openSearch)
	object(c, &s.Kafka, &t.Kafka, c.kafka)
	object(c, &s.IoTSiteWise, &t.IotSiteWise, c.siteWise)
	object(c, &s.Location, &t.Location, c.location)
}

func (c codec) kinesis(s *spec.KinesisAction, t *types.KinesisAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.StreamName, &t.StreamName)
	c.optional(&s.PartitionKey, &t.PartitionKey, "")
}

func (c codec) s3(s *spec.S3Action, t *types.S3Action) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.Bucket, &t.BucketName)
	c.text(&s.Key, &t.Key)
	optionalEnum(c, &s.CannedACL, &t.CannedAcl, "private")
}

func (c codec) lambda(s *spec.LambdaAction, t *types.LambdaAction) {
	c.text(&s.FunctionARN, &t.FunctionArn)
}

func (c codec) sns(s *spec.SNSAction, t *types.SnsAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.TargetARN, &t.TargetArn)
	enumOr(c, &s.MessageFormat, &t.MessageFormat, types.MessageFormatRaw)
}

func (c codec) sqs(s *spec.SQSAction, t *types.SqsAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.QueueURL, &t.QueueUrl)
	value(c, &s.UseBase64, &t.UseBase64)
}

func (c codec) dynamoDB(s *spec.DynamoDBAction, t *types.DynamoDBAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.TableName, &t.TableName)
	c.text(&s.HashKeyField, &t.HashKeyField)
	enumOr(c, &s.HashKeyType, &t.HashKeyType, types.DynamoKeyTypeString)
	c.text(&s.HashKeyValue, &t.HashKeyValue)
	c.optional(&s.RangeKeyField, &t.RangeKeyField, "")
	if s.RangeKeyField != "" {
		enumOr(c, &s.RangeKeyType, &t.RangeKeyType, types.DynamoKeyTypeString)
	}
	c.optional(&s.RangeKeyValue, &t.RangeKeyValue, "")
	c.optional(&s.PayloadField, &t.PayloadField, "payload")
	c.optional(&s.Operation, &t.Operation, "INSERT")
}

func (c codec) dynamoDBv2(s *spec.DynamoDBv2Action, t *types.DynamoDBv2Action) {
	c.text(&s.RoleARN, &t.RoleArn)
	if c.encoding {
		t.PutItem = &types.PutItemInput{}
	}
	if t.PutItem != nil {
		c.text(&s.TableName, &t.PutItem.TableName)
	}
}

func (c codec) firehose(s *spec.FirehoseAction, t *types.FirehoseAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.DeliveryStreamName, &t.DeliveryStreamName)
	c.optional(&s.Separator, &t.Separator, "")
	value(c, &s.BatchMode, &t.BatchMode)
}

func (c codec) timestream(s *spec.TimestreamAction, t *types.TimestreamAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.Database, &t.DatabaseName)
	c.text(&s.Table, &t.TableName)
	list(c, &s.Dimensions, &t.Dimensions, func(s *spec.TimestreamDimension, t *types.TimestreamDimension) {
		c.text(&s.Name, &t.Name)
		c.text(&s.Value, &t.Value)
	})
	if c.encoding && s.TimestampValue != "" {
		t.Timestamp = &types.TimestreamTimestamp{}
	}
	if t.Timestamp != nil {
		c.text(&s.TimestampValue, &t.Timestamp.Value)
		c.textOr(&s.TimestampUnit, &t.Timestamp.Unit, "MILLISECONDS")
	}
}

func (c codec) cloudWatchMetric(s *spec.CloudWatchMetricAction, t *types.CloudwatchMetricAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.Namespace, &t.MetricNamespace)
	c.text(&s.Name, &t.MetricName)
	c.text(&s.Value, &t.MetricValue)
	c.text(&s.Unit, &t.MetricUnit)
	c.optional(&s.Timestamp, &t.MetricTimestamp, "")
}

func (c codec) cloudWatchLogs(s *spec.CloudWatchLogsAction, t *types.CloudwatchLogsAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.LogGroup, &t.LogGroupName)
	value(c, &s.BatchMode, &t.BatchMode)
}

func (c codec) cloudWatchAlarm(s *spec.CloudWatchAlarmAction, t *types.CloudwatchAlarmAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.AlarmName, &t.AlarmName)
	c.text(&s.StateReason, &t.StateReason)
	c.text(&s.StateValue, &t.StateValue)
}

func (c codec) republish(s *spec.RepublishAction, t *types.RepublishAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.Topic, &t.Topic)
	value(c, &s.QoS, &t.Qos)
	object(c, &s.Headers, &t.Headers, func(s *spec.RepublishHeaders, t *types.MqttHeaders) {
		c.optional(&s.PayloadFormatIndicator, &t.PayloadFormatIndicator, "")
		c.optional(&s.ContentType, &t.ContentType, "")
		c.optional(&s.ResponseTopic, &t.ResponseTopic, "")
		c.optional(&s.CorrelationData, &t.CorrelationData, "")
		c.optional(&s.MessageExpiry, &t.MessageExpiry, "")
		list(c, &s.UserProperties, &t.UserProperties, func(s *spec.Header, t *types.UserProperty) {
			c.text(&s.Key, &t.Key)
			c.text(&s.Value, &t.Value)
		})
	})
}

func (c codec) http(s *spec.HTTPAction, t *types.HttpAction) {
	c.text(&s.URL, &t.Url)
	c.optional(&s.ConfirmationURL, &t.ConfirmationUrl, "")
	list(c, &s.Headers, &t.Headers, func(s *spec.HTTPHeader, t *types.HttpActionHeader) {
		c.text(&s.Key, &t.Key)
		c.text(&s.Value, &t.Value)
	})
	if c.encoding && s.SigV4 != nil {
		t.Auth = &types.HttpAuthorization{}
	}
	if t.Auth != nil {
		object(c, &s.SigV4, &t.Auth.Sigv4, func(s *spec.SigV4, t *types.SigV4Authorization) {
			c.text(&s.RoleARN, &t.RoleArn)
			c.text(&s.ServiceName, &t.ServiceName)
			c.text(&s.SigningRegion, &t.SigningRegion)
		})
	}
	c.httpBatch(s, t)
}

// httpBatch copies the settings of batches, which count only if batching is on.
func (c codec) httpBatch(s *spec.HTTPAction, t *types.HttpAction) {
	batching := s.Batch != nil
	value(c, &batching, &t.EnableBatching)
	if !batching {
		return
	}
	object(c, &s.Batch, &t.BatchConfig, func(s *spec.HTTPBatch, t *types.BatchConfig) {
		value(c, &s.MaxOpenMS, &t.MaxBatchOpenMs)
		value(c, &s.MaxSize, &t.MaxBatchSize)
		value(c, &s.MaxBytes, &t.MaxBatchSizeBytes)
		if c.encoding {
			t.BatchAcrossTopics = s.AcrossTopics
		} else {
			s.AcrossTopics = t.BatchAcrossTopics
		}
	})
}

func (c codec) stepFunctions(s *spec.StepFunctionsAction, t *types.StepFunctionsAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.StateMachine, &t.StateMachineName)
	c.optional(&s.ExecutionNamePrefix, &t.ExecutionNamePrefix, "")
}

// text copies a required text.
func (c codec) text(s *string, t **string) { c.textOr(s, t, "") }

// textOr copies a text that has a default and is always sent.
func (c codec) textOr(s *string, t **string, otherwise string) {
	if c.encoding {
		*t = aws.String(cmp.Or(*s, otherwise))
	} else {
		*s = cmp.Or(aws.ToString(*t), otherwise)
	}
}

// optional copies a text that is sent only if it is set.
func (c codec) optional(s *string, t **string, otherwise string) {
	if !c.encoding || *s != "" {
		c.textOr(s, t, otherwise)
	}
}

// enumOr copies a value of an enumeration that has a default and is always sent.
func enumOr[E ~string](c codec, s *string, t *E, otherwise E) {
	if c.encoding {
		*t = cmp.Or(E(*s), otherwise)
	} else {
		*s = string(cmp.Or(*t, otherwise))
	}
}

// optionalEnum copies a value of an enumeration that is sent only if it is set.
func optionalEnum[E ~string](c codec, s *string, t *E, otherwise E) {
	if !c.encoding || *s != "" {
		enumOr(c, s, t, otherwise)
	}
}

// value copies a number or a truth value, which is always sent.
func value[V any](c codec, s *V, t **V) {
	if c.encoding {
		*t = new(V)
		**t = *s
	} else if *t != nil {
		*s = **t
	}
}

// object copies an object that may be absent.
func object[S, T any](c codec, s **S, t **T, members func(*S, *T)) {
	if c.encoding && *s != nil {
		*t = new(T)
	}
	if !c.encoding && *t != nil {
		*s = new(S)
	}
	if *s != nil && *t != nil {
		members(*s, *t)
	}
}

// list copies a list of objects.
func list[S, T any](c codec, s *[]S, t *[]T, members func(*S, *T)) {
	if c.encoding && len(*s) > 0 {
		*t = make([]T, len(*s))
	}
	if !c.encoding && len(*t) > 0 {
		*s = make([]S, len(*t))
	}
	for i := range *s {
		members(&(*s)[i], &(*t)[i])
	}
}
