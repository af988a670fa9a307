package assembly

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Registry gives the driver of each kind.
type Registry map[string]AnyDriver

// Event is one step of a run, for logs.
type Event struct {
	Key, Kind, Name string
	Operation       Operation
	Detail          string // the fields that are changed, for Updating
	Elapsed         time.Duration
	Err             error // nil when the step succeeded
}

// Engine makes assemblies real. It keeps no state between calls.
type Engine struct {
	Drivers  Registry
	Owner    string // owner token of the assembly
	Parallel int    // parts at a time; 10 when zero
	// Tags is what Observe asks for whose tags it should read, beside those that come with an object; nil is allowed.
	Tags TagIndex
	// Log receives every step when it is done; nil is allowed. It may be called concurrently.
	Log func(context.Context, Event)
	// Scope returns the context that a part's driver is called with, for a logger that should name the part; nil is
	// allowed. It may be called concurrently.
	Scope func(ctx context.Context, key string) context.Context
}

func (e *Engine) parallel() int {
	if e.Parallel > 0 {
		return e.Parallel
	}
	return 10
}

// step runs one driver call and reports it.
func (e *Engine) step(ctx context.Context, p *Part, op Operation, detail string, call func() error) error {
	start := time.Now()
	err := call()
	if e.Log != nil {
		e.Log(ctx, Event{
			Key:       p.Key,
			Kind:      p.Kind,
			Name:      p.Name,
			Operation: op,
			Detail:    detail,
			Elapsed:   time.Since(start),
			Err:       err,
		})
	}
	if err != nil {
		return &PartError{Key: p.Key, Kind: p.Kind, Name: p.Name, Operation: op, Err: err}
	}
	return nil
}

func (e *Engine) driver(p *Part) (AnyDriver, error) {
	d, ok := e.Drivers[p.Kind]
	if !ok {
		return nil, &PartError{Key: p.Key, Kind: p.Kind, Name: p.Name, Operation: Reading,
			Err: errors.New("this is a bug in the provider: no driver for this kind")}
	}
	return d, nil
}

// Observe reads every recorded part and returns the records with their present
// identity and status. It writes nothing. Records without a part keep their
// status. Parts give the wanted state that drift is measured against.
func (e *Engine) Observe(ctx context.Context, parts []Part, prior []Record) ([]Record, error) {
	before := byKey(prior)
	wanted := map[string]*Part{}
	for i := range parts {
		wanted[parts[i].Key] = &parts[i]
	}
	nodes := make([]node, 0, len(prior))
	refs := map[string][]Ref{}
	for _, r := range prior {
		nodes = append(nodes, node{key: r.Key}) // reading needs no order
		if part := wanted[r.Key]; part != nil {
			refs[part.Kind] = append(refs[part.Kind], r.Ref(e.Owner))
		}
	}
	suspect := e.suspects(ctx, wanted, before)
	var mu sync.Mutex
	after := byKey(prior)
	failed, skipped := e.walk(withPass(ctx, refs), nodes, func(ctx context.Context, key string) error {
		part := wanted[key]
		if part == nil {
			return nil
		}
		rec, err := e.observeRecord(ctx, part, before, suspect)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		after[key] = rec
		return nil
	})
	return sorted(after), failure(parts, failed, skipped, false)
}

// observeRecord reads one part and says how it stands to what is wanted.
func (e *Engine) observeRecord(
	ctx context.Context,
	part *Part,
	records map[string]Record,
	suspect func(arn string) bool,
) (Record, error) {
	rec := records[part.Key]
	d, err := e.driver(part)
	if err != nil {
		return rec, err
	}
	ref := rec.Ref(e.Owner)
	if suspect(rec.ARN) {
		ref = ref.InFull()
	}
	var obj *anyObject
	if err := e.step(ctx, part, Reading, "", func() (err error) {
		obj, err = d.observe(ctx, ref)
		return err
	}); err != nil {
		return rec, err
	}
	switch {
	case obj == nil:
		rec.Status = Missing
		return rec, nil
	case obj.owner != e.Owner:
		rec.Status = Foreign
		return rec, nil
	}
	rec.identify(obj.Identity)
	want, err := part.Want(upstream(part, records))
	if err != nil && slices.ContainsFunc(part.Needs, func(need string) bool { return records[need].Key == "" }) {
		rec.Status = Incomplete // an apply ended before it made what the part is built on now
		return rec, nil
	}
	if err != nil {
		return rec, &PartError{Key: part.Key, Kind: part.Kind, Name: part.Name, Operation: Reading, Err: err}
	}
	changes, err := d.diff(obj, want)
	if err != nil {
		return rec, &PartError{Key: part.Key, Kind: part.Kind, Name: part.Name, Operation: Reading, Err: err}
	}
	rec.Status = Ready
	if len(changes) > 0 {
		rec.Status = Drifted + Status(": "+fields(changes))
	}
	return rec, nil
}

// maxNamedFields bounds the drifted fields that a status names; a fleet may have thousands.
const maxNamedFields = 5

func fields(changes []Change) string {
	names := make([]string, 0, len(changes))
	for _, c := range changes {
		names = append(names, c.Field)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if n := len(names); n > maxNamedFields {
		return strings.Join(names[:maxNamedFields], ", ") + fmt.Sprintf(" and %d more", n-maxNamedFields)
	}
	return strings.Join(names, ", ")
}

// identify takes over what AWS says an object is.
func (r *Record) identify(id Identity) {
	r.ID, r.ARN = id.ID, id.ARN
	r.Outputs = id.Outputs
}

func byKey(records []Record) map[string]Record {
	m := make(map[string]Record, len(records))
	for _, r := range records {
		m[r.Key] = r
	}
	return m
}

func sorted(records map[string]Record) []Record {
	list := make([]Record, 0, len(records))
	for _, r := range records {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// upstream gives the records a part's Want may look at.
func upstream(p *Part, records map[string]Record) Upstream {
	up := make(Upstream, len(p.Needs))
	for _, need := range p.Needs {
		if r, ok := records[need]; ok {
			up[need] = r
		}
	}
	return up
}

// failure puts the outcome of a walk into one error, or nil.
func failure(parts []Part, failed map[string]error, skipped map[string][]string, wrote bool) error {
	named := map[string]*Part{}
	for i := range parts {
		named[parts[i].Key] = &parts[i]
	}
	f := &Failure{Wrote: wrote}
	for key, err := range failed {
		var pe *PartError
		if !errors.As(err, &pe) {
			pe = &PartError{Key: key, Operation: Reading, Err: err}
			if p := named[key]; p != nil {
				pe.Kind, pe.Name = p.Kind, p.Name
			}
		}
		f.Problems = append(f.Problems, pe)
	}
	for key, because := range skipped {
		f.Skipped = append(f.Skipped, Skip{Key: key, Because: because})
	}
	return f.orNil()
}
