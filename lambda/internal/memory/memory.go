// Package memory tunes the garbage collector for a function: what its memory has room for is not collected.
package memory

import (
	"runtime/debug"
	"strconv"
)

// least is enough for the largest batch that Lambda can send (6 MB) and everything derived from it.
const least = 40 << 20

// Tune lets the heap grow to half of the function's memory, at least 40 MiB, before the collector runs. Lambda bills
// the memory of a function whether it is used or not, and the collector's time on top. The other half is for the
// executable, for buffers of the system, and for a batch that needs more than half. GOGC and GOMEMLIMIT override it.
func Tune(getenv func(string) string) {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(least)
	if megabytes, err := strconv.ParseInt(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64); err == nil {
		limit = max(limit, megabytes<<20/2)
	}
	debug.SetMemoryLimit(limit)
	debug.SetGCPercent(-1) // by the limit alone
}
