package pipeline

var telemetryMistakes = []mistake{
	{
		"no field",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{DataField: ptr("")} },
		"telemetry.data_field",
		[]string{"1 to 256 characters"},
	},
	{
		"one field for two",
		func(s *Spec) { s.Telemetry = &TelemetrySpec{DataField: ptr("d"), TimeField: ptr("d")} },
		"telemetry.time_field",
		[]string{"the same"},
	},
}
