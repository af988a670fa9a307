// Package assembly makes a set of AWS objects real as one unit: it knows their
// order, what to retry, what to record and what to tell the person who applies.
//
// It must not know any AWS service, Terraform, or what a pipeline is. It works
// on parts (what is wanted), drivers (how one kind of object is read and
// written) and records (what exists). It imports the standard library only.
package assembly

import (
	"context"
	"fmt"
)

// Ref tells a driver which object is meant. A driver looks for ID first, then
// for the deterministic Name; Owner is the pipeline's token.
type Ref struct {
	Name    string
	ID      string            // as recorded; empty before creation
	Owner   string            // owner token the object must carry
	Outputs map[string]string // as recorded; may be nil
	// Full asks Observe to read everything that Diff compares, also what a refresh leaves out to save calls. The
	// engine sets it for parts that are about to change; other methods ignore it.
	Full bool
}

// InFull returns the reference with Full set.
func (r Ref) InFull() Ref { r.Full = true; return r }

// Brief reports whether Observe may leave out what takes a call of its own and says only who owns the object and how it
// is tagged: the object is recorded and not about to change. Owner is ref.Owner then, and Tags is nil.
func (r Ref) Brief() bool { return r.ID != "" && !r.Full }

// Identity is what AWS made of an object. Outputs holds further facts that
// other parts need, such as a queue's URL; its keys are the driver's own.
type Identity struct {
	ID      string
	ARN     string
	Outputs map[string]string
}

// Observed is an AWS object as observed, with its properties as a spec.
type Observed[S any] struct {
	Identity
	// Owner is the token that the object carries; empty when it carries none.
	// Drivers of objects that cannot carry one take it from the object they live in.
	Owner string
	Spec  S
	// Extra is for the driver itself: what Update needs to know and Diff does not.
	Extra any
}

// Change is one named difference between an object and what is wanted.
type Change struct {
	Field string // in the words of the schema, such as "retention_hours"
	// Replace says that AWS cannot make this change in place.
	Replace bool
}

// Driver knows one kind of AWS object, whose wanted shape is S. All methods may
// be called concurrently for different objects. A driver retries what is known
// to pass by itself (IAM propagation, "still in use"), by error code and message.
type Driver[S any] interface {
	// Observe reads an object and changes nothing. It returns nil and no error when there is none.
	Observe(ctx context.Context, ref Ref) (*Observed[S], error)
	// Create makes the object. "Already exists" is success when the object carries ref.Owner.
	// An Identity with an ID beside an error means that the object exists but is not complete.
	Create(ctx context.Context, ref Ref, want S) (Identity, error)
	// Update makes the changes that Diff named, and no other write.
	Update(ctx context.Context, ref Ref, have *Observed[S], want S, changes []Change) (Identity, error)
	// Delete removes the object and all it holds. Absent is success.
	Delete(ctx context.Context, ref Ref) error
	// Diff compares without any call. An empty result means: nothing to write.
	Diff(have, want S) []Change
	// Kind describes the driver's objects. It must not depend on the driver's state.
	Kind() Kind
}

// Kind is what a planner must know about a kind of object before one exists. Terraform refuses an apply whose result
// differs from the plan, so a driver that forgets to declare something here fails its own life test.
type Kind struct {
	// ServerID means that AWS assigns the ID, a new one each time the object is created.
	ServerID bool
	// UpdateChangesID means that an update in place may give the object another ID.
	UpdateChangesID bool
	// Outputs means that the driver records facts that other parts read.
	Outputs bool
}

// DataHolder is implemented by drivers whose objects hold data that is lost with them.
type DataHolder interface {
	// Data says what the object holds, as "holds 2 objects"; it is empty when the object is.
	Data(ctx context.Context, ref Ref) (string, error)
}

// Waiter is implemented by drivers whose objects are not usable at once.
// Wait returns when the object is usable, or with an error that says what was waited for.
type Waiter interface {
	Wait(ctx context.Context, ref Ref) error
}

// AnyDriver is a Driver whose spec type is hidden, so that one engine serves all kinds.
type AnyDriver interface {
	Kind() Kind
	// HoldsData reports whether deleting an object may lose data.
	HoldsData() bool
	// Data says what an object holds, as "holds 2 objects"; it is empty when the object is.
	Data(ctx context.Context, ref Ref) (string, error)
	observe(ctx context.Context, ref Ref) (*anyObject, error)
	create(ctx context.Context, ref Ref, want any) (Identity, error)
	update(ctx context.Context, ref Ref, have *anyObject, want any, changes []Change) (Identity, error)
	delete(ctx context.Context, ref Ref) error
	diff(have *anyObject, want any) ([]Change, error)
	wait(ctx context.Context, ref Ref) error
	retire(ctx context.Context, ref Ref) error
	check(want any) error
	checksOwner() bool
	owner(ctx context.Context, ref Ref) (token string, exists bool, err error)
	container(ref Ref) (kind, id string)
}

type anyObject struct {
	Identity
	owner string
	typed any // *Observed[S]
}

// Erase hides a driver's spec type.
func Erase[S any](d Driver[S]) AnyDriver { return erased[S]{d} }

type erased[S any] struct{ d Driver[S] }

func (e erased[S]) Kind() Kind { return e.d.Kind() }

func (e erased[S]) HoldsData() bool { _, ok := e.d.(DataHolder); return ok }

func (e erased[S]) Data(ctx context.Context, ref Ref) (string, error) {
	if h, ok := e.d.(DataHolder); ok {
		return h.Data(ctx, ref)
	}
	return "", nil
}

func (e erased[S]) observe(ctx context.Context, ref Ref) (*anyObject, error) {
	o, err := e.d.Observe(ctx, ref)
	if err != nil || o == nil {
		return nil, err
	}
	return &anyObject{Identity: o.Identity, owner: o.Owner, typed: o}, nil
}

func (e erased[S]) create(ctx context.Context, ref Ref, want any) (Identity, error) {
	s, err := e.spec(want)
	if err != nil {
		return Identity{}, err
	}
	return e.d.Create(ctx, ref, s)
}

func (e erased[S]) update(ctx context.Context, ref Ref, have *anyObject, want any, changes []Change) (Identity, error) {
	s, err := e.spec(want)
	if err != nil {
		return Identity{}, err
	}
	o, err := e.observed(have)
	if err != nil {
		return Identity{}, err
	}
	return e.d.Update(ctx, ref, o, s, changes)
}

func (e erased[S]) delete(ctx context.Context, ref Ref) error { return e.d.Delete(ctx, ref) }

func (e erased[S]) diff(have *anyObject, want any) ([]Change, error) {
	s, err := e.spec(want)
	if err != nil {
		return nil, err
	}
	o, err := e.observed(have)
	if err != nil {
		return nil, err
	}
	return e.d.Diff(o.Spec, s), nil
}

func (e erased[S]) observed(have *anyObject) (*Observed[S], error) {
	o, ok := have.typed.(*Observed[S])
	if !ok {
		return nil, fmt.Errorf("this is a bug in the provider: the driver wants a %T, the engine holds a %T", o,
			have.typed)
	}
	return o, nil
}

func (e erased[S]) wait(ctx context.Context, ref Ref) error {
	if w, ok := e.d.(Waiter); ok {
		return w.Wait(ctx, ref)
	}
	return nil
}

func (e erased[S]) retire(ctx context.Context, ref Ref) error {
	if r, ok := e.d.(Retirer); ok {
		return r.Retire(ctx, ref)
	}
	return nil
}

func (e erased[S]) check(want any) error { _, err := e.spec(want); return err }

func (e erased[S]) spec(want any) (S, error) {
	s, ok := want.(S)
	if !ok {
		return s, fmt.Errorf("this is a bug in the provider: the driver wants a %T, the part holds a %T", s, want)
	}
	return s, nil
}

// Retirer is implemented by drivers whose objects AWS keeps for a while between
// the announcement of their end and their deletion. Retire starts that clock
// before anything is deleted; Delete follows when nothing needs the object any more.
type Retirer interface {
	Retire(ctx context.Context, ref Ref) error
}

// OwnerChecker marks drivers whose Delete cannot reach somebody else's object, so that Destroy need not ask first: it
// verifies the owner itself, or goes by an ID that AWS gives to one object only.
type OwnerChecker interface{ ChecksOwnerOnDelete() }

func (e erased[S]) checksOwner() bool { _, ok := e.d.(OwnerChecker); return ok }

// OwnerReader is implemented by drivers that find out whose an object is with fewer calls than Observe.
type OwnerReader interface {
	// Owner returns the token that the object carries, which is empty if it carries none. It changes nothing.
	Owner(ctx context.Context, ref Ref) (token string, exists bool, err error)
}

func (e erased[S]) owner(ctx context.Context, ref Ref) (token string, exists bool, err error) {
	if r, ok := e.d.(OwnerReader); ok {
		return r.Owner(ctx, ref)
	}
	o, err := e.d.Observe(ctx, ref.InFull())
	if o == nil || err != nil {
		return "", false, err
	}
	return o.Owner, true, nil
}

// Contained is implemented by drivers whose objects AWS deletes with the object that they are in, which must not be
// Contained itself.
type Contained interface {
	// Container returns the kind and the ID of that object.
	Container(ref Ref) (kind, id string)
}

func (e erased[S]) container(ref Ref) (kind, id string) {
	if c, ok := e.d.(Contained); ok {
		return c.Container(ref)
	}
	return "", ""
}
