package memory

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestTune(t *testing.T) {
	const untouched = math.MaxInt64
	for _, c := range []struct {
		why   string
		env   map[string]string
		limit int64
	}{
		{"a small function", map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}, 64 << 20},
		{"a large function", map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1536"}, 768 << 20},
		{"not in Lambda", nil, 40 << 20},
		{"set by hand", map[string]string{"GOMEMLIMIT": "1GiB", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}, untouched},
		{"set by hand", map[string]string{"GOGC": "50"}, untouched},
	} {
		debug.SetMemoryLimit(untouched)
		percent := debug.SetGCPercent(100)
		Tune(func(name string) string { return c.env[name] })
		if got := debug.SetMemoryLimit(untouched); got != c.limit {
			t.Errorf("%s: limit %d, want %d", c.why, got, c.limit)
		}
		if got := debug.SetGCPercent(percent); (got == 100) != (c.limit == untouched) {
			t.Errorf("%s: GC percent %d", c.why, got)
		}
	}
}
