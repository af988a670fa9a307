// Package delivery plays Firehose: it reads a Kinesis stream, or what rules put, lets a function transform the records,
// converts them to Parquet or compresses them, and writes objects to a bucket, with the error handling that AWS
// documents. [AWS 7.4]
//
// It knows streams only through streams.Source, functions only through Invoke, and buckets only through Put.
package delivery

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// DefaultInterval is how long records are collected if Options say nothing. AWS's own interval is minutes.
const DefaultInterval = 5 * time.Second

// Options connect a delivery stream to its surroundings.
type Options struct {
	Source streams.Source
	// Invoke runs the function and returns its answer; every failure is an error.
	Invoke func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
	// Put stores an object.
	Put    func(ctx context.Context, bucket, key string, body []byte) error
	Events runlog.Sink
	Region string
	// Interval is how long records are collected before an object is written; 0 means DefaultInterval.
	Interval time.Duration
	// RetryDelay is the delay before the first retry of a call; it doubles up to 5 s. 0 means 200 ms.
	RetryDelay time.Duration
	// Checkpoints is the file that keeps, over restarts, up to where the stream has been delivered; "" means none.
	Checkpoints string
}

// A Stream is a delivery stream that runs until it is stopped.
type Stream struct {
	config  Config
	options Options
	layout  layout
	poller  *streams.Poller
	cancel  context.CancelFunc
	stopped <-chan struct{} // closed by Stop
	running sync.WaitGroup
	added   chan struct{}      // holds at most one signal: the buffer has grown
	flushes chan chan struct{} // requests to deliver what is buffered now

	mu        sync.Mutex
	pending   []entry
	bytes     int           // of pending
	since     time.Time     // when the first pending record was read
	room      chan struct{} // closed when the buffer shrinks
	delivered map[string]streams.Position
}

// An entry is a record that has been read but not delivered.
type entry struct {
	shard string
	streams.Record
}

// Start starts a delivery stream. The error says what of the configuration cannot be played here. A stream that ran
// before continues after what it has delivered, as resume or the checkpoints say.
func Start(c Config, o Options, resume map[string]streams.Position) (*Stream, error) {
	layout, err := newLayout(c)
	if err != nil {
		return nil, fmt.Errorf("delivery stream %q: %w", c.Name, err)
	}
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = 200 * time.Millisecond
	}
	if resume == nil {
		if resume, err = readCheckpoints(o.Checkpoints); err != nil {
			return nil, fmt.Errorf("delivery stream %q: %w", c.Name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Stream{config: c, options: o, layout: layout, cancel: cancel, stopped: ctx.Done(),
		added: make(chan struct{}, 1), flushes: make(chan chan struct{}), room: make(chan struct{}),
		delivered: maps.Clone(resume)}
	if s.delivered == nil {
		s.delivered = map[string]streams.Position{}
	}
	s.poller, err = streams.Start(streams.Mapping{
		UUID: c.Name, StreamARN: c.SourceARN, Function: c.Name, Resume: resume,
		Start: streams.Position{Kind: "AT_TIMESTAMP", Time: c.Start},
	}, streams.Options{Source: o.Source, Events: o.Events, Region: o.Region, Take: s.take, RetryDelay: o.RetryDelay})
	if err != nil {
		cancel()
		return nil, err
	}
	s.running.Go(func() { s.run(ctx) })
	return s, nil
}

// SourceARN is the ARN of the Kinesis stream.
func (s *Stream) SourceARN() string { return s.config.SourceARN }

// Wake makes the stream read now, because the source has new records.
func (s *Stream) Wake() { s.poller.Wake() }

// Stop stops reading and delivering. What is buffered is abandoned; the next stream reads it again.
func (s *Stream) Stop() {
	s.poller.Stop()
	s.cancel()
	s.running.Wait()
}

// Positions returns where a new stream must continue, per shard. Call it after Stop.
func (s *Stream) Positions() map[string]streams.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.delivered)
}

// Drain returns once every record that was put before the call has been delivered, without waiting for the interval.
func (s *Stream) Drain(ctx context.Context) error {
	if err := s.poller.Drain(ctx); err != nil {
		return err
	}
	done := make(chan struct{})
	select {
	case s.flushes <- done:
	case <-s.stopped:
		return streams.ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-s.stopped:
		return streams.ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take buffers records. While the buffer holds twice as much as an object may, it blocks.
func (s *Stream) take(ctx context.Context, shard string, records []streams.Record) {
	for {
		s.mu.Lock()
		room := s.room
		if s.bytes < 2*s.config.BufferBytes {
			if len(s.pending) == 0 {
				s.since = time.Now()
			}
			for _, r := range records {
				s.pending = append(s.pending, entry{shard, r})
				s.bytes += len(r.Data)
			}
			s.mu.Unlock()
			break
		}
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
	select {
	case s.added <- struct{}{}:
	default: // a signal is pending already
	}
}

// run delivers the buffer when it is full, when its interval has passed, and when Drain asks for it.
func (s *Stream) run(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(s.rest())
		select {
		case <-timer.C:
			s.deliver(ctx, s.cut())
		case <-s.added: // the time that is left may have changed
		case done := <-s.flushes:
			for batch := s.cut(); len(batch) > 0 && ctx.Err() == nil; batch = s.cut() {
				s.deliver(ctx, batch)
			}
			if ctx.Err() == nil {
				close(done)
			}
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// rest is how long the buffer may still grow.
func (s *Stream) rest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.pending) == 0:
		return time.Hour
	case s.bytes >= s.config.BufferBytes:
		return 0
	}
	return max(0, s.options.Interval-time.Since(s.since))
}

// cut removes the records of the next object from the buffer.
func (s *Stream) cut() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, bytes := 0, 0
	for n < len(s.pending) && bytes < s.config.BufferBytes {
		bytes += len(s.pending[n].Data)
		n++
	}
	batch := s.pending[:n:n]
	s.pending, s.bytes = s.pending[n:], s.bytes-bytes
	close(s.room)
	s.room = make(chan struct{})
	return batch
}

// deliver writes the objects of a batch. Only then, the batch counts as delivered.
func (s *Stream) deliver(ctx context.Context, batch []entry) {
	if len(batch) == 0 {
		return
	}
	for _, o := range s.objects(ctx, batch) {
		if !s.put(ctx, o) {
			return
		}
	}
	if ctx.Err() != nil {
		return
	}
	if direct, ok := s.options.Source.(*Direct); ok {
		direct.delivered(batch[len(batch)-1].SequenceNumber)
	}
	s.mu.Lock()
	for _, e := range batch {
		s.delivered[e.shard] = streams.Position{Kind: "AFTER_SEQUENCE_NUMBER", After: e.SequenceNumber}
	}
	positions := maps.Clone(s.delivered)
	s.mu.Unlock()
	if err := writeCheckpoints(s.options.Checkpoints, positions); err != nil {
		s.fail("keeping what is delivered; a restart would deliver it again", err)
	}
}

func (s *Stream) fail(what string, err error) {
	source := s.config.SourceARN[strings.LastIndexByte(s.config.SourceARN, '/')+1:]
	s.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: s.config.Name, Target: source,
		Error: what + ": " + err.Error()})
}
