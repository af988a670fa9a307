// Package memory sets the garbage collector for a function: small batches never collect, large ones stay small.
package memory

import (
	"runtime/debug"
	"strconv"
)

// least holds the largest batch that Lambda can bring (6 MB) with what is made of it.
const least = 40 << 20

// Tune gives the heap room to grow up to a sixth of the function's memory, at least 40 MiB, and lets the collector
// work seldom below that. Whoever sets GOGC or GOMEMLIMIT knows better.
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
