// Package needs lists the AWS calls that each function makes. The function's policy document is generated from this
// list, and its tests check the function against it.
//
// The package is pure data: it knows no ARNs and no policy language. The provider maps a Resource to the ARN of the
// pipeline's object and leaves out objects that the pipeline does not have.
package needs

import (
	"maps"
	"slices"
)

// Resource names an object of a pipeline that a call is made on.
type Resource string

// What a function can call. The comment says which ARN the policy document contains.
const (
	Stream             Resource = "stream"              // the pipeline's Kinesis stream
	Queue              Resource = "queue"               // the SQS queue that the rules send to
	TimestreamTable    Resource = "timestream-table"    // the pipeline's Timestream table
	InfluxDBSecret     Resource = "influxdb-secret"     // the secret with the credentials of InfluxDB
	DeviceTable        Resource = "device-table"        // the DynamoDB device table, without its indexes
	ReadingsTable      Resource = "readings-table"      // the DynamoDB table of recent readings
	MetricsTable       Resource = "metrics-table"       // the DynamoDB table of metrics
	DeviceIndex        Resource = "device-index"        // the index by-status-and-seen of the device table
	StatusDeviceIndex  Resource = "status-device-index" // the index by-status-and-device of the device table
	CommandsTable      Resource = "commands-table"      // the DynamoDB table of commands
	MetricsStream      Resource = "metrics-stream"      // the Firehose stream of exported metrics
	DeadLetterQueue    Resource = "dead-letter-queue"   // the SQS queue
	DeadLetterBucket   Resource = "dead-letter-bucket"  // the bucket itself
	DeadLetterPayloads Resource = "dead-letter-objects" // arn:…:<bucket>/<dead-letter prefix>*
	FailedBatches      Resource = "failed-batches"      // arn:…:<bucket>/aws/lambda/*
	AlertsFunction     Resource = "alerts-function"     // the alerts function, if the processor invokes it
	AlertTopic         Resource = "alert-topic"         // the SNS topic
	CommandTopics      Resource = "command-topics"      // arn:…:topic/<topic prefix>/*/commands
	AllowList          Resource = "allow-list"          // the DynamoDB table of serials that may register
	Things             Resource = "things"              // arn:…:thing/<thing name prefix>*
	AnyThing           Resource = "any-thing"           // arn:…:thing/*: any name may be a device's
	AnyCertificate     Resource = "any-certificate"     // arn:…:cert/*: AWS assigns the IDs
	Network            Resource = "network"             // "*", in a VPC of the user's own
	LogStreams         Resource = "log-streams"         // arn:…:log-group:<the function's group>:log-stream:*
	Anything           Resource = "*"                   // the action takes no resource
)

// Need is one action that a function's role must allow.
type Need struct {
	Action string   // as in a policy document: "dynamodb:UpdateItem"
	On     Resource // what it is allowed on
	// With names an object without which the call is never made, unless On says so.
	With Resource
	// ByLambda marks a call that the Lambda service makes with the function's role: reading the stream, sending logs,
	// delivering to an on-failure destination. The function's own code never makes it.
	ByLambda bool
}

// calls lists what each function calls, under the name of its folder below lambda/.
var calls = map[string][]Need{
	"alerts": alerts, "api": API, "archiver": archiver, "metrics": metrics, "processor": processor,
	"provisioning": provisioning, "watch": watch,
}

// Functions returns the sorted names of the functions that the project ships.
func Functions() []string { return slices.Sorted(maps.Keys(calls)) }

// Of returns what a function calls. The list is shared and must not be changed.
func Of(function string) []Need { return calls[function] }

// processor is what the stream processor calls.
var processor = []Need{
	{Action: "timestream:WriteRecords", On: TimestreamTable},
	// [AWS 6.1 Endpoint discovery]: the SDK asks for the ingest endpoint first; the action has no resource.
	{Action: "timestream:DescribeEndpoints", On: Anything, With: TimestreamTable},
	{Action: "secretsmanager:GetSecretValue", On: InfluxDBSecret},
	{Action: "dynamodb:UpdateItem", On: DeviceTable},
	{Action: "dynamodb:GetItem", On: DeviceTable, With: AlertsFunction},
	{Action: "lambda:InvokeFunction", On: AlertsFunction},
	{Action: "dynamodb:UpdateItem", On: CommandsTable},
	{Action: "dynamodb:BatchWriteItem", On: ReadingsTable},
	{Action: "sqs:SendMessage", On: DeadLetterQueue},
	{Action: "s3:PutObject", On: DeadLetterPayloads},

	// [AWS 5 Role]: the event source mapping polls the stream, and stores exhausted batches with their payload.
	{Action: "kinesis:DescribeStream", On: Stream, ByLambda: true},
	{Action: "kinesis:DescribeStreamSummary", On: Stream, ByLambda: true},
	{Action: "kinesis:GetRecords", On: Stream, ByLambda: true},
	{Action: "kinesis:GetShardIterator", On: Stream, ByLambda: true},
	{Action: "kinesis:ListShards", On: Stream, ByLambda: true},
	{Action: "s3:ListBucket", On: DeadLetterBucket, With: Stream, ByLambda: true},
	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
	{Action: "s3:PutObject", On: FailedBatches, With: Stream, ByLambda: true},

	// [Lambda developer guide, Configuring an execution role with SQS]: the mapping polls the queue, and removes what
	// is processed.
	{Action: "sqs:DeleteMessage", On: Queue, ByLambda: true},
	{Action: "sqs:GetQueueAttributes", On: Queue, ByLambda: true},
	{Action: "sqs:ReceiveMessage", On: Queue, ByLambda: true},

	// [Lambda VPC access]: Lambda makes and removes network interfaces in the user's subnets. Their IDs are not known
	// before, and Lambda tests the role with "*" when a function is created.
	{Action: "ec2:CreateNetworkInterface", On: Network, ByLambda: true},
	{Action: "ec2:DescribeNetworkInterfaces", On: Network, ByLambda: true},
	{Action: "ec2:DeleteNetworkInterface", On: Network, ByLambda: true},
	{Action: "ec2:DescribeSubnets", On: Network, ByLambda: true},
	{Action: "ec2:AssignPrivateIpAddresses", On: Network, ByLambda: true},
	{Action: "ec2:UnassignPrivateIpAddresses", On: Network, ByLambda: true},
}

// metrics is what the function calls that computes metrics. Lambda polls the stream for it as for the processor.
var metrics = []Need{
	{Action: "dynamodb:BatchWriteItem", On: MetricsTable},
	{Action: "dynamodb:GetItem", On: MetricsTable},
	{Action: "firehose:PutRecordBatch", On: MetricsStream},

	{Action: "kinesis:DescribeStream", On: Stream, ByLambda: true},
	{Action: "kinesis:DescribeStreamSummary", On: Stream, ByLambda: true},
	{Action: "kinesis:GetRecords", On: Stream, ByLambda: true},
	{Action: "kinesis:GetShardIterator", On: Stream, ByLambda: true},
	{Action: "kinesis:ListShards", On: Stream, ByLambda: true},
	{Action: "s3:ListBucket", On: DeadLetterBucket, ByLambda: true},
	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
	{Action: "s3:PutObject", On: FailedBatches, ByLambda: true},
}

// alerts is what the alert handler calls.
var alerts = []Need{
	{Action: "dynamodb:GetItem", On: DeviceTable},
	{Action: "dynamodb:UpdateItem", On: DeviceTable},
	{Action: "sns:Publish", On: AlertTopic},
	{Action: "iot:Publish", On: CommandTopics},
	// Lambda also uses it to deliver an event that exhausted its retries to the on-failure queue.
	{Action: "sqs:SendMessage", On: DeadLetterQueue},
	{Action: "s3:PutObject", On: DeadLetterPayloads},

	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
}

// archiver calls nothing: Firehose hands it records, and stores what it answers.
var archiver = []Need{
	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
}

// provisioning is what the pre-provisioning hook calls.
var provisioning = []Need{
	{Action: "dynamodb:GetItem", On: AllowList},
	{Action: "dynamodb:UpdateItem", On: AllowList},
	{Action: "iot:DescribeThing", On: Things},

	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
}

// watch is what the function that looks for silent devices calls.
var watch = []Need{
	{Action: "dynamodb:BatchGetItem", On: DeviceTable},
	{Action: "dynamodb:GetItem", On: DeviceTable},
	{Action: "dynamodb:UpdateItem", On: DeviceTable},
	{Action: "dynamodb:DeleteItem", On: DeviceTable},
	{Action: "dynamodb:Query", On: DeviceIndex},
	{Action: "sns:Publish", On: AlertTopic},

	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
}
