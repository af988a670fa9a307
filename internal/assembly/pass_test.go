package assembly

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// listed is a fakeDriver whose objects are read with one call for all of them, and whose owner costs a call of its own.
type listed struct{ fakeDriver }

func (d listed) Observe(ctx context.Context, ref Ref) (*Observed[fakeSpec], error) {
	o, ok, err := Together(ctx, "listed", ref, func(_ context.Context, refs []Ref) (map[string]Observed[fakeSpec], error) {
		found := map[string]Observed[fakeSpec]{}
		err := d.call("list", "", func() error {
			for _, r := range refs {
				if o, ok := d.objects[r.Name]; ok {
					found[r.Name] = o
				}
			}
			return nil
		})
		return found, err
	})
	if err != nil || !ok {
		return nil, err
	}
	return &o, nil
}

func (d listed) Owner(_ context.Context, ref Ref) (token string, exists bool, err error) {
	err = d.call("owner", ref.Name, func() error {
		var o Observed[fakeSpec]
		o, exists = d.objects[ref.Name]
		token = o.Owner
		return nil
	})
	return token, exists, err
}

// page is a kind whose objects go with the fake object that is the first half of their names.
type page struct{ fakeDriver }

func (page) Container(ref Ref) (kind, id string) {
	book, _, _ := strings.Cut(ref.Name, "|")
	return "fake", "id-" + book
}

// library is a book with two pages, and a reader of one of them.
func library() (*cloud, *Engine, []Part) {
	c := newCloud()
	e := engine(c)
	e.Drivers["page"] = Erase[fakeSpec](page{fakeDriver{c}})
	e.Drivers["listed"] = Erase[fakeSpec](listed{fakeDriver{c}})
	parts := []Part{part("book", "b"), part("book|one", "1", "book"), part("book|two", "2", "book"),
		part("reader", "r", "book|one")}
	parts[1].Kind, parts[2].Kind = "page", "page"
	return c, e, parts
}

// losePages lets the pages go with their book, as AWS does.
func (c *cloud) losePages() {
	c.onCall = func(op, name string) {
		if op == "delete" && name == "book" {
			delete(c.objects, "book|one")
			delete(c.objects, "book|two")
		}
	}
}

func TestContentsGoWithTheirContainer(t *testing.T) {
	c, e, parts := library()
	records, err := e.Apply(t.Context(), parts, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	c.losePages()
	c.forgetCalls()
	left, err := e.Destroy(t.Context(), records)
	if err != nil || len(left) != 0 || len(c.objects) != 0 {
		t.Fatalf("err %v, left %v, objects %v", err, left, c.objects)
	}
	if w := c.writes(); !slices.Equal(w, []string{"delete reader", "delete book"}) {
		t.Errorf("writes %v, want the reader of a page, then the book with its pages", w)
	}
}

// A part that needs a container and everything in it holds the container's deletion up for several reasons, and the
// container is deleted once.
func TestContainerIsDeletedOnce(t *testing.T) {
	c, e, parts := library()
	parts[3] = part("reader", "r", "book", "book|one", "book|two")
	records, err := e.Apply(t.Context(), parts, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	c.losePages()
	c.forgetCalls()
	if left, err := e.Destroy(t.Context(), records); err != nil || len(left) != 0 {
		t.Fatalf("err %v, left %v", err, left)
	}
	if w := c.writes(); !slices.Equal(w, []string{"delete reader", "delete book"}) {
		t.Errorf("writes %v, want the reader and the book, once each", w)
	}
}

func TestContentsStayRecordedWithTheirContainer(t *testing.T) {
	c, e, parts := library()
	records, err := e.Apply(t.Context(), parts, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	c.fault = func(_ int, op, name string) fault {
		if op == "delete" && name == "book" {
			return before
		}
		return none
	}
	left, err := e.Destroy(t.Context(), records)
	if !errors.Is(err, errInjected) || len(left) != 3 {
		t.Errorf("err %v, left %v; want the book and both pages", err, left)
	}
	t.Run("one page is deleted alone", func(t *testing.T) {
		c.forgetCalls()
		after, err := e.Apply(t.Context(), parts[:2], left, never)
		if err != nil || len(after) != 2 {
			t.Fatalf("%v, %v", after, err)
		}
		if w := c.writes(); !slices.Equal(w, []string{"delete book|two"}) {
			t.Errorf("writes %v", w)
		}
	})
	t.Run("a page of ours in somebody else's book", func(t *testing.T) {
		book := c.objects["book"]
		book.Owner = "somebody else"
		c.objects["book"] = book
		c.fault = nil
		if left, err := e.Destroy(t.Context(), left[:2]); err != nil || len(left) != 0 {
			t.Fatalf("%v, %v", left, err)
		}
		if _, ok := c.objects["book"]; !ok || len(c.objects) != 1 {
			t.Errorf("objects %v, want the book alone", c.objects)
		}
	})
}

// A pass reads together what can be read together; between writes each object is read for itself.
func TestReadTogether(t *testing.T) {
	c, e, _ := library()
	parts := []Part{part("a", "1"), part("b", "1"), part("c", "1")}
	for i := range parts {
		parts[i].Kind = "listed"
	}
	records, err := e.Apply(t.Context(), parts, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	lists := func() (n int) {
		for _, call := range c.calls {
			if strings.HasPrefix(call, "list ") {
				n++
			}
		}
		return n
	}
	for what, run := range map[string]func() error{
		"refresh": func() error { _, err := e.Observe(t.Context(), parts, records); return err },
		"survey":  func() error { return e.Survey(t.Context(), parts, records) },
		"find":    func() error { _, err := e.Find(t.Context(), parts, nil); return err },
	} {
		c.forgetCalls()
		if err := run(); err != nil || lists() != 1 {
			t.Errorf("%s: %v, calls %v; want one list", what, err, c.calls)
		}
	}
	delete(c.objects, "b")
	seen, err := e.Observe(t.Context(), parts, records)
	if err != nil || seen[0].Status != Ready || seen[1].Status != Missing {
		t.Errorf("%v, %v; want only b missing", seen, err)
	}
	c.forgetCalls()
	if left, err := e.Destroy(t.Context(), records); err != nil || len(left) != 0 || lists() != 0 {
		t.Errorf("destroying: left %v, %v, calls %v; want owners read, and no list", left, err, c.calls)
	}
}

func TestSharedReads(t *testing.T) {
	var n atomic.Int32
	read := func(context.Context) (int32, error) { return n.Add(1), errInjected }
	ctx := withPass(t.Context(), nil)
	for range 3 {
		if v, err := Shared(ctx, "k", read); v != 1 || !errors.Is(err, errInjected) {
			t.Errorf("in a pass: %d, %v; want the first answer", v, err)
		}
	}
	if v, _ := Shared(withPass(t.Context(), nil), "k", read); v != 2 {
		t.Errorf("in another pass: %d", v)
	}
	if v, _ := Shared(t.Context(), "k", read); v != 3 {
		t.Errorf("outside of a pass: %d", v)
	}
}
