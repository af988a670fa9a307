package lambdahost

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

type sent struct{ destination, record string }

func async(t *testing.T, config AsyncConfig) (a *Async, records chan sent, events chan runlog.Event) {
	t.Helper()
	h, _ := host(t, function())
	records, events = make(chan sent, 10), make(chan runlog.Event, 100)
	a = NewAsync(AsyncOptions{Host: h, Config: func(string) AsyncConfig { return config }, RetryDelay: time.Millisecond,
		Send: func(_ context.Context, destination string, record []byte) error {
			records <- sent{destination, string(record)}
			return nil
		},
		Events: func(e runlog.Event) { events <- e }})
	t.Cleanup(a.Close)
	return a, records, events
}

func TestAsyncRetriesThenSendsTheRecord(t *testing.T) {
	a, records, events := async(t,
		AsyncConfig{Retries: 2, MaxAge: time.Hour, OnFailure: "arn:aws:sqs:us-east-1:123456789012:dead"})
	if err := a.Invoke(t.Context(), "f", ask("fail", "no")); err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	for len(events) > 0 {
		if e := <-events; e.Kind == runlog.Invoked {
			attempts++
		}
	}
	if attempts != 3 {
		t.Errorf("got %d attempts, want 3", attempts)
	}
	r := <-records
	var record struct {
		RequestContext struct {
			FunctionARN            string `json:"functionArn"`
			Condition              string
			ApproximateInvokeCount int
		}
		RequestPayload  request
		ResponseContext struct{ FunctionError string }
		ResponsePayload struct{ ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(r.record), &record); err != nil {
		t.Fatal(err)
	}
	c := record.RequestContext
	if c.FunctionARN != function().ARN+":$LATEST" || c.Condition != "RetriesExhausted" ||
		c.ApproximateInvokeCount != 3 ||
		record.RequestPayload.Value != "no" || record.ResponseContext.FunctionError != "Unhandled" ||
		record.ResponsePayload.ErrorMessage != "no" {
		t.Errorf("got record %s", r.record)
	}
}

type request struct{ Do, Value string }

func TestAsyncGivesUpOldEvents(t *testing.T) {
	a, records, _ := async(t, AsyncConfig{Retries: 2, OnFailure: "arn"})
	if err := a.Invoke(t.Context(), "f", ask("fail", "no")); err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var record struct{ RequestContext struct{ Condition string } }
	if err := json.Unmarshal([]byte((<-records).record), &record); err != nil ||
		record.RequestContext.Condition != "EventAgeExceeded" {
		t.Errorf("got condition %q, error %v", record.RequestContext.Condition, err)
	}
}

func TestAsyncTellsOfEventsThatNobodyKeeps(t *testing.T) {
	a, records, events := async(t, AsyncConfig{})
	if err := a.Invoke(t.Context(), "f", ask("fail", "no")); err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-events
	if e := <-events; e.Kind != runlog.Failed || len(records) != 0 {
		t.Errorf("got event %+v and %d records", e, len(records))
	}
	if err := a.Invoke(t.Context(), "other", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown function: got error %v", err)
	}
}
