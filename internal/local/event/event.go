// Package event is what the local runtime tells about its work: one event per thing that happened, the same for a
// person's terminal, a machine's JSON and a test. It knows no other package of the runtime.
package event

import "time"

// A Kind says what happened.
type Kind string

// The kinds of events. Each names the fields that it fills beside Time.
const (
	Connected    Kind = "connected"    // Thing
	Disconnected Kind = "disconnected" // Thing, Detail (why)
	Refused      Kind = "refused"      // Thing, Topic, Action (iot:Publish, …), Detail
	Admitted     Kind = "admitted"     // Thing (the claim's client ID), Topic, Action, Target (the thing), Duration: a device registered itself
	Received     Kind = "received"     // Thing, Topic, Bytes: a message reached the broker
	Acted        Kind = "acted"        // Thing, Topic, Rule, Action, Target, Duration, Error
	Invoked      Kind = "invoked"      // Action (function), Target (records or request), Duration, Error
	Logged       Kind = "logged"       // Action (function), Detail: a line that a function printed
	Changed      Kind = "changed"      // Rule or Action, Detail: configuration was read anew and differs
	Failed       Kind = "failed"       // Action, Target, Error: the runtime itself could not do something
	Ready        Kind = "ready"        // Detail
)

// An Event is one line of output.
type Event struct {
	Time     time.Time     `json:"time"`
	Kind     Kind          `json:"kind"`
	Thing    string        `json:"thing,omitempty"`
	Topic    string        `json:"topic,omitempty"`
	Rule     string        `json:"rule,omitempty"`
	Action   string        `json:"action,omitempty"`
	Target   string        `json:"target,omitempty"`
	Bytes    int           `json:"bytes,omitempty"`
	Duration time.Duration `json:"duration_ns,omitempty"`
	Error    string        `json:"error,omitempty"`
	Detail   string        `json:"detail,omitempty"`
}

// A Sink takes events; it is called from many goroutines and must not block for long. A nil Sink takes none.
type Sink func(Event)

// Send gives the event to the sink, stamped with the time if it has none.
func (s Sink) Send(e Event) {
	if s == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	s(e)
}
