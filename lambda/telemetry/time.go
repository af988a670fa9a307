package telemetry

import (
	"math"
	"strconv"
	"time"
)

// The largest magnitudes taken for seconds, milliseconds and microseconds; what is larger is nanoseconds. Seconds reach
// the year 5138 that way, and milliseconds begin in March 1973.
const (
	maxSeconds = 1e11
	maxMillis  = 1e14
	maxMicros  = 1e17
)

// isoLayouts are the ISO 8601 spellings seen in the field; a time without a zone is UTC.
var isoLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04Z07:00",
	"20060102T150405Z0700",
	"20060102T150405",
	"2006-01-02",
}

// parseEpoch reads an epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by size.
func parseEpoch(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch v := math.Abs(float64(n)); {
		case v < maxSeconds:
			return time.Unix(n, 0).UTC(), true
		case v < maxMillis:
			return time.UnixMilli(n).UTC(), true
		case v < maxMicros:
			return time.UnixMicro(n).UTC(), true
		}
		return time.Unix(0, n).UTC(), true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(v) >= 1e18 || math.IsNaN(v) {
		return time.Time{}, false
	}
	unit := 1.0 // seconds
	switch magnitude := math.Abs(v); {
	case magnitude >= maxMicros:
		unit = 1e9
	case magnitude >= maxMillis:
		unit = 1e6
	case magnitude >= maxSeconds:
		unit = 1e3
	}
	whole, fraction := math.Modf(v / unit)
	// A double holds an epoch of seconds to about a quarter of a microsecond; rounding keeps the written digits.
	nanos := math.Round(fraction*1e6) * 1e3
	return time.Unix(int64(whole), int64(nanos)).UTC(), true
}

// parseText reads an ISO 8601 time, or an epoch that was sent as a string.
func parseText(text string) (time.Time, bool) {
	for _, layout := range isoLayouts {
		if len(text) < len("2006-01-02") {
			break
		}
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return time.Time{}, false // ParseFloat would take "Inf", "NaN" and "+1"
	}
	return parseEpoch(text)
}
