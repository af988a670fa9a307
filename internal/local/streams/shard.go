package streams

import (
	"context"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
)

// pageSize is how many records one read asks for; Kinesis gives at most 10,000. [AWS 5]
const pageSize = 1000

// A shard is read by one goroutine, in order.
//
// The drain handshake: Drain must not return before a read that began after the call has found nothing, because an
// earlier read may have missed the newest record. Drain therefore adds a channel to waiters and wakes the reader. When
// a read begins, the reader notes the number of waiters; if that read finds nothing and no record is buffered,
// notifyEmpty closes the channels of exactly those waiters. Waiters that arrive during a read wait for the next one.
type shard struct {
	name   string
	poller *Poller
	awake  chan struct{} // holds at most one signal
	window *window       // the open tumbling window, or nil

	mu                 sync.Mutex
	waiters            []chan struct{} // closed by an empty read
	waitersAtReadStart int             // how many of them the current read may notify
	ended              bool
	done               Position // everything before it has been processed
}

func newShard(name string, p *Poller) *shard {
	return &shard{name: name, poller: p, awake: make(chan struct{}, 1)}
}

// wake ends the pause between two reads.
func (s *shard) wake() {
	select {
	case s.awake <- struct{}{}:
	default: // a signal is pending already
	}
}

// nextEmpty returns a channel that is closed once a read that has not yet begun finds nothing.
func (s *shard) nextEmpty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{})
	if s.ended {
		close(c)
		return c
	}
	s.waiters = append(s.waiters, c)
	return c
}

func (s *shard) beginRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitersAtReadStart = len(s.waiters)
}

func (s *shard) notifyEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.waiters[:s.waitersAtReadStart] {
		close(c)
	}
	s.waiters = s.waiters[s.waitersAtReadStart:]
	s.waitersAtReadStart = 0
}

// end notifies all waiters: a closed shard stays empty.
func (s *shard) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, c := range s.waiters {
		close(c)
	}
	s.waiters = nil
}

func (s *shard) position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *shard) checkpoint(p Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = p
}

// run reads until the shard is closed or the poller stops. After an expired iterator (they last five minutes) or a
// failed read it continues after the last record that it read.
func (s *shard) run(ctx context.Context, from Position) {
	p := s.poller
	batch := &buffer{shard: s}
	s.checkpoint(from)
	iterator := ""
	for ctx.Err() == nil {
		var err error
		if iterator == "" {
			if iterator, err = p.options.Source.Iterator(ctx, p.mapping.StreamARN, s.name, from); err != nil {
				s.retryLater(ctx, "getting a shard iterator", err)
				continue
			}
		}
		s.beginRead()
		began := time.Now()
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
		batch.flush(ctx, page.Next == "", ended(page, began))
		if batch.empty() && s.window == nil && ctx.Err() == nil {
			s.checkpoint(from)
		}
		if page.Next == "" {
			s.end()
			return
		}
		iterator = page.Next
		if len(page.Records) == 0 {
			if batch.empty() {
				s.notifyEmpty()
			}
			s.sleep(ctx, batch.rest())
		}
	}
}

// ended is the moment up to which every record has been read: the beginning of a read that found nothing.
func ended(page Page, began time.Time) time.Time {
	if len(page.Records) > 0 {
		return time.Time{}
	}
	return began
}

func (s *shard) retryLater(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	s.poller.fail(what, err)
	retries.Sleep(ctx, s.poller.options.Interval)
}

// sleep waits for a wake-up, the interval, or the end of an open window.
func (s *shard) sleep(ctx context.Context, window time.Duration) {
	timer := time.NewTimer(min(s.poller.options.Interval, window))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.awake:
	case <-ctx.Done():
	}
}
