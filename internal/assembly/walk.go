package assembly

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
)

// node is a task of a walk: its key and the keys that must have succeeded first.
type node struct {
	key   string
	needs []string
}

// walk runs do once per node, after all it needs, at most Parallel at a time. A node that fails blocks only the nodes
// that need it. Among the nodes that are ready, the lowest key starts first. Needs that are not nodes of the walk count
// as done. After cancellation no node starts. It returns when every started node has returned.
func (e *Engine) walk(
	ctx context.Context,
	nodes []node,
	do func(ctx context.Context, key string) error,
) (failed map[string]error, skipped map[string][]string) {
	waiting, dependents, ready := order(nodes)
	type result struct {
		key string
		err error
	}
	results := make(chan result)
	failed = map[string]error{}
	for running := 0; ; {
		for len(ready) > 0 && running < e.parallel() && ctx.Err() == nil {
			key := ready[0]
			ready = ready[1:]
			delete(waiting, key)
			running++
			go func() { results <- result{key, e.recovered(ctx, key, do)} }()
		}
		if running == 0 {
			break
		}
		r := <-results
		running--
		if r.err != nil {
			failed[r.key] = r.err
			continue
		}
		for _, d := range dependents[r.key] {
			delete(waiting[d], r.key)
			if len(waiting[d]) == 0 {
				at, _ := slices.BinarySearch(ready, d)
				ready = slices.Insert(ready, at, d)
			}
		}
	}
	skipped = map[string][]string{}
	for key, needs := range waiting {
		skipped[key] = slices.Sorted(maps.Keys(needs))
	}
	return failed, skipped
}

// order returns, by key, the needs that a node waits for and the nodes that wait for it, and the sorted keys of the
// nodes that wait for nothing.
func order(nodes []node) (waiting map[string]map[string]bool, dependents map[string][]string, ready []string) {
	waiting, dependents = make(map[string]map[string]bool, len(nodes)), map[string][]string{}
	for _, n := range nodes {
		waiting[n.key] = map[string]bool{}
	}
	for _, n := range nodes {
		for _, need := range n.needs {
			// A need that is named twice counts once: else its node would run twice.
			if _, ok := waiting[need]; ok && need != n.key && !waiting[n.key][need] {
				waiting[n.key][need] = true
				dependents[need] = append(dependents[need], n.key)
			}
		}
	}
	for key, needs := range waiting {
		if len(needs) == 0 {
			ready = append(ready, key)
		}
	}
	slices.Sort(ready)
	return waiting, dependents, ready
}

// recovered turns a panic of one part into its error, so that the records of all others are kept.
func (e *Engine) recovered(ctx context.Context, key string, do func(context.Context, string) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is a bug in the provider, please report it: %v\n%s", p, debug.Stack())
		}
	}()
	if e.Scope != nil {
		ctx = e.Scope(ctx, key)
	}
	return do(ctx, key)
}
