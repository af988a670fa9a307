package pipeline

var functionsMistakes = []mistake{
	{
		"no such architecture",
		func(s *Spec) { s.Functions = &FunctionsSpec{Architecture: ptr("x86-64")} },
		"functions.architecture",
		[]string{`Did you mean "x86_64"?`},
	},
	{
		"no such retention",
		func(s *Spec) { s.Functions = &FunctionsSpec{LogRetentionDays: ptr(int64(10))} },
		"functions.log_retention_days",
		[]string{"10 is not one of 1, 3, 5, 7, 14"},
	},
	{
		"no such level",
		func(s *Spec) { s.Functions = &FunctionsSpec{LogLevel: ptr("info")} },
		"functions.log_level",
		[]string{`Did you mean "INFO"?`},
	},
}
