package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// rediscover is how often the poller lists the stream's shards, to find splits and merges.
const rediscover = 30 * time.Second

// ErrStopped is Drain's error when the poller is stopped.
var ErrStopped = errors.New("the poller has stopped")

// A Poller serves one mapping until it is stopped.
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

// Start starts a poller. The error is an invalid filter.
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
	if m.TumblingWindow > 0 {
		m.Parallelization = 1 // a window has one state per shard
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Poller{
		mapping: m,
		options: o,
		filter:  f,
		cancel:  cancel,
		stopped: ctx.Done(),
		shards:  map[string]*shard{},
		listed:  make(chan struct{}),
	}
	p.running.Go(func() { p.discover(ctx) })
	return p, nil
}

// Stop stops reading. A batch in progress is abandoned; the next poller reads it again.
func (p *Poller) Stop() {
	p.cancel()
	p.running.Wait()
}

// Positions returns where a new poller of the mapping must start, per shard. Call it after Stop.
func (p *Poller) Positions() map[string]Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Position{}
	for name, s := range p.shards {
		all[name] = s.position()
	}
	return all
}

// Wake makes the poller read now, because the stream has new records.
func (p *Poller) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.shards {
		s.wake()
	}
}

// Drain returns once a read that began after the call has found each shard empty: every record put before the call has
// been processed or given up.
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
		s.wake()
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

// discover starts a reader per shard. Shards that appear later, after a split or merge, are read from the beginning.
func (p *Poller) discover(ctx context.Context) {
	start, first := p.mapping.Start, true
	for ctx.Err() == nil {
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
			wait = p.options.Interval // the stream does not exist yet
		}
		retries.Sleep(ctx, wait)
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
	p.options.Events.Send(runlog.Event{
		Kind:   runlog.Failed,
		Action: p.mapping.Function,
		Target: p.mapping.StreamARN,
		Error:  what + ": " + err.Error(),
	})
}
