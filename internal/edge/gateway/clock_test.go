package gateway

import (
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

// TestSteadyClock: a message never gets an earlier time than one before, unless the clock was plainly wrong; the time
// is right again when the clock has caught up.
func TestSteadyClock(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	system := rules.Time{Wall: begin}
	pass := func(elapsed, wall time.Duration) {
		system.Elapsed += elapsed
		system.Wall = system.Wall.Add(wall)
	}
	clock := steady(func() rules.Time { return system }, begin.Add(10*time.Minute))
	for _, step := range []struct {
		what          string
		elapsed, wall time.Duration
		want          time.Duration // since the beginning
	}{
		{"behind the last message before the start", 0, 0, 10*time.Minute + time.Second},
		{"slowly", 16 * time.Minute / 2, 0, 10*time.Minute + 31*time.Second},
		{"set to the right time", 0, 20 * time.Minute, 20 * time.Minute},
		{"as time goes", time.Minute, time.Minute, 21 * time.Minute},
		{"ahead", 0, 30 * time.Minute, 51 * time.Minute},
		{"back", 0, -30 * time.Minute, 51 * time.Minute},
		{"slowly again", 16 * time.Minute, 16 * time.Minute, 52 * time.Minute},
		{"caught up", 16 * time.Minute, 16 * time.Minute, 53 * time.Minute},
		{"on time", time.Minute, time.Minute, 54 * time.Minute},
		{"an hour and more back", 0, -2 * time.Hour, -66 * time.Minute},
	} {
		pass(step.elapsed, step.wall)
		if got := clock().Wall.Sub(begin); got != step.want {
			t.Errorf("%s: %s since the beginning, want %s", step.what, got, step.want)
		}
	}
}
