// Package spec holds the wanted shape of each kind of AWS object that a
// pipeline is made of: plain data, decided by internal/pipeline and carried out
// by one driver each. It must not know how an object is made, nor Terraform.
//
// A part's Name is the object's AWS name, and for objects without a name of their own the
// names that find them, joined by "|": "database|table" (Timestream table), "table|key" (item),
// "topic|protocol|endpoint" (subscription), "source|function" (event source mapping), "group|stream" (log stream),
// "database|table" (Glue table), "workgroup|query" (named query), "group|schedule" (schedule), "API|stage" (stage of an
// HTTP API).
//
// Tags never hold the owner token: drivers add it under OwnerTag from the
// reference they are given, and take it out of what they observe.
package spec

import "strings"

// OwnerTag is the key of the tag that says which pipeline an object belongs to.
// For objects without tags (things) it is the name of an attribute.
const OwnerTag = "iot-pipeline:id"

// Kinds of parts; each names one driver.
const (
	KindParameter          = "ssm_parameter"
	KindThingGroup         = "thing_group"
	KindThingType          = "thing_type"
	KindIoTPolicy          = "iot_policy"
	KindFleet              = "fleet"
	KindTopicRule          = "topic_rule"
	KindStream             = "kinesis_stream"
	KindTimestreamDatabase = "timestream_database"
	KindTimestreamTable    = "timestream_table"
	KindInfluxDBInstance   = "influxdb_instance"
	KindTable              = "dynamodb_table"
	KindTableItem          = "dynamodb_item"
	KindBucket             = "s3_bucket"
	KindTopic              = "sns_topic"
	KindSubscription       = "sns_subscription"
	KindQueue              = "sqs_queue"
	KindRole               = "iam_role"
	KindLogGroup           = "log_group"
	KindFunction           = "lambda_function"
	KindEventSource        = "event_source_mapping"
	KindTemplate           = "provisioning_template"
	KindClaimCertificate   = "claim_certificate"
	KindCACertificate      = "ca_certificate"
	KindLogStream          = "log_stream"
	KindDeliveryStream     = "firehose_stream"
	KindGlueDatabase       = "glue_database"
	KindGlueTable          = "glue_table"
	KindWorkgroup          = "athena_workgroup"
	KindNamedQuery         = "athena_named_query"
	KindMetricAlarm        = "cloudwatch_alarm"
	KindDashboard          = "cloudwatch_dashboard"
	KindScheduleGroup      = "schedule_group"
	KindSchedule           = "schedule"
	KindHTTPAPI            = "http_api"
	KindHTTPAPIRoutes      = "http_api_routes"
	KindHTTPAPIStage       = "http_api_stage"
	KindRoleAlias          = "role_alias"
	KindGroupMembers       = "thing_group_members"
	KindComponent          = "greengrass_component"
	KindDeployment         = "greengrass_deployment"
)

// Parameter is an SSM parameter. The value is written as a SecureString.
type Parameter struct {
	Value       string
	Description string
	KMSKeyID    string // empty: the account's aws/ssm key
	Tags        map[string]string
}

// ThingGroup is a static thing group.
type ThingGroup struct {
	Description string
	Tags        map[string]string
}

// ThingType is a thing type. Its deletion deprecates first and waits five minutes [AWS 1.4 DeleteThingType].
type ThingType struct {
	Description string
	Deprecated  bool // only observed: a wanted type is not deprecated
	Tags        map[string]string
}

// IoTPolicy is an IoT policy with its default version and the one thing group it is attached to.
type IoTPolicy struct {
	Document  string // JSON; compared by meaning
	TargetARN string // thing group
	Tags      map[string]string
}

// Stream is a Kinesis data stream.
type Stream struct {
	OnDemand       bool
	Shards         int32 // only when provisioned
	RetentionHours int32
	KMSKeyID       string // empty: the AWS managed key alias/aws/kinesis
	Tags           map[string]string
}

// TimestreamDatabase is a Timestream LiveAnalytics database.
type TimestreamDatabase struct {
	KMSKeyID string // empty: the AWS managed key
	Tags     map[string]string
}

// TimestreamTable is a table of a Timestream database; its Ref.ID is "database|table".
type TimestreamTable struct {
	Database              string
	MemoryRetentionHours  int64
	MagneticRetentionDays int64
	// MagneticWrites lets records older than the memory store in; what AWS
	// rejects later goes to RejectedBucket below RejectedPrefix.
	MagneticWrites bool
	RejectedBucket string
	RejectedPrefix string
	Tags           map[string]string
}

// Outputs of an InfluxDB instance that only AWS knows: its address, and the ARN of the secret with its credentials.
const (
	InfluxDBURLOutput    = "url"
	InfluxDBSecretOutput = "secret_arn"
)

// InfluxDBInstance is a Timestream for InfluxDB instance with InfluxDB 2. The lists are sorted.
type InfluxDBInstance struct {
	Type               string // "db.influx.medium", …
	StorageGB          int32
	StorageType        string // "InfluxIOIncludedT1", …
	Deployment         string // "SINGLE_AZ" or "WITH_MULTIAZ_STANDBY"
	Port               int32
	SubnetIDs          []string
	SecurityGroupIDs   []string
	PubliclyAccessible bool
	// Organization, Bucket and Username exist from the creation on; AWS does not report them.
	Organization, Bucket, Username string
	// ForceDestroy lets a change that AWS cannot make in place replace the instance and its data.
	ForceDestroy bool
	Tags         map[string]string
	// Only observed: the endpoint or the secret does not exist yet, or AWS could not make the instance.
	Pending, Failed bool
}

// Table is an on-demand DynamoDB table with a string hash key.
type Table struct {
	HashKey             string
	RangeKey            string // a string; empty: none
	Indexes             []TableIndex
	TTLAttribute        string // empty: no TTL
	PointInTimeRecovery bool
	KMSKeyID            string // empty: the AWS owned key
	Tags                map[string]string
	// Provisioned is only ever observed: somebody took the table off on-demand capacity.
	Provisioned bool
}

// TableIndex is a global secondary index with a string hash key.
type TableIndex struct {
	Name, HashKey, RangeKey string
	TextRange               bool // the range key is a string, else a number
	KeysOnly                bool // it projects the keys, else all attributes
	// FilledFrom is an attribute whose value is the range key of items that have none, when the index is added to a
	// table with items. It is not a property of the index.
	FilledFrom string
}

// TableItem is one item of a DynamoDB table, written as a whole. The driver stores the owner token in the
// attribute "iot-pipeline" beside Document.
type TableItem struct {
	Table    string
	HashKey  string // name of the key attribute
	Key      string // its value
	Document string // value of the attribute "document"
}

// Bucket is an S3 bucket with public access blocked, versioning on and
// ownership enforced; requests without TLS are refused by its Policy.
type Bucket struct {
	KMSKeyID  string // empty: SSE-S3
	Policy    string // JSON; compared by meaning
	Lifecycle []LifecycleRule
	// LogPrefix is where S3's access log goes in LogBucket; without LogBucket there is none.
	LogBucket, LogPrefix string
	// Disposable are prefixes of what is no data: Delete removes it in any case.
	Disposable []string
	// ForceDestroy lets Delete remove objects and versions first.
	ForceDestroy bool
	Tags         map[string]string
	// Departs is only ever observed: fixed settings that were found different, of "public_access_block", "versioning",
	// "ownership" and "lifecycle" (rules that LifecycleRule cannot say).
	Departs []string
}

// LifecycleRule is one rule of a bucket's lifecycle configuration; zero days mean: not.
type LifecycleRule struct {
	ID                         string
	Prefix                     string
	ExpireDays                 int32
	NoncurrentExpireDays       int32
	IntelligentTieringDays     *int32 // 0 is legal: at once
	AbortMultipartUploadDays   int32
	ExpiredObjectDeleteMarkers bool
}

// Topic is a standard SNS topic.
type Topic struct {
	DisplayName string
	KMSKeyID    string // "alias/aws/sns" or a key of the account
	Policy      string // JSON; compared by meaning
	Tags        map[string]string
}

// Subscription is a subscription of an SNS topic; its Ref.ID is the subscription ARN,
// or "pending confirmation" until an e-mail address or a URL has confirmed.
type Subscription struct {
	TopicARN     string
	Protocol     string
	Endpoint     string
	FilterPolicy string // JSON; empty: everything
}

// QueueURLOutput is the output of a queue that holds its URL, which only AWS knows.
const QueueURLOutput = "url"

// Queue is a standard SQS queue. Its output is QueueURLOutput.
type Queue struct {
	RetentionSeconds         int32
	VisibilityTimeoutSeconds int32
	KMSKeyID                 string // empty: SSE-SQS
	Policy                   string // JSON; compared by meaning; empty: none
	// DeadLetterARN is the queue that takes a message which was received MaxReceives times; empty: none.
	DeadLetterARN string
	MaxReceives   int32
	Tags          map[string]string
}

// Role is an IAM role with inline policies and nothing attached.
type Role struct {
	Description string
	Path        string
	Trust       string            // JSON; compared by meaning
	Inline      map[string]string // policy name → JSON; compared by meaning
	Boundary    string            // ARN of a permissions boundary; empty: none
	Tags        map[string]string
}

// LogGroup is a CloudWatch log group.
type LogGroup struct {
	RetentionDays int32
	KMSKeyID      string
	Tags          map[string]string
}

// Function is a Lambda function on provided.al2023 with the permissions and the
// asynchronous-invocation settings that belong to it.
type Function struct {
	Description    string
	Handler        string // names the function that the bootstrap is; code of the user's own need not read it
	RoleARN        string
	Architecture   string // "arm64" or "x86_64"
	MemoryMB       int32
	TimeoutSeconds int32
	Environment    map[string]string
	LogGroup       string
	LogLevel       string // application log level: TRACE … FATAL
	Tracing        bool   // X-Ray active tracing
	// Network is the VPC that the function runs in; nil: Lambda's own network, with the internet.
	Network *FunctionNetwork
	// Kept are the variables of the environment that stay as they are, because their values are not known.
	Kept []string
	// CodeSHA256 is base64, as Lambda reports it. If it is "", the code stays as it is.
	CodeSHA256 string
	// Code gives the zip; called only when the code must be sent.
	Code        func() ([]byte, error)
	Permissions []Permission
	// Async is nil when the function is not invoked asynchronously.
	Async *AsyncConfig
	Tags  map[string]string
}

// FunctionNetwork is where the network interfaces of a function are. The lists are sorted.
type FunctionNetwork struct{ SubnetIDs, SecurityGroupIDs []string }

// Permission is a statement of a function's resource policy that allows lambda:InvokeFunction.
type Permission struct {
	StatementID   string
	Principal     string // service, such as "iot.amazonaws.com"
	SourceARN     string
	SourceAccount string
}

// AsyncConfig is what Lambda does with asynchronous invocations that fail.
type AsyncConfig struct {
	MaxRetries    int32
	MaxAgeSeconds int32
	OnFailureARN  string
}

// EventSource maps a Kinesis stream or an SQS queue to a function; its Ref.ID is the mapping's UUID, its Ref.Name
// "source|function". What is about streams only is zero for a queue.
type EventSource struct {
	SourceARN             string
	FunctionName          string
	FunctionARN           string
	BatchSize             int32
	BatchWindowSeconds    int32
	ParallelizationFactor int32
	MaxRetries            int32 // -1: until the record expires
	MaxRecordAgeSeconds   int32 // -1: until the record expires
	// TumblingWindowSeconds is the length of the windows whose state Lambda passes on; 0: none.
	TumblingWindowSeconds int32
	Bisect                bool // a batch that fails is retried in halves
	PartialResponses      bool // the function may report a part of a batch as failed
	OnFailureARN          string
	MaxConcurrency        int32 // of a queue: invocations at a time; 0: as many as Lambda likes
	CountsEvents          bool  // CloudWatch has metrics of what becomes of the records
	Tags                  map[string]string
	Disabled              bool // only observed: a wanted mapping is enabled
}

// OfQueue reports whether the source is a queue.
func (s EventSource) OfQueue() bool { return strings.Contains(s.SourceARN, ":sqs:") }

// TopicRule is an AWS IoT topic rule.
type TopicRule struct {
	SQL         string
	SQLVersion  string // empty: 2016-03-23
	Description string
	Disabled    bool
	Actions     []Action
	ErrorAction *Action
	Tags        map[string]string
}
