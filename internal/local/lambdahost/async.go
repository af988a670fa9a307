package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lane"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// An AsyncConfig is Lambda's event invoke configuration: how asynchronous invocations of a function are retried.
type AsyncConfig struct {
	Retries int           // after the first attempt; AWS: 2 unless configured
	MaxAge  time.Duration // AWS: 6 hours unless configured
	// OnFailure is the ARN of the destination of failed events; "" drops them and logs it.
	OnFailure string
}

// AsyncOptions configure a queue.
type AsyncOptions struct {
	Host   *Host
	Config func(function string) AsyncConfig
	// Send delivers an invocation record to a destination.
	Send   func(ctx context.Context, destination string, record []byte) error
	Events runlog.Sink
	// RetryDelay is the delay before the first retry; it doubles. 0 means one second, so that a person at a terminal
	// sees the retries (AWS: one minute, then two).
	RetryDelay time.Duration
	// Workers is the number of events processed at once; 0 means 8.
	Workers int
}

// An Async is a queue in front of a host, for asynchronous invocations.
type Async struct {
	options AsyncOptions
	queue   chan job
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	pending lane.Counter // queued events and those in progress
}

type job struct {
	function string
	payload  []byte
	accepted time.Time
}

// queueLength limits the queued events; a full queue blocks Invoke.
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

// Invoke queues an event, as Lambda does with HTTP 202. It fails for an unknown function and after Close.
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

// Wait returns once every queued event has been processed or given up.
func (a *Async) Wait(ctx context.Context) error { return a.pending.Wait(ctx) }

// Close drops the queued events.
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

// process invokes the function until it succeeds, its retries are used up, or the event is too old.
func (a *Async) process(j job) {
	config := a.options.Config(j.function)
	delays := retries.Doubling(a.options.RetryDelay, config.MaxAge)
	for attempt := 1; a.ctx.Err() == nil; attempt++ {
		began := time.Now()
		result, err := a.options.Host.Invoke(a.ctx, j.function, j.payload)
		if a.ctx.Err() != nil {
			return
		}
		problem := Problem(result, err)
		a.options.Events.Send(runlog.Event{
			Kind:     runlog.Invoked,
			Action:   j.function,
			Target:   result.RequestID,
			Duration: time.Since(began),
			Error:    problem,
			Payload:  j.payload,
		})
		condition, delay := "", delays.NextBackOff()
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
		retries.Sleep(a.ctx, delay)
	}
}

// Problem describes why an invocation failed; "" means success.
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
		a.options.Events.Send(runlog.Event{
			Kind:   runlog.Failed,
			Action: j.function,
			Error:  "the event is lost (" + condition + "): the function has no on-failure destination",
		})
		return
	}
	record, err := json.Marshal(map[string]any{
		"version":   "1.0",
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": map[string]any{
			"requestId":              r.RequestID,
			"functionArn":            a.options.Host.arn(j.function) + ":$LATEST",
			"condition":              condition,
			"approximateInvokeCount": attempts,
		},
		"requestPayload": raw(j.payload),
		"responseContext": map[string]any{
			"statusCode":      200,
			"executedVersion": "$LATEST",
			"functionError":   r.FunctionError,
		},
		"responsePayload": raw(r.Payload),
	})
	if err == nil {
		err = a.options.Send(a.ctx, config.OnFailure, record)
	}
	if err != nil {
		a.options.Events.Send(
			runlog.Event{Kind: runlog.Failed, Action: j.function, Target: config.OnFailure, Error: err.Error()},
		)
		return
	}
	a.options.Events.Send(
		runlog.Event{Kind: runlog.Acted, Action: "on-failure", Target: config.OnFailure, Detail: condition},
	)
}

// raw returns JSON unchanged and anything else as a string.
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
