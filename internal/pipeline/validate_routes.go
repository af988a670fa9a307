package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// maxActions is AWS's limit on the actions of a rule [AWS 1.3 topic rules].
const maxActions = 10

// reservedRoutes are the pipeline's own rules, of this and the next versions.
var reservedRoutes = []string{"telemetry", "status", "alerts", "archive"}

var resourceName = regexp.MustCompile(`^[a-zA-Z0-9_.#/-]+$`)

func (c *checker) checkRoutes(spec Spec) {
	names := names{pipeline: spec.Name}
	for _, key := range sortedKeys(spec.Routes) {
		r, path := spec.Routes[key], at("routes", key)
		summary := fmt.Sprintf("Route name %s is not valid", excerpt(key))
		switch {
		case slices.Contains(reservedRoutes, key):
			c.fail(path, summary, "The pipeline has a rule of its own called %q. Choose another name.", key)
		case !routePattern.MatchString(key) || len(key) > MaxRouteKey:
			c.fail(path, summary, "It ends the rule's name, which AWS IoT lets have no hyphen: start with a small letter, then small letters, digits and underscores, %d at most.", MaxRouteKey)
		}
		q := c.rule(path+".sql", r.SQL, names.rule(key))
		for i, arn := range r.KMSKeyARNs {
			own := item(path+".kms_key_arns", i)
			c.text(own, arn, keyARNPattern, "write the key's ARN, arn:aws:kms:<region>:<account>:key/<id>")
		}
		c.checkActionCount(path, key, r)
		c.checkRouteData(path, r)
		c.checkRouteMessages(path, r, q)
		c.checkRouteWatch(path, r)
		c.checkRouteTemplates(path, r, q)
	}
}

func (c *checker) checkActionCount(path, key string, r RouteSpec) {
	switch n := len(routeActions(r, "")); {
	case n == 0 && c.actionsKnown(path):
		c.fail(path, fmt.Sprintf("Route %q has no action", key), "A rule without an action does nothing. Add one, such as kinesis, s3, lambda, sns or republish.")
	case n > maxActions:
		c.fail(path, fmt.Sprintf("Route %q has too many actions", key), "It has %d and AWS IoT allows %d per rule. Move some to a second route with the same sql.", n, maxActions)
	}
}

// actionsKnown reports whether no action is still to be known.
func (c *checker) actionsKnown(path string) bool {
	return !slices.ContainsFunc(actionNames, func(name string) bool { return !c.known(path + "." + name) })
}

var actionNames = []string{"kinesis", "s3", "lambda", "sns", "sqs", "dynamodb", "dynamodbv2", "firehose", "timestream",
	"cloudwatch_metric", "cloudwatch_logs", "cloudwatch_alarm", "republish", "http", "step_functions"}

// name checks the name of a target of this account, which may be a template.
func (c *checker) name(path, v, noun string) {
	if !c.known(path) || strings.Contains(v, "${") {
		return
	}
	if strings.HasPrefix(v, "arn:") {
		c.fail(path, lastName(path)+" should be a name", "%s is an ARN. AWS IoT finds a %s of this account and region by its name alone, for example aws_….<name>.name.", excerpt(v), noun)
		return
	}
	if !resourceName.MatchString(v) {
		c.fail(path, lastName(path)+" is not valid", "%s is not the name of a %s.", excerpt(v), noun)
	}
}

// checkRouteData checks the actions that store.
func (c *checker) checkRouteData(path string, r RouteSpec) {
	if a := r.Kinesis; a != nil {
		c.name(path+".kinesis.stream_name", a.StreamName, "stream")
	}
	if a := r.S3; a != nil {
		c.name(path+".s3.bucket", a.Bucket, "bucket")
		c.oneOf(path+".s3.canned_acl", a.CannedACL, "private", "public-read", "public-read-write", "aws-exec-read", "authenticated-read",
			"bucket-owner-read", "bucket-owner-full-control", "log-delivery-write")
		if c.known(path+".s3.key") && a.Key != "" && !strings.Contains(a.Key, "${") {
			c.warn(path+".s3.key", "Every message would overwrite the same object", "The key %s is the same for all messages. Add something that differs, such as ${timestamp()}-${newuuid()}.", excerpt(a.Key))
		}
	}
	if a := r.DynamoDB; a != nil {
		c.checkDynamoDB(path+".dynamodb", a)
	}
	if a := r.DynamoDBv2; a != nil {
		c.name(path+".dynamodbv2.table_name", a.TableName, "table")
	}
	if a := r.Firehose; a != nil {
		c.name(path+".firehose.delivery_stream_name", a.DeliveryStreamName, "delivery stream")
		c.oneOf(path+".firehose.separator", a.Separator, "\n", "\t", "\r\n", ",")
	}
	if a := r.Timestream; a != nil {
		c.checkTimestreamAction(path+".timestream", a)
	}
}

func (c *checker) checkDynamoDB(path string, a *DynamoDBRoute) {
	c.name(path+".table_name", a.TableName, "table")
	c.oneOf(path+".hash_key_type", a.HashKeyType, "STRING", "NUMBER")
	c.oneOf(path+".range_key_type", a.RangeKeyType, "STRING", "NUMBER")
	if a.Operation != nil && !strings.Contains(*a.Operation, "${") {
		c.oneOf(path+".operation", a.Operation, "INSERT", "UPDATE", "DELETE")
	}
	if (a.RangeKeyField == nil) != (a.RangeKeyValue == nil) && c.known(path+".range_key_field") && c.known(path+".range_key_value") {
		c.fail(path, "The range key is written by half", "range_key_field and range_key_value belong together: write both, or none for a table without a range key.")
	}
}

// checkTimestreamAction: rules of [AWS 2.1 Timestream].
func (c *checker) checkTimestreamAction(path string, a *TimestreamRoute) {
	c.name(path+".database", a.Database, "Timestream database")
	c.name(path+".table", a.Table, "Timestream table")
	if len(a.Dimensions) == 0 && c.known(path+".dimensions") {
		c.fail(path+".dimensions", "Timestream needs a dimension", "A record without dimensions cannot be told from others. Add at least one, for example { device_id = \"$${topic(2)}\" }.")
	}
	for _, name := range sortedKeys(a.Dimensions) {
		switch {
		case name == "" || len(name) > 60 || strings.Contains(name, ":") || slices.Contains([]string{"measure_name", "measure_value", "time"}, name) ||
			strings.HasPrefix(name, "ts_") || strings.HasPrefix(name, "measure_value"):
			c.fail(at(path+".dimensions", name), fmt.Sprintf("Dimension name %s is not valid", excerpt(name)),
				"Timestream allows up to 60 bytes without a colon, and keeps measure_name, time and what starts with ts_ or measure_value for itself.")
		}
	}
	if a.Timestamp != nil {
		c.oneOf(path+".timestamp.unit", a.Timestamp.Unit, "SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS")
	}
}

// checkRouteMessages checks the actions that pass a message on.
func (c *checker) checkRouteMessages(path string, r RouteSpec, q *iotsql.Query) {
	if a := r.Lambda; a != nil {
		c.arn(path+".lambda.function_arn", a.FunctionARN, "lambda", "function:", true)
	}
	if a := r.SNS; a != nil {
		own := path + ".sns.topic_arn"
		c.arn(own, a.TopicARN, "sns", "", false)
		c.notFIFO(own, a.TopicARN, "topic")
		c.oneOf(path+".sns.message_format", a.MessageFormat, "RAW", "JSON")
	}
	if a := r.SQS; a != nil {
		own := path + ".sqs.queue_url"
		c.notFIFO(own, a.QueueURL, "queue")
		if c.known(own) && !strings.Contains(a.QueueURL, "${") && !isQueueURL(a.QueueURL) {
			c.fail(own, "queue_url is not the URL of a queue", "%s should look like https://sqs.<region>.amazonaws.com/<account>/<name>, for example aws_sqs_queue.<name>.url; an ARN does not do.", excerpt(a.QueueURL))
		}
	}
	if a := r.Republish; a != nil {
		c.number(path+".republish.qos", a.QoS, 0, 1, "AWS IoT")
		c.checkRepublish(path+".republish.topic", a.Topic, q)
	}
	if a := r.HTTP; a != nil {
		c.checkHTTP(path+".http", a)
	}
}

func (c *checker) notFIFO(path, v, noun string) {
	if c.known(path) && strings.HasSuffix(v, ".fifo") {
		c.fail(path, fmt.Sprintf("A rule cannot send to a FIFO %s", noun), "%s is a FIFO %s, and AWS IoT sends to standard ones only. Use a standard %s.", excerpt(v), noun, noun)
	}
}

func isQueueURL(s string) bool {
	_, account, name := queueOf(s)
	return account != "" && name != "*" && (isURL("https")(s) || isURL("http")(s))
}

// checkRepublish: the topic must be one that can be published to, and not the rule's own.
func (c *checker) checkRepublish(path, to string, q *iotsql.Query) {
	if !c.known(path) {
		return
	}
	switch {
	case to == "":
		c.fail(path, "The topic is empty", "Write the topic to publish to; templates such as ${topic()} are allowed.")
	case strings.HasPrefix(to, "$") && !strings.HasPrefix(to, "$$") && !strings.HasPrefix(to, "${"):
		c.fail(path, "A reserved topic is written with two dollar signs", "%s starts with $, which a republish action takes for a template. Write $%s, and as a template in HCL with $$ doubled where { follows.", excerpt(to), to)
	case strings.Contains(to, "${"):
	case topic.ValidateName(unescapeTopic(to)) != nil:
		c.fail(path, "The topic is not valid", "%s.", topic.ValidateName(unescapeTopic(to)))
	case q != nil && q.Topic() != "" && topic.MatchRule(q.Topic(), unescapeTopic(to)):
		c.fail(path, "The rule would invoke itself without end", "It listens to %s and publishes to %s, which that covers. Publish to another topic.", excerpt(q.Topic()), excerpt(to))
	}
}

// retired are the services whose endpoints no longer answer [AWS 10], and what to use in their place.
var retired = map[string]string{
	"iotanalytics":    "AWS IoT Analytics ended on 2025-12-15. Use firehose with S3 and Athena instead",
	"iotevents":       "AWS IoT Events ended on 2026-05-20. Use alerts, lambda or step_functions instead",
	"ioteventsdata":   "AWS IoT Events ended on 2026-05-20. Use alerts, lambda or step_functions instead",
	"mobiletargeting": "Amazon Pinpoint ended on 2026-10-30. Use sns instead",
	"pinpoint":        "Amazon Pinpoint ended on 2026-10-30. Use sns instead",
}

func (c *checker) checkHTTP(path string, a *HTTPRoute) {
	c.checkURL(path+".url", a.URL)
	if a.ConfirmationURL != nil {
		c.checkURL(path+".confirmation_url", *a.ConfirmationURL)
	}
	if s := a.SigV4; s != nil {
		if reason, gone := retired[strings.ReplaceAll(s.ServiceName, "-", "")]; gone && c.known(path+".sigv4.service_name") {
			c.fail(path+".sigv4.service_name", "The request would be signed for a retired service", "%s.", reason)
		}
		c.text(path+".sigv4.signing_region", s.SigningRegion, regionPattern, "a region looks like eu-west-1")
		c.arn(path+".sigv4.role_arn", s.RoleARN, "iam", "role/", false)
	}
}

func (c *checker) checkURL(path, v string) {
	if !c.known(path) {
		return
	}
	rest, ok := strings.CutPrefix(v, "https://")
	if !ok || rest == "" {
		c.fail(path, lastName(path)+" is not an HTTPS URL", "%s should start with https://; AWS IoT posts over TLS only.", excerpt(v))
		return
	}
	host, _, _ := strings.Cut(rest, "/")
	for _, label := range strings.Split(host, ".") {
		if reason, gone := retired[label]; gone && strings.Contains(host, "amazonaws.com") {
			c.fail(path, "The URL is of a retired service", "%s.", reason)
		}
	}
}

// checkRouteWatch checks the actions that are about operations.
func (c *checker) checkRouteWatch(path string, r RouteSpec) {
	if a := r.CloudWatchMetric; a != nil {
		own := path + ".cloudwatch_metric"
		if c.known(own+".metric_namespace") && strings.HasPrefix(a.MetricNamespace, "AWS/") {
			c.fail(own+".metric_namespace", "The namespace is reserved", "%s starts with AWS/, where AWS's services put their own metrics. Choose another namespace.", excerpt(a.MetricNamespace))
		}
		if !strings.Contains(a.MetricUnit, "${") {
			c.oneOf(own+".metric_unit", &a.MetricUnit, metricUnits...)
		}
	}
	if a := r.CloudWatchLogs; a != nil {
		c.name(path+".cloudwatch_logs.log_group_name", a.LogGroupName, "log group")
	}
	if a := r.CloudWatchAlarm; a != nil && !strings.Contains(a.StateValue, "${") {
		c.oneOf(path+".cloudwatch_alarm.state_value", &a.StateValue, "OK", "ALARM", "INSUFFICIENT_DATA")
	}
	if a := r.StepFunctions; a != nil {
		c.name(path+".step_functions.state_machine_name", a.StateMachineName, "state machine")
	}
}

var metricUnits = []string{"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes",
	"Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second",
	"Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second",
	"Count/Second", "None"}
