package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/object"

// routeActions gives a route's actions in the order of its attributes, each
// with the route's role.
func routeActions(r RouteSpec, role string) []object.Action {
	var list []object.Action
	add := func(a object.Action) { list = append(list, a) }
	if a := r.Kinesis; a != nil {
		// Without a partition key all records would share one shard.
		add(object.Action{Kinesis: &object.KinesisAction{
			RoleARN: role, StreamName: a.StreamName, PartitionKey: *or(a.PartitionKey, "${newuuid()}")}})
	}
	if a := r.S3; a != nil {
		add(object.Action{S3: &object.S3Action{RoleARN: role, Bucket: a.Bucket, Key: a.Key, CannedACL: deref(a.CannedACL)}})
	}
	if a := r.Lambda; a != nil {
		add(object.Action{Lambda: &object.LambdaAction{FunctionARN: a.FunctionARN}})
	}
	if a := r.SNS; a != nil {
		add(object.Action{SNS: &object.SNSAction{RoleARN: role, TargetARN: a.TopicARN, MessageFormat: *or(a.MessageFormat, "RAW")}})
	}
	if a := r.SQS; a != nil {
		add(object.Action{SQS: &object.SQSAction{RoleARN: role, QueueURL: a.QueueURL, UseBase64: deref(a.UseBase64)}})
	}
	if a := r.DynamoDB; a != nil {
		add(object.Action{DynamoDB: dynamoDBAction(a, role)})
	}
	if a := r.DynamoDBv2; a != nil {
		add(object.Action{DynamoDBv2: &object.DynamoDBv2Action{RoleARN: role, TableName: a.TableName}})
	}
	if a := r.Firehose; a != nil {
		add(object.Action{Firehose: &object.FirehoseAction{RoleARN: role, DeliveryStreamName: a.DeliveryStreamName,
			Separator: deref(a.Separator), BatchMode: deref(a.BatchMode)}})
	}
	if a := r.Timestream; a != nil {
		add(object.Action{Timestream: timestreamAction(a, role)})
	}
	return append(list, routeWatchActions(r, role)...)
}

// routeWatchActions is the part of routeActions for CloudWatch, IoT, HTTP and Step Functions.
func routeWatchActions(r RouteSpec, role string) []object.Action {
	var list []object.Action
	add := func(a object.Action) { list = append(list, a) }
	if a := r.CloudWatchMetric; a != nil {
		add(object.Action{CloudWatchMetric: &object.CloudWatchMetricAction{RoleARN: role, Namespace: a.MetricNamespace,
			Name: a.MetricName, Value: a.MetricValue, Unit: a.MetricUnit, Timestamp: deref(a.MetricTimestamp)}})
	}
	if a := r.CloudWatchLogs; a != nil {
		add(object.Action{CloudWatchLogs: &object.CloudWatchLogsAction{RoleARN: role, LogGroup: a.LogGroupName, BatchMode: deref(a.BatchMode)}})
	}
	if a := r.CloudWatchAlarm; a != nil {
		add(object.Action{CloudWatchAlarm: &object.CloudWatchAlarmAction{RoleARN: role, AlarmName: a.AlarmName,
			StateReason: a.StateReason, StateValue: a.StateValue}})
	}
	if a := r.Republish; a != nil {
		add(object.Action{Republish: &object.RepublishAction{RoleARN: role, Topic: a.Topic, QoS: int32(deref(a.QoS)),
			Headers: republishHeaders(a.Headers)}})
	}
	if a := r.HTTP; a != nil {
		add(object.Action{HTTP: httpAction(a)})
	}
	if a := r.StepFunctions; a != nil {
		add(object.Action{StepFunctions: &object.StepFunctionsAction{RoleARN: role, StateMachine: a.StateMachineName,
			ExecutionNamePrefix: deref(a.ExecutionNamePrefix)}})
	}
	return list
}

func dynamoDBAction(a *DynamoDBRoute, role string) *object.DynamoDBAction {
	action := &object.DynamoDBAction{
		RoleARN: role, TableName: a.TableName,
		HashKeyField: a.HashKeyField, HashKeyType: *or(a.HashKeyType, "STRING"), HashKeyValue: a.HashKeyValue,
		RangeKeyField: deref(a.RangeKeyField), RangeKeyValue: deref(a.RangeKeyValue),
		PayloadField: deref(a.PayloadField), Operation: deref(a.Operation),
	}
	if action.RangeKeyField != "" {
		action.RangeKeyType = *or(a.RangeKeyType, "STRING")
	}
	return action
}

func timestreamAction(a *TimestreamRoute, role string) *object.TimestreamAction {
	action := &object.TimestreamAction{RoleARN: role, Database: a.Database, Table: a.Table}
	for _, name := range sortedKeys(a.Dimensions) {
		action.Dimensions = append(action.Dimensions, object.TimestreamDimension{Name: name, Value: a.Dimensions[name]})
	}
	if t := a.Timestamp; t != nil {
		action.TimestampValue, action.TimestampUnit = t.Value, *or(t.Unit, "MILLISECONDS")
	}
	return action
}

func republishHeaders(h *RepublishHeaders) *object.RepublishHeaders {
	if h == nil {
		return nil
	}
	return &object.RepublishHeaders{
		PayloadFormatIndicator: deref(h.PayloadFormatIndicator), ContentType: deref(h.ContentType),
		ResponseTopic: deref(h.ResponseTopic), CorrelationData: deref(h.CorrelationData),
		MessageExpiry: deref(h.MessageExpiry), UserProperties: headers(h.UserProperties),
	}
}

func httpAction(a *HTTPRoute) *object.HTTPAction {
	action := &object.HTTPAction{URL: a.URL, ConfirmationURL: deref(a.ConfirmationURL), Headers: headers(a.Headers)}
	if s := a.SigV4; s != nil {
		action.SigV4 = &object.SigV4{RoleARN: s.RoleARN, ServiceName: s.ServiceName, SigningRegion: s.SigningRegion}
	}
	return action
}

func headers(m map[string]string) []object.Header {
	var list []object.Header
	for _, key := range sortedKeys(m) {
		list = append(list, object.Header{Key: key, Value: m[key]})
	}
	return list
}
