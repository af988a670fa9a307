package pipeline

var timestreamMistakes = []mistake{
	{
		"too short a database",
		func(s *Spec) { s.Timestream = &TimestreamSpec{Database: ptr("ab")} },
		"timestream.database",
		[]string{"3 to 256"},
	},
	{
		"too long a memory",
		func(s *Spec) { s.Timestream = &TimestreamSpec{MemoryRetentionHours: ptr(int64(8767))} },
		"timestream.memory_retention_hours",
		[]string{"8766"},
	},
	{
		"no such layout",
		func(s *Spec) { s.Timestream = &TimestreamSpec{Layout: ptr("wide")} },
		"timestream.layout",
		[]string{`"multi", "single"`},
	},
}
