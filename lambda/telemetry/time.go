package telemetry

import (
	"math"
	"strconv"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// A device whose clock was never set sends 1970, or the seconds since it started. Times outside of these bounds are
// implausible: the arrival time counts instead.
const earliest = 1262304000 // 2010-01-01T00:00:00Z, in epoch seconds

// MaxAhead is how much later than its arrival a time may be. Timestream has the same limit [AWS 6.1 Future timestamps].
const MaxAhead = 15 * time.Minute

// timeRank orders the names of times: of several, the lowest rank is the payload's time.
type timeRank int8

const (
	configuredTime timeRank = iota
	timestampTime
	epochTime
	isoTime
	commonTime                  // from here on: names that products use, which may mean something else
	doubtfulTime timeRank = 100 // from here on: a time only if it is a plausible one
	noTime       timeRank = 127
)

// documented reports whether the name always means the time.
func (r timeRank) documented() bool { return r < commonTime }

// timeRank returns the rank of a member's name.
func (d *Decoder) timeRank(key string) timeRank {
	if key == d.options.TimeField && key != "" {
		return configuredTime
	}
	switch key {
	case "timestamp":
		return timestampTime
	case "timeStampEpoch":
		return epochTime
	case "timeStampIso":
		return isoTime
	case "ts":
		return commonTime
	case "time":
		return commonTime + 1
	case "Time":
		return commonTime + 2
	case "received_at":
		return commonTime + 3
	case "last_seen":
		return commonTime + 4
	case "lastSeen":
		return commonTime + 5
	case "datetime":
		return commonTime + 6
	case "dateTime":
		return commonTime + 7
	case "Timestamp":
		return commonTime + 8
	case "timestampMs", "timestamp_ms":
		return commonTime + 9
	case "date":
		return doubtfulTime
	case "epoch":
		return doubtfulTime + 1
	case "t":
		return doubtfulTime + 2
	}
	return noTime
}

// moment is when measures were taken.
type moment struct {
	time        time.Time
	own         bool   // the device's, not the arrival time
	text        string // as the device sent it
	kind        Kind
	implausible bool
}

// moment reads a time.
func (d *Decoder) moment(v *node, rank timeRank) (moment, bool) {
	m := moment{own: true, text: v.text}
	var ok bool
	switch v.kind {
	case jsontext.Number:
		m.time, ok = d.parseNumber(v.text, rank)
	case jsontext.String:
		m.kind = String
		m.time, ok = d.parseString(v.text, rank)
	}
	if rank >= doubtfulTime && !m.plausible(d.arrival) {
		return moment{}, false
	}
	return m, ok
}

func (m *moment) plausible(arrival time.Time) bool {
	seconds := m.time.Unix()
	return seconds >= earliest && seconds <= arrival.Unix()+int64(MaxAhead/time.Second)
}

// judge replaces an implausible time by the arrival time.
func (m *moment) judge(arrival time.Time) {
	if m.own && !m.plausible(arrival) {
		m.time, m.own, m.implausible = arrival, false, true
	}
}

// units are the nanoseconds of a unit of an epoch.
var units = map[string]float64{"seconds": 1e9, "milliseconds": 1e6, "microseconds": 1e3, "nanoseconds": 1}

func (d *Decoder) parseNumber(text string, rank timeRank) (time.Time, bool) {
	if rank != configuredTime || d.unit == 0 {
		return parseEpoch(text)
	}
	unit := d.unit
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && math.Abs(float64(n))*unit < math.MaxInt64 {
		return time.Unix(0, n*int64(unit)).UTC(), true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(v)*unit >= math.MaxInt64 {
		return time.Time{}, false
	}
	return time.Unix(0, int64(math.Round(v*unit/1e3))*1e3).UTC(), true
}

func (d *Decoder) parseString(text string, rank timeRank) (time.Time, bool) {
	format := d.options.TimeFormat
	if rank != configuredTime || d.unit != 0 || format == "" || format == "auto" {
		return parseText(text)
	}
	t, err := time.Parse(format, text)
	return t.UTC(), err == nil
}

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
