package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// window is the window of one child, which may be open.
type window struct {
	open     bool
	closes   time.Duration
	newest   time.Time // of the readings
	measures map[string]*statistics
}

// statistics are what a window keeps of one measure.
type statistics struct {
	Count   int64
	Numbers int64 // of Count
	Min     float64
	Max     float64
	Sum     sum
	Last    scalar
	LastAt  time.Time
}

// gather adds readings to the child's window.
func (e *Engine) gather(dst []Output, r *rule, s *series, readings []telemetry.Reading, at Time) []Output {
	length := time.Duration(r.source.Window.Seconds) * time.Second
	for i := range readings {
		reading := &readings[i]
		if at.Wall.Sub(reading.Time) > length && r.source.Window.Late != LateInclude {
			r.counters.Late++
			if r.source.Window.Late != LateDrop {
				dst = e.passed(dst, r, s.child, reading.Time, reading.Measures)
			}
			continue
		}
		if reading.Implausible {
			r.counters.Implausible++
		}
		if !s.window.open {
			s.window.open, s.window.closes, s.window.newest = true, at.Elapsed+length, reading.Time
			r.open = append(r.open, s)
		}
		r.counters.Gathered++
		dst = e.add(dst, r, s, reading)
	}
	return dst
}

// add adds one reading. Measures that there is no room for are forwarded as a message of their own.
func (e *Engine) add(dst []Output, r *rule, s *series, reading *telemetry.Reading) []Output {
	if reading.Time.After(s.window.newest) {
		s.window.newest = reading.Time
	}
	var over []telemetry.Measure
	for _, m := range reading.Measures {
		if reading.Implausible && m.Name == telemetry.DeviceTime {
			continue
		}
		stats, v := s.window.measures[m.Name], scalarOf(m)
		more := sizeOf(m.Name, v.text)
		if stats != nil {
			more = 0
			if stats.newer(reading.Time) {
				more = sizeOf(m.Name, v.text) - sizeOf(m.Name, stats.Last.text)
			}
		}
		if !e.reserve(r, s.child, more) {
			over = append(over, m)
			continue
		}
		if stats == nil {
			if s.window.measures == nil {
				s.window.measures = map[string]*statistics{}
			}
			stats = &statistics{Min: math.Inf(1), Max: math.Inf(-1)}
			s.window.measures[strings.Clone(m.Name)] = stats
		}
		stats.add(v, reading.Time)
	}
	if over != nil {
		dst = e.passed(dst, r, s.child, reading.Time, over)
	}
	return dst
}

func (s *statistics) add(v scalar, at time.Time) {
	s.Count++
	if v.kind == telemetry.Number {
		s.Numbers++
		s.Min, s.Max = min(s.Min, v.number), max(s.Max, v.number)
		s.Sum.add(v.number)
	}
	if s.Count == 1 || s.newer(at) {
		if s.Last.kind != v.kind || s.Last.text != v.text {
			v.text = strings.Clone(v.text)
		} else {
			v.text = s.Last.text
		}
		s.Last, s.LastAt = v, at
	}
}

// newer reports whether a value of that time becomes the last one.
func (s *statistics) newer(at time.Time) bool { return !at.Before(s.LastAt) }

// size is how many series the open window counts as.
func (w *window) size() (n int) {
	for name, m := range w.measures {
		n += sizeOf(name, m.Last.text)
	}
	return n
}

// aggregate returns one aggregate; false if the measure does not have it.
func (s *statistics) aggregate(name string) (scalar, bool) {
	number := func(v float64) (scalar, bool) {
		return scalar{kind: telemetry.Number, number: v}, s.Numbers > 0 && !math.IsInf(v, 0) && !math.IsNaN(v)
	}
	switch name {
	case Minimum:
		return number(s.Min)
	case Maximum:
		return number(s.Max)
	case Average:
		return number(s.Sum.over(s.Numbers))
	case Count:
		return scalar{kind: telemetry.Number, number: float64(s.Count)}, true
	}
	return s.Last, true
}

// results are the measures of a window that ends, sorted by name.
func (w *window) results(aggregates []string) []telemetry.Measure {
	var list []telemetry.Measure
	for _, name := range slices.Sorted(maps.Keys(w.measures)) {
		for _, a := range aggregates {
			v, ok := w.measures[name].aggregate(a)
			if !ok {
				continue
			}
			full := name
			if len(aggregates) > 1 || a == Count {
				full = name + "." + a
			}
			list = append(list, v.measure(full))
		}
	}
	return list
}

// close ends the child's window and forwards its result, if report and rate limit let it through.
func (e *Engine) close(dst []Output, r *rule, s *series, at Time) []Output {
	readings := []telemetry.Reading{{Time: s.window.newest, HasTime: true,
		Measures: s.window.results(r.source.Window.Aggregates)}}
	e.release(s.child, s.window.size())
	s.window = window{}
	r.counters.Windows++
	switch {
	case len(readings[0].Measures) == 0:
		r.counters.Empty++
		return dst
	case r.source.Report != nil:
		if !s.report(e, r, readings, at) {
			return dst
		}
	case !s.allow(r, at):
		return dst
	}
	return e.passed(dst, r, s.child, readings[0].Time, readings[0].Measures)
}

// passed forwards measures as a message of their own, or as several if they are too many for one.
func (e *Engine) passed(dst []Output, r *rule, child string, at time.Time, measures []telemetry.Measure) []Output {
	payload, err := e.encode(at, measures)
	if err != nil {
		r.fail("writing a message: %v", err)
		return dst
	}
	if half := len(measures) / 2; len(payload) > maxPayload && half > 0 {
		return e.passed(e.passed(dst, r, child, at, measures[:half]), r, child, at, measures[half:])
	}
	return e.out(dst, r, child, payload)
}

// encode writes measures in the shape that the pipeline's telemetry reads.
func (e *Engine) encode(at time.Time, measures []telemetry.Measure) ([]byte, error) {
	data := map[string]any{}
	for _, m := range measures {
		put(data, m.Name, plain(m), maxNested)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encoding measures: %w", err)
	}
	payload := make([]byte, 0, len(text)+len(e.timeField)+len(e.dataField)+24)
	payload = appendMillis(appendMember(append(payload, '{'), e.timeField), at)
	payload = appendMember(append(payload, ','), e.dataField)
	return append(append(payload, text...), '}'), nil
}

// maxNested is how many objects a dotted name may mean: the decoder reads 16 inside each other, of which one is that of
// the data, and one that of the message. A child's name can have thousands of dots.
const maxNested = 14

// put sets the member of nested objects that a dotted name means, so that conditions in the cloud find it. Where a
// scalar is in the way, or the name is too deep, the rest of it stays together.
func put(object map[string]any, name string, value any, levels int) {
	first, rest, nested := strings.Cut(name, ".")
	if !nested || first == "" || rest == "" || levels == 0 {
		object[name] = value
		return
	}
	inner, ok := object[first].(map[string]any)
	if !ok {
		if _, taken := object[first]; taken {
			object[name] = value
			return
		}
		inner = map[string]any{}
		object[first] = inner
	}
	put(inner, rest, value, levels-1)
}

func plain(m telemetry.Measure) any {
	switch m.Kind {
	case telemetry.Number:
		return json.Number(m.Text)
	case telemetry.Bool:
		return m.Text == "true"
	}
	return m.Text
}
