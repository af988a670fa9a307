package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// maxState limits a window's state, in bytes of JSON. [AWS 5 Tumbling windows]
const maxState = 1 << 20

// A window is the open tumbling window of a shard. A record belongs to the window of its arrival; one that was read
// after its window had ended belongs to the next. AWS waits up to two minutes for the last records of a window. Here, a
// read that began after the window's end and found nothing ends it. [AWS 5 Tumbling windows]
type window struct {
	start, end time.Time
	state      json.RawMessage // {} at first
	last       Position        // after the newest record delivered
}

func openWindow(length time.Duration, r Record) *window {
	ms := r.Arrived.UnixMilli()
	start := time.UnixMilli(ms - ms%length.Milliseconds()).UTC()
	return &window{start: start, end: start.Add(length), state: json.RawMessage("{}")}
}

// flushWindows delivers what is due of the buffered records, and ends windows. ended says that no record of an open
// window can follow, if its end has passed.
func (b *buffer) flushWindows(ctx context.Context, all bool, ended time.Time) {
	s, m := b.shard, b.shard.poller.mapping
	for ctx.Err() == nil {
		if s.window == nil {
			if b.empty() {
				return
			}
			s.window = openWindow(m.TumblingWindow, b.records[0])
		}
		n := 0
		for n < len(b.records) && b.records[n].Arrived.Before(s.window.end) {
			n++
		}
		over := all || n < len(b.records) || !ended.Before(s.window.end)
		switch {
		case n > 0 && (over || n >= m.BatchSize || b.rest() == 0):
			batch := b.takeFirst(m, n)
			s.deliver(ctx, batch)
			s.window.last = Position{Kind: "AFTER_SEQUENCE_NUMBER", After: batch[len(batch)-1].SequenceNumber}
		case n == 0 && over:
			s.finish(ctx)
		default:
			return
		}
	}
}

// takeFirst removes the next batch of the first n records.
func (b *buffer) takeFirst(m Mapping, n int) []Record {
	others := b.records[n:]
	b.records = b.records[:n:n]
	batch := b.take(m)[0]
	b.records = append(b.records, others...)
	return batch
}

// finish invokes the function for the end of the window, again until it succeeds or the retries are exhausted.
func (s *shard) finish(ctx context.Context) {
	w, p := s.window, s.poller
	delays := retries.Doubling(p.options.RetryDelay, maxDelay)
	for attempt := 0; ctx.Err() == nil; attempt++ {
		_, err := s.invoke(ctx, nil)
		if err == nil {
			break
		}
		if p.mapping.MaxRetries >= 0 && attempt >= p.mapping.MaxRetries {
			p.fail(fmt.Sprintf("giving up the window from %s to %s of %s", w.start.Format(time.RFC3339),
				w.end.Format(time.RFC3339), s.name), err)
			break
		}
		retries.Sleep(ctx, delays.NextBackOff())
	}
	if ctx.Err() == nil {
		s.window = nil
		s.checkpoint(w.last)
	}
}

// windowEvent is the function's input for a batch of a window; without records, the window ends with it.
type windowEvent struct {
	kinesisEvent
	Window struct {
		Start string `json:"start"`
		End   string `json:"end"`
	} `json:"window"`
	State           json.RawMessage `json:"state"`
	ShardID         string          `json:"shardId"`
	EventSourceARN  string          `json:"eventSourceARN"`
	Final           bool            `json:"isFinalInvokeForWindow"`
	TerminatedEarly bool            `json:"isWindowTerminatedEarly"`
}

func (s *shard) inWindow(batch kinesisEvent, early bool) windowEvent {
	e := windowEvent{kinesisEvent: batch, State: s.window.state, ShardID: s.name,
		EventSourceARN: s.poller.mapping.StreamARN, TerminatedEarly: early}
	e.Window.Start, e.Window.End = s.window.start.Format(time.RFC3339), s.window.end.Format(time.RFC3339)
	e.Final = len(batch.Records) == 0 && !early
	return e
}

// keep takes the state of an answer. An answer without one is a failure.
func (s *shard) keep(ctx context.Context, answer []byte) error {
	var reply struct {
		State json.RawMessage `json:"state"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil || len(reply.State) == 0 || string(reply.State) == "null" {
		return errors.New("the function answered without a state for its window")
	}
	s.window.state = reply.State
	if len(reply.State) <= maxState {
		return nil
	}
	return s.terminate(ctx)
}

// terminate ends the window early because its state is too large: the function gets the state once more, and the window
// goes on without it.
func (s *shard) terminate(ctx context.Context) error {
	p := s.poller
	p.options.Events.Send(runlog.Event{Kind: runlog.Changed, Action: p.mapping.Function,
		Detail: fmt.Sprintf("the state of %s has %d bytes; its window is ended early", s.name, len(s.window.state))})
	payload, err := json.Marshal(s.inWindow(kinesisEvent{Records: []kinesisEventRecord{}}, true))
	if err != nil {
		return err
	}
	if _, err := p.options.Invoke(ctx, p.mapping.Function, payload); err != nil {
		return err
	}
	s.window.state = json.RawMessage("{}")
	return nil
}
