//go:build moved_clock

package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

// clock is the system's, moved by what the file IOT_EDGE_CLOCK says in seconds. Tests build the program with it to set
// its clock, and to let time pass; no release has it.
func clock() func() rules.Time {
	system := rules.SystemClock()
	return func() rules.Time {
		now := system()
		var moved struct {
			Wall    float64 // how wrong the clock is
			Elapsed float64 // how much time has passed besides
		}
		text, err := os.ReadFile(os.Getenv("IOT_EDGE_CLOCK"))
		if err == nil {
			err = json.Unmarshal(text, &moved)
		}
		if err != nil {
			panic(err)
		}
		seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
		now.Elapsed += seconds(moved.Elapsed)
		now.Wall = now.Wall.Add(seconds(moved.Wall + moved.Elapsed))
		return now
	}
}
