package rules

import (
	"encoding/json"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// Counters say what became of all messages since the engine was made, or since a restored one was. Every message is in
// UnmatchedForwarded, UnmatchedDropped, or Matched of a rule that forwards or drops.
type Counters struct {
	Messages           uint64 `json:"messages"`
	UnmatchedForwarded uint64 `json:"unmatched_forwarded"`
	UnmatchedDropped   uint64 `json:"unmatched_dropped"`
	// Unstamped messages have no time of their own and cannot get one: the cloud takes their arrival for it.
	Unstamped uint64 `json:"unstamped"`
	// Series is how many there are now, of Config.MaxSeries.
	Series int                     `json:"series"`
	Rules  map[string]RuleCounters `json:"rules,omitempty"`
}

// RuleCounters are those of one rule.
type RuleCounters struct {
	Matched     uint64 `json:"matched"`               // messages
	Forwarded   uint64 `json:"forwarded,omitempty"`   // messages that left for the cloud
	Dropped     uint64 `json:"dropped,omitempty"`     // messages, by a drop rule
	Gathered    uint64 `json:"gathered,omitempty"`    // readings that went into windows
	Windows     uint64 `json:"windows,omitempty"`     // that ended
	Empty       uint64 `json:"empty,omitempty"`       // windows without a measure that has one of the aggregates
	Late        uint64 `json:"late,omitempty"`        // readings that were too old for their window
	Implausible uint64 `json:"implausible,omitempty"` // readings in windows whose own time cannot be right
	Suppressed  uint64 `json:"suppressed,omitempty"`  // messages within the dead band
	Limited     uint64 `json:"limited,omitempty"`     // messages or commands beyond the rate limit
	Unreadable  uint64 `json:"unreadable,omitempty"`  // messages that are not telemetry, forwarded as they are
	Overflowed  uint64 `json:"overflowed,omitempty"`  // times that there was no room for a series
	Raised      uint64 `json:"raised,omitempty"`      // alerts
	Cleared     uint64 `json:"cleared,omitempty"`     // alerts
	Commands    uint64 `json:"commands,omitempty"`    // that left for children
	Interrupted uint64 `json:"interrupted,omitempty"` // windows that were open when the gateway stopped unexpectedly
	Failed      uint64 `json:"failed,omitempty"`      // evaluations and commands that failed
	LastError   string `json:"last_error,omitempty"`  // why the last one failed
}

// Counters returns the counters.
func (e *Engine) Counters() Counters {
	c := e.counters
	c.Series = e.used
	c.Rules = make(map[string]RuleCounters, len(e.rules))
	for _, r := range e.rules {
		c.Rules[r.name] = r.counters
	}
	return c
}

// thing binds the name of the child for templates.
func thing(child string) map[string]json.RawMessage {
	return map[string]json.RawMessage{ThingName: jsontext.AppendString(nil, child)}
}
