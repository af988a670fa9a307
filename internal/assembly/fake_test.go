package assembly

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// fakeSpec is what a fake object looks like.
type fakeSpec struct {
	Value   string
	Parents []string // names of objects that must exist
	Fixed   string   // cannot change in place
}

// cloud is an account with fake objects. It refuses what a real service would:
// creating on something absent, deleting what is still in use.
type cloud struct {
	mu      sync.Mutex
	objects map[string]Observed[fakeSpec]
	calls   []string
	// fault is asked before each call, which it may fail, before or after the call takes effect.
	fault  func(n int, op, name string) fault
	onCall func(op, name string)
}

type fault int

const (
	none fault = iota
	before
	after
	crash // panics after taking effect
)

var errInjected = errors.New("injected fault")

func newCloud() *cloud { return &cloud{objects: map[string]Observed[fakeSpec]{}} }

// call counts one request and applies the fault around its effect.
func (c *cloud) call(op, name string, effect func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, op+" "+name)
	if c.onCall != nil {
		c.onCall(op, name)
	}
	f := none
	if c.fault != nil {
		f = c.fault(len(c.calls), op, name)
	}
	if f == before {
		return errInjected
	}
	if err := effect(); err != nil {
		return err
	}
	switch f {
	case after:
		return errInjected
	case crash:
		panic("boom")
	}
	return nil
}

func (c *cloud) writes() (w []string) {
	for _, call := range c.calls {
		if !strings.HasPrefix(call, "observe") && !strings.HasPrefix(call, "wait") &&
			!strings.HasPrefix(call, "retire") {
			w = append(w, call)
		}
	}
	return w
}

func (c *cloud) forgetCalls() { c.calls = nil }

// fakeDriver is a driver of cloud's objects; their ID is "id-" and the name.
type fakeDriver struct{ *cloud }

func (d fakeDriver) Observe(_ context.Context, ref Ref) (obj *Observed[fakeSpec], err error) {
	err = d.call("observe", ref.Name, func() error {
		if o, ok := d.objects[ref.Name]; ok {
			obj = &o
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return obj, nil
}

func (d fakeDriver) Create(_ context.Context, ref Ref, want fakeSpec) (Identity, error) {
	id := Identity{ID: "id-" + ref.Name, Outputs: map[string]string{"url": "url-" + want.Fixed}}
	err := d.call("create", ref.Name, func() error {
		if have, ok := d.objects[ref.Name]; ok {
			if have.Owner == ref.Owner {
				return nil
			}
			return &ForeignError{Owner: have.Owner}
		}
		for _, p := range want.Parents {
			if _, ok := d.objects[p]; !ok {
				return fmt.Errorf("parent %q is absent", p)
			}
		}
		d.objects[ref.Name] = Observed[fakeSpec]{Identity: id, Owner: ref.Owner, Spec: want}
		return nil
	})
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

func (d fakeDriver) Update(
	_ context.Context,
	ref Ref,
	have *Observed[fakeSpec],
	want fakeSpec,
	_ []Change,
) (Identity, error) {
	err := d.call("update", ref.Name, func() error {
		o, ok := d.objects[ref.Name]
		if !ok {
			return errors.New("absent")
		}
		o.Spec = want
		d.objects[ref.Name] = o
		return nil
	})
	return have.Identity, err
}

func (d fakeDriver) Delete(_ context.Context, ref Ref) error {
	return d.call("delete", ref.Name, func() error {
		for name, o := range d.objects {
			if slices.Contains(o.Spec.Parents, ref.Name) {
				return fmt.Errorf("still in use by %q", name)
			}
		}
		delete(d.objects, ref.Name)
		return nil
	})
}

func (fakeDriver) Kind() Kind { return Kind{} }

func (d fakeDriver) Diff(have, want fakeSpec) (changes []Change) {
	if have.Value != want.Value {
		changes = append(changes, Change{Field: "value"})
	}
	if have.Fixed != want.Fixed {
		changes = append(changes, Change{Field: "fixed", Replace: true})
	}
	return changes
}

func (d fakeDriver) Wait(_ context.Context, ref Ref) error {
	return d.call("wait", ref.Name, func() error { return nil })
}

func (d fakeDriver) Retire(_ context.Context, ref Ref) error {
	return d.call("retire", ref.Name, func() error { return nil })
}

const owner = "token-a"

func engine(c *cloud) *Engine {
	return &Engine{Drivers: Registry{"fake": Erase[fakeSpec](fakeDriver{c})}, Owner: owner, Parallel: 3}
}

// part is a fake part whose name is its key.
func part(key, value string, needs ...string) Part {
	return Part{Key: key, Kind: "fake", Name: key, Needs: needs,
		Want: func(up Upstream) (any, error) {
			for _, n := range needs {
				if up[n].ID == "" {
					return nil, fmt.Errorf("need %q has no ID", n)
				}
			}
			return fakeSpec{Value: value, Parents: needs}, nil
		}}
}

// diamond is manifest ← (role, stream) ← rule, and a lone queue on the manifest.
func diamond(value string) []Part {
	return []Part{
		part("manifest", "m"),
		part("role", value, "manifest"),
		part("stream", value, "manifest"),
		part("rule", value, "role", "stream"),
		part("queue", "q", "manifest"),
	}
}

func all(string) bool   { return true }
func never(string) bool { return false }
