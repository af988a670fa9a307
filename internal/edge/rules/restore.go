package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Restore takes up a snapshot in an engine that has seen no message yet. It appends the results of windows whose rule
// has changed or is gone to dst. After an error the engine is as it was.
func (e *Engine) Restore(dst []Output, data []byte, at Time) ([]Output, error) {
	r := restorer{Engine: e, at: at, json: json.NewDecoder(bytes.NewReader(data)), out: dst}
	if err := r.read(); err != nil {
		e.forget()
		return dst, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	for _, r := range e.rules {
		slices.SortStableFunc(r.open, func(a, b *series) int { return cmp.Compare(a.window.closes, b.window.closes) })
	}
	return r.out, nil
}

// forget makes the engine new.
func (e *Engine) forget() {
	for _, r := range e.rules {
		clear(r.series)
		r.open, r.counters = nil, RuleCounters{}
	}
	clear(e.stamps)
	clear(e.shares)
	e.used, e.counters = 0, Counters{}
}

// restorer reads a snapshot.
type restorer struct {
	*Engine
	at     Time
	json   *json.Decoder
	out    []Output
	head   snapshotHead
	passed time.Duration // since the snapshot
}

func (r *restorer) read() error {
	begun := false
	err := r.object(func(name string) error {
		switch name {
		case "version":
			return r.json.Decode(&r.head.Version)
		case "wall":
			return r.json.Decode(&r.head.Wall)
		case "clean":
			return r.json.Decode(&r.head.Clean)
		case "counters":
			return r.json.Decode(&r.head.Counters)
		case "stamps":
			return r.json.Decode(&r.stamps)
		case "rules":
			begun = true
			if err := r.begin(); err != nil {
				return err
			}
			return r.object(r.rule)
		}
		return r.json.Decode(&json.RawMessage{})
	})
	switch {
	case err != nil:
		return err
	case !begun:
		return errors.New("it has no rules")
	}
	if r.stamps == nil { // it was null
		r.stamps = map[string]int64{}
	}
	if _, err := r.json.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

// object reads an object, whose members the function reads.
func (r *restorer) object(member func(name string) error) error {
	if err := r.delimiter('{'); err != nil {
		return err
	}
	for r.json.More() {
		token, err := r.json.Token()
		if err != nil {
			return err
		}
		if err := member(fmt.Sprint(token)); err != nil {
			return err
		}
	}
	return r.delimiter('}')
}

func (r *restorer) delimiter(want json.Delim) error {
	if token, err := r.json.Token(); err != nil || token != want {
		return fmt.Errorf("%v in place of %v: %w", token, want, cmp.Or(err, errors.New("another shape")))
	}
	return nil
}

// begin uses what comes before the rules. The engine goes on counting where the snapshot ended.
func (r *restorer) begin() error {
	if r.head.Version != snapshotVersion {
		return fmt.Errorf("it has version %d, and this program reads %d", r.head.Version, snapshotVersion)
	}
	r.passed = ago(r.at.Wall.Sub(r.head.Wall))
	r.counters = r.head.Counters
	r.counters.Rules = nil
	for _, one := range r.rules {
		one.counters = r.head.Counters.Rules[one.name]
	}
	return nil
}

// rule reads what the engine remembered for a rule.
func (r *restorer) rule(name string) error {
	old := &rule{name: name}
	var heir *rule // the rule of the same name
	if i := slices.IndexFunc(r.rules, func(r *rule) bool { return r.name == name }); i >= 0 {
		heir = r.rules[i]
	}
	unchanged := false
	err := r.object(func(member string) error {
		switch member {
		case "source":
			if err := r.json.Decode(&old.source); err != nil {
				return err
			}
			old.priority = old.source.priority()
			unchanged = heir != nil && same(heir.source, old.source)
			return nil
		case "series":
			return r.series(old, heir, unchanged)
		}
		return r.json.Decode(&json.RawMessage{})
	})
	if heir != nil {
		heir.counters.Windows += old.counters.Windows
		heir.counters.Forwarded += old.counters.Forwarded
		heir.counters.Cleared += old.counters.Cleared
	}
	return err
}

func (r *restorer) series(old, heir *rule, unchanged bool) error {
	if err := r.delimiter('['); err != nil {
		return err
	}
	for r.json.More() {
		var one seriesSnapshot
		if err := r.json.Decode(&one); err != nil {
			return err
		}
		if heir != nil && one.Window != nil && !r.head.Clean {
			heir.counters.Interrupted++
		}
		if unchanged {
			r.out = r.restoreSeries(r.out, heir, one, r.passed, r.at)
		} else {
			r.orphaned(old, heir, one)
		}
	}
	return r.delimiter(']')
}

// orphaned forwards the open window of a rule that has changed or is gone. An alert that it had raised stays raised if
// the rule is an alert still, whose condition ends it, and else is cleared: nobody would end it.
func (r *restorer) orphaned(old, heir *rule, one seriesSnapshot) {
	r.out = r.orphan(r.out, old, one)
	switch {
	case !one.Raised:
	case heir != nil && heir.action == ActionAlert:
		if s := r.seriesOf(heir, one.Child, r.at); s != nil {
			s.raised = true
		}
	default:
		old.counters.Cleared++
		r.out = r.Engine.passed(r.out, old, one.Child, r.at.Wall, []telemetry.Measure{alertState(old.name, Cleared)})
	}
}
