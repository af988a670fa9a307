package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Tally counts the devices that a step has finished and keeps the errors of those that failed.
type Tally struct {
	what   string
	total  int
	report Report

	mu     sync.Mutex
	done   int
	failed []*DeviceError
	cause  error // why the step ended early
}

// NewTally returns the tally of a step over total devices. report may be nil.
func NewTally(what string, total int, report Report) *Tally {
	return &Tally{what: what, total: total, report: report}
}

// Record counts a device as finished, or keeps its error. It returns an error only if work was interrupted: the reason
// is then reported once and not for each device.
func (t *Tally) Record(ctx context.Context, name string, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var device *DeviceError
	switch {
	case err == nil:
		t.done++
		if t.report != nil {
			t.report(t.done, t.total, t.what)
		}
	case interruption(ctx, err) != nil:
		t.cause = interruption(ctx, err)
		return err
	case errors.As(err, &device):
		t.failed = append(t.failed, device)
	default:
		t.failed = append(t.failed, &DeviceError{Device: name, Err: err})
	}
	return nil
}

// Together calls do for all names at once and returns those that succeeded, so that the next step can go on with
// them; errors are kept. It returns an error only if work was interrupted.
func (t *Tally) Together(
	ctx context.Context, names []string, do func(context.Context, string) error,
) (succeeded []string, err error) {
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = guard(ctx, name, do) })
	}
	wg.Wait()
	for i, name := range names {
		if errs[i] == nil {
			succeeded = append(succeeded, name)
		} else if err := t.Record(ctx, name, errs[i]); err != nil {
			return nil, err
		}
	}
	return succeeded, nil
}

// Err returns a *DevicesError unless every device was finished.
func (t *Tally) Err(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == t.total {
		return nil
	}
	e := &DevicesError{What: t.what, Total: t.total, Done: t.done, Errors: t.failed, Cause: t.cause}
	if e.Cause == nil {
		e.Cause = context.Cause(ctx)
	}
	slices.SortFunc(e.Errors, func(a, b *DeviceError) int { return strings.Compare(a.Device, b.Device) })
	return e
}

// interruption returns why work ended if that was the end of the context, or of the time that it leaves for a request:
// the rate limiters of package awsapi refuse a wait that would last longer than the context does.
func interruption(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return context.Cause(ctx)
	case strings.Contains(err.Error(), "would exceed context deadline"):
		return fmt.Errorf("%w: the time left is too short for the remaining requests within AWS's quotas",
			context.DeadlineExceeded)
	}
	return nil
}

// guard turns a panic during one device's work into its error, so that the outcome of the others is still recorded.
func guard(ctx context.Context, name string, do func(context.Context, string) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("this is a bug in the provider: %v", v)
		}
	}()
	return do(ctx, name)
}
