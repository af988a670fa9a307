package pipeline

import (
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// inlinePolicy is the name of each role's one policy.
const inlinePolicy = "pipeline"

// ruleRole is the role of topic rules: what their actions need, and a place in
// the dead-letter queue for what an action could not deliver.
func (b *builder) ruleRole(purpose, description string, rules []string, grants ...statement) assembly.Part {
	sources := make([]string, len(rules))
	for i, key := range rules {
		sources[i] = b.arn.rule(b.names.rule(key))
	}
	grants = append(grants, allow([]string{"sqs:SendMessage"}, b.arn.queue(b.names.deadLetters())))
	return b.role(purpose, description, trust("iot.amazonaws.com", b.env.AccountID, sources...), grants)
}

// functionRole is the execution role of a function. Its trust names the account
// only: Lambda also assumes the role to poll the stream and to check it when a
// mapping is made, and no source ARN is documented for that.
func (b *builder) functionRole(function string, list []needs.Need) assembly.Part {
	grants := b.grants(function, list)
	if function == "processor" {
		grants = append(grants, allow([]string{"s3:PutObject"}, b.arn.bucket(b.names.bucket())+"/"+failedBatches+"*"))
	}
	if *b.spec.Functions.Tracing {
		// X-Ray's write actions take no resource.
		grants = append(grants, allow([]string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, "*"))
	}
	grants = append(grants, b.functionKeys(function)...)
	return b.role(function, "Execution role of function "+b.names.function(function),
		trust("lambda.amazonaws.com", b.env.AccountID), grants)
}

func (b *builder) role(purpose, description, trusted string, grants []statement) assembly.Part {
	name := b.names.role(purpose)
	return b.part("role/"+purpose, object.KindRole, name, b.arn.role(name), nil, object.Role{
		Description: description,
		Path:        "/",
		Trust:       trusted,
		Inline:      map[string]string{inlinePolicy: policy(grants...)},
		Boundary:    deref(b.spec.PermissionsBoundary),
		Tags:        b.env.Tags,
	})
}

// grants turns a function's list of calls into statements, one per resource in
// the order of the list, and leaves out what this pipeline does not have.
func (b *builder) grants(function string, list []needs.Need) []statement {
	resources := b.resources(function)
	var order []string
	actions := map[string][]string{}
	for _, n := range list {
		arn := resources[n.On]
		if arn == "" || n.With != "" && resources[n.With] == "" {
			continue
		}
		if actions[arn] == nil {
			order = append(order, arn)
		}
		actions[arn] = append(actions[arn], n.Action)
	}
	statements := make([]statement, len(order))
	for i, arn := range order {
		statements[i] = allow(actions[arn], arn)
	}
	return statements
}

// resources gives the ARN of everything a function may need; "" is what the pipeline does not have.
func (b *builder) resources(function string) map[needs.Resource]string {
	bucket := b.arn.bucket(b.names.bucket())
	r := map[needs.Resource]string{
		needs.Stream:             b.arn.stream(b.names.pipeline),
		needs.DeviceTable:        b.arn.table(b.names.pipeline),
		needs.DeadLetterQueue:    b.arn.queue(b.names.deadLetters()),
		needs.DeadLetterBucket:   bucket,
		needs.DeadLetterPayloads: bucket + "/" + deadLetterPrefix + "*",
		needs.CommandTopics:      b.arn.iotTopic(b.prefix() + "/*/commands"),
		needs.LogStreams:         b.arn.logGroup(b.names.logGroup(function)) + ":log-stream:*",
		needs.Anything:           "*",
	}
	if b.hasTimestream() {
		r[needs.TimestreamTable] = b.timestreamARN()
	}
	if b.hasClaim() {
		r[needs.AllowList] = b.arn.table(b.names.allowList())
		r[needs.Things] = b.arn.thing(deref(b.spec.Provisioning.Claim.ThingNamePrefix) + "*")
	}
	if b.hasAlertTopic() {
		r[needs.AlertTopic] = b.arn.topic(b.names.alertTopic())
	}
	return r
}

// functionKeys are the keys of the user's own that a function works with.
func (b *builder) functionKeys(function string) []statement {
	var list []statement
	if function == "processor" {
		list = append(list, b.useKey("kms:Decrypt", b.spec.Stream.KMSKeyID)...)
	}
	if function == "alerts" {
		list = append(list, b.encryptWith(b.spec.Alerts.KMSKeyID)...)
	}
	if function == "provisioning" {
		return nil // what it writes is encrypted with the table's own key
	}
	return append(list, b.encryptWith(b.spec.Archive.KMSKeyID)...)
}

// encryptWith lets a role write what is encrypted with the key; Decrypt is
// needed for uploads in parts and by SNS, which reads back its data key.
func (b *builder) encryptWith(key *string) []statement {
	if key == nil {
		return nil
	}
	return []statement{allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, b.arn.key(*key))}
}

func (b *builder) useKey(action string, key *string) []statement {
	if key == nil {
		return nil
	}
	return []statement{allow([]string{action}, b.arn.key(*key))}
}

// routeGrants is what a route's actions need [AWS 2.1]. Names that are templates
// cannot be known, so the grant is as wide as the template leaves it.
func (b *builder) routeGrants(r RouteSpec) []statement {
	var list []statement
	add := func(resource string, actions ...string) { list = append(list, allow(actions, resource)) }
	if a := r.Kinesis; a != nil {
		add(b.arn.stream(wild(a.StreamName)), "kinesis:PutRecord")
	}
	if a := r.S3; a != nil {
		actions := []string{"s3:PutObject"}
		if a.CannedACL != nil {
			actions = append(actions, "s3:PutObjectAcl")
		}
		add(b.arn.bucket(wild(a.Bucket))+"/"+wild(a.Key), actions...)
	}
	if a := r.SNS; a != nil {
		add(wild(a.TopicARN), "sns:Publish")
	}
	if a := r.SQS; a != nil {
		add(b.queueARN(a.QueueURL), "sqs:SendMessage")
	}
	if a := r.DynamoDB; a != nil {
		add(b.arn.table(wild(a.TableName)), "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
	}
	if a := r.DynamoDBv2; a != nil {
		add(b.arn.table(wild(a.TableName)), "dynamodb:PutItem")
	}
	if a := r.Firehose; a != nil {
		add(b.arn.firehose(wild(a.DeliveryStreamName)), "firehose:PutRecord", "firehose:PutRecordBatch")
	}
	if a := r.Timestream; a != nil {
		add(b.arn.timestreamTable(wild(a.Database), wild(a.Table)), "timestream:WriteRecords")
		add("*", "timestream:DescribeEndpoints")
	}
	list = append(list, b.routeWatchGrants(r)...)
	if len(r.KMSKeyARNs) > 0 {
		keys := slices.Clone(r.KMSKeyARNs)
		slices.Sort(keys)
		list = append(list, allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, keys...))
	}
	return list
}

// routeWatchGrants is the part of routeGrants for CloudWatch, IoT and Step Functions.
func (b *builder) routeWatchGrants(r RouteSpec) []statement {
	var list []statement
	if a := r.CloudWatchMetric; a != nil {
		// PutMetricData takes no resource; its namespace can be named in a condition.
		s := allow([]string{"cloudwatch:PutMetricData"}, "*")
		s.Condition = conditions{"StringLike": {"cloudwatch:namespace": {wild(a.MetricNamespace)}}}
		list = append(list, s)
	}
	if a := r.CloudWatchAlarm; a != nil {
		list = append(list, allow([]string{"cloudwatch:SetAlarmState"}, b.arn.alarm(wild(a.AlarmName))))
	}
	if a := r.CloudWatchLogs; a != nil {
		group := b.arn.logGroup(wild(a.LogGroupName))
		list = append(list, allow([]string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
			group, group+":log-stream:*"))
	}
	if a := r.Republish; a != nil {
		list = append(list, allow([]string{"iot:Publish"}, b.arn.iotTopic(wild(unescapeTopic(a.Topic)))))
	}
	if a := r.StepFunctions; a != nil {
		list = append(list, allow([]string{"states:StartExecution"}, b.arn.machine(wild(a.StateMachineName))))
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
