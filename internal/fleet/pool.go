package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// patience is how long one call is repeated when AWS keeps answering that it comes too fast.
const patience = 15 * time.Minute

// hopeless is after how many failures without a single success a step is given up: the cause is then common to all
// devices (permission, endpoint, a missing key) and ten thousand more answers would say the same.
const hopeless = 100

// pool works on many devices at the same time. It halves its width when AWS throttles in spite of the rates that
// package awsapi keeps, as when somebody else uses the same account, and widens by one per round of devices without.
type pool struct {
	max      int
	progress func(done, total int, what string)

	mu     sync.Mutex
	room   *sync.Cond
	width  int // devices that may be worked on now
	active int
	calm   int // devices finished since the width last changed
}

func newPool(width int, progress func(done, total int, what string)) *pool {
	p := &pool{max: width, width: width, progress: progress}
	p.room = sync.NewCond(&p.mu)
	return p
}

func (p *pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.active >= p.width {
		p.room.Wait()
	}
	p.active++
}

func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active--
	p.calm++
	if p.calm >= p.width && p.width < p.max {
		p.width++
		p.calm = 0
	}
	p.room.Broadcast()
}

// slow halves the width, at most once per round.
func (p *pool) slow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width == p.max || p.calm > 0 {
		p.width = max(1, p.width/2)
	}
	p.calm = 0
}

// call sends one request and repeats it while AWS throttles it, beyond what the SDK does by itself.
func (p *pool) call(ctx context.Context, what string, send func(context.Context) error) error {
	return awsapi.Retry(ctx, what, patience, func(err error) bool {
		if !throttled(err) {
			return false
		}
		p.slow()
		return true
	}, send)
}

// ask is call for a request whose answer is wanted; what was asked stands before its error.
func ask[T any](ctx context.Context, p *pool, what string, send func(context.Context) (T, error)) (T, error) {
	var answer T
	err := p.call(ctx, what, func(ctx context.Context) (err error) {
		answer, err = send(ctx)
		return err
	})
	if err != nil {
		return answer, fmt.Errorf("%s: %w", what, err)
	}
	return answer, nil
}

// throttled reports whether AWS refused a request for its rate only [AWS 1.2].
func throttled(err error) bool {
	return awsapi.Is(err, "ThrottlingException", "Throttling", "TooManyRequestsException", "TooManyUpdates", "RequestLimitExceeded") ||
		awsapi.Is(err, "LimitExceededException") && awsapi.MessageHas(err, "Rate exceeded")
}

// each does something for all items, in their order, as many at the same time as the pool is wide. An error of one does
// not stop the others; cancellation does, and so does failure of all the first ones. The error is a *DevicesError.
func (p *pool) each(ctx context.Context, what string, items []string, do func(ctx context.Context, item string) error) error {
	s := &step{pool: p, what: what, items: items}
	var wg sync.WaitGroup
	for range min(p.max, len(items)) {
		wg.Go(func() {
			for s.one(ctx, do) {
			}
		})
	}
	wg.Wait()
	return s.result(ctx)
}

// step is one each.
type step struct {
	*pool
	what  string
	items []string

	mu     sync.Mutex
	next   int
	done   int
	failed []*DeviceError
	cause  error // why no more items are begun
}

// one works on the next item and reports whether there may be another.
func (s *step) one(ctx context.Context, do func(context.Context, string) error) bool {
	s.enter()
	defer s.leave()
	s.mu.Lock()
	if s.next >= len(s.items) || s.cause != nil || ctx.Err() != nil {
		s.mu.Unlock()
		return false
	}
	item := s.items[s.next]
	s.next++
	s.mu.Unlock()

	err := guard(ctx, item, do)

	s.mu.Lock()
	defer s.mu.Unlock()
	var device *DeviceError
	switch {
	case err == nil:
		s.done++
		if s.progress != nil {
			s.progress(s.done, len(s.items), s.what)
		}
	case interruption(ctx, err) != nil:
		s.cause = interruption(ctx, err) // said once and not for each device
		return false
	case errors.As(err, &device):
		s.failed = append(s.failed, device)
	default:
		s.failed = append(s.failed, &DeviceError{Device: item, Err: err})
	}
	if s.done == 0 && len(s.failed) >= hopeless {
		s.cause = fmt.Errorf("the first %d failed without one success", len(s.failed))
	}
	return true
}

// interruption gives why work ended when that is the end of the context, or of the time that it leaves for a request:
// the rate limiters of package awsapi refuse a wait that would last longer than the context does.
func interruption(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return context.Cause(ctx)
	case strings.Contains(err.Error(), "would exceed context deadline"):
		return fmt.Errorf("%w: the time left is too short for the requests that are still to be sent within AWS's quotas", context.DeadlineExceeded)
	}
	return nil
}

// guard turns a panic of one device's work into its error, so that what the others did is still recorded.
func guard(ctx context.Context, item string, do func(context.Context, string) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("this is a bug in the provider: %v", v)
		}
	}()
	return do(ctx, item)
}

func (s *step) result(ctx context.Context) error {
	if s.done == len(s.items) {
		return nil
	}
	e := &DevicesError{What: s.what, Total: len(s.items), Done: s.done, Errors: s.failed, Cause: s.cause}
	if e.Cause == nil {
		e.Cause = context.Cause(ctx)
	}
	slices.SortFunc(e.Errors, func(a, b *DeviceError) int { return strings.Compare(a.Device, b.Device) })
	return e
}
