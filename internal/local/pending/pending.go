// Package pending counts work in progress. Unlike sync.WaitGroup, it may be waited for while work comes in.
package pending

import (
	"context"
	"sync"
)

// A Counter is ready to use when zero.
type Counter struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed when n becomes zero; nil while nobody waits
}

// Begin counts one more piece of work.
func (c *Counter) Begin() {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
}

// End counts one less.
func (c *Counter) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.zero != nil {
		close(c.zero)
		c.zero = nil
	}
}

// Wait returns at a moment at which nothing is in progress, or with the context's error.
func (c *Counter) Wait(ctx context.Context) error {
	c.mu.Lock()
	if c.n == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.zero == nil {
		c.zero = make(chan struct{})
	}
	zero := c.zero
	c.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
