package costs

import (
	"math"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// Sizes and times.
const (
	kilobyte = 1024.0
	megabyte = 1024 * kilobyte
	gib      = 1024 * megabyte
	tib      = 1024 * gib

	hoursPerMonth   = 730.0
	secondsPerMonth = hoursPerMonth * 3600
	minutesPerMonth = hoursPerMonth * 60
	daysPerMonth    = hoursPerMonth / 24
)

// Limits of AWS that decide how messages are counted.
const (
	iotUnit           = 5 * kilobyte // of payload and topic
	topicBytes        = 64           // a topic, as long ones are
	kinesisRecordUnit = 1 * kilobyte
	kinesisPutUnit    = 25 * kilobyte
	firehoseUnit      = 5 * kilobyte
	dynamoWriteUnit   = 1 * kilobyte
	timestreamUnit    = 1 * kilobyte
	sqsUnit           = 64 * kilobyte // of a request
	sqsBatch          = 10            // messages in a request

	onDemandShards   = 4    // a stream on demand begins with 4 MB per second
	shardRecords     = 1000 // per second
	shardBytes       = 1 * megabyte
	invocationBytes  = 6 * megabyte // Lambda's limit on an event
	eventRecordBytes = 500          // what Lambda's Kinesis event holds per record besides the data
	queueRecordBytes = 1000         // what Lambda's SQS event holds per message besides the body

	// Lambda polls a queue with five requests at a time, each of which waits for twenty seconds [Lambda developer
	// guide, Using Lambda with Amazon SQS; SQS long polling].
	queuePollers     = 5
	queuePollSeconds = 20
	envelopeMembers  = 250 // what the rule adds to a payload, with a topic of topicBytes

	timestreamBatch = 100    // records in one WriteRecords
	dynamoBatch     = 25     // items in one BatchWriteItem
	influxBatch     = 5000   // lines in one request
	athenaLeast     = 10e6   // bytes that a query is charged for at least
	partialTransfer = 16.0   // calls that a function makes at a time (awsenv.Connections)
	fullCPU         = 1769.0 // MB of memory with which a function has one vCPU
)

// traffic is what a fleet sends in a month, and how it is batched.
type traffic struct {
	messages     float64
	perSecond    float64
	readingBytes float64
	shards       float64

	batch       float64 // messages in an invocation of the processor
	invocations float64
	updates     float64 // of device state, per invocation
}

func (s Setup) traffic() traffic {
	t := traffic{perSecond: s.Devices / s.IntervalSeconds, readingBytes: s.MessageBytes / s.ReadingsPerMessage}
	t.messages = t.perSecond * secondsPerMonth
	t.shards = s.Stream.Shards
	if s.Stream.Mode == onDemand {
		t.shards = max(onDemandShards, shardsFor(t.perSecond, s.MessageBytes))
	}
	if s.queued() {
		t.shards = queuePollers // each collects a batch of its own
	}
	if t.messages == 0 {
		return t
	}
	// The partition key is the device, so that a small fleet does not use every shard.
	busy := min(t.shards, max(1, math.Floor(s.Devices)))
	record := s.MessageBytes*4/3 + eventRecordBytes
	if s.queued() {
		record = envelopeBytes(s.MessageBytes) + queueRecordBytes
	}
	fits := math.Floor(invocationBytes / record)
	// The first record opens the window, and the others arrive while it is open. Lambda polls a shard once a second,
	// with a shorter window as well.
	window := max(1, s.Processor.BatchWindowSeconds)
	t.batch = max(1, min(s.Processor.BatchSize, fits, 1+t.perSecond/busy*window))
	t.invocations = t.messages / t.batch
	// One update per device and batch at most. A device sends regularly: it is in a batch once, until the batch spans
	// more than its interval.
	devices := min(t.batch, s.Devices/busy)
	if s.queued() {
		devices = min(t.batch, s.Devices) // whoever polls gets messages of any device
	}
	t.updates = devices * s.written(t, devices, busy)
	return t
}

// written is the share of the states in the batches that is written. Each instance of the processor writes a device at
// most once per refresh_seconds, as long as its numbers are all that changes; there are as few instances as the load
// takes, and at most one for each shard.
func (s Setup) written(t traffic, devices, shards float64) float64 {
	refresh := s.DeviceState.RefreshSeconds
	if refresh == 0 {
		return 1
	}
	between := s.Devices * secondsPerMonth / (t.invocations * devices) // two batches with a device, in seconds
	busy := t.invocations * seconds(t.batch, devices, s.Processor.MemoryMB) / secondsPerMonth
	instances := max(1, min(shards, math.Ceil(busy)))
	return min(1, instances*between/refresh)
}

// queued reports whether a queue takes the place of the stream.
func (s Setup) queued() bool { return s.Stream.Mode == pipeline.StreamQueue }

// envelopeBytes is the size of what a rule sends to a queue and to Firehose: the payload as base64, and its names.
func envelopeBytes(messageBytes float64) float64 { return messageBytes*4/3 + envelopeMembers }

// shardsFor is how many shards take a rate of messages.
func shardsFor(perSecond, bytes float64) float64 {
	return max(1, math.Ceil(perSecond/shardRecords), math.Ceil(perSecond*bytes/shardBytes))
}

// units is how many units of a size the bytes are counted as.
func units(bytes, unit float64) float64 { return max(1, math.Ceil(bytes/unit)) }

// iotUnits is how many messages AWS IoT counts one as.
func iotUnits(messageBytes float64) float64 { return units(messageBytes+topicBytes, iotUnit) }

// itemBytes is the size of a reading as an item of DynamoDB, device and times included. Numbers and names take four
// fifths of their JSON at most; a test compares this with the sizes that DynamoDB documents.
func itemBytes(readingBytes float64) float64 { return 0.8*readingBytes + 150 }

// recentItemBytes is the same of a recent reading, which also names its message.
func recentItemBytes(readingBytes float64) float64 { return itemBytes(readingBytes) + 50 }

// indexEntryBytes is the size of an entry in an index that has the keys only, with the 100 bytes that DynamoDB adds.
const indexEntryBytes = 200

// rowBytes is the size of the rows that the archiver makes of a message, as JSON: the payload, with quotation marks
// escaped, and the measures once more.
func rowBytes(messageBytes float64) float64 { return 2.5*messageBytes + 350 }

// What an invocation costs in time and in log, as measured (guide "Functions", Performance) and tested in
// lambda/processor: milliseconds of a whole vCPU, and bytes.
const (
	startMillis   = 2.0   // per invocation
	requestMillis = 0.15  // per request to a store
	recordMillis  = 0.008 // per record
	storeMillis   = 10.0  // latency of a store, per round of concurrent requests

	invocationLogBytes = 1400 // Lambda's own lines and the line of metrics
	latencyLogBytes    = 6    // per record in the line of metrics, for at most latencies records
	latencies          = 100
)

// seconds is the billed duration of an invocation.
func seconds(records, requests, memoryMB float64) float64 {
	cpu := startMillis + requestMillis*requests + recordMillis*records
	return (cpu*max(1, fullCPU/memoryMB) + storeMillis*math.Ceil(requests/partialTransfer)) / 1000
}

// logBytes is what an invocation logs.
func logBytes(records float64) float64 {
	return invocationLogBytes + latencyLogBytes*min(latencies, records)
}
