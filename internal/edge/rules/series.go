package rules

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// series is what a rule remembers of one child.
type series struct {
	child    string
	seen     time.Duration
	window   window
	reported map[string]scalar // by measure with a dead band
	reports  bool              // there was a report
	at       time.Duration     // of the last one
	tokens   float64
	filled   time.Duration // when tokens was right
	limited  bool          // tokens counts
	raised   bool
}

// size is how many series this counts as.
func (s *series) size() int {
	n := 1
	for name, v := range s.reported {
		n += sizeOf(name, v.text)
	}
	return n + s.window.size()
}

// scalar is the value of a measure.
type scalar struct {
	kind   telemetry.Kind
	number float64
	text   string // of a text or a Boolean
}

func scalarOf(m telemetry.Measure) scalar {
	if m.Kind == telemetry.Number {
		return scalar{kind: m.Kind, number: m.Float()}
	}
	return scalar{kind: m.Kind, text: m.Text}
}

// remembered returns the value in memory of its own: a measure's text keeps the whole payload.
func (v scalar) remembered() scalar {
	v.text = strings.Clone(v.text)
	return v
}

// measure returns the value as a measure.
func (v scalar) measure(name string) telemetry.Measure {
	m := telemetry.Measure{Name: name, Kind: v.kind, Text: v.text}
	if v.kind == telemetry.Number {
		m.Text = strconv.FormatFloat(v.number, 'g', -1, 64)
	}
	return m
}

// exceeds reports whether a value is outside of the dead band around the one reported last.
func (b DeadBand) exceeds(last, now scalar) bool {
	if last.kind != now.kind || now.kind != telemetry.Number {
		return last != now
	}
	distance := math.Abs(now.number - last.number)
	if b.Absolute != nil {
		return distance > *b.Absolute
	}
	return distance > *b.Percent/100*math.Abs(last.number)
}

// band returns the dead band of a measure.
func (r Report) band(measure string) (DeadBand, bool) {
	b, ok := r.DeadBand[measure]
	if !ok {
		b, ok = r.DeadBand["*"]
	}
	return b, ok
}

// report decides whether readings are forwarded, and remembers them if they are. A message that the rate limit holds
// back changes nothing: the next one differs as well.
func (s *series) report(e *Engine, r *rule, readings []telemetry.Reading, at Time) bool {
	every := time.Duration(r.source.Report.AtLeastEverySeconds) * time.Second
	due := !s.reports || every > 0 && at.Elapsed-s.at >= every
	if !due && !s.differs(*r.source.Report, readings) {
		r.counters.Suppressed++
		return false
	}
	if !s.allow(r, at) {
		return false
	}
	s.reports, s.at = true, at.Elapsed
	for i := range readings {
		for _, m := range readings[i].Measures {
			if _, ok := r.source.Report.band(m.Name); ok {
				s.remember(e, r, m)
			}
		}
	}
	return true
}

func (s *series) differs(report Report, readings []telemetry.Reading) bool {
	for i := range readings {
		for _, m := range readings[i].Measures {
			band, ok := report.band(m.Name)
			if !ok {
				continue
			}
			last, known := s.reported[m.Name]
			if !known || band.exceeds(last, scalarOf(m)) {
				return true
			}
		}
	}
	return false
}

func (s *series) remember(e *Engine, r *rule, m telemetry.Measure) {
	v := scalarOf(m)
	old, known := s.reported[m.Name]
	if known && old == v {
		return
	}
	more := sizeOf(m.Name, v.text)
	if known {
		more -= sizeOf(m.Name, old.text)
	}
	if !e.reserve(r, s.child, more) {
		if known { // the old value is not the one that was reported last
			delete(s.reported, m.Name)
			e.release(s.child, sizeOf(m.Name, old.text))
		}
		return
	}
	if known {
		s.reported[m.Name] = v.remembered() // the key stays the old one
		return
	}
	if s.reported == nil {
		s.reported = map[string]scalar{}
	}
	s.reported[strings.Clone(m.Name)] = v.remembered()
}

// allow takes one message out of the rate limit. Without a limit, or without memory of the child, it lets it through.
func (s *series) allow(r *rule, at Time) bool {
	limit := r.source.RateLimit
	if limit == nil || s == nil {
		return true
	}
	most := float64(limit.Messages)
	if !s.limited {
		s.tokens, s.limited = most, true
	} else {
		gained := (at.Elapsed - s.filled).Seconds() * most / float64(limit.Seconds)
		s.tokens = min(most, s.tokens+gained)
	}
	s.filled = at.Elapsed
	if s.tokens < 1 {
		r.counters.Limited++
		return false
	}
	s.tokens--
	return true
}

func appendMember(dst []byte, name string) []byte {
	return append(jsontext.AppendString(dst, name), ':')
}

func appendMillis(dst []byte, t time.Time) []byte { return strconv.AppendInt(dst, t.UnixMilli(), 10) }
