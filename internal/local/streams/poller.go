package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
)

// rediscover is how often the shards of a stream are listed, for splits and merges.
const rediscover = 30 * time.Second

// ErrStopped is the error of draining a poller that is stopped, or is stopped meanwhile.
var ErrStopped = errors.New("the poller is stopped")

// A Poller works for one mapping until it is stopped.
type Poller struct {
	mapping Mapping
	options Options
	filter  *filter
	cancel  context.CancelFunc
	stopped <-chan struct{} // closed by Stop
	running sync.WaitGroup

	mu     sync.Mutex
	shards map[string]*shard
	listed chan struct{} // closed after the first listing
}

// Start begins to read. The error is a filter that does not parse.
func Start(m Mapping, o Options) (*Poller, error) {
	f, err := parseFilter(m.Filters)
	if err != nil {
		return nil, fmt.Errorf("starting event source mapping %q: %w", m.UUID, err)
	}
	if o.Interval == 0 {
		o.Interval = 250 * time.Millisecond
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = 200 * time.Millisecond
	}
	m.BatchSize = max(m.BatchSize, 1)
	m.Parallelization = max(m.Parallelization, 1)
	ctx, cancel := context.WithCancel(context.Background())
	p := &Poller{mapping: m, options: o, filter: f, cancel: cancel, stopped: ctx.Done(), shards: map[string]*shard{}, listed: make(chan struct{})}
	p.running.Go(func() { p.discover(ctx) })
	return p, nil
}

// Stop ends the reading; a batch in progress is given up and would be read again.
func (p *Poller) Stop() {
	p.cancel()
	p.running.Wait()
}

// Positions says per shard where a new poller of the same mapping has to begin, once this one is stopped.
func (p *Poller) Positions() map[string]Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Position{}
	for name, s := range p.shards {
		all[name] = s.position()
	}
	return all
}

// Wake makes the poller read now: somebody knows that there is something.
func (p *Poller) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.shards {
		s.poke()
	}
}

// Drain returns when every shard has been found empty by a read that began after the call, which means that everything
// put before the call has been processed or given up.
func (p *Poller) Drain(ctx context.Context) error {
	select {
	case <-p.listed:
	case <-p.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	waits := make([]<-chan struct{}, 0, len(p.shards))
	for _, s := range p.shards {
		waits = append(waits, s.nextEmpty())
		s.poke()
	}
	p.mu.Unlock()
	for _, w := range waits {
		select {
		case <-w:
		case <-p.stopped:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// discover starts a reader per shard. Shards that appear later, from a split or a merge, are read from their beginning.
func (p *Poller) discover(ctx context.Context) {
	start, first := p.mapping.Start, true
	for {
		names, err := p.options.Source.Shards(ctx, p.mapping.StreamARN)
		switch {
		case err == nil:
			p.add(ctx, names, start)
			if first {
				first, start = false, Position{Kind: "TRIM_HORIZON"}
				close(p.listed)
			}
		case ctx.Err() == nil:
			p.fail("listing shards", err)
		}
		wait := rediscover
		if first {
			wait = p.options.Interval // the stream is not there yet
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (p *Poller) add(ctx context.Context, names []string, start Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		if p.shards[name] != nil {
			continue
		}
		s, from := newShard(name, p), start
		if resumed, ok := p.mapping.Resume[name]; ok {
			from = resumed
		}
		p.shards[name] = s
		p.running.Go(func() { s.run(ctx, from) })
	}
}

func (p *Poller) fail(what string, err error) {
	p.options.Events.Send(event.Event{Kind: event.Failed, Action: p.mapping.Function, Target: p.mapping.StreamARN, Error: what + ": " + err.Error()})
}
