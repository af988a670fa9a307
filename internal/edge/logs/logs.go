// Package logs keeps a log short: what happens again and again, as somebody on the network may bring about, is said
// some times a minute, and counted.
package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// most is how often a message is logged in every.
	most  = 20
	every = time.Minute
)

// Limit returns a handler that passes on each message, whatever its attributes are, twenty times a minute at most. The
// first of the next minute says how many were left out. Debugging has no limit.
func Limit(h slog.Handler) slog.Handler {
	return limited{h, &counts{lines: map[string]*count{}, now: time.Now}}
}

type limited struct {
	slog.Handler
	counts *counts
}

// counts are shared by the handlers that derive from one.
type counts struct {
	now func() time.Time

	mu    sync.Mutex
	lines map[string]*count // by message, of which a program has so many
}

type count struct {
	since   time.Time
	logged  int
	leftOut int
}

// pass reports whether a message is logged, and how many before it were not.
func (c *counts) pass(message string) (leftOut int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, n := c.now(), c.lines[message]
	if n == nil {
		n = &count{since: now}
		c.lines[message] = n
	}
	if now.Sub(n.since) >= every {
		leftOut = n.leftOut
		*n = count{since: now}
	}
	if n.logged >= most {
		n.leftOut++
		return 0, false
	}
	n.logged++
	return leftOut, true
}

// Handle implements slog.Handler.
func (l limited) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return l.Handler.Handle(ctx, r)
	}
	leftOut, ok := l.counts.pass(r.Message)
	if !ok {
		return nil
	}
	if leftOut > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{l.Handler.WithAttrs(attrs), l.counts}
}

// WithGroup implements slog.Handler.
func (l limited) WithGroup(name string) slog.Handler {
	return limited{l.Handler.WithGroup(name), l.counts}
}
