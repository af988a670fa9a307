// Package memory tunes the garbage collector for a function: small batches never trigger it, large ones stay small.
package memory

import (
	"runtime/debug"
	"strconv"
)

// least is enough for the largest batch that Lambda can send (6 MB) and everything derived from it.
const least = 40 << 20

// Tune lets the heap grow to a sixth of the function's memory, at least 40 MiB; below that, the collector rarely runs.
// GOGC and GOMEMLIMIT override it.
func Tune(getenv func(string) string) {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(least)
	if megabytes, err := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64); err == nil {
		limit = max(limit, megabytes<<20/6)
	}
	debug.SetMemoryLimit(limit)
	debug.SetGCPercent(400)
}
