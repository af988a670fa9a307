package awsapi

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

var errBusy = errors.New("busy")

func always(error) bool { return true }

func waiting(clock Clock) *Clients { return New(aws.Config{}, Options{Clock: clock}) }

func TestRetryEndsWithTheCallsAnswer(t *testing.T) {
	errFinal := errors.New("final")
	for _, tc := range []struct {
		why     string
		answers []error
		want    error
	}{
		{"at once", []error{nil}, nil},
		{"after some tries", []error{errBusy, errBusy, nil}, nil},
		{"with an error that does not pass, as it is", []error{errBusy, errFinal}, errFinal},
	} {
		calls := 0
		err := waiting(NewInstantClock()).Retry(t.Context(), "waiting", time.Minute,
			func(err error) bool { return err == errBusy },
			func(context.Context) error { calls++; return tc.answers[calls-1] })
		if err != tc.want || calls != len(tc.answers) {
			t.Errorf("%s: %v after %d calls", tc.why, err, calls)
		}
	}
}

func TestTheLimitEndsAWait(t *testing.T) {
	clock := NewInstantClock()
	c, start := waiting(clock), clock.Now()
	calls := 0
	err := c.Retry(t.Context(), "waiting for the role", time.Minute, always,
		func(context.Context) error { calls++; return errBusy })
	if !errors.Is(err, errBusy) || !strings.Contains(err.Error(), "waiting for the role") ||
		!strings.Contains(err.Error(), "1m0s") {
		t.Errorf("%v", err)
	}
	if waited := clock.Now().Sub(start); waited != time.Minute {
		t.Errorf("waited %s; the last try is made when the limit is reached", waited)
	}
	// Delays grow to ten seconds: neither a flood of calls nor a long silence.
	if calls < 10 || calls > 40 {
		t.Errorf("%d calls in a minute", calls)
	}
	if err := c.Poll(t.Context(), "waiting for the stream", time.Minute,
		func(context.Context) (bool, error) { return false, nil }); err == nil ||
		!strings.Contains(err.Error(), "waiting for the stream") {
		t.Errorf("%v", err)
	}
}

func TestAnInterruptionEndsAWait(t *testing.T) {
	for _, clock := range []Clock{NewInstantClock(), wallClock{}} {
		c := waiting(clock)
		ctx, cancel := context.WithCancel(t.Context())
		err := c.Retry(ctx, "waiting", time.Hour, always, func(context.Context) error { cancel(); return errBusy })
		if !errors.Is(err, context.Canceled) || !errors.Is(err, errBusy) {
			t.Errorf("%T: %v; want the interruption and the last answer", clock, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		err = c.Poll(ctx, "waiting", time.Hour, func(context.Context) (bool, error) { cancel(); return false, nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%T: %v", clock, err)
		}
	}
}

func TestPollEndsWithTheAnswer(t *testing.T) {
	c := waiting(NewInstantClock())
	asked := 0
	if err := c.Poll(t.Context(), "waiting", time.Minute,
		func(context.Context) (bool, error) { asked++; return asked == 3, nil }); err != nil ||
		asked != 3 {
		t.Errorf("%v after %d", err, asked)
	}
	if err := c.Poll(t.Context(), "waiting", time.Minute,
		func(context.Context) (bool, error) { return false, errBusy }); err != errBusy {
		t.Errorf("%v", err)
	}
}

func TestProgressIsReported(t *testing.T) {
	var got []string
	c := New(aws.Config{}, Options{
		Clock: NewInstantClock(),
		Waiting: func(_ context.Context, what string, waited time.Duration) {
			if len(got) > 0 && waited == 0 {
				t.Error("time stands still")
			}
			got = append(got, what)
		},
	})
	calls := 0
	if err := c.Retry(t.Context(), "waiting for the role", time.Minute, always, func(context.Context) error {
		if calls++; calls < 3 {
			return errBusy
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"waiting for the role", "waiting for the role"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheWallClockSleeps(t *testing.T) {
	before := time.Now()
	if err := (wallClock{}).Sleep(t.Context(), time.Millisecond); err != nil || time.Since(before) < time.Millisecond {
		t.Errorf("%v after %s", err, time.Since(before))
	}
}
