// Package lane runs work in order per key and in parallel across keys.
package lane

import (
	"context"
	"hash/maphash"
	"sync"
)

// An Executor has a fixed number of lanes. Items with the same key share a lane, which handles one item at a time, in
// the order of Submit.
type Executor[T any] struct {
	handle  func(context.Context, T)
	lanes   []chan T
	seed    maphash.Seed
	pending Counter
	workers sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

// New starts an executor. Each lane queues up to length items; handle gets a context that ends with Close.
func New[T any](lanes, length int, handle func(context.Context, T)) *Executor[T] {
	e := &Executor[T]{handle: handle, lanes: make([]chan T, lanes), seed: maphash.MakeSeed()}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	for i := range e.lanes {
		e.lanes[i] = make(chan T, length)
		e.workers.Go(func() { e.work(e.lanes[i]) })
	}
	return e
}

// Submit queues the item and blocks while its lane is full. It returns false, and drops the item, after Close. While
// Close runs, Submit may also return true: the item is then dropped with the queued ones.
func (e *Executor[T]) Submit(key string, item T) bool {
	if e.ctx.Err() != nil {
		return false
	}
	e.pending.Begin()
	select {
	case e.lanes[maphash.String(e.seed, key)%uint64(len(e.lanes))] <- item:
		return true
	case <-e.ctx.Done():
		e.pending.End()
		return false
	}
}

// Wait returns once every submitted item has been handled, or with the context's error.
func (e *Executor[T]) Wait(ctx context.Context) error { return e.pending.Wait(ctx) }

// Close drops the queued items and returns when the items in progress have been handled.
func (e *Executor[T]) Close() {
	e.cancel()
	e.workers.Wait()
}

func (e *Executor[T]) work(lane chan T) {
	for {
		select {
		case item := <-lane:
			if e.ctx.Err() != nil {
				return
			}
			e.handle(e.ctx, item)
			e.pending.End()
		case <-e.ctx.Done():
			return
		}
	}
}
