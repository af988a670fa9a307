package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/pending"
)

// An AsyncConfig is how asynchronous invocations of one function are retried; see Lambda's event invoke configuration.
type AsyncConfig struct {
	Retries int           // after the first attempt; AWS: 2 unless configured
	MaxAge  time.Duration // AWS: 6 hours unless configured
	// OnFailure is the ARN of the destination of events that could not be processed; "" drops them, with an event.
	OnFailure string
}

// AsyncOptions say how the queue works.
type AsyncOptions struct {
	Host   *Host
	Config func(function string) AsyncConfig
	// Send delivers an invocation record to a destination.
	Send   func(ctx context.Context, destination string, record []byte) error
	Events event.Sink
	// RetryDelay is the wait before the first retry; it doubles. AWS waits one minute, then two; 0 means one second, so that
	// a person at a terminal sees what happens.
	RetryDelay time.Duration
	// Workers is how many events are in progress at once; 0 means 8.
	Workers int
}

// An Async is the queue in front of a host, through which rules invoke functions.
type Async struct {
	options AsyncOptions
	queue   chan job
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	pending pending.Counter // events accepted and neither processed nor given up
}

type job struct {
	function string
	payload  []byte
	accepted time.Time
}

// queueLength bounds what is accepted and not yet in progress; beyond it, Invoke waits.
const queueLength = 10000

// NewAsync starts the workers.
func NewAsync(o AsyncOptions) *Async {
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	if o.Workers == 0 {
		o.Workers = 8
	}
	a := &Async{options: o, queue: make(chan job, queueLength)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	for range o.Workers {
		a.workers.Go(a.work)
	}
	return a
}

// Invoke accepts an event, as Lambda does with HTTP 202. The error is an unknown function or a closed queue.
func (a *Async) Invoke(ctx context.Context, function string, payload []byte) error {
	if !a.options.Host.has(function) {
		return fmt.Errorf("invoking function %q: %w", function, ErrUnknown)
	}
	a.pending.Begin()
	select {
	case a.queue <- job{function, payload, time.Now()}:
		return nil
	case <-ctx.Done():
		a.pending.End()
		return ctx.Err()
	case <-a.ctx.Done():
		a.pending.End()
		return errors.New("the function host is closed")
	}
}

func (h *Host) has(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.functions[name] != nil
}

// Wait returns when every accepted event has been processed or given up.
func (a *Async) Wait(ctx context.Context) error { return a.pending.Wait(ctx) }

// Close gives up what is not in progress.
func (a *Async) Close() {
	a.cancel()
	a.workers.Wait()
}

func (a *Async) work() {
	for {
		select {
		case j := <-a.queue:
			a.process(j)
			a.pending.End()
		case <-a.ctx.Done():
			return
		}
	}
}

// process tries until success, the end of the retries, or the event's age.
func (a *Async) process(j job) {
	config := a.options.Config(j.function)
	delay := a.options.RetryDelay
	for attempt := 1; ; attempt++ {
		began := time.Now()
		result, err := a.options.Host.Invoke(a.ctx, j.function, j.payload)
		if a.ctx.Err() != nil {
			return
		}
		problem := Problem(result, err)
		a.options.Events.Send(event.Event{Kind: event.Invoked, Action: j.function, Target: result.RequestID, Duration: time.Since(began), Error: problem})
		condition := ""
		switch {
		case problem == "":
			return
		case attempt > config.Retries:
			condition = "RetriesExhausted"
		case time.Since(j.accepted)+delay > config.MaxAge:
			condition = "EventAgeExceeded"
		}
		if condition != "" {
			a.giveUp(j, config, condition, attempt, result)
			return
		}
		select {
		case <-time.After(delay):
		case <-a.ctx.Done():
			return
		}
		delay *= 2
	}
}

// Problem is the text of an invocation that did not succeed, or "".
func Problem(r Result, err error) string {
	if err != nil {
		return err.Error()
	}
	if r.FunctionError == "" {
		return ""
	}
	var body struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(r.Payload, &body) == nil && body.ErrorMessage != "" {
		return body.ErrorType + ": " + body.ErrorMessage
	}
	return r.FunctionError
}

// giveUp sends the invocation record that Lambda sends to an on-failure destination.
func (a *Async) giveUp(j job, config AsyncConfig, condition string, attempts int, r Result) {
	if config.OnFailure == "" {
		a.options.Events.Send(event.Event{Kind: event.Failed, Action: j.function, Error: "event given up (" + condition + "); the function has no on-failure destination"})
		return
	}
	record, err := json.Marshal(map[string]any{
		"version":         "1.0",
		"timestamp":       time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext":  map[string]any{"requestId": r.RequestID, "functionArn": a.options.Host.arn(j.function) + ":$LATEST", "condition": condition, "approximateInvokeCount": attempts},
		"requestPayload":  raw(j.payload),
		"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": r.FunctionError},
		"responsePayload": raw(r.Payload),
	})
	if err == nil {
		err = a.options.Send(a.ctx, config.OnFailure, record)
	}
	if err != nil {
		a.options.Events.Send(event.Event{Kind: event.Failed, Action: j.function, Target: config.OnFailure, Error: err.Error()})
		return
	}
	a.options.Events.Send(event.Event{Kind: event.Acted, Action: "on-failure", Target: config.OnFailure, Detail: condition})
}

// raw passes JSON through and makes a string of anything else.
func raw(payload []byte) any {
	if json.Valid(payload) {
		return json.RawMessage(payload)
	}
	return string(payload)
}

func (h *Host) arn(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.functions[name]; p != nil {
		return p.function.ARN
	}
	return name
}
