package spec

// LogStream is a stream of a CloudWatch log group; its Ref.ID is "group|stream". A stream has no settings.
type LogStream struct{}

// DeliveryStream is a Firehose stream that gets records from a Kinesis stream or by direct puts, lets a function
// transform them, and writes objects to a bucket, which encrypts them by its own settings.
type DeliveryStream struct {
	SourceARN      string // Kinesis stream; empty: direct puts
	Encrypted      bool   // what Firehose holds, only with direct puts: of a Kinesis stream it holds nothing
	KMSKeyARN      string // that encrypts it; empty: a key of AWS
	RoleARN        string // that Firehose assumes for everything
	BucketARN      string
	Prefix         string // of the keys, with expressions such as !{timestamp:yyyy-MM-dd}
	ErrorPrefix    string // of what could not be transformed or converted
	Extension      string // of the keys; empty: Firehose's own
	BufferSeconds  int32
	BufferMB       int32
	Gzip           bool // only without Parquet, which compresses by itself
	FunctionARN    string
	FunctionBuffer FunctionBuffer
	Parquet        *ParquetSchema // nil: objects hold what the function answers
	LogGroup       string         // for errors of delivery
	LogStream      string
	Tags           map[string]string
	// Failed and Departs are only ever observed: AWS could not create the stream, and members of the destination that
	// are never wanted and were found set.
	Failed  bool
	Departs []string
}

// FunctionBuffer says how many records an invocation of the transformation gets, and how often a failed one is
// repeated.
type FunctionBuffer struct {
	MB      float64
	Seconds int32
	Retries int32
}

// ParquetSchema is the Glue table whose columns the Parquet files have.
type ParquetSchema struct{ Database, Table string }

// GlueDatabase is a database of the account's Glue catalog.
type GlueDatabase struct {
	Description string
	Tags        map[string]string
}

// GlueTable is a table or view of a Glue database; its Ref.ID is "database|table". The owner token is one of its
// parameters, since AWS keeps no tags for tables.
type GlueTable struct {
	Description  string
	Type         string // "EXTERNAL_TABLE" or "VIRTUAL_VIEW"
	Columns      []Column
	Partitions   []Column
	Location     string // s3://…; empty for a view
	InputFormat  string
	OutputFormat string
	SerDe        string
	SerDeOptions map[string]string
	Parameters   map[string]string // without the owner token; others in the table are left alone
	ViewText     string            // what a view is, in Athena's encoding
	ViewComment  string
}

// Column is a column of a Glue table, with its type in Hive's words.
type Column struct{ Name, Type, Comment string }

// Workgroup is an Athena workgroup that enforces its settings and publishes metrics.
type Workgroup struct {
	Description    string
	OutputLocation string // s3://…/
	KMSKeyID       string // that encrypts results; empty: SSE-S3
	ScanLimitBytes int64  // of a query
	Tags           map[string]string
	// Departs is only ever observed: fixed settings that were found different, of "state", "enforcement", "metrics",
	// "requester_pays" and "bucket_owner".
	Departs []string
}

// NamedQuery is a query that an Athena workgroup offers; its Ref.Name is "workgroup|query", its Ref.ID AWS's own.
type NamedQuery struct {
	Database    string
	Description string
	SQL         string
	// Name is only ever observed: somebody gave the query another name.
	Name string
}
