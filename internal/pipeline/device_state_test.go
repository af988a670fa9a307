package pipeline

var deviceStateMistakes = []mistake{
	{
		"a negative TTL",
		func(s *Spec) { s.DeviceState = &DeviceStateSpec{TTLDays: ptr(int64(-1))} },
		"device_state.ttl_days",
		[]string{"0 keeps the state"},
	},
}
