package spec

// Action is one action of a topic rule; exactly one member is set. Fields are those of the IoT API [AWS 2.1], and an
// empty optional field means AWS's default.
type Action struct {
	Kinesis          *KinesisAction          `json:"kinesis,omitempty"`
	S3               *S3Action               `json:"s3,omitempty"`
	Lambda           *LambdaAction           `json:"lambda,omitempty"`
	SNS              *SNSAction              `json:"sns,omitempty"`
	SQS              *SQSAction              `json:"sqs,omitempty"`
	DynamoDB         *DynamoDBAction         `json:"dynamodb,omitempty"`
	DynamoDBv2       *DynamoDBv2Action       `json:"dynamodbv2,omitempty"`
	Firehose         *FirehoseAction         `json:"firehose,omitempty"`
	Timestream       *TimestreamAction       `json:"timestream,omitempty"`
	CloudWatchMetric *CloudWatchMetricAction `json:"cloudwatch_metric,omitempty"`
	CloudWatchLogs   *CloudWatchLogsAction   `json:"cloudwatch_logs,omitempty"`
	CloudWatchAlarm  *CloudWatchAlarmAction  `json:"cloudwatch_alarm,omitempty"`
	Republish        *RepublishAction        `json:"republish,omitempty"`
	HTTP             *HTTPAction             `json:"http,omitempty"`
	StepFunctions    *StepFunctionsAction    `json:"step_functions,omitempty"`
	OpenSearch       *OpenSearchAction       `json:"opensearch,omitempty"`
	Kafka            *KafkaAction            `json:"kafka,omitempty"`
	IoTSiteWise      *SiteWiseAction         `json:"iot_sitewise,omitempty"`
	Location         *LocationAction         `json:"location,omitempty"`
}

// KinesisAction puts one record per message on a stream.
type KinesisAction struct{ RoleARN, StreamName, PartitionKey string }

// S3Action writes one object per message.
type S3Action struct{ RoleARN, Bucket, Key, CannedACL string }

// LambdaAction invokes a function asynchronously.
type LambdaAction struct{ FunctionARN string }

// SNSAction publishes to a standard topic. MessageFormat is RAW or JSON.
type SNSAction struct{ RoleARN, TargetARN, MessageFormat string }

// SQSAction sends to a standard queue.
type SQSAction struct {
	RoleARN, QueueURL string
	UseBase64         bool
}

// DynamoDBAction writes the whole output in one column.
type DynamoDBAction struct {
	RoleARN, TableName                         string
	HashKeyField, HashKeyType, HashKeyValue    string
	RangeKeyField, RangeKeyType, RangeKeyValue string
	PayloadField, Operation                    string
}

// DynamoDBv2Action writes one column per top-level key.
type DynamoDBv2Action struct{ RoleARN, TableName string }

// FirehoseAction puts to a delivery stream.
type FirehoseAction struct {
	RoleARN, DeliveryStreamName, Separator string
	BatchMode                              bool
}

// TimestreamAction writes one record per output attribute.
type TimestreamAction struct {
	RoleARN, Database, Table string
	Dimensions               []TimestreamDimension
	TimestampValue           string
	TimestampUnit            string
}

// TimestreamDimension is one dimension of a Timestream action.
type TimestreamDimension struct{ Name, Value string }

// CloudWatchMetricAction puts one metric datum; all values are strings.
type CloudWatchMetricAction struct{ RoleARN, Namespace, Name, Value, Unit, Timestamp string }

// CloudWatchLogsAction writes to a log group.
type CloudWatchLogsAction struct {
	RoleARN, LogGroup string
	BatchMode         bool
}

// CloudWatchAlarmAction sets an alarm's state.
type CloudWatchAlarmAction struct{ RoleARN, AlarmName, StateReason, StateValue string }

// RepublishAction publishes to another topic.
type RepublishAction struct {
	RoleARN, Topic string
	QoS            int32
	Headers        *RepublishHeaders
}

// RepublishHeaders are MQTT 5 properties of a republished message.
type RepublishHeaders struct {
	PayloadFormatIndicator, ContentType, ResponseTopic, CorrelationData, MessageExpiry string
	UserProperties                                                                     []Header
}

// Header is a key and a value.
type Header struct{ Key, Value string }

// HTTPAction posts to a URL. SigV4 is nil without request signing.
type HTTPAction struct {
	URL, ConfirmationURL string
	Headers              []HTTPHeader
	SigV4                *SigV4
	Batch                *HTTPBatch // nil: each message is a request
}

// HTTPHeader is a header of a request.
type HTTPHeader struct {
	Key, Value string
	// Version is that of a value which only an apply knows: a plan and a read have no Value then. What is read from AWS
	// has no Version.
	Version int64 `json:",omitzero"`
}

// HTTPBatch says when a batch is posted.
type HTTPBatch struct {
	MaxOpenMS, MaxSize, MaxBytes int32
	AcrossTopics                 bool
}

// SigV4 signs an HTTP action's requests.
type SigV4 struct{ RoleARN, ServiceName, SigningRegion string }

// StepFunctionsAction starts an execution; StateMachine is a name, not an ARN.
type StepFunctionsAction struct{ RoleARN, StateMachine, ExecutionNamePrefix string }

// OpenSearchAction stores one document per message.
type OpenSearchAction struct{ RoleARN, Endpoint, Index, Type, ID string }

// KafkaAction produces one record per message.
type KafkaAction struct {
	DestinationARN, Topic, Key, Partition string
	Headers                               []Header
	ClientProperties                      map[string]string
}

// LocationAction updates a device's position in a tracker.
type LocationAction struct {
	RoleARN, TrackerName, DeviceID, Latitude, Longitude string
	TimestampValue, TimestampUnit                       string
}

// SiteWiseAction writes values of asset properties.
type SiteWiseAction struct {
	RoleARN string
	Entries []SiteWiseEntry
}

// SiteWiseEntry is one property with its values.
type SiteWiseEntry struct {
	PropertyAlias, AssetID, PropertyID, EntryID string
	Values                                      []SiteWiseValue
}

// SiteWiseValue is a value, as text, at a time. Type is "boolean", "double", "integer" or "string".
type SiteWiseValue struct{ Type, Value, Seconds, Nanos, Quality string }
