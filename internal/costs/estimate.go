package costs

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// Estimate is what a setup costs per month.
type Estimate struct {
	Items    []Item
	Messages float64 // per month
}

// Item is one line of an estimate.
type Item struct {
	Name     string
	Quantity float64 // per month, in units
	Unit     string
	Price    float64 // list price of a unit; of the first, if the price falls with the quantity
	Cost     float64
	Fixed    bool // does not grow with the number of messages
}

// Total is what everything costs.
func (e Estimate) Total() float64 { return e.sum(func(Item) bool { return true }) }

// Fixed is what does not grow with the number of messages.
func (e Estimate) Fixed() float64 { return e.sum(func(i Item) bool { return i.Fixed }) }

// PerMillion is what a million messages cost without the fixed items; 0 if there are no messages.
func (e Estimate) PerMillion() float64 {
	if e.Messages == 0 {
		return 0
	}
	return (e.Total() - e.Fixed()) / (e.Messages / 1e6)
}

func (e Estimate) sum(wanted func(Item) bool) float64 {
	total := 0.0
	for _, i := range e.Items {
		if wanted(i) {
			total += i.Cost
		}
	}
	return total
}

// capabilities adds the items of each part of a pipeline. A new capability is one line here and one function.
var capabilities = []func(b *bill){
	(*bill).ingest,
	(*bill).stream,
	(*bill).processor,
	(*bill).deviceState,
	(*bill).archive,
	(*bill).recent,
	(*bill).windows,
	(*bill).timestream,
	(*bill).influxdb,
	(*bill).alerts,
	(*bill).monitoring,
	(*bill).api,
	(*bill).gateways,
	(*bill).credentials,
	(*bill).queries,
}

// Of computes what a setup costs. The error is an *argument.Error.
func Of(s Setup) (Estimate, error) {
	if err := s.Check(); err != nil {
		return Estimate{}, err
	}
	b := &bill{setup: s, traffic: s.traffic()}
	for _, add := range capabilities {
		add(b)
	}
	return Estimate{Items: b.items, Messages: b.traffic.messages}, nil
}

// bill collects items.
type bill struct {
	setup   Setup
	traffic traffic
	items   []Item
}

// perMessage adds an item that grows with the messages; fixed adds one that does not. A quantity of a price "per
// million" is in millions.
func (b *bill) perMessage(key, name string, quantity float64) { b.add(key, name, quantity, false) }
func (b *bill) fixed(key, name string, quantity float64)      { b.add(key, name, quantity, true) }

func (b *bill) add(key, name string, quantity float64, fixed bool) {
	if quantity == 0 {
		return
	}
	p := priceOf(key)
	if usd, ok := b.setup.Prices[key]; ok {
		p.USD, p.Tiers = usd, nil
	}
	b.items = append(b.items, Item{
		Name: name, Quantity: quantity, Unit: p.Unit, Price: p.USD, Cost: p.cost(quantity), Fixed: fixed,
	})
}

// function adds what a Lambda function costs that is invoked with records and sends requests, each time.
func (b *bill) function(name string, invocations, records, requests, memoryMB float64) {
	const mega = 1e6
	b.perMessage("lambda_request", name+": invocations", invocations/mega)
	b.perMessage("lambda_gb_second", name+": compute",
		invocations*seconds(records, requests, memoryMB)*memoryMB/1024/mega)
	b.perMessage("log_in", name+": log", invocations*logBytes(records)/gib)
}

// metrics adds the custom metrics that a function counts. CloudWatch charges for a metric only in hours in which it
// gets a value.
func (b *bill) metrics(name string, count float64) {
	b.fixed("custom_metric", name+": metrics", count*min(1, b.traffic.messages/hoursPerMonth))
}

// ingest is AWS IoT Core up to the stream.
func (b *bill) ingest() {
	s, millions := b.setup, b.traffic.messages/1e6
	metered := millions * iotUnits(s.MessageBytes)
	if s.Connected {
		b.fixed("iot_connection", "AWS IoT: connections", s.connections()*minutesPerMonth/1e6)
	}
	if !s.BasicIngest {
		b.perMessage("iot_message", "AWS IoT: messages", metered)
	}
	b.perMessage("iot_rule", "AWS IoT: rule telemetry", metered)
	b.perMessage("iot_action", "AWS IoT: action of telemetry", metered)
}

// queue is the SQS queue in place of the stream, and the second action of the rule with a batched archive. Lambda
// receives and removes ten messages at a time at most, and polls a quiet queue as well.
func (b *bill) queue() {
	s, t := b.setup, b.traffic
	envelope := envelopeBytes(s.MessageBytes)
	b.fixed("sqs_request", "SQS: polls of a quiet queue", queuePollers*secondsPerMonth/queuePollSeconds/1e6)
	b.perMessage("sqs_request", "SQS: sent", t.messages/1e6*units(envelope, sqsUnit))
	receives := max(1, t.batch/sqsBatch, t.batch*envelope/sqsUnit)
	b.perMessage("sqs_request", "SQS: received and removed", t.invocations/1e6*(receives+max(1, t.batch/sqsBatch)))
	if b.batchedArchive() {
		b.perMessage("iot_action", "AWS IoT: action of archive", t.messages/1e6*iotUnits(s.MessageBytes))
	}
}

// stream is the Kinesis stream with its readers: the processor, Firehose with a batched archive, and the function
// metrics.
func (b *bill) stream() {
	s, t := b.setup, b.traffic
	if s.queued() {
		b.queue()
		return
	}
	if s.Stream.Mode != onDemand {
		b.fixed("kinesis_shard_hour", "Kinesis: shards", s.Stream.Shards*hoursPerMonth)
		b.perMessage("kinesis_put", "Kinesis: put units", t.messages/1e6*units(s.MessageBytes, kinesisPutUnit))
		return
	}
	readers := 1.0
	if b.batchedArchive() {
		readers++
	}
	if s.Metrics != nil {
		readers++
	}
	rounded := t.messages * units(s.MessageBytes, kinesisRecordUnit) * kinesisRecordUnit / gib
	b.fixed("kinesis_stream_hour", "Kinesis: stream", hoursPerMonth)
	b.perMessage("kinesis_in", "Kinesis: data in", rounded)
	b.perMessage("kinesis_out", "Kinesis: data out", rounded*readers)
}

// processorMetrics are Received, Accepted, SkippedValues, Stored, Retried and Latency. Others are counted only when
// something goes wrong.
const processorMetrics = 6

// processor is the function that reads the stream; what its stores cost is theirs.
func (b *bill) processor() {
	t := b.traffic
	b.function("processor", t.invocations, t.batch, b.storeRequests(), b.setup.Processor.MemoryMB)
	b.metrics("processor", processorMetrics)
}

// storeRequests is how many requests the processor sends per invocation.
func (b *bill) storeRequests() float64 {
	s, t := b.setup, b.traffic
	readings := t.batch * s.ReadingsPerMessage
	n := t.updates
	if s.Timestream != nil {
		n += units(readings*b.timestreamRecords(), timestreamBatch)
	}
	if s.Recent != nil {
		n += units(readings, dynamoBatch)
	}
	if s.InfluxDB != nil {
		n += units(readings, influxBatch)
	}
	if a := s.Alerts; a != nil && a.Evaluate == inStream {
		n += t.batch * a.Share
	}
	return n
}

// deviceState is the table with the latest state of each device. The device's entry in the index by status moves when
// the time in it does, which is rounded down to a slot: the old entry is deleted and the new one written [DynamoDB:
// Global secondary indexes, write capacity]. It has the keys only.
func (b *bill) deviceState() {
	const moved = 2
	t, item := b.traffic, itemBytes(b.traffic.readingBytes)
	writes := t.invocations * t.updates
	if writes > 0 {
		between := b.setup.Devices * secondsPerMonth / writes // two writes of a device, in seconds
		moves := min(1, between/contract.MaxSlot.Seconds())
		b.perMessage("dynamodb_write", "DynamoDB: device state",
			writes/1e6*(units(item, dynamoWriteUnit)+moved*moves))
	}
	b.fixed("dynamodb_storage", "DynamoDB: device state, storage", b.setup.Devices*(item+indexEntryBytes)/gib)
	b.fixed("dynamodb_recovery", "DynamoDB: device state, recovery", b.setup.Devices*item/gib)
}

func (b *bill) batchedArchive() bool {
	return b.setup.Archive.Enabled && b.setup.Archive.Delivery == batched
}

// archiverMetrics are the metrics that the archiver writes.
const archiverMetrics = 4

// archiverInvocations is how often Firehose calls the archiver.
func archiverInvocations(messages, bytes float64) float64 {
	b := pipeline.ArchiveFunctionBuffer
	return flushes(messages, bytes, float64(b.Seconds), b.MB*megabyte)
}

// Bytes in S3 per byte of payload. Measured with 20,000 messages of 1000 devices whose measures are random walks:
// Parquet with Snappy, and the same rows as lines of JSON with gzip.
const (
	parquetStored  = 0.52
	parquetQueried = 0.21 // in the columns thing, time and measures
	jsonStored     = 0.40
)

// archive is the archive in S3: a Firehose stream with the function archiver, or a rule that writes each message.
func (b *bill) archive() {
	s, t := b.setup, b.traffic
	if !s.Archive.Enabled {
		return
	}
	if !b.batchedArchive() {
		metered := t.messages / 1e6 * iotUnits(s.MessageBytes)
		b.perMessage("iot_rule", "AWS IoT: rule archive", metered)
		b.perMessage("iot_action", "AWS IoT: action of archive", metered)
		b.perMessage("s3_put", "S3: one object per message", t.messages/1e6)
		b.perMessage("s3_storage", "S3: archive of one month", t.messages*s.MessageBytes/gib)
		return
	}
	delivered := s.MessageBytes
	if s.queued() {
		delivered = envelopeBytes(delivered)
	}
	rounded := t.messages * units(delivered, firehoseUnit) * firehoseUnit / gib
	b.perMessage("firehose_in", "Firehose: data in", rounded)
	if s.Archive.Format == parquet {
		b.perMessage("firehose_conversion", "Firehose: conversion to Parquet", rounded)
	}
	bytes := t.messages * s.MessageBytes
	if invocations := archiverInvocations(t.messages, t.messages*delivered); invocations > 0 {
		b.function("archiver", invocations, t.messages/invocations, 0, pipeline.ArchiverMemoryMB)
		b.metrics("archiver", archiverMetrics)
	}
	b.perMessage("s3_put", "S3: objects",
		flushes(t.messages, t.messages*rowBytes(s.MessageBytes), max(1, s.Archive.BufferSeconds),
			s.Archive.BufferMB*megabyte)/1e6)
	b.perMessage("s3_storage", "S3: archive of one month", bytes*b.stored()/gib)
}

func (b *bill) stored() float64 {
	switch {
	case !b.batchedArchive():
		return 1
	case b.setup.Archive.Format == parquet:
		return parquetStored
	}
	return jsonStored
}

// flushes is how often a month's data leaves a buffer that is emptied after a time or when it is full, whichever comes
// first; and not more often than messages come.
func flushes(messages, bytes, seconds, size float64) float64 {
	return min(messages, max(secondsPerMonth/seconds, bytes/size))
}

// recent is the table of recent readings: one item per reading. What expires is deleted without charge.
func (b *bill) recent() {
	r := b.setup.Recent
	if r == nil {
		return
	}
	readings, item := b.traffic.messages*b.setup.ReadingsPerMessage, recentItemBytes(b.traffic.readingBytes)
	b.perMessage("dynamodb_write", "DynamoDB: recent readings", readings/1e6*units(item, dynamoWriteUnit))
	b.perMessage("dynamodb_storage", "DynamoDB: recent readings, storage", readings*r.Hours/hoursPerMonth*item/gib)
}

// timestreamRecords is how many records of Timestream a reading becomes.
func (b *bill) timestreamRecords() float64 {
	if b.setup.Timestream.Layout == multi {
		return 1
	}
	return b.setup.MeasuresPerReading
}

// timestream is the table of Timestream for LiveAnalytics.
func (b *bill) timestream() {
	if b.setup.Timestream == nil {
		return
	}
	records := b.traffic.messages * b.setup.ReadingsPerMessage * b.timestreamRecords()
	record := itemBytes(b.traffic.readingBytes) / b.timestreamRecords()
	b.perMessage("timestream_write", "Timestream: writes", records/1e6*units(record, timestreamUnit))
	b.perMessage("timestream_memory", "Timestream: memory", records*record/gib*b.setup.Timestream.MemoryRetentionHours)
	b.perMessage("timestream_magnetic", "Timestream: magnetic, of one month", records*record/gib)
}

// influxdb is the instance, if the pipeline has its own. Requests to it cost nothing but the processor's time.
func (b *bill) influxdb() {
	if i := b.setup.InfluxDB; i != nil && i.Instance != nil {
		b.fixed("influxdb_medium_hour", "Timestream for InfluxDB: "+i.Instance.Type,
			hoursPerMonth*instanceTypes[i.Instance.Type])
	}
}

// The function alerts.
const (
	alertsMemoryMB = 128
	alertsMetrics  = 5 // Received, Accepted, Alerts (in total and by severity), Latency
	alertsWrites   = 2 // of the cooldown: claimed, announced
	alertsIndexed  = 2 // entries of the index by status that these write: the old one goes, the new one comes
	alertsReads    = 3 // of rules and thresholds; fewer when it read them within the last minute
	alertsRequests = alertsWrites + alertsReads + 1
)

// alerts is the rule that looks at each message, unless the processor does, and what follows from those that raise an
// alert: one invocation and one notification each.
func (b *bill) alerts() {
	a := b.setup.Alerts
	if a == nil {
		return
	}
	metered := b.traffic.messages / 1e6 * iotUnits(b.setup.MessageBytes)
	raised := b.traffic.messages * a.Share
	if a.Evaluate != inStream {
		b.perMessage("iot_rule", "AWS IoT: rule alerts", metered)
		b.perMessage("iot_action", "AWS IoT: action of alerts", metered*a.Share)
	}
	b.function("alerts", raised, 1, alertsRequests, alertsMemoryMB)
	if raised > 0 {
		b.metrics("alerts", alertsMetrics)
	}
	b.perMessage("dynamodb_write", "DynamoDB: cooldowns", (alertsWrites+alertsIndexed)*raised/1e6)
	b.perMessage("dynamodb_read", "DynamoDB: rules and thresholds", alertsReads*raised/1e6)
	b.perMessage("sns_publish", "SNS: notifications", raised/1e6)
	b.perMessage("sns_email", "SNS: e-mails", raised*a.EmailSubscribers/1e6)
}

// monitoring is charged by the metrics that alarms look at, and by the dashboard. What the watch function and its
// schedule cost depends on how many devices fall silent, and is not in the estimate.
func (b *bill) monitoring() {
	m := b.setup.Monitoring
	if m == nil {
		return
	}
	b.fixed("alarm_metric", "CloudWatch: alarms", m.Alarms)
	if m.Dashboard {
		b.fixed("dashboard", "CloudWatch: dashboard", 1)
	}
}

// What a request to the device management API takes on average: most read some items, few send a command, which writes
// two and publishes.
const (
	apiRequests   = 2   // to DynamoDB and AWS IoT
	apiReads      = 2   // units of DynamoDB
	accessLogLine = 600 // bytes, with names as long as usual
)

// api is the device management API. Its requests do not follow from the messages.
func (b *bill) api() {
	const mega = 1e6
	a := b.setup.API
	if a == nil {
		return
	}
	n := a.RequestsPerDay * daysPerMonth
	b.fixed("http_api_request", "API Gateway: requests", n/mega)
	b.fixed("lambda_request", "api: invocations", n/mega)
	b.fixed("lambda_gb_second", "api: compute", n*seconds(1, apiRequests, a.MemoryMB)*a.MemoryMB/1024/mega)
	b.fixed("log_in", "api: access log and log", n*(accessLogLine+logBytes(1))/gib)
	b.fixed("dynamodb_read", "DynamoDB: reads of the API", apiReads*n/mega)
}

// credentials are the devices' bundles: parameters are free, secrets are not.
func (b *bill) credentials() {
	if b.setup.Credentials.Store == "secretsmanager" {
		b.fixed("secret", "Secrets Manager: credentials", b.setup.Devices)
	}
}

// queries are those over a batched archive. Objects of single messages are no table.
func (b *bill) queries() {
	if q := b.setup.Queries; q != nil && b.batchedArchive() {
		b.perMessage("athena_scan", "Athena: data scanned", q.PerDay*daysPerMonth*b.scanned(q.Days)/tib)
	}
}

// scanned is how many bytes a query over the measures of some days of the archive reads.
func (b *bill) scanned(days float64) float64 {
	share := jsonStored // lines are read in full
	if b.setup.Archive.Format == parquet {
		share = parquetQueried
	}
	return max(athenaLeast, b.traffic.messages*b.setup.MessageBytes*share/daysPerMonth*days)
}
