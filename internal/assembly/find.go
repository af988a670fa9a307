package assembly

import (
	"context"
	"sync"
)

// Find looks, by name, for the objects of parts that no record is of, and gives the records with what it found added
// as Incomplete. It writes nothing. There are such objects when the answer to their creation was lost, or the process
// that made them died: a delete from records alone would leave them behind. Objects of other owners are none of ours.
//
// Where the record of a part's key is of another name, the object is recorded as "key@name", as an Apply does with
// what a renamed part was before.
func (e *Engine) Find(ctx context.Context, parts []Part, prior []Record) ([]Record, error) {
	records := byKey(prior)
	unrecorded := map[string]*Part{}
	var nodes []node
	refs := map[string][]Ref{}
	for i := range parts {
		p := &parts[i]
		key := p.Key
		if r, ok := records[key]; ok && !r.is(p) {
			key += "@" + p.Name
		}
		if _, ok := records[key]; !ok {
			unrecorded[key] = p
			nodes = append(nodes, node{key: key}) // reading needs no order
			refs[p.Kind] = append(refs[p.Kind], e.unrecorded(p))
		}
	}
	var mu sync.Mutex
	failed, skipped := e.walk(withPass(ctx, refs), nodes, func(ctx context.Context, key string) error {
		p := unrecorded[key]
		d, err := e.driver(p)
		if err != nil {
			return err
		}
		return e.step(ctx, p, Reading, "", func() error {
			obj, err := d.observe(ctx, e.unrecorded(p))
			if err != nil || obj == nil || obj.owner != e.Owner {
				return err
			}
			rec := Record{Key: key, Kind: p.Kind, Name: p.Name, Needs: p.Needs, Status: Incomplete}
			rec.identify(obj.Identity)
			mu.Lock()
			defer mu.Unlock()
			records[key] = rec
			return nil
		})
	})
	return sorted(records), failure(parts, failed, skipped, false)
}

// unrecorded refers to what is found by its name alone, and read in full: its owner is in question.
func (e *Engine) unrecorded(p *Part) Ref { return Ref{Name: p.Name, Owner: e.Owner, Full: true} }

// is says whether a record is of the object that a part wants.
func (r Record) is(p *Part) bool { return r.Kind == p.Kind && r.Name == p.Name }
