package assembly

import (
	"context"
	"errors"
	"sync"
)

// Apply makes the parts real and returns what then exists, always, whatever
// error comes with it.
//
// A part is visited when visit says so, when it has no record or one that is
// not Ready, and when a part it needs came out with another identity. All
// visited parts are read first; a foreign object or an unreadable part ends the run
// before the first write. Recorded parts that are no longer wanted are deleted
// last, in reverse order of their recorded needs, and only when all else succeeded.
// The error is a *Failure.
func (e *Engine) Apply(
	ctx context.Context,
	parts []Part,
	prior []Record,
	visit func(key string) bool,
) ([]Record, error) {
	r := e.begin(parts, setAside(parts, prior))
	nodes := make([]node, len(parts))
	chosen := map[string]bool{}
	for i, p := range parts {
		nodes[i] = node{key: p.Key, needs: p.Needs}
		rec, ok := r.records[p.Key]
		chosen[p.Key] = !ok || rec.Status != Ready || visit(p.Key)
	}

	if err := r.survey(ctx, parts, chosen); err != nil {
		return sorted(r.records), err
	}
	failed, skipped := e.walk(ctx, nodes, func(ctx context.Context, key string) error {
		if !chosen[key] && !r.needMoved(key) {
			return r.keep(key)
		}
		return r.reconcilePart(ctx, r.parts[key])
	})
	if err := failure(parts, failed, skipped, r.wrote); err != nil {
		return sorted(r.records), err
	}
	var obsolete []Record
	for key, rec := range r.records {
		if r.parts[key] == nil {
			obsolete = append(obsolete, rec)
		}
	}
	left, err := e.Destroy(ctx, obsolete)
	for _, rec := range obsolete {
		delete(r.records, rec.Key)
	}
	for _, rec := range left {
		r.records[rec.Key] = rec
	}
	return sorted(r.records), err
}

// Survey reads parts and refuses what is not ours, as Apply does before its first write. It writes nothing. The error
// is a *Failure.
func (e *Engine) Survey(ctx context.Context, parts []Part, prior []Record) error {
	chosen := make(map[string]bool, len(parts))
	for _, p := range parts {
		chosen[p.Key] = true
	}
	return e.begin(parts, prior).survey(ctx, parts, chosen)
}

func (e *Engine) begin(parts []Part, records []Record) *run {
	r := &run{Engine: e, parts: make(map[string]*Part, len(parts)), records: byKey(records),
		seen: map[string]*anyObject{}, surveyed: map[string]bool{}, moved: map[string]bool{}}
	for i := range parts {
		r.parts[parts[i].Key] = &parts[i]
	}
	return r
}

// run is one Apply; mu guards everything below it.
type run struct {
	*Engine
	parts map[string]*Part

	mu       sync.Mutex
	records  map[string]Record
	seen     map[string]*anyObject // what the survey found; nil for absent
	surveyed map[string]bool
	moved    map[string]bool // parts whose identity or outputs changed in this run
	wrote    bool
}

// survey is the read-only pass before the first write.
func (r *run) survey(ctx context.Context, parts []Part, chosen map[string]bool) error {
	var nodes []node
	refs := map[string][]Ref{}
	for i, p := range parts {
		if chosen[p.Key] {
			nodes = append(nodes, node{key: p.Key})
			refs[p.Kind] = append(refs[p.Kind], r.ref(&parts[i]))
		}
	}
	failed, skipped := r.walk(withPass(ctx, refs), nodes, func(ctx context.Context, key string) error {
		obj, err := r.look(ctx, r.parts[key])
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen[key], r.surveyed[key] = obj, true
		return nil
	})
	return failure(parts, failed, skipped, false)
}

// look reads one part and refuses an object that is not ours.
func (r *run) look(ctx context.Context, p *Part) (*anyObject, error) {
	d, err := r.driver(p)
	if err != nil {
		return nil, err
	}
	var obj *anyObject
	err = r.step(ctx, p, Reading, "", func() (err error) {
		if obj, err = d.observe(ctx, r.ref(p)); err != nil || obj == nil {
			return err
		}
		if obj.owner != r.Owner {
			return &ForeignError{Owner: obj.owner}
		}
		return nil
	})
	return obj, err
}

// ref refers to the object of a part, which is read in full: it may be about to change.
func (r *run) ref(p *Part) Ref {
	ref := Ref{Name: p.Name, Owner: r.Owner}
	if rec, ok := r.record(p.Key); ok && rec.Status != Missing && rec.Status != Foreign {
		ref = rec.Ref(r.Owner)
	}
	return ref.InFull()
}

// reconcilePart creates, updates or replaces one part until it matches its spec.
func (r *run) reconcilePart(ctx context.Context, p *Part) error {
	d, err := r.driver(p)
	if err != nil {
		return err
	}
	want, err := p.Want(r.upstream(p))
	if err == nil {
		err = d.check(want)
	}
	if err != nil {
		return &PartError{Key: p.Key, Kind: p.Kind, Name: p.Name, Operation: Reading, Err: err}
	}
	obj, err := r.present(ctx, p)
	if err != nil {
		return err
	}
	if obj == nil {
		return r.create(ctx, p, d, want, Creating)
	}
	changes, err := d.diff(obj, want)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.Replace {
			return r.replace(ctx, p, d, want, c)
		}
	}
	if len(changes) > 0 {
		return r.update(ctx, p, d, obj, want, changes)
	}
	r.save(p, obj.Identity, Incomplete)
	return r.finish(ctx, p, d)
}

// present is what the survey saw, or a fresh look at a part that the survey had no reason to read.
func (r *run) present(ctx context.Context, p *Part) (*anyObject, error) {
	r.mu.Lock()
	obj, ok := r.seen[p.Key], r.surveyed[p.Key]
	r.mu.Unlock()
	if ok {
		return obj, nil
	}
	return r.look(ctx, p)
}

func (r *run) create(ctx context.Context, p *Part, d AnyDriver, want any, op Operation) error {
	err := r.step(ctx, p, op, "", func() error {
		r.writing()
		id, err := d.create(ctx, Ref{Name: p.Name, Owner: r.Owner}, want)
		switch {
		case id.ID != "": // taken the moment create returns, before waiting
			r.save(p, id, Incomplete)
		case err != nil:
			r.forget(p.Key)
		default:
			return errors.New("this is a bug in the provider: the driver gave no ID")
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.finish(ctx, p, d)
}

func (r *run) update(ctx context.Context, p *Part, d AnyDriver, have *anyObject, want any, changes []Change) error {
	err := r.step(ctx, p, Updating, fields(changes), func() error {
		r.writing()
		rec, _ := r.record(p.Key)
		ref := rec.Ref(r.Owner)
		ref.Name, ref.ID, ref.Outputs = p.Name, have.ID, have.Outputs
		id, err := d.update(ctx, ref, have, want, changes)
		if id.ID == "" {
			id = have.Identity
		}
		r.save(p, id, Incomplete)
		return err
	})
	if err != nil {
		return err
	}
	return r.finish(ctx, p, d)
}

// replace deletes and creates, for changes that AWS cannot make in place.
func (r *run) replace(ctx context.Context, p *Part, d AnyDriver, want any, because Change) error {
	rec, _ := r.record(p.Key)
	ref := rec.Ref(r.Owner)
	ref.Name = p.Name
	if err := r.step(ctx, p, Deleting, because.Field, func() error {
		r.writing()
		return d.delete(ctx, ref)
	}); err != nil {
		return err
	}
	r.forget(p.Key)
	return r.create(ctx, p, d, want, Replacing)
}

// finish waits until a part is usable and marks it ready.
func (r *run) finish(ctx context.Context, p *Part, d AnyDriver) error {
	rec, _ := r.record(p.Key)
	if err := d.wait(ctx, rec.Ref(r.Owner)); err != nil {
		return &PartError{Key: p.Key, Kind: p.Kind, Name: p.Name, Operation: Waiting, Err: err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rec.Status = Ready
	r.records[p.Key] = rec
	return nil
}

// keep leaves a part alone but takes over its needs, which may have changed with the configuration.
func (r *run) keep(key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.records[key]
	rec.Needs = r.parts[key].Needs
	r.records[key] = rec
	return nil
}

func (r *run) save(p *Part, id Identity, s Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, existed := r.records[p.Key]
	rec := Record{Key: p.Key, Kind: p.Kind, Name: p.Name, Needs: p.Needs, Status: s}
	rec.identify(id)
	if !existed || old.ID != rec.ID || old.ARN != rec.ARN || !sameOutputs(old.Outputs, rec.Outputs) {
		r.moved[p.Key] = true
	}
	r.records[p.Key] = rec
}

func sameOutputs(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// needMoved reports whether something that the part is built on has another identity than before.
func (r *run) needMoved(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, need := range r.parts[key].Needs {
		if r.moved[need] {
			return true
		}
	}
	return false
}

func (r *run) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.records, key)
	r.moved[key] = true
}

func (r *run) record(key string) (Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[key]
	return rec, ok
}

func (r *run) upstream(p *Part) Upstream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return upstream(p, r.records)
}

func (r *run) writing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrote = true
}
