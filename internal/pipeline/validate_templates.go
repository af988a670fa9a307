package pipeline

import (
	"fmt"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

// located is a text at an attribute.
type located struct {
	path, text string
}

// checkRouteTemplates compiles every text of a route in which AWS IoT fills in ${…}.
func (c *checker) checkRouteTemplates(path string, r RouteSpec, q *iotsql.Query) {
	for _, l := range routeTemplates(path, r) {
		t := c.template(l.path, l.text)
		if t == nil || q == nil {
			continue
		}
		for _, name := range t.Variables() {
			if !slices.Contains(q.Variables(), name) {
				c.fail(l.path, fmt.Sprintf("Variable @%s is not set", name), "The template uses it and the rule's SQL has no SET @%s. Set it there, or use the expression itself.", name)
			}
		}
	}
}

// templates collects the texts of one route.
type templates struct {
	path string
	list []located
}

func (t *templates) add(name string, texts ...*string) {
	for _, text := range texts {
		if text != nil {
			t.list = append(t.list, located{t.path + "." + name, *text})
		}
	}
}

func (t *templates) each(name string, m map[string]string) {
	for _, key := range sortedKeys(m) {
		t.list = append(t.list, located{at(t.path+"."+name, key), m[key]})
	}
}

// routeTemplates lists the templates of a route [AWS 2.1].
func routeTemplates(path string, r RouteSpec) []located {
	t := &templates{path: path}
	t.stores(r)
	t.messages(r)
	t.watch(r)
	return t.list
}

func (t *templates) stores(r RouteSpec) {
	if a := r.Kinesis; a != nil {
		t.add("kinesis.stream_name", &a.StreamName)
		t.add("kinesis.partition_key", a.PartitionKey)
	}
	if a := r.S3; a != nil {
		t.add("s3.bucket", &a.Bucket)
		t.add("s3.key", &a.Key)
	}
	if a := r.DynamoDB; a != nil {
		t.add("dynamodb.table_name", &a.TableName)
		t.add("dynamodb.hash_key_value", &a.HashKeyValue)
		t.add("dynamodb.range_key_value", a.RangeKeyValue)
		t.add("dynamodb.operation", a.Operation)
	}
	if a := r.DynamoDBv2; a != nil {
		t.add("dynamodbv2.table_name", &a.TableName)
	}
	if a := r.Firehose; a != nil {
		t.add("firehose.delivery_stream_name", &a.DeliveryStreamName)
	}
	if a := r.Timestream; a != nil {
		t.add("timestream.database", &a.Database)
		t.add("timestream.table", &a.Table)
		t.each("timestream.dimensions", a.Dimensions)
		if a.Timestamp != nil {
			t.add("timestream.timestamp.value", &a.Timestamp.Value)
		}
	}
}

func (t *templates) messages(r RouteSpec) {
	if a := r.Lambda; a != nil {
		t.add("lambda.function_arn", &a.FunctionARN)
	}
	if a := r.SNS; a != nil {
		t.add("sns.topic_arn", &a.TopicARN)
	}
	if a := r.SQS; a != nil {
		t.add("sqs.queue_url", &a.QueueURL)
	}
	if a := r.Republish; a != nil {
		to := unescapeTopic(a.Topic)
		t.add("republish.topic", &to)
		if h := a.Headers; h != nil {
			t.add("republish.headers.payload_format_indicator", h.PayloadFormatIndicator)
			t.add("republish.headers.content_type", h.ContentType)
			t.add("republish.headers.response_topic", h.ResponseTopic)
			t.add("republish.headers.correlation_data", h.CorrelationData)
			t.add("republish.headers.message_expiry", h.MessageExpiry)
			t.each("republish.headers.user_properties", h.UserProperties)
		}
	}
	if a := r.HTTP; a != nil {
		t.add("http.url", &a.URL)
		t.each("http.headers", a.Headers)
	}
}

func (t *templates) watch(r RouteSpec) {
	if a := r.CloudWatchMetric; a != nil {
		t.add("cloudwatch_metric.metric_namespace", &a.MetricNamespace)
		t.add("cloudwatch_metric.metric_name", &a.MetricName)
		t.add("cloudwatch_metric.metric_value", &a.MetricValue)
		t.add("cloudwatch_metric.metric_unit", &a.MetricUnit)
		t.add("cloudwatch_metric.metric_timestamp", a.MetricTimestamp)
	}
	if a := r.CloudWatchLogs; a != nil {
		t.add("cloudwatch_logs.log_group_name", &a.LogGroupName)
	}
	if a := r.CloudWatchAlarm; a != nil {
		t.add("cloudwatch_alarm.alarm_name", &a.AlarmName)
		t.add("cloudwatch_alarm.state_reason", &a.StateReason)
		t.add("cloudwatch_alarm.state_value", &a.StateValue)
	}
	if a := r.StepFunctions; a != nil {
		t.add("step_functions.state_machine_name", &a.StateMachineName)
		t.add("step_functions.execution_name_prefix", a.ExecutionNamePrefix)
	}
}
