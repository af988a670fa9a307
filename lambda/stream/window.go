package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// Window is what Lambda adds to a batch of a mapping with a tumbling window [AWS 5 Tumbling windows].
type Window struct {
	Start, End time.Time // UTC
	Shard      string
	// State is what the invocation before returned for this window and shard; empty at first.
	State map[string]string
	// Final says that the window ends with this batch, which may have no records.
	Final bool
	// TerminatedEarly says that the state became too large: the window goes on after this invocation, without a state.
	TerminatedEarly bool
}

// ParseWindow reads an event of a mapping with a tumbling window. What Parse says about memory holds for the state as
// well. It returns an error for any other event.
func ParseWindow(event []byte) (Window, []Record, error) {
	var w Window
	r := jsontext.NewBytes(event, maxNesting) // see Parse
	records := make([]Record, 0, len(event)/400+1)
	err := members(&r, func(key string) (err error) {
		switch key {
		case "Records":
			if r.Peek() == jsontext.Null {
				return r.Null()
			}
			records, err = readRecords(&r, records[:0])
		case "window":
			err = w.readBounds(&r)
		case "state":
			err = w.readState(&r)
		case "shardId":
			w.Shard, err = r.Text()
		case "isFinalInvokeForWindow":
			w.Final, err = r.Bool()
		case "isWindowTerminatedEarly":
			w.TerminatedEarly, err = r.Bool()
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err == nil && (w.Start.IsZero() || !w.End.After(w.Start) || w.Shard == "") {
		err = errors.New("it has no window of a shard")
	}
	if err != nil {
		return Window{}, nil, fmt.Errorf("reading the Kinesis event of a tumbling window: %w", err)
	}
	decode(records, func(r *Record) *Record { return r })
	return w, records, nil
}

func (w *Window) readBounds(r *jsontext.Reader) error {
	return members(r, func(key string) error {
		bound := &w.Start
		switch key {
		case "start":
		case "end":
			bound = &w.End
		default:
			return r.Skip()
		}
		text, err := r.Text()
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, text)
		*bound = at.UTC()
		return err
	})
}

func (w *Window) readState(r *jsontext.Reader) error {
	if r.Peek() == jsontext.Null {
		return r.Null()
	}
	w.State = map[string]string{}
	return members(r, func(key string) (err error) {
		w.State[key], err = r.Text()
		return err
	})
}

// Continue returns the response that a batch of a window succeeded, with the state for the window's next invocation.
// Lambda takes an answer without a state for a failure.
func Continue(state map[string]string) []byte {
	answer, first := []byte(`{"state":{`), true
	for key, value := range state {
		if !first {
			answer = append(answer, ',')
		}
		first = false
		answer = append(jsontext.AppendString(answer, key), ':')
		answer = jsontext.AppendString(answer, value)
	}
	return append(answer, `},"batchItemFailures":[]}`...)
}
