package streams

import (
	"context"
	"sync"
	"time"
)

// pageSize is how many records one read asks for; Kinesis gives at most 10,000. [AWS 5]
const pageSize = 1000

// A shard is read by one goroutine, in order.
type shard struct {
	name   string
	poller *Poller
	wake   chan struct{} // of size 1

	mu      sync.Mutex
	waiting []chan struct{} // for the next empty read
	fresh   int             // how many of waiting were there when the current read began
	ended   bool
	done    Position // everything before it has been processed
}

func newShard(name string, p *Poller) *shard {
	return &shard{name: name, poller: p, wake: make(chan struct{}, 1)}
}

func (s *shard) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// nextEmpty returns a channel that is closed after a read that begins from now on and finds nothing.
func (s *shard) nextEmpty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{})
	if s.ended {
		close(c)
		return c
	}
	s.waiting = append(s.waiting, c)
	return c
}

func (s *shard) beginRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = len(s.waiting)
}

func (s *shard) foundNothing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.waiting[:s.fresh] {
		close(c)
	}
	s.waiting = s.waiting[s.fresh:]
	s.fresh = 0
}

func (s *shard) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, c := range s.waiting {
		close(c)
	}
	s.waiting = nil
}

func (s *shard) position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *shard) reached(p Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = p
}

// run reads until the shard is closed or the poller stopped. Lost iterators (they live five minutes) and failed reads
// begin again after the last record that was taken.
func (s *shard) run(ctx context.Context, from Position) {
	p := s.poller
	batch := &buffer{shard: s}
	s.reached(from)
	iterator := ""
	for ctx.Err() == nil {
		var err error
		if iterator == "" {
			if iterator, err = p.options.Source.Iterator(ctx, p.mapping.StreamARN, s.name, from); err != nil {
				s.retryLater(ctx, "asking for an iterator", err)
				continue
			}
		}
		s.beginRead()
		page, err := p.options.Source.Read(ctx, p.mapping.StreamARN, iterator, pageSize)
		if err != nil {
			iterator = ""
			s.retryLater(ctx, "reading shard "+s.name, err)
			continue
		}
		if n := len(page.Records); n > 0 {
			from = Position{Kind: "AFTER_SEQUENCE_NUMBER", After: page.Records[n-1].SequenceNumber}
		}
		batch.add(page.Records)
		batch.flush(ctx, page.Next == "")
		if batch.empty() && ctx.Err() == nil {
			s.reached(from)
		}
		if page.Next == "" {
			s.end()
			return
		}
		iterator = page.Next
		if len(page.Records) == 0 {
			if batch.empty() {
				s.foundNothing()
			}
			s.sleep(ctx, batch.rest())
		}
	}
}

func (s *shard) retryLater(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	s.poller.fail(what, err)
	select {
	case <-time.After(s.poller.options.Interval):
	case <-ctx.Done():
	}
}

// sleep waits for a wake-up, the interval, or the end of an open window.
func (s *shard) sleep(ctx context.Context, window time.Duration) {
	timer := time.NewTimer(min(s.poller.options.Interval, window))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-ctx.Done():
	}
}
