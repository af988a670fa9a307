package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// snapshotVersion changes with the meaning of a snapshot.
const snapshotVersion = 1

// snapshotHead begins a snapshot. Behind it come the rules: name, source and series of each. An engine may remember
// more than a small gateway has memory for a second and a third time: so series are written and read one by one.
type snapshotHead struct {
	Version  int              `json:"version"`
	Wall     time.Time        `json:"wall"`  // elapsed times are relative to it
	Clean    bool             `json:"clean"` // the gateway stopped after it
	Counters Counters         `json:"counters"`
	Stamps   map[string]int64 `json:"stamps,omitempty"` // as those of the engine
}

type seriesSnapshot struct {
	Child    string                    `json:"child"`
	Seen     time.Duration             `json:"seen"` // ago
	Window   *windowSnapshot           `json:"window,omitempty"`
	Reported map[string]scalarSnapshot `json:"reported,omitempty"`
	Report   *time.Duration            `json:"report,omitempty"` // ago
	Tokens   *float64                  `json:"tokens,omitempty"`
	Filled   time.Duration             `json:"filled,omitempty"` // ago
	Raised   bool                      `json:"raised,omitempty"`
}

type windowSnapshot struct {
	Closes   time.Duration                 `json:"closes"` // from now
	Newest   time.Time                     `json:"newest"`
	Measures map[string]statisticsSnapshot `json:"measures"`
}

type statisticsSnapshot struct {
	Count   int64          `json:"count"`
	Numbers int64          `json:"numbers,omitempty"`
	Min     float64        `json:"min,omitempty"`
	Max     float64        `json:"max,omitempty"`
	Sum     []float64      `json:"sum,omitempty"`
	Last    scalarSnapshot `json:"last"`
	LastAt  time.Time      `json:"last_at"`
}

type scalarSnapshot struct {
	Kind   telemetry.Kind `json:"kind,omitempty"`
	Number float64        `json:"number,omitempty"`
	Text   string         `json:"text,omitempty"`
}

// Snapshot returns what the engine remembers, for Restore. Clean says that the gateway stops now: no message follows.
func (e *Engine) Snapshot(at Time, clean bool) ([]byte, error) {
	w := snapshotWriter{}
	w.Grow(e.written + e.written/8)
	w.value(snapshotHead{Version: snapshotVersion, Wall: at.Wall, Clean: clean, Counters: e.Counters(),
		Stamps: e.stamps})
	w.Truncate(max(0, w.Len()-len("}\n")))
	w.WriteString(`,"rules":{`)
	first := true
	for _, r := range e.rules {
		if len(r.series) == 0 {
			continue
		}
		if !first {
			w.WriteByte(',')
		}
		first = false
		w.value(r.name)
		w.WriteString(`:{"source":`)
		w.value(r.source)
		w.WriteString(`,"series":[`)
		for i, child := range slices.Sorted(maps.Keys(r.series)) {
			if i > 0 {
				w.WriteByte(',')
			}
			w.value(r.series[child].snapshot(at))
		}
		w.WriteString("]}")
	}
	w.WriteString("}}")
	e.written = w.Len()
	return w.Bytes(), w.err
}

// snapshotWriter writes JSON piece by piece.
type snapshotWriter struct {
	bytes.Buffer
	err error
}

func (w *snapshotWriter) value(v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil && w.err == nil {
		w.err = fmt.Errorf("encoding the state of the rules: %w", err)
	}
}

func (s *series) snapshot(at Time) seriesSnapshot {
	kept := seriesSnapshot{Child: s.child, Seen: at.Elapsed - s.seen, Raised: s.raised}
	if s.reports {
		ago := at.Elapsed - s.at
		kept.Report = &ago
	}
	if s.limited {
		kept.Tokens, kept.Filled = &s.tokens, at.Elapsed-s.filled
	}
	if len(s.reported) > 0 {
		kept.Reported = make(map[string]scalarSnapshot, len(s.reported))
		for name, v := range s.reported {
			kept.Reported[name] = v.snapshot()
		}
	}
	if s.window.open {
		w := &windowSnapshot{Closes: s.window.closes - at.Elapsed, Newest: s.window.newest,
			Measures: make(map[string]statisticsSnapshot, len(s.window.measures))}
		for name, m := range s.window.measures {
			w.Measures[name] = m.snapshot()
		}
		kept.Window = w
	}
	return kept
}

func (v scalar) snapshot() scalarSnapshot { return scalarSnapshot{v.kind, v.number, v.text} }

func (s scalarSnapshot) scalar() scalar { return scalar{s.Kind, s.Number, s.Text} }

func (s *statistics) snapshot() statisticsSnapshot {
	kept := statisticsSnapshot{Count: s.Count, Numbers: s.Numbers, Last: s.Last.snapshot(), LastAt: s.LastAt}
	if s.Numbers > 0 {
		kept.Min, kept.Max = s.Min, s.Max
	}
	if s.Sum.finite() {
		kept.Sum = s.Sum
	}
	return kept
}

func (s statisticsSnapshot) statistics() *statistics {
	r := &statistics{Count: s.Count, Numbers: s.Numbers, Min: s.Min, Max: s.Max, Sum: s.Sum, Last: s.Last.scalar(),
		LastAt: s.LastAt}
	if s.Numbers == 0 {
		r.Min, r.Max = math.Inf(1), math.Inf(-1)
	} else if len(s.Sum) == 0 {
		r.Sum = sum{math.Inf(1)} // it had left the doubles
	}
	return r
}

// ErrSnapshot is the error of Restore for data that this version did not write.
var ErrSnapshot = errors.New("not a state of the rules that this version can read")

// longAgo is longer than anything is remembered. What a damaged file says does not get beyond it.
const longAgo = 1000 * 24 * time.Hour

func ago(d time.Duration) time.Duration { return min(max(0, d), longAgo) }

// same reports whether two rules are the same as JSON.
func same(a, b Rule) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func (e *Engine) restoreSeries(dst []Output, r *rule, one seriesSnapshot, passed time.Duration, at Time) []Output {
	s := e.seriesOf(r, one.Child, at)
	if s == nil {
		return e.orphan(dst, r, one)
	}
	s.seen, s.raised = at.Elapsed-passed-ago(one.Seen), one.Raised
	if one.Report != nil {
		s.reports, s.at = true, at.Elapsed-passed-ago(*one.Report)
	}
	if one.Tokens != nil && r.source.RateLimit != nil {
		s.limited, s.tokens = true, min(max(0, *one.Tokens), float64(r.source.RateLimit.Messages))
		s.filled = at.Elapsed - passed - ago(one.Filled)
	}
	for name, v := range one.Reported {
		if _, twice := s.reported[name]; twice || !e.reserve(r, s.child, sizeOf(name, v.Text)) {
			break
		}
		if s.reported == nil {
			s.reported = make(map[string]scalar, len(one.Reported))
		}
		s.reported[name] = v.scalar()
	}
	if one.Window == nil || r.source.Window == nil || s.window.open {
		return dst
	}
	// The remaining time is at most that of a new window, whatever the file says.
	length := time.Duration(r.source.Window.Seconds) * time.Second
	s.window = window{open: true, newest: one.Window.Newest, measures: map[string]*statistics{},
		closes: at.Elapsed + min(length, max(0, ago(one.Window.Closes)-passed))}
	r.open = append(r.open, s)
	for name, m := range one.Window.Measures {
		s.window.measures[name] = m.statistics()
	}
	e.take(s.child, s.window.size()) // above the bound at most until the window ends
	return dst
}

// orphan forwards the open window of a rule that has changed or is gone.
func (e *Engine) orphan(dst []Output, r *rule, one seriesSnapshot) []Output {
	if one.Window == nil || r.source.Window == nil {
		return dst
	}
	w := window{newest: one.Window.Newest, measures: map[string]*statistics{}}
	for name, m := range one.Window.Measures {
		w.measures[name] = m.statistics()
	}
	measures := w.results(r.source.Window.Aggregates)
	r.counters.Windows++
	if len(measures) == 0 {
		r.counters.Empty++
		return dst
	}
	return e.passed(dst, r, one.Child, one.Window.Newest, measures)
}
