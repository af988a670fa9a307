package rules

import (
	"cmp"
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

// snapshot is what an engine remembers, as JSON. Elapsed times are relative to the snapshot.
type snapshot struct {
	Version  int                     `json:"version"`
	Wall     time.Time               `json:"wall"`
	Clean    bool                    `json:"clean"` // the gateway stopped after it
	Counters Counters                `json:"counters"`
	Rules    map[string]ruleSnapshot `json:"rules"`
	Stamps   map[string]int64        `json:"stamps,omitempty"` // as those of the engine
}

type ruleSnapshot struct {
	Source Rule             `json:"source"`
	Series []seriesSnapshot `json:"series"`
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
	s := snapshot{Version: snapshotVersion, Wall: at.Wall, Clean: clean, Counters: e.Counters(),
		Rules: map[string]ruleSnapshot{}, Stamps: e.stamps}
	for _, r := range e.rules {
		if len(r.series) == 0 {
			continue
		}
		kept := ruleSnapshot{Source: r.source}
		for _, child := range slices.Sorted(maps.Keys(r.series)) {
			kept.Series = append(kept.Series, r.series[child].snapshot(at))
		}
		s.Rules[r.name] = kept
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding the state of the rules: %w", err)
	}
	return data, nil
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

// Restore takes up a snapshot in an engine that has seen no message yet. It appends the results of windows whose rule
// has changed or is gone to dst. After an error the engine is as it was.
func (e *Engine) Restore(dst []Output, data []byte, at Time) ([]Output, error) {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if s.Version != snapshotVersion {
		return dst, fmt.Errorf("%w: it has version %d, and this program reads %d", ErrSnapshot, s.Version,
			snapshotVersion)
	}
	passed := ago(at.Wall.Sub(s.Wall))
	e.takeCounters(s)
	maps.Copy(e.stamps, s.Stamps)
	for _, name := range slices.Sorted(maps.Keys(s.Rules)) {
		kept := s.Rules[name]
		i := slices.IndexFunc(e.rules, func(r *rule) bool { return r.name == name && same(r.source, kept.Source) })
		if i < 0 {
			dst = e.orphans(dst, name, kept, at)
			continue
		}
		for _, one := range kept.Series {
			dst = e.restoreSeries(dst, e.rules[i], one, passed, at)
		}
		slices.SortStableFunc(e.rules[i].open, func(a, b *series) int {
			return cmp.Compare(a.window.closes, b.window.closes)
		})
	}
	return dst, nil
}

// longAgo is longer than anything is remembered. What a damaged file says does not get beyond it.
const longAgo = 1000 * 24 * time.Hour

func ago(d time.Duration) time.Duration { return min(max(0, d), longAgo) }

// same reports whether two rules are the same as JSON.
func same(a, b Rule) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// takeCounters goes on counting where the snapshot ended.
func (e *Engine) takeCounters(s snapshot) {
	e.counters = s.Counters
	e.counters.Rules = nil
	for _, r := range e.rules {
		r.counters = s.Counters.Rules[r.name]
		if s.Clean {
			continue
		}
		for _, one := range s.Rules[r.name].Series {
			if one.Window != nil {
				r.counters.Interrupted++
			}
		}
	}
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

// orphans forwards the open windows of a rule that has changed or is gone. Alerts that it had raised stay raised if it
// is an alert still, whose condition ends them, and else are cleared: nobody would end them.
func (e *Engine) orphans(dst []Output, name string, kept ruleSnapshot, at Time) []Output {
	r := &rule{name: name, source: kept.Source, priority: kept.Source.priority()}
	var heir *rule
	if i := slices.IndexFunc(e.rules, func(r *rule) bool { return r.name == name }); i >= 0 {
		heir = e.rules[i]
	}
	for _, one := range kept.Series {
		dst = e.orphan(dst, r, one)
		if !one.Raised {
			continue
		}
		if heir != nil && heir.action == ActionAlert {
			if s := e.seriesOf(heir, one.Child, at); s != nil {
				s.raised = true
			}
			continue
		}
		r.counters.Cleared++
		dst = e.passed(dst, r, one.Child, at.Wall, []telemetry.Measure{alertState(name, Cleared)})
	}
	if heir != nil {
		heir.counters.Windows += r.counters.Windows
		heir.counters.Forwarded += r.counters.Forwarded
		heir.counters.Cleared += r.counters.Cleared
	}
	return dst
}

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
