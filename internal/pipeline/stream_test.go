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
}
