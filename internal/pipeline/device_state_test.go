package pipeline

var deviceStateMistakes = []mistake{
	{
		"a negative TTL",
		func(s *Spec) { s.DeviceState = &DeviceStateSpec{TTLDays: ptr(int64(-1))} },
		"device_state.ttl_days",
		[]string{"0 keeps the state"},
	},
	{
		"a refresh after more than an hour",
		func(s *Spec) { s.DeviceState = &DeviceStateSpec{RefreshSeconds: ptr(int64(3601))} },
		"device_state.refresh_seconds",
		[]string{"3600"},
	},
}
