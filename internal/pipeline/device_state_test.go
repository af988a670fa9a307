package pipeline

import (
	"testing"
	"time"
)

// The time in the index is rounded so that the watch function reads few devices in vain.
func TestSeenSlot(t *testing.T) {
	for _, c := range []struct {
		silence *int64
		want    time.Duration
		reason  string
	}{
		{nil, 5 * time.Minute, "nobody watches"},
		{ptr(int64(10)), 5 * time.Minute, "the default"},
		{ptr(int64(1440)), 5 * time.Minute, "no more than the watch function expects"},
		{ptr(int64(7)), 3 * time.Minute, "half of the limit"},
		{ptr(int64(2)), time.Minute, "half of the limit"},
		{ptr(int64(1)), 0, "less than a minute is not worth it"},
	} {
		s := Spec{Name: "greenhouse"}
		if c.silence != nil {
			s.Monitoring = &MonitoringSpec{SilenceMinutes: c.silence}
		}
		if got := newBuilder(s, testEnv()).seenSlot(); got != c.want {
			t.Errorf("%s: %s, want %s", c.reason, got, c.want)
		}
	}
}

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
