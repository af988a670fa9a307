//go:build !moved_clock

package main

import "github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"

// clock is the system's.
func clock() func() rules.Time { return rules.SystemClock() }
