package pipeline

// RouteSpec is a topic rule of the user's own, with at least one action and at
// most one of each kind; a second action of a kind is a second route.
type RouteSpec struct {
	SQL         string  `json:"sql"`
	Description *string `json:"description,omitempty"`
	Enabled     *bool   `json:"enabled,omitempty"`
	// KMSKeyARNs are the keys that the targets are encrypted with; the route's role may use them.
	KMSKeyARNs []string `json:"kms_key_arns,omitempty"`

	Kinesis          *KinesisRoute          `json:"kinesis,omitempty"`
	S3               *S3Route               `json:"s3,omitempty"`
	Lambda           *LambdaRoute           `json:"lambda,omitempty"`
	SNS              *SNSRoute              `json:"sns,omitempty"`
	SQS              *SQSRoute              `json:"sqs,omitempty"`
	DynamoDB         *DynamoDBRoute         `json:"dynamodb,omitempty"`
	DynamoDBv2       *DynamoDBv2Route       `json:"dynamodbv2,omitempty"`
	Firehose         *FirehoseRoute         `json:"firehose,omitempty"`
	Timestream       *TimestreamRoute       `json:"timestream,omitempty"`
	CloudWatchMetric *CloudWatchMetricRoute `json:"cloudwatch_metric,omitempty"`
	CloudWatchLogs   *CloudWatchLogsRoute   `json:"cloudwatch_logs,omitempty"`
	CloudWatchAlarm  *CloudWatchAlarmRoute  `json:"cloudwatch_alarm,omitempty"`
	Republish        *RepublishRoute        `json:"republish,omitempty"`
	HTTP             *HTTPRoute             `json:"http,omitempty"`
	StepFunctions    *StepFunctionsRoute    `json:"step_functions,omitempty"`
}

// KinesisRoute puts one record per message on a stream of this account.
type KinesisRoute struct {
	StreamName   string  `json:"stream_name"`
	PartitionKey *string `json:"partition_key,omitempty"` // template; nil: a random one
}

// S3Route writes one object per message.
type S3Route struct {
	Bucket    string  `json:"bucket"`
	Key       string  `json:"key"` // template
	CannedACL *string `json:"canned_acl,omitempty"`
}

// LambdaRoute invokes a function asynchronously. The function's own resource
// policy must allow iot.amazonaws.com for the route's rule.
type LambdaRoute struct {
	FunctionARN string `json:"function_arn"`
}

// SNSRoute publishes to a standard topic.
type SNSRoute struct {
	TopicARN      string  `json:"topic_arn"`
	MessageFormat *string `json:"message_format,omitempty"` // "RAW" or "JSON"
}

// SQSRoute sends to a standard queue.
type SQSRoute struct {
	QueueURL  string `json:"queue_url"`
	UseBase64 *bool  `json:"use_base64,omitempty"`
}

// DynamoDBRoute writes the whole output in one column of a table.
type DynamoDBRoute struct {
	TableName     string  `json:"table_name"`
	HashKeyField  string  `json:"hash_key_field"`
	HashKeyType   *string `json:"hash_key_type,omitempty"` // "STRING" or "NUMBER"
	HashKeyValue  string  `json:"hash_key_value"`          // template
	RangeKeyField *string `json:"range_key_field,omitempty"`
	RangeKeyType  *string `json:"range_key_type,omitempty"`
	RangeKeyValue *string `json:"range_key_value,omitempty"` // template
	PayloadField  *string `json:"payload_field,omitempty"`
	Operation     *string `json:"operation,omitempty"` // "INSERT", "UPDATE" or "DELETE"
}

// DynamoDBv2Route writes one column per top-level key of the output.
type DynamoDBv2Route struct {
	TableName string `json:"table_name"`
}

// FirehoseRoute puts to a delivery stream.
type FirehoseRoute struct {
	DeliveryStreamName string  `json:"delivery_stream_name"`
	Separator          *string `json:"separator,omitempty"` // "\n", "\t", "\r\n" or ","
	BatchMode          *bool   `json:"batch_mode,omitempty"`
}

// TimestreamRoute writes one record per output attribute.
type TimestreamRoute struct {
	Database   string               `json:"database"`
	Table      string               `json:"table"`
	Dimensions map[string]string    `json:"dimensions,omitempty"` // name to template
	Timestamp  *TimestreamTimestamp `json:"timestamp,omitempty"`  // nil: time of arrival
}

// TimestreamTimestamp is the time of a Timestream record.
type TimestreamTimestamp struct {
	Value string  `json:"value"`          // template
	Unit  *string `json:"unit,omitempty"` // "SECONDS" to "NANOSECONDS"; nil: "MILLISECONDS"
}

// CloudWatchMetricRoute puts one metric datum; all but MetricTimestamp (epoch seconds) are templates as well.
type CloudWatchMetricRoute struct {
	MetricNamespace string  `json:"metric_namespace"`
	MetricName      string  `json:"metric_name"`
	MetricValue     string  `json:"metric_value"`
	MetricUnit      string  `json:"metric_unit"`
	MetricTimestamp *string `json:"metric_timestamp,omitempty"`
}

// CloudWatchLogsRoute writes to a log group.
type CloudWatchLogsRoute struct {
	LogGroupName string `json:"log_group_name"`
	BatchMode    *bool  `json:"batch_mode,omitempty"`
}

// CloudWatchAlarmRoute sets an alarm's state.
type CloudWatchAlarmRoute struct {
	AlarmName   string `json:"alarm_name"`
	StateReason string `json:"state_reason"`
	StateValue  string `json:"state_value"` // "OK", "ALARM", "INSUFFICIENT_DATA" or a template
}

// RepublishRoute publishes to another topic.
type RepublishRoute struct {
	Topic   string            `json:"topic"` // template
	QoS     *int64            `json:"qos,omitempty"`
	Headers *RepublishHeaders `json:"headers,omitempty"`
}

// RepublishHeaders are the MQTT 5 properties of a republished message; all are templates.
type RepublishHeaders struct {
	PayloadFormatIndicator *string           `json:"payload_format_indicator,omitempty"`
	ContentType            *string           `json:"content_type,omitempty"`
	ResponseTopic          *string           `json:"response_topic,omitempty"`
	CorrelationData        *string           `json:"correlation_data,omitempty"`
	MessageExpiry          *string           `json:"message_expiry,omitempty"`
	UserProperties         map[string]string `json:"user_properties,omitempty"`
}

// HTTPRoute posts to a URL whose destination has been confirmed.
type HTTPRoute struct {
	URL             string            `json:"url"` // template
	ConfirmationURL *string           `json:"confirmation_url,omitempty"`
	Headers         map[string]string `json:"headers,omitempty"` // name to template
	SigV4           *HTTPSigV4        `json:"sigv4,omitempty"`
}

// HTTPSigV4 signs an HTTP route's requests. The role is the user's: only the
// user knows what the called API needs.
type HTTPSigV4 struct {
	ServiceName   string `json:"service_name"`
	SigningRegion string `json:"signing_region"`
	RoleARN       string `json:"role_arn"`
}

// StepFunctionsRoute starts an execution of a standard state machine, named and not by ARN.
type StepFunctionsRoute struct {
	StateMachineName    string  `json:"state_machine_name"`
	ExecutionNamePrefix *string `json:"execution_name_prefix,omitempty"`
}
