package assembly

import (
	"context"
	"sync"
)

// Destroy deletes what the records name, each part after everything that needs
// it, and returns the records of what is left. It needs no configuration.
// Parts that are recorded as missing or foreign are dropped without a call: the
// object is not there, or not ours to delete. Destroy reads who owns all others
// before anything is deleted: what stands under a recorded name may be somebody else's
// by now, and a refresh does not read owners where that takes a call. The error is a *Failure.
func (e *Engine) Destroy(ctx context.Context, records []Record) ([]Record, error) {
	left, err := e.own(ctx, records)
	if err != nil {
		return sorted(left), err
	}
	parts := make([]Part, 0, len(left))
	for _, r := range sorted(left) {
		parts = append(parts, Part{Key: r.Key, Kind: r.Kind, Name: r.Name})
	}
	if err := e.retire(ctx, parts, left); err != nil {
		return sorted(left), err
	}
	contents := e.contents(left)
	nodes := deletions(left, contents)
	index := make(map[string]*Part, len(parts))
	for i := range parts {
		index[parts[i].Key] = &parts[i]
	}
	var mu sync.Mutex
	failed, skipped := e.walk(ctx, nodes, func(ctx context.Context, key string) error {
		p := index[key]
		d, err := e.driver(p)
		if err != nil {
			return err
		}
		mu.Lock()
		rec := left[key]
		mu.Unlock()
		if err := e.step(ctx, p, Deleting, "", func() error { return d.delete(ctx, rec.Ref(e.Owner)) }); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		delete(left, key)
		for _, content := range contents[key] {
			delete(left, content)
		}
		return nil
	})
	return sorted(left), failure(parts, failed, skipped, len(parts) > 0)
}

// contents gives, by the key of a container, the keys of the parts that AWS deletes with it.
func (e *Engine) contents(records map[string]Record) map[string][]string {
	type object struct{ kind, id string }
	keys := make(map[object]string, len(records))
	for _, r := range records {
		keys[object{r.Kind, r.ID}] = r.Key
	}
	contents := map[string][]string{}
	for _, r := range sorted(records) {
		d, ok := e.Drivers[r.Kind]
		if !ok {
			continue
		}
		var in object
		if in.kind, in.id = d.container(r.Ref(e.Owner)); in.id == "" {
			continue
		}
		if key, ok := keys[in]; ok {
			contents[key] = append(contents[key], r.Key)
		}
	}
	return contents
}

// deletions are the nodes of a Destroy: all parts but those that go with their container. Each waits for whatever
// needs it or what it contains.
func deletions(records map[string]Record, contents map[string][]string) []node {
	goes := map[string]string{} // content → container
	for container, keys := range contents {
		for _, key := range keys {
			goes[key] = container
		}
	}
	waits := map[string][]string{}
	var nodes []node
	for _, r := range sorted(records) {
		if goes[r.Key] != "" {
			continue
		}
		nodes = append(nodes, node{key: r.Key})
		for _, need := range r.Needs {
			if container := goes[need]; container != "" {
				need = container
			}
			waits[need] = append(waits[need], r.Key)
		}
	}
	for i := range nodes {
		nodes[i].needs = waits[nodes[i].key]
	}
	return nodes
}

// retire starts the clocks of the parts that AWS deletes only after a delay,
// so that they run while everything else is deleted.
func (e *Engine) retire(ctx context.Context, parts []Part, records map[string]Record) error {
	nodes := make([]node, len(parts))
	index := make(map[string]*Part, len(parts))
	for i := range parts {
		index[parts[i].Key] = &parts[i]
		nodes[i] = node{key: parts[i].Key}
	}
	failed, skipped := e.walk(ctx, nodes, func(ctx context.Context, key string) error {
		d, err := e.driver(index[key])
		if err != nil {
			return err
		}
		rec := records[key]
		if err := d.retire(ctx, rec.Ref(e.Owner)); err != nil {
			p := index[key]
			return &PartError{Key: p.Key, Kind: p.Kind, Name: p.Name, Operation: Retiring, Err: err}
		}
		return nil
	})
	return failure(parts, failed, skipped, len(parts) > 0)
}

// own gives the records of what there is to delete: without what is missing, or not ours.
func (e *Engine) own(ctx context.Context, records []Record) (map[string]Record, error) {
	left := byKey(records)
	var parts []Part
	var nodes []node
	index, refs := map[string]*Part{}, map[string][]Ref{}
	for _, r := range sorted(left) {
		if r.Status == Missing || r.Status == Foreign {
			delete(left, r.Key)
			continue
		}
		index[r.Key] = &Part{Key: r.Key, Kind: r.Kind, Name: r.Name}
		parts, nodes = append(parts, *index[r.Key]), append(nodes, node{key: r.Key})
		refs[r.Kind] = append(refs[r.Kind], r.Ref(e.Owner).InFull())
	}
	var mu sync.Mutex
	failed, skipped := e.walk(withPass(ctx, refs), nodes, func(ctx context.Context, key string) error {
		p := index[key]
		d, err := e.driver(p)
		if err != nil || d.checksOwner() {
			return err
		}
		mu.Lock()
		rec := left[key]
		mu.Unlock()
		return e.step(ctx, p, Reading, "", func() error {
			token, exists, err := d.owner(ctx, rec.Ref(e.Owner).InFull())
			if err == nil && exists && token != e.Owner {
				mu.Lock()
				defer mu.Unlock()
				delete(left, key)
			}
			return err
		})
	})
	return left, failure(parts, failed, skipped, false)
}
