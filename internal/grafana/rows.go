package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// row is a group of panels below a heading. Grafana asks nothing for a collapsed one until somebody opens it.
type row struct {
	title     string
	collapsed bool
	panels    []panel
}

// rows returns the rows of a dashboard in order.
func (s Setup) rows() []row {
	var all []row
	var metrics *cloudWatch
	if s.Datasources.CloudWatch != nil {
		metrics = &cloudWatch{reference("cloudwatch", *s.Datasources.CloudWatch), s.Pipeline}
		all = append(all, metrics.fleetRow())
	}
	for i, st := range s.stores() {
		all = append(all, trendRow(st, i > 0), deviceRow(st, i > 0, metrics))
	}
	if metrics != nil {
		all = append(all, metrics.rowsOfHealth()...)
	}
	return all
}

// fleetRow shows how many devices are in which state, and what they send.
func (c cloudWatch) fleetRow() row {
	r := row{title: "Fleet"}
	if c.has(watch) {
		for _, g := range []struct{ name, title, description, color string }{
			{"DevicesOnline", "Online", "Devices whose last message is recent.", "green"},
			{"DevicesSilent", "Silent", "Devices that were online and have not sent for longer than they may.", "red"},
			{"DevicesOffline", "Offline", "Devices that said so, or whose connection ended.", "orange"},
			{"DevicesNeverSeen", "Never seen", "Devices of the configuration that have sent nothing yet.", "blue"},
		} {
			r.panels = append(r.panels, count(c.ref, g.title, g.description, g.color, 6,
				c.queries(c.gauge(g.name, g.title))))
		}
		r.panels = append(r.panels, series(c.ref, "Devices by status", "", "short", 24, c.queries(
			c.gauge("DevicesOnline", "online"), c.gauge("DevicesSilent", "silent"),
			c.gauge("DevicesOffline", "offline"), c.gauge("DevicesNeverSeen", "never seen"))))
	}
	r.panels = append(r.panels,
		series(c.ref, "Messages", "What the processor received, what it stored, and what it returned to be repeated.",
			"short", 8, c.queries(c.own(processor, "Received", "received"), c.own(processor, "Stored", "stored"),
				c.own(processor, "Retried", "repeated"))),
		series(c.ref, "Dead letters", "Messages that could not be read or stored. Each is in the dead-letter queue "+
			"with its reason.", "short", 8, c.queries(c.own(processor, "Rejected", "rejected"),
			c.own(processor, "DeadLetters", "dead letters"), c.waiting())),
		series(c.ref, "Latency until stored", "From the arrival in AWS until every store has the reading.", "ms",
			8, c.queries(c.latency(processor, "p50", "half of them"), c.latency(processor, "p99", "99 of 100"))),
	)
	return r
}

// waiting is how many messages the dead-letter queue holds.
func (c cloudWatch) waiting() metric {
	return c.ofQueue("dead-letters", "ApproximateNumberOfMessagesVisible", "Maximum", "in the queue")
}

// ofQueue is a metric of one of the pipeline's queues.
func (c cloudWatch) ofQueue(queue, name, statistic, label string) metric {
	return metric{namespace: "AWS/SQS", name: name, statistic: statistic, label: label,
		dimensions: map[string]string{"QueueName": c.pipeline.Name + "-" + queue}}
}

// rowsOfHealth show the alerts, and how the pipeline itself does.
func (c cloudWatch) rowsOfHealth() []row {
	var all []row
	if c.has(alerts) {
		all = append(all, c.alertRow())
	}
	pipe := row{title: "Pipeline"}
	if c.pipeline.hasStream() {
		pipe.panels = append(pipe.panels, c.streamPanels()...)
	}
	if c.pipeline.hasQueue() {
		pipe.panels = append(pipe.panels, c.queuePanels()...)
	}
	pipe.panels = append(pipe.panels,
		series(c.ref, "Errors of the functions", "", "short", 8, c.queries(c.ofFunctions("Errors", "Sum")...)),
		series(c.ref, "Throttles of the functions", "", "short", 8, c.queries(c.ofFunctions("Throttles", "Sum")...)),
		series(c.ref, "Duration of the functions, 99 of 100", "", "ms", 8,
			c.queries(c.ofFunctions("Duration", "p99")...)))
	if c.has(archiver) {
		pipe.panels = append(pipe.panels, c.archivePanels()...)
	}
	return append(all, pipe)
}

// streamPanels show the stream and how far the processor is.
func (c cloudWatch) streamPanels() []panel {
	stream := func(name, label string) metric {
		return metric{namespace: "AWS/Kinesis", name: name, statistic: "Sum", label: label,
			dimensions: map[string]string{"StreamName": c.pipeline.Name}}
	}
	return []panel{
		series(c.ref, "Stream", "Records that arrived in the stream, and those that it refused.", "short", 12,
			c.queries(stream("IncomingRecords", "arrived"), stream("WriteProvisionedThroughputExceeded", "refused"))),
		series(c.ref, "Delay of the processor", "Age of the last record that it read. It grows when the processor "+
			"cannot keep up or a store is down.", "ms", 12,
			c.queries(c.ofFunction(processor, "IteratorAge", "Maximum", "oldest record"))),
	}
}

// queuePanels show the same of a queue.
func (c cloudWatch) queuePanels() []panel {
	queue := func(name, statistic, label string) metric { return c.ofQueue("messages", name, statistic, label) }
	return []panel{
		series(c.ref, "Queue", "Messages that arrived in the queue, those that are done, those that wait, and those "+
			"that the processor works on or that wait for their next try.", "short", 12,
			c.queries(queue("NumberOfMessagesSent", "Sum", "arrived"), queue("NumberOfMessagesDeleted", "Sum", "done"),
				queue("ApproximateNumberOfMessagesVisible", "Maximum", "waiting"),
				queue("ApproximateNumberOfMessagesNotVisible", "Maximum", "in work"))),
		series(c.ref, "Oldest message in the queue", "Its age. It grows when the processor cannot keep up or a store "+
			"is down.", "s", 12, c.queries(queue("ApproximateAgeOfOldestMessage", "Maximum", "oldest message"))),
	}
}

// archivePanels show the batched archive. The rules of a pipeline with a queue put to a Firehose stream of their own.
func (c cloudWatch) archivePanels() []panel {
	var ages []metric
	age := func(delivery, label string) {
		ages = append(ages, metric{namespace: "AWS/Firehose", name: "DeliveryToS3.DataFreshness", statistic: "Maximum",
			label: label, dimensions: map[string]string{"DeliveryStreamName": c.pipeline.Name + delivery}})
	}
	if c.pipeline.hasStream() {
		age("-archive", "oldest message")
	}
	if c.pipeline.hasQueue() {
		age("-archive-direct", "oldest message past the queue")
	}
	return []panel{
		series(c.ref, "Archive", "Messages that went into the archive, and those that could not.", "short", 12,
			c.queries(c.own(archiver, "Archived", "archived"),
				c.own(archiver, "ProcessingFailed", "kept below the error prefix"))),
		series(c.ref, "Age of the archive", "How old the oldest message is that is not in the archive.", "s", 12,
			c.queries(ages...)),
	}
}

// alertRow shows what people were told.
func (c cloudWatch) alertRow() row {
	told := []metric{c.own(alerts, "Resolved", "resolved"), c.own(alerts, "Suppressed", "suppressed by the cooldown")}
	if c.has(watch) {
		told = append(told, c.own(watch, "Silent", "fell silent"), c.own(watch, "Returned", "returned"))
	}
	return row{title: "Alerts", panels: []panel{
		bars(c.ref, "Alerts by severity", "", 8, c.queries(c.because(alerts, "Alerts", "critical"),
			c.because(alerts, "Alerts", "warning"), c.because(alerts, "Alerts", "info"))),
		bars(c.ref, "Other notices", "Alerts that are over, and those that the cooldown suppressed; devices that fell "+
			"silent and those that returned.", 8, c.queries(told...)),
		series(c.ref, "Latency until told", "From the broker until the notice was accepted.", "ms", 8, c.queries(
			c.latency(alerts, "p50", "half of them"), c.latency(alerts, "p99", "99 of 100"))),
		rowsOf(c.ref, "History", "From the logs of the functions; empty with functions.log_level above INFO.", 24,
			c.announced("")),
	}}
}

// trendRow shows each measure of all devices.
func trendRow(st store, collapsed bool) row {
	p := series(st.source(), "$"+measureVariable, "Average, minimum and maximum of all devices.", "short", 24,
		st.fleet())
	return row{title: "Telemetry (" + st.title() + ")", collapsed: collapsed, panels: []panel{repeated(p)}}
}

// deviceRow shows one device.
func deviceRow(st store, collapsed bool, metrics *cloudWatch) row {
	r := row{title: "Device $" + deviceVariable + " (" + st.title() + ")", collapsed: collapsed}
	r.panels = append(r.panels, repeated(
		series(st.source(), "$"+measureVariable+" of $"+deviceVariable, "", "short", 24, st.device())))
	tables := st.tables()
	told := metrics != nil && metrics.has(alerts)
	number := uint32(len(tables))
	if told {
		number++
	}
	for _, t := range tables {
		r.panels = append(r.panels, rowsOf(st.source(), t.title, t.description, 24/number, t.target))
	}
	if told {
		r.panels = append(r.panels, rowsOf(metrics.ref, "Alerts of $"+deviceVariable, "From the logs of the functions.",
			24/number, metrics.announced("| filter thing = "+fluxDevice+"\n")))
	}
	return r
}

// repeated makes one panel for each measure.
func repeated(p panel) panel {
	variable, perRow := measureVariable, 2.0
	direction := dashboard.PanelRepeatDirectionH
	p.Repeat, p.RepeatDirection, p.MaxPerRow = &variable, &direction, &perRow
	return p
}
