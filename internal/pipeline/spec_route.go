package pipeline

// RouteSpec is a topic rule of the user's own, with at least one action and at
// most one of each kind; a second action of a kind is a second route.
type RouteSpec struct {
	SQL         string  `json:"sql"`
	Description *string `json:"description,omitzero"`
	Enabled     *bool   `json:"enabled,omitzero"`
	// KMSKeyARNs are the keys that the targets are encrypted with; the route's role may use them.
	KMSKeyARNs []string `json:"kms_key_arns,omitzero"`

	Kinesis          *KinesisRoute          `json:"kinesis,omitzero"`
	S3               *S3Route               `json:"s3,omitzero"`
	Lambda           *LambdaRoute           `json:"lambda,omitzero"`
	SNS              *SNSRoute              `json:"sns,omitzero"`
	SQS              *SQSRoute              `json:"sqs,omitzero"`
	DynamoDB         *DynamoDBRoute         `json:"dynamodb,omitzero"`
	DynamoDBv2       *DynamoDBv2Route       `json:"dynamodbv2,omitzero"`
	Firehose         *FirehoseRoute         `json:"firehose,omitzero"`
	Timestream       *TimestreamRoute       `json:"timestream,omitzero"`
	CloudWatchMetric *CloudWatchMetricRoute `json:"cloudwatch_metric,omitzero"`
	CloudWatchLogs   *CloudWatchLogsRoute   `json:"cloudwatch_logs,omitzero"`
	CloudWatchAlarm  *CloudWatchAlarmRoute  `json:"cloudwatch_alarm,omitzero"`
	Republish        *RepublishRoute        `json:"republish,omitzero"`
	HTTP             *HTTPRoute             `json:"http,omitzero"`
	StepFunctions    *StepFunctionsRoute    `json:"step_functions,omitzero"`
}

// KinesisRoute puts one record per message on a stream of this account.
type KinesisRoute struct {
	StreamName   string  `json:"stream_name"`
	PartitionKey *string `json:"partition_key,omitzero"` // template; nil: a random one
}

// S3Route writes one object per message.
type S3Route struct {
	Bucket    string  `json:"bucket"`
	Key       string  `json:"key"` // template
	CannedACL *string `json:"canned_acl,omitzero"`
}

// LambdaRoute invokes a function asynchronously. The function's own resource
// policy must allow iot.amazonaws.com for the route's rule.
type LambdaRoute struct {
	FunctionARN string `json:"function_arn"`
}

// SNSRoute publishes to a standard topic.
type SNSRoute struct {
	TopicARN      string  `json:"topic_arn"`
	MessageFormat *string `json:"message_format,omitzero"` // "RAW" or "JSON"
}

// SQSRoute sends to a standard queue.
type SQSRoute struct {
	QueueURL  string `json:"queue_url"`
	UseBase64 *bool  `json:"use_base64,omitzero"`
}

// DynamoDBRoute writes the whole output in one column of a table.
type DynamoDBRoute struct {
	TableName     string  `json:"table_name"`
	HashKeyField  string  `json:"hash_key_field"`
	HashKeyType   *string `json:"hash_key_type,omitzero"` // "STRING" or "NUMBER"
	HashKeyValue  string  `json:"hash_key_value"`         // template
	RangeKeyField *string `json:"range_key_field,omitzero"`
	RangeKeyType  *string `json:"range_key_type,omitzero"`
	RangeKeyValue *string `json:"range_key_value,omitzero"` // template
	PayloadField  *string `json:"payload_field,omitzero"`
	Operation     *string `json:"operation,omitzero"` // "INSERT", "UPDATE" or "DELETE"
}

// DynamoDBv2Route writes one column per top-level key of the output.
type DynamoDBv2Route struct {
	TableName string `json:"table_name"`
}

// FirehoseRoute puts to a delivery stream.
type FirehoseRoute struct {
	DeliveryStreamName string  `json:"delivery_stream_name"`
	Separator          *string `json:"separator,omitzero"` // "\n", "\t", "\r\n" or ","
	BatchMode          *bool   `json:"batch_mode,omitzero"`
}

// TimestreamRoute writes one record per output attribute.
type TimestreamRoute struct {
	Database   string               `json:"database"`
	Table      string               `json:"table"`
	Dimensions map[string]string    `json:"dimensions,omitzero"` // name to template
	Timestamp  *TimestreamTimestamp `json:"timestamp,omitzero"`  // nil: time of arrival
}

// TimestreamTimestamp is the time of a Timestream record.
type TimestreamTimestamp struct {
	Value string  `json:"value"`         // template
	Unit  *string `json:"unit,omitzero"` // "SECONDS" to "NANOSECONDS"; nil: "MILLISECONDS"
}

// CloudWatchMetricRoute puts one metric datum; all but MetricTimestamp (epoch seconds) are templates as well.
type CloudWatchMetricRoute struct {
	MetricNamespace string  `json:"metric_namespace"`
	MetricName      string  `json:"metric_name"`
	MetricValue     string  `json:"metric_value"`
	MetricUnit      string  `json:"metric_unit"`
	MetricTimestamp *string `json:"metric_timestamp,omitzero"`
}

// CloudWatchLogsRoute writes to a log group.
type CloudWatchLogsRoute struct {
	LogGroupName string `json:"log_group_name"`
	BatchMode    *bool  `json:"batch_mode,omitzero"`
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
	QoS     *int64            `json:"qos,omitzero"`
	Headers *RepublishHeaders `json:"headers,omitzero"`
}

// RepublishHeaders are the MQTT 5 properties of a republished message; all are templates.
type RepublishHeaders struct {
	PayloadFormatIndicator *string           `json:"payload_format_indicator,omitzero"`
	ContentType            *string           `json:"content_type,omitzero"`
	ResponseTopic          *string           `json:"response_topic,omitzero"`
	CorrelationData        *string           `json:"correlation_data,omitzero"`
	MessageExpiry          *string           `json:"message_expiry,omitzero"`
	UserProperties         map[string]string `json:"user_properties,omitzero"`
}

// HTTPRoute posts to a URL whose destination has been confirmed.
type HTTPRoute struct {
	URL             string            `json:"url"` // template
	ConfirmationURL *string           `json:"confirmation_url,omitzero"`
	Headers         map[string]string `json:"headers,omitzero"` // name to template
	SigV4           *HTTPSigV4        `json:"sigv4,omitzero"`
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
	ExecutionNamePrefix *string `json:"execution_name_prefix,omitzero"`
}
