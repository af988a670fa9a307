package costs

// Invocation is what the estimate assumes of one invocation of a function. The functions' tests compare it with what
// they do.
type Invocation struct {
	Messages  float64
	Updates   float64 // of device state (processor), of cooldowns (alerts); items (metrics)
	Reads     float64 // of items (alerts)
	Requests  float64 // to all stores
	ItemBytes float64 // of one item in DynamoDB, at most (processor, metrics)
	// RecentItemBytes is of one item of recent readings, at most (processor).
	RecentItemBytes float64
	RowBytes        float64 // of the rows of one message (archiver), of a row (metrics), at most
	LogBytes        float64 // at most
	Metrics         float64 // that are counted each time
}

// Processing returns the mean invocation of the processor.
func (s Setup) Processing() Invocation {
	b := bill{setup: s, traffic: s.traffic()}
	return Invocation{Messages: b.traffic.batch, Updates: b.traffic.updates, Requests: b.storeRequests(),
		ItemBytes: itemBytes(b.traffic.readingBytes), RecentItemBytes: recentItemBytes(b.traffic.readingBytes),
		LogBytes: logBytes(b.traffic.batch), Metrics: processorMetrics}
}

// Archiving returns the mean invocation of the archiver.
func (s Setup) Archiving() Invocation {
	messages, delivered := s.traffic().messages, s.MessageBytes
	if s.queued() {
		delivered = envelopeBytes(delivered)
	}
	n := messages / archiverInvocations(messages, messages*delivered)
	return Invocation{Messages: n, RowBytes: rowBytes(s.MessageBytes), LogBytes: logBytes(n), Metrics: archiverMetrics}
}

// Windowing returns the mean invocation of the function metrics that ends a window on a shard.
func (s Setup) Windowing() Invocation {
	w := s.windows()
	n := Invocation{Updates: w.items, Requests: w.requests, ItemBytes: metricsItemBytes(s.MeasuresPerReading),
		RowBytes: metricsRowBytes, LogBytes: logBytes(0), Metrics: metricsMetrics}
	if s.Metrics.Export {
		n.Metrics += exportMetrics
	}
	return n
}

// Alerting returns an invocation of the function alerts that announces an alert.
func (s Setup) Alerting() Invocation {
	return Invocation{Messages: 1, Updates: alertsWrites, Reads: alertsReads, Requests: alertsRequests,
		LogBytes: logBytes(1), Metrics: alertsMetrics}
}
