package lane

import (
	"context"
	"errors"
	"testing"
)

func TestCounterWait(t *testing.T) {
	var c Counter
	if err := c.Wait(t.Context()); err != nil {
		t.Errorf("nothing in progress: %v", err)
	}
	c.Begin()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("in progress, with a cancelled context: got %v", err)
	}
	waited := make(chan error)
	for range 2 {
		go func() { waited <- c.Wait(t.Context()) }()
	}
	c.Begin()
	c.End()
	select {
	case <-waited:
		t.Error("Wait returned with one piece of work in progress")
	default:
	}
	c.End()
	for range 2 {
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
	c.Begin() // the counter can be used again
	c.End()
	if err := c.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
