package iotstub

import (
	"net/http"
	"sync"
)

// FailNth makes one request go wrong, once: its Next is for Options.Fault.
type FailNth struct {
	Fault Fault

	mu    sync.Mutex // a client that has lost its answer may be ahead of the server that is still at it
	at    int
	count int
	what  string
}

// Next decides about a request.
func (f *FailNth) Next(operation string, _ *http.Request) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.count != f.at {
		return Fault{}
	}
	f.what = operation
	return f.Fault
}

// Plan makes the request fail that comes so many after the last.
func (f *FailNth) Plan(ahead int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.count + ahead
}

// Met returns whether that request has come, and what it was.
func (f *FailNth) Met() (what string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.what, f.count >= f.at
}
