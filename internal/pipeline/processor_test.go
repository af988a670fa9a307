package pipeline

var processorMistakes = []mistake{
	{
		"too large a batch",
		func(s *Spec) { s.Processor = &ProcessorSpec{BatchSize: ptr(int64(10001))} },
		"processor.batch_size",
		[]string{"between 1 and 10000"},
	},
	{
		"too old",
		func(s *Spec) { s.Processor = &ProcessorSpec{MaxRecordAgeSeconds: ptr(int64(59))} },
		"processor.max_record_age_seconds",
		[]string{"between 60 and 604800"},
	},
	{
		"no package",
		func(s *Spec) { s.Processor = &ProcessorSpec{Package: ptr("")} },
		"processor.package",
		[]string{"bootstrap"},
	},
}
