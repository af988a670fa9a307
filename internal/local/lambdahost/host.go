// Package lambdahost runs Lambda functions on this machine: real bootstrap binaries, several processes per function,
// each with its own Lambda Runtime API server and the function's environment and timeout. [AWS 8]
//
// It knows processes and the Runtime API, but not what invokes a function.
package lambdahost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// A Function describes a function to run.
type Function struct {
	Name      string
	ARN       string
	Bootstrap string            // path of the executable
	Handler   string            // its variable _HANDLER
	Env       map[string]string // variables of this function
	Timeout   time.Duration
	MemoryMB  int32
	LogGroup  string
	LogFormat string // "Text" or "JSON"
	LogLevel  string // of the application, with JSON
	// Concurrency is the maximum number of processes; 0 means 4.
	Concurrency int
}

func (f Function) equal(g Function) bool {
	env := maps.Equal(f.Env, g.Env)
	f.Env, g.Env = nil, nil
	return env && fmt.Sprint(f) == fmt.Sprint(g)
}

// A Result is a function's answer. FunctionError is "" or, as at AWS, "Unhandled"; then Payload is the error document.
type Result struct {
	RequestID     string
	Payload       []byte
	FunctionError string
}

// ErrUnknown is the error of invoking a function that the host does not run.
var ErrUnknown = errors.New("iot-local does not run this function")

// Options hold what all functions share.
type Options struct {
	Region string
	// Env is set for every function, as KEY=VALUE: AWS credentials and the endpoint.
	Env    []string
	Events runlog.Sink
}

// A Host runs functions until it is closed.
type Host struct {
	options Options

	mu        sync.Mutex
	functions map[string]*pool
	closed    bool
}

// New returns a host without functions.
func New(o Options) *Host {
	return &Host{options: o, functions: map[string]*pool{}}
}

// Set adds a function, or replaces one that differs; invocations in progress finish in the old processes. It reports
// whether anything changed.
func (h *Host) Set(f Function) bool {
	if f.Concurrency == 0 {
		f.Concurrency = 4
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.functions[f.Name]
	if h.closed || old != nil && old.function.equal(f) {
		return false
	}
	h.functions[f.Name] = newPool(f, h.options)
	if old != nil {
		old.retire()
	}
	return true
}

// Remove removes the function.
func (h *Host) Remove(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.functions[name]; p != nil {
		p.retire()
		delete(h.functions, name)
	}
}

// Names lists the functions, sorted.
func (h *Host) Names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.functions))
}

// Invoke runs the function once and returns its answer. The error is one of the host: an unknown function, a process
// that does not start, a cancelled context. A failure of the function itself is in the result.
func (h *Host) Invoke(ctx context.Context, name string, payload []byte) (Result, error) {
	h.mu.Lock()
	p := h.functions[name]
	h.mu.Unlock()
	if p == nil {
		return Result{}, fmt.Errorf("invoking function %q: %w", name, ErrUnknown)
	}
	result, err := p.invoke(ctx, payload)
	if err != nil {
		return result, fmt.Errorf("invoking function %q: %w", name, err)
	}
	return result, nil
}

// Close ends all processes.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, p := range h.functions {
		p.retire()
	}
	for _, p := range h.functions {
		p.wait()
	}
}

// A pool holds the processes of one function.
type pool struct {
	function Function
	options  Options
	slots    chan struct{} // one token per process that may run
	running  sync.WaitGroup

	mu      sync.Mutex
	idle    []*instance // the most recently used last, so that few stay warm
	all     map[*instance]bool
	retired bool
}

func newPool(f Function, o Options) *pool {
	return &pool{function: f, options: o, slots: make(chan struct{}, f.Concurrency), all: map[*instance]bool{}}
}

func (p *pool) invoke(ctx context.Context, payload []byte) (Result, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	defer func() { <-p.slots }()
	for {
		i, fresh, err := p.take()
		if err != nil {
			return Result{}, err
		}
		result, err := i.invoke(ctx, payload)
		if errors.Is(err, errGone) && !fresh {
			p.discard(i)
			continue // it died while idle, before this invocation
		}
		p.giveBack(i)
		return result, err
	}
}

// take returns an idle process, or a new one.
func (p *pool) take() (i *instance, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		i = p.idle[n-1]
		p.idle = p.idle[:n-1]
		return i, false, nil
	}
	i, err = startInstance(p.function, p.options)
	if err != nil {
		return nil, false, err
	}
	p.all[i] = true
	p.running.Go(func() { <-i.exited })
	return i, true, nil
}

func (p *pool) giveBack(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired || !i.alive() {
		delete(p.all, i)
		i.stop()
		return
	}
	p.idle = append(p.idle, i)
}

func (p *pool) discard(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, i)
	i.kill()
}

// retire ends the idle processes now and the busy ones after their invocation.
func (p *pool) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	for _, i := range p.idle {
		delete(p.all, i)
		i.stop()
	}
	p.idle = nil
}

// wait kills the remaining processes and returns when all have exited.
func (p *pool) wait() {
	p.mu.Lock()
	for i := range p.all {
		i.kill()
	}
	p.mu.Unlock()
	p.running.Wait()
}
