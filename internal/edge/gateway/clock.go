package gateway

import (
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

const (
	// maxBehind is how far a clock may go back until messages follow it. One that goes back further was wrong before.
	maxBehind = time.Hour
	// slowly is the part of its speed with which time goes on while the clock is behind.
	slowly = 16
	// afterStart is what lies between the last time that is known of before a start, and the first after it.
	afterStart = time.Second
)

// steady returns a clock whose wall time does not go back, and that begins after the newest time that was in use. While
// the system's clock is behind, as after a start without network, or when it is set, time goes on slowly: no message
// gets the time of an earlier one, and what comes later has the later time.
func steady(clock func() rules.Time, newest time.Time) func() rules.Time {
	least, last := newest.Add(afterStart), clock().Elapsed
	return func() rules.Time {
		now := clock()
		least = least.Add((now.Elapsed - last) / slowly)
		last = now.Elapsed
		if behind := least.Sub(now.Wall); behind > 0 && behind <= maxBehind {
			now.Wall = least
		} else {
			least = now.Wall
		}
		return now
	}
}
