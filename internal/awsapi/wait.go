package awsapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Delays between tries grow by half from first to longest; up to half of each is taken off at random, so that
// many waits in one apply do not fall together.
const (
	firstDelay   = 500 * time.Millisecond
	longestDelay = 10 * time.Second
)

// Clock is time as Retry and Poll see it.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or earlier with the context's error.
	Sleep(ctx context.Context, d time.Duration) error
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// NewInstantClock gives a clock for tests: its sleeps return at once and move its time on.
func NewInstantClock() Clock { return &instantClock{now: time.Unix(0, 0)} }

type instantClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *instantClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *instantClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// pauses is the rhythm of one wait.
type pauses struct {
	what    string
	limit   time.Duration
	clock   Clock
	waiting func(ctx context.Context, what string, waited time.Duration)
	start   time.Time
	delay   time.Duration
}

func (c *Clients) pauses(what string, limit time.Duration) *pauses {
	p := &pauses{what: what, limit: limit, clock: c.opts.Clock, waiting: c.opts.Waiting, delay: firstDelay}
	if p.clock == nil {
		p.clock = wallClock{}
	}
	p.start = p.clock.Now()
	return p
}

// next pauses. It gives false when the limit has passed; the last pause ends on the limit.
func (p *pauses) next(ctx context.Context) (bool, error) {
	waited := p.clock.Now().Sub(p.start)
	if waited >= p.limit {
		return false, nil
	}
	if p.waiting != nil {
		p.waiting(ctx, p.what, waited)
	}
	pause := p.delay - rand.N(p.delay/2)
	p.delay = min(p.delay*3/2, longestDelay)
	return true, p.clock.Sleep(ctx, min(pause, p.limit-waited))
}

// Retry calls until the call succeeds or fails with an error that again refuses; that error is returned as it is.
// When limit passes first, the error names what was waited for and wraps the last error.
func (c *Clients) Retry(
	ctx context.Context,
	what string,
	limit time.Duration,
	again func(error) bool,
	call func(context.Context) error,
) error {
	p := c.pauses(what, limit)
	for {
		err := call(ctx)
		if err == nil || !again(err) {
			return err
		}
		more, stopped := p.next(ctx)
		if stopped != nil {
			return fmt.Errorf("%s: %w; the last answer was: %w", what, stopped, err)
		}
		if !more {
			return fmt.Errorf("%s: not there after %s: %w", what, limit, err)
		}
	}
}

// LateError says that something was not there after the time that it usually takes at most.
type LateError struct {
	What  string
	Limit time.Duration
}

func (e *LateError) Error() string { return fmt.Sprintf("%s: not there after %s", e.What, e.Limit) }

// Poll asks until done says true or fails; that error is returned as it is. When limit passes first, the error names
// what was waited for.
func (c *Clients) Poll(
	ctx context.Context,
	what string,
	limit time.Duration,
	done func(context.Context) (bool, error),
) error {
	p := c.pauses(what, limit)
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		more, stopped := p.next(ctx)
		if stopped != nil {
			return fmt.Errorf("%s: %w", what, stopped)
		}
		if !more {
			return &LateError{what, limit}
		}
	}
}
