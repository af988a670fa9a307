// Package runlog defines the log of the local runtime: events that iot-local prints as text or JSON and that tests
// read. It does not know the other packages of the runtime.
package runlog

import "time"

// A Kind is the kind of an event.
type Kind string

// The kinds of events, each with the fields that it sets besides Time.
const (
	Connected    Kind = "connected"    // Thing
	Disconnected Kind = "disconnected" // Thing, Detail (why)
	Refused      Kind = "refused"      // Thing, Topic, Action (iot:Publish, …), Detail
	// Thing (the claim's client ID), Topic, Action, Target (the new thing), Duration: a device registered itself
	Admitted Kind = "admitted"
	Received Kind = "received" // Thing, Topic, Bytes: a message reached the broker
	Acted    Kind = "acted"    // Thing, Topic, Rule, Action, Target, Duration, Error
	Invoked  Kind = "invoked"  // Action (function), Target (records or request), Duration, Error
	Logged   Kind = "logged"   // Action (function), Detail: a line that a function printed
	Changed  Kind = "changed"  // Rule or Action, Detail: the deployed configuration changed
	Failed   Kind = "failed"   // Action, Target, Error: the runtime itself failed
	Warned   Kind = "warned"   // Detail: something will probably not do what was meant
	Ready    Kind = "ready"    // Detail
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
	// Trace is the ID of the message that a Received or Acted is about.
	Trace string `json:"trace,omitempty"`

	// The rest is for observers in this process, who may keep it and must not change it. Payload is what was received,
	// or the input of the action or of the function. Records are sequence numbers: of the record that an action put
	// into a stream, or of those that a function was invoked with.
	Payload []byte   `json:"-"`
	Records []string `json:"-"`
}

// A Sink receives events from many goroutines and must not block for long. A nil Sink drops them.
type Sink func(Event)

// Send passes the event to the sink and sets its time if it has none.
func (s Sink) Send(e Event) {
	if s == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	s(e)
}
