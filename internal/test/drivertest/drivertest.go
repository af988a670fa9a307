// Package drivertest puts a driver through the life of its object on a moto
// server: what every driver promises, tested once. Imported by tests only. It
// must not know any kind of object.
package drivertest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// Owner is the token of the objects that a test makes; Other is somebody else's.
const (
	Owner = "01900000-0000-7000-8000-000000000001"
	Other = "01900000-0000-7000-8000-000000000002"
)

// Clients gives clients for the server: without rate limits, with waits that pass at once, and with S3 paths as moto
// wants them.
func Clients(t testing.TB, s *mototest.Server) *awsapi.Clients {
	t.Helper()
	return awsapi.New(s.Config(t), awsapi.Options{
		S3UsePathStyle: true,
		Clock:          awsapi.NewInstantClock(),
		Unlimited:      true,
	}).WithAccount(mototest.AccountID)
}

// Life is the life of one object.
type Life[S any] struct {
	// Clients are those of the driver; what they send is what the driver sends.
	Clients *awsapi.Clients
	Driver  assembly.Driver[S]
	Name    string
	// Full is wanted with everything set.
	Full S
	// Reads is the most requests that a read of the recorded object may cost.
	Reads int
	// Steps happen to the object one after the other.
	Steps []Step[S]
	// Foreign makes an object of the same name without our token. Nil where a name cannot be taken by others.
	Foreign func(ctx context.Context) error
	// Ownerless leaves out what another owner meets, for objects that take their owner from what they live in, and for
	// what moto lets anybody create; the package's own tests show it.
	Ownerless bool
}

// Step is drift, made behind the driver's back, or a change of what is wanted. The driver must see and repair it.
type Step[S any] struct {
	Why    string
	Drift  func(ctx context.Context) error
	Want   func(S) S
	Fields []string // of the difference, in Diff's order
	Writes []string // API operations that repair it, in any order
}

// Run runs the life as subtests.
func (l Life[S]) Run(t *testing.T) {
	ctx := t.Context()
	ref := assembly.Ref{Name: l.Name, Owner: Owner}
	if got, err := l.Driver.Observe(ctx, ref); err != nil || got != nil {
		t.Fatalf("observing before creation: %+v, %v", got, err)
	}
	id, err := l.Driver.Create(ctx, ref, l.Full)
	if err != nil || id.ID == "" {
		t.Fatalf("creating: %+v, %v", id, err)
	}
	byName := ref
	ref.ID, ref.Outputs = id.ID, id.Outputs
	l.wait(ctx, t, ref)

	l.declares(t, id)
	t.Run("recorded", func(t *testing.T) { l.settled(ctx, t, ref, l.Full, id) })
	t.Run("by name", func(t *testing.T) {
		got, err := l.Driver.Observe(ctx, byName)
		if err != nil || got == nil || got.Owner != Owner || got.ID != id.ID {
			t.Fatalf("%+v, %v", got, err)
		}
	})
	t.Run("created again", func(t *testing.T) {
		again, err := l.Driver.Create(ctx, byName, l.Full)
		if err != nil || again.ID != id.ID {
			t.Fatalf("%+v, %v; want %q", again, err, id.ID)
		}
	})
	want := l.Full
	for _, step := range l.Steps {
		if step.Want != nil {
			want = step.Want(want)
		}
		t.Run(step.Why, func(t *testing.T) { ref.Outputs = l.repair(ctx, t, ref, want, id, step) })
	}
	if !l.Ownerless {
		t.Run("of another pipeline", func(t *testing.T) { l.foreign(ctx, t, Owner) })
	}
	t.Run("delete", func(t *testing.T) { l.delete(ctx, t, ref) })
	t.Run("created again", func(t *testing.T) { l.createdAgain(ctx, t, byName, id) })
	if l.Foreign != nil {
		if err := l.Foreign(ctx); err != nil {
			t.Fatal(err)
		}
		t.Run("without an owner", func(t *testing.T) { l.foreign(ctx, t, "") })
	}
}

// declares asserts that the driver's Kind tells what a plan must leave open. Terraform would call it a bug in the
// provider when an apply brings what the plan did not announce.
func (l Life[S]) declares(t *testing.T, made assembly.Identity) {
	t.Helper()
	if kind := l.Driver.Kind(); (len(made.Outputs) > 0) != kind.Outputs {
		t.Errorf("the driver records the outputs %v, and its Kind declares Outputs: %v; they must agree",
			made.Outputs, kind.Outputs)
	}
}

func (l Life[S]) wait(ctx context.Context, t *testing.T, ref assembly.Ref) {
	t.Helper()
	if w, ok := l.Driver.(assembly.Waiter); ok {
		if err := w.Wait(ctx, ref); err != nil {
			t.Fatal(err)
		}
	}
}

// settled asserts that the object is as wanted and that reading it is cheap and writes nothing.
func (l Life[S]) settled(ctx context.Context, t *testing.T, ref assembly.Ref, want S, id assembly.Identity) {
	t.Helper()
	before := l.Clients.Requests()
	got, err := l.Driver.Observe(ctx, ref)
	if err != nil || got == nil {
		t.Fatalf("observing: %+v, %v", got, err)
	}
	sent := l.since(before)
	if len(sent) > l.Reads || len(writes(sent)) > 0 {
		t.Errorf("observing sent %v; want %d reads at most", sent, l.Reads)
	}
	if got.Owner != Owner {
		t.Errorf("owner %q", got.Owner)
	}
	if diff := cmp.Diff(id, got.Identity); diff != "" {
		t.Errorf("identity: %s", diff)
	}
	_, apart := any(want).(assembly.Tagged)
	tags := reflect.ValueOf(got.Spec).FieldByName("Tags")
	if leftOut := tags.IsValid() && tags.IsNil(); leftOut != apart {
		t.Errorf("a brief read leaves out the tags: %v; the spec implements assembly.Tagged: %v", leftOut, apart)
	}
	full, err := l.Driver.Observe(ctx, ref.InFull())
	if err != nil || full == nil || full.Owner != Owner {
		t.Fatalf("observing in full: %+v, %v", full, err)
	}
	l.owned(ctx, t, ref, Owner)
	if changes := l.Driver.Diff(full.Spec, want); len(changes) > 0 {
		t.Errorf("differences %v of %+v to %+v", changes, full.Spec, want)
	}
}

// owned asserts what a driver that reads owners apart says of the object, whoever asks. Of one that does not exist some
// services say that it has no tags.
func (l Life[S]) owned(ctx context.Context, t *testing.T, ref assembly.Ref, want string) {
	t.Helper()
	r, ok := l.Driver.(assembly.OwnerReader)
	if !ok || l.Ownerless {
		return
	}
	before := l.Clients.Requests()
	token, exists, err := r.Owner(ctx, ref)
	if err != nil || token != want || want != "" && !exists {
		t.Errorf("the owner is %q (there: %v), %v; want %q", token, exists, err, want)
	}
	if sent := l.since(before); len(sent) != 1 && ref.ID != "" {
		t.Errorf("the look at the owner sent %v; want one request", sent)
	}
}

// repair lets a step happen and asserts that the driver sees and repairs it. It gives the outputs as recorded then.
func (l Life[S]) repair(
	ctx context.Context,
	t *testing.T,
	ref assembly.Ref,
	want S,
	id assembly.Identity,
	step Step[S],
) map[string]string {
	if step.Drift != nil {
		if err := step.Drift(ctx); err != nil {
			t.Fatal(err)
		}
	}
	have, err := l.Driver.Observe(ctx, ref.InFull())
	if err != nil || have == nil {
		t.Fatalf("observing: %+v, %v", have, err)
	}
	changes := l.Driver.Diff(have.Spec, want)
	var fields []string
	for _, c := range changes {
		fields = append(fields, c.Field)
		if c.Replace {
			t.Errorf("%s asks for a replacement", c.Field)
		}
	}
	if diff := cmp.Diff(step.Fields, fields); diff != "" {
		t.Fatalf("fields: %s", diff)
	}
	before := l.Clients.Requests()
	got, err := l.Driver.Update(ctx, ref, have, want, changes)
	if err != nil || got.ID != id.ID {
		t.Fatalf("updating: %+v, %v", got, err)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(step.Writes)), writes(l.since(before))); diff != "" {
		t.Errorf("writes: %s", diff)
	}
	l.wait(ctx, t, ref)
	ref.Outputs = got.Outputs
	l.settled(ctx, t, ref, want, got)
	return got.Outputs
}

// foreign asserts that another pipeline sees whose the object is, cannot create it and changes nothing.
func (l Life[S]) foreign(ctx context.Context, t *testing.T, owner string) {
	ref := assembly.Ref{Name: l.Name, Owner: Other}
	before := l.Clients.Requests()
	got, err := l.Driver.Observe(ctx, ref)
	if err != nil || got == nil || got.Owner != owner {
		t.Fatalf("observing: %+v, %v; want the owner %q", got, err, owner)
	}
	l.owned(ctx, t, ref, owner)
	if id, err := l.Driver.Create(ctx, ref, l.Full); err == nil || id.ID != "" {
		t.Errorf("creating: %+v, %v; want a refusal", id, err)
	}
	for _, w := range writes(l.since(before)) {
		if !strings.HasPrefix(w, "Create") && !strings.HasPrefix(w, "Put") && !strings.HasPrefix(w, "Register") {
			t.Errorf("sent %s", w)
		}
	}
	after, err := l.Driver.Observe(ctx, ref)
	if err != nil || after == nil {
		t.Fatalf("observing: %+v, %v", after, err)
	}
	everything := cmp.Exporter(func(reflect.Type) bool { return true }) // of the SDK's types in Extra
	if diff := cmp.Diff(got, after, everything); diff != "" {
		t.Errorf("the foreign object was changed: %s", diff)
	}
}

func (l Life[S]) delete(ctx context.Context, t *testing.T, ref assembly.Ref) {
	for _, turn := range []string{"first", "second"} {
		if err := l.Driver.Delete(ctx, ref); err != nil {
			t.Fatalf("deleting, %s time: %v", turn, err)
		}
		if got, err := l.Driver.Observe(ctx, ref); err != nil || got != nil {
			t.Fatalf("observing after the %s deletion: %+v, %v", turn, got, err)
		}
		if _, ok := l.Driver.(assembly.Contained); !ok { // those have the owner of their container
			l.owned(ctx, t, ref, "")
		}
	}
}

// createdAgain asserts that an object created after a deletion has another ID exactly if the driver's Kind says so.
func (l Life[S]) createdAgain(ctx context.Context, t *testing.T, ref assembly.Ref, former assembly.Identity) {
	id, err := l.Driver.Create(ctx, ref, l.Full)
	if err != nil {
		t.Fatal(err)
	}
	if kind := l.Driver.Kind(); (id.ID != former.ID) != kind.ServerID {
		t.Errorf("the ID was %q and is %q now; Kind declares ServerID: %v", former.ID, id.ID, kind.ServerID)
	}
	ref.ID, ref.Outputs = id.ID, id.Outputs
	l.wait(ctx, t, ref)
	l.delete(ctx, t, ref)
}

// Changing wraps a step that changes what is wanted.
func Changing[S any](edit func(*S)) func(S) S {
	return func(s S) S { edit(&s); return s }
}

// since gives the operations that were sent after the counts of before, sorted, each as often as it was sent.
func (l Life[S]) since(before map[string]int) []string {
	var list []string
	for name, n := range l.Clients.Requests() {
		_, operation, _ := strings.Cut(name, ":")
		for range n - before[name] {
			list = append(list, operation)
		}
	}
	slices.Sort(list)
	return list
}

// writes gives the operations that are not reads.
func writes(operations []string) []string {
	var list []string
	for _, operation := range operations {
		read := slices.ContainsFunc([]string{"Describe", "Get", "BatchGet", "List", "Head"},
			func(verb string) bool { return strings.HasPrefix(operation, verb) })
		if !read {
			list = append(list, operation)
		}
	}
	return list
}
