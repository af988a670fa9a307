package lane

import (
	"context"
	"sync"
)

// A Counter counts work in progress. Unlike sync.WaitGroup, it can be waited for while work arrives. The zero value is
// ready to use.
type Counter struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed when n becomes zero; nil while nobody waits
}

// Begin adds one piece of work.
func (c *Counter) Begin() {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
}

// End removes one piece of work.
func (c *Counter) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.zero != nil {
		close(c.zero)
		c.zero = nil
	}
}

// Wait returns once nothing is in progress, or with the context's error.
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
