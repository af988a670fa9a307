package pipeline

var streamMistakes = []mistake{
	{
		"no such mode",
		func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("on-demand")} },
		"stream.mode",
		[]string{`Did you mean "on_demand"?`},
	},
	{
		"shards on demand",
		func(s *Spec) { s.Stream = &StreamSpec{Shards: ptr(int64(2))} },
		"stream.shards",
		[]string{"on-demand stream"},
	},
	{
		"too short a retention",
		func(s *Spec) { s.Stream = &StreamSpec{RetentionHours: ptr(int64(1))} },
		"stream.retention_hours",
		[]string{"1 is not between 24 and 8760", "Kinesis"},
	},
	{
		"shards of a queue",
		func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("queue"), Shards: ptr(int64(2))} },
		"stream.shards",
		[]string{"no meaning with a queue", "no shards"},
	},
	{
		"retention of a queue",
		func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("queue"), RetentionHours: ptr(int64(48))} },
		"stream.retention_hours",
		[]string{"4 days", "14"},
	},
	{
		"lanes of a queue",
		queueWith(ProcessorSpec{ParallelizationFactor: ptr(int64(2))}),
		"processor.parallelization_factor",
		[]string{"max_concurrency"},
	},
	{
		"age of a message",
		queueWith(ProcessorSpec{MaxRecordAgeSeconds: ptr(int64(600))}),
		"processor.max_record_age_seconds",
		[]string{"max_retries"},
	},
	{
		"a queue that never gives up",
		queueWith(ProcessorSpec{MaxRetries: ptr(int64(-1))}),
		"processor.max_retries",
		[]string{"between 0 and 999"},
	},
	{
		"large batches without a window",
		queueWith(ProcessorSpec{BatchWindowSeconds: ptr(int64(0))}),
		"processor.batch_window_seconds",
		[]string{"more than 10", "batch_size"},
	},
	{
		"too few at a time",
		queueWith(ProcessorSpec{MaxConcurrency: ptr(int64(1))}),
		"processor.max_concurrency",
		[]string{"1 is not between 2 and 1000"},
	},
	{
		"concurrency of a stream",
		func(s *Spec) { s.Processor = &ProcessorSpec{MaxConcurrency: ptr(int64(5))} },
		"processor.max_concurrency",
		[]string{"parallelization_factor"},
	},
	{
		"metrics of a queue",
		func(s *Spec) { s.Stream, s.Metrics = &StreamSpec{Mode: ptr("queue")}, &MetricsSpec{} },
		"metrics",
		[]string{"windows of time only from a stream", "Athena"},
	},
	{
		"a selection to a queue",
		func(s *Spec) {
			s.Stream, s.Telemetry = &StreamSpec{Mode: ptr("queue")}, &TelemetrySpec{Select: ptr("temperature")}
		},
		"telemetry.select",
		[]string{"device's name", "data_path"},
	},
}

func queueWith(p ProcessorSpec) func(*Spec) {
	return func(s *Spec) { s.Stream, s.Processor = &StreamSpec{Mode: ptr("queue")}, &p }
}
