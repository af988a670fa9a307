package lane

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
)

type numbered struct {
	key string
	n   int
}

func TestItemsOfOneKeyStayInOrder(t *testing.T) {
	var mu sync.Mutex
	got := map[string][]int{}
	e := New(4, 2, func(_ context.Context, i numbered) {
		mu.Lock()
		defer mu.Unlock()
		got[i.key] = append(got[i.key], i.n)
	})
	defer e.Close()
	for n := range 100 {
		for k := range 10 {
			key := strconv.Itoa(k)
			if !e.Submit(key, numbered{key, n}) {
				t.Fatal("an open executor refused an item")
			}
		}
	}
	if err := e.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, numbers := range got {
		if len(numbers) != 100 || !slices.IsSorted(numbers) {
			t.Errorf("key %s: handled %v", key, numbers)
		}
	}
	if len(got) != 10 {
		t.Errorf("items of %d keys were handled, want 10", len(got))
	}
}

func TestCloseDropsQueuedItems(t *testing.T) {
	started := make(chan struct{}, 1)
	var handled []int
	e := New(1, 1, func(ctx context.Context, n int) {
		started <- struct{}{}
		<-ctx.Done()
		handled = append(handled, n)
	})
	e.Submit("k", 0)
	<-started
	e.Submit("k", 1) // fills the lane
	returned := make(chan bool)
	go func() { returned <- e.Submit("k", 2) }() // waits, and must not wait forever
	e.Close()
	<-returned
	for range 100 { // the lane may have room again, which must not matter
		if e.Submit("k", 3) {
			t.Fatal("a closed executor accepted an item")
		}
	}
	if handled[0] != 0 {
		t.Errorf("handled %v, want the item in progress first", handled)
	}
}

func TestSubmitAllocatesNothing(t *testing.T) {
	e := New(4, 64, func(context.Context, numbered) {})
	defer e.Close()
	if n := testing.AllocsPerRun(1000, func() { e.Submit("key", numbered{"key", 1}) }); n > 0 {
		t.Errorf("Submit allocates %v times", n)
	}
}
