package assembly

import (
	"context"
	"slices"
	"sync"
)

// pass is one walk over parts that only reads: a refresh, the survey before the first write, the look at owners before
// the first deletion. Nothing changes while it runs, so what a driver reads for one part holds for all of them, and
// nothing has to be forgotten before the pass ends.
type pass struct {
	refs map[string][]Ref // of the parts that are read, by kind

	mu    sync.Mutex
	reads map[string]func() (any, error)
}

type passKey struct{}

// withPass begins a pass over parts of these kinds, in key order.
func withPass(ctx context.Context, refs map[string][]Ref) context.Context {
	return context.WithValue(ctx, passKey{}, &pass{refs: refs, reads: map[string]func() (any, error){}})
}

// Shared returns what read returns. During a pass it calls read once for each key, also when it fails; outside of one,
// such as between two writes, every time.
func Shared[T any](ctx context.Context, key string, read func(context.Context) (T, error)) (T, error) {
	p, _ := ctx.Value(passKey{}).(*pass)
	if p == nil {
		return read(ctx)
	}
	p.mu.Lock()
	once, ok := p.reads[key]
	if !ok {
		once = sync.OnceValues(func() (any, error) { return read(ctx) })
		p.reads[key] = once
	}
	p.mu.Unlock()
	result, err := once()
	value, _ := result.(T)
	return value, err
}

// Together is for drivers that can read several objects with one call. read gets the references of all parts of the
// kind that the pass reads, outside of a pass ref alone, and returns what it found by name. ok is false if nothing of
// ref's name was found.
func Together[T any](
	ctx context.Context,
	kind string,
	ref Ref,
	read func(context.Context, []Ref) (map[string]T, error),
) (value T, ok bool, err error) {
	p, _ := ctx.Value(passKey{}).(*pass)
	if p == nil || !slices.ContainsFunc(p.refs[kind], func(r Ref) bool { return r.Name == ref.Name }) {
		found, err := read(ctx, []Ref{ref})
		value, ok = found[ref.Name]
		return value, ok, err
	}
	found, err := Shared(ctx, "all parts of the kind "+kind,
		func(ctx context.Context) (map[string]T, error) { return read(ctx, p.refs[kind]) })
	value, ok = found[ref.Name]
	return value, ok, err
}
