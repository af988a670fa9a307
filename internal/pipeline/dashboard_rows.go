package pipeline

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// dashboardRow is a group of graphs below a heading.
type dashboardRow struct {
	title  string
	graphs []graph
}

// dashboardRows is what the dashboard shows, from the devices to what the costs follow from.
func (b *builder) dashboardRows() []dashboardRow {
	rows := []dashboardRow{
		{"Fleet", b.fleetGraphs()},
		{"Messages", b.messageGraphs()},
	}
	if b.hasAlertsFunction() {
		rows = append(rows, dashboardRow{"Alerts", b.alertGraphs()})
	}
	rows = append(rows,
		dashboardRow{"Functions", b.functionGraphs()},
		dashboardRow{b.sourceTitle() + " and tables", b.streamGraphs()})
	if b.batched() {
		rows = append(rows, dashboardRow{"Archive", b.archiveGraphs()})
	}
	return append(rows, dashboardRow{"What the costs follow from", b.costGraphs()})
}

// curve makes an entry of a metric under a name in the legend.
func curve(label string, q spec.MetricQuery) graphEntry {
	q.ID, q.Label = "", label
	return graphEntry{MetricQuery: q}
}

func (b *builder) fleetGraphs() []graph {
	gauges := func() []graphEntry {
		var list []graphEntry
		for _, g := range []struct{ label, metric string }{
			{"online", contract.DevicesOnlineMetric}, {"silent", contract.DevicesSilentMetric},
			{"offline", contract.DevicesOfflineMetric}, {"never seen", contract.DevicesNeverSeenMetric},
		} {
			q := b.ownMetric("watch", g.metric)
			q.Statistic = "Maximum"
			list = append(list, curve(g.label, q))
		}
		return list
	}
	return []graph{
		{title: "Devices", view: "singleValue", metrics: gauges()},
		{title: "Devices by status", unit: "devices", metrics: gauges()},
	}
}

func (b *builder) messageGraphs() []graph {
	return []graph{
		{title: "Messages", unit: "messages", metrics: []graphEntry{
			curve("received", b.ownMetric("processor", contract.ReceivedMetric)),
			curve("stored", b.ownMetric("processor", contract.StoredMetric)),
			curve("repeated", b.ownMetric("processor", contract.RetriedMetric))}},
		{title: "Dead letters", unit: "messages", metrics: []graphEntry{
			curve("rejected", b.ownMetric("processor", contract.RejectedMetric)),
			curve("sent to the queue", b.ownMetric("processor", contract.DeadLettersMetric)),
			curve("in the queue", queueMetric(b.names.deadLetters(),
				"ApproximateNumberOfMessagesVisible", "Maximum"))}},
		{title: "Latency from arrival to stored", metrics: b.latencies("processor")},
	}
}

// latencies are those of half and of nearly all of what a function handles.
func (b *builder) latencies(function string) []graphEntry {
	var list []graphEntry
	for _, percentile := range []string{"p50", "p99"} {
		q := b.ownMetric(function, contract.LatencyMetric)
		q.Statistic = percentile
		list = append(list, curve(percentile, q))
	}
	return list
}

func (b *builder) alertGraphs() []graph {
	var severities []graphEntry
	for _, severity := range AlertSeverities.Values {
		q := b.ownMetric("alerts", contract.AlertsMetric)
		q.Dimensions[contract.ReasonDimension] = severity
		severities = append(severities, curve(severity, q))
	}
	return []graph{
		{title: "Alerts by severity", unit: "alerts", stacked: true, metrics: severities},
		{title: "Other notices", unit: "notices", metrics: []graphEntry{
			curve("resolved", b.ownMetric("alerts", contract.ResolvedMetric)),
			curve("suppressed by the cooldown", b.ownMetric("alerts", contract.SuppressedMetric)),
			curve("fell silent", b.ownMetric("watch", contract.SilentMetric)),
			curve("returned", b.ownMetric("watch", contract.ReturnedMetric))}},
		{title: "Latency until people are told", metrics: b.latencies("alerts")},
	}
}

func (b *builder) functionGraphs() []graph {
	each := func(metric, statistic string) []graphEntry {
		var list []graphEntry
		for _, f := range b.functions() {
			list = append(list, curve(f.name, b.functionMetric(f.name, metric, statistic)))
		}
		return list
	}
	return []graph{
		{title: "Invocations", unit: "invocations", metrics: each("Invocations", "Sum")},
		{title: "Errors", unit: "invocations", metrics: each("Errors", "Sum")},
		{title: "Throttles", unit: "invocations", metrics: each("Throttles", "Sum")},
		{title: "Duration, 99 of 100", metrics: each("Duration", "p99")},
	}
}

// sourceTitle begins a heading.
func (b *builder) sourceTitle() string {
	if b.queued() {
		return "Queue"
	}
	return "Stream"
}

func (b *builder) streamGraphs() []graph {
	if b.queued() {
		queue := func(name, statistic string) spec.MetricQuery { return queueMetric(b.names.queue(), name, statistic) }
		return []graph{
			{title: "Age of the oldest message", metrics: []graphEntry{
				curve("processor", queue("ApproximateAgeOfOldestMessage", "Maximum"))}},
			{title: "Messages", unit: "messages", metrics: []graphEntry{
				curve("arrived", queue("NumberOfMessagesSent", "Sum")),
				curve("waiting", queue("ApproximateNumberOfMessagesVisible", "Maximum")),
				curve("in work", queue("ApproximateNumberOfMessagesNotVisible", "Maximum"))}},
			{title: "Refused requests", unit: "requests", metrics: b.tableThrottles()},
		}
	}
	age := []graphEntry{curve("processor", b.functionMetric("processor", "IteratorAge", "Maximum"))}
	if b.hasMetrics() {
		age = append(age, curve("metrics", b.functionMetric("metrics", "IteratorAge", "Maximum")))
	}
	throttles := append([]graphEntry{
		curve("stream, writes", b.streamMetric("WriteProvisionedThroughputExceeded")),
		curve("stream, reads", b.streamMetric("ReadProvisionedThroughputExceeded"))}, b.tableThrottles()...)
	return []graph{
		{title: "Age of the oldest record", metrics: age},
		{title: "Records that arrived", unit: "records", metrics: []graphEntry{
			curve("stream", b.streamMetric("IncomingRecords"))}},
		{title: "Refused requests", unit: "requests", metrics: throttles},
	}
}

func (b *builder) tableThrottles() []graphEntry {
	var throttles []graphEntry
	for _, table := range b.tables() {
		throttles = append(throttles,
			curve(table+", reads", tableMetric(table, "ReadThrottleEvents")),
			curve(table+", writes", tableMetric(table, "WriteThrottleEvents")))
	}
	return throttles
}

// tables are the tables that grow with the messages.
func (b *builder) tables() []string {
	list := []string{b.names.pipeline}
	if b.config.Recent != nil {
		list = append(list, b.names.readings())
	}
	if b.hasMetrics() {
		list = append(list, b.names.metrics())
	}
	return list
}

func (b *builder) archiveGraphs() []graph {
	graphs := []graph{
		{title: "Messages in the archive", unit: "messages", metrics: []graphEntry{
			curve("archived", b.ownMetric("archiver", contract.ArchivedMetric)),
			curve("kept below the error prefix", b.ownMetric("archiver", contract.ProcessingFailedMetric))}},
		{title: "Age of the oldest message outside", metrics: []graphEntry{
			curve("Firehose", b.deliveryMetric("DeliveryToS3.DataFreshness", "Maximum"))}},
	}
	if b.archivesParquet() {
		graphs = append(graphs, graph{title: "Records without Parquet", unit: "records", metrics: []graphEntry{
			curve("failed", b.deliveryMetric("FailedConversion.Records", "Sum"))}})
	}
	return graphs
}

// costGraphs show what AWS charges for, in its units. The guide "Costs" has the prices.
func (b *builder) costGraphs() []graph {
	var matches, units, compute, logs []graphEntry
	for _, rule := range b.ruleKeys() {
		matches = append(matches, curve(rule, b.ruleMetric(rule, "TopicMatch")))
	}
	for _, table := range b.tables() {
		units = append(units,
			curve(table+", writes", tableMetric(table, "ConsumedWriteCapacityUnits")),
			curve(table+", reads", tableMetric(table, "ConsumedReadCapacityUnits")))
	}
	for i, f := range b.functions() {
		q := b.functionMetric(f.name, "Duration", "Sum")
		q.ID = fmt.Sprintf("m%d", i)
		compute = append(compute, graphEntry{MetricQuery: q, hidden: true}, graphEntry{MetricQuery: spec.MetricQuery{
			ID: fmt.Sprintf("e%d", i), Label: f.name,
			Expression: fmt.Sprintf("%s * %d / 1024000", q.ID, f.configure(b).MemoryMB)}})
		logs = append(logs, curve(f.name, measured("AWS/Logs", "IncomingBytes", "Sum",
			map[string]string{"LogGroupName": b.names.logGroup(f.name)})))
	}
	return []graph{
		{title: "Rules", unit: "rules triggered", stacked: true, metrics: matches},
		{title: b.sourceTitle() + " and archive", metrics: b.dataGraph()},
		{title: "Request units of DynamoDB", unit: "units", stacked: true, metrics: units},
		{title: "Compute of the functions", unit: "GB-seconds", stacked: true, metrics: compute},
		{title: "Logs of the functions", stacked: true, metrics: logs},
		{title: "Notifications", unit: "messages", metrics: []graphEntry{curve("SNS",
			measured("AWS/SNS", "NumberOfMessagesPublished", "Sum",
				map[string]string{"TopicName": b.names.alertTopic()}))}},
	}
}

// dataGraph shows bytes: what went through, and what the bucket holds, which S3 counts once a day.
func (b *builder) dataGraph() []graphEntry {
	list, read := []graphEntry{curve("stream, in", b.streamMetric("IncomingBytes")),
		curve("stream, out", b.streamMetric("GetRecords.Bytes"))}, "DataReadFromKinesisStream.Bytes"
	if b.queued() {
		// SQS has no metric of bytes: messages times their mean size.
		const queued = "IncomingBytes"
		sent := queueMetric(b.names.queue(), "NumberOfMessagesSent", "Sum")
		size := queueMetric(b.names.queue(), "SentMessageSize", "Average")
		sent.ID, size.ID = "sent", "size"
		list, read = []graphEntry{{MetricQuery: sent, hidden: true}, {MetricQuery: size, hidden: true},
			{MetricQuery: spec.MetricQuery{ID: "queue", Label: "queue, in", Expression: "sent * size"}}}, queued
	}
	if b.batched() {
		list = append(list, curve("Firehose, archive", b.deliveryMetric(read, "Sum")))
	}
	if b.exportsMetrics() {
		list = append(list, curve("Firehose, metrics", measured("AWS/Firehose", "IncomingBytes", "Sum",
			map[string]string{"DeliveryStreamName": b.names.metrics()})))
	}
	held := measured("AWS/S3", "BucketSizeBytes", "Average",
		map[string]string{"BucketName": b.names.bucket(), "StorageType": "StandardStorage"})
	held.PeriodSeconds = day
	return append(list, curve("bucket, held", held))
}

// tableMetric is the sum of a metric of a table.
func tableMetric(table, name string) spec.MetricQuery {
	return measured("AWS/DynamoDB", name, "Sum", map[string]string{"TableName": table})
}
