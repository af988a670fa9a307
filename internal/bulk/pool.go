// Package bulk works on many devices at the same time: as many as AWS's rates
// allow, one device's failure not stopping the others. It must not know what is
// done with a device.
package bulk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// patience is how long one request is repeated while AWS throttles it.
const patience = 15 * time.Minute

// hopeless is after how many failures without a single success a step gives up: the cause is then common to all
// devices (permission, endpoint, a missing key), and ten thousand more answers would say the same.
const hopeless = 100

// Report receives how many of total devices a step has finished; total is 0 while it is unknown. Calls do not overlap.
type Report func(done, total int, what string)

// Pool limits how many devices are worked on at the same time. It halves its width when AWS throttles in spite of the
// rates that package awsapi keeps, for example because others use the same account, and widens by one after each
// round of devices without throttling.
type Pool struct {
	clients *awsapi.Clients
	max     int
	report  Report

	mu     sync.Mutex
	room   *sync.Cond
	width  int // devices that may be worked on now
	active int
	calm   int // devices finished since the width last changed
}

// NewPool returns a pool for up to width devices at the same time, which waits as c does. report may be nil.
func NewPool(c *awsapi.Clients, width int, report Report) *Pool {
	p := &Pool{clients: c, max: width, width: width, report: report}
	p.room = sync.NewCond(&p.mu)
	return p
}

func (p *Pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.active >= p.width {
		p.room.Wait()
	}
	p.active++
}

func (p *Pool) leave() {
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
func (p *Pool) slow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width == p.max || p.calm > 0 {
		p.width = max(1, p.width/2)
	}
	p.calm = 0
}

// Call sends one request and repeats it while AWS throttles it, for longer than the SDK does by itself. what comes
// before the error.
func (p *Pool) Call(ctx context.Context, what string, send func(context.Context) error) error {
	err := p.clients.Retry(ctx, what, patience, func(err error) bool {
		if !throttled(err) {
			return false
		}
		p.slow()
		return true
	}, send)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Ask is Call for a request whose answer is needed.
func Ask[T any](ctx context.Context, p *Pool, what string, send func(context.Context) (T, error)) (T, error) {
	var answer T
	err := p.Call(ctx, what, func(ctx context.Context) (err error) {
		answer, err = send(ctx)
		return err
	})
	return answer, err
}

// throttled reports whether AWS refused a request for its rate only [AWS 1.2].
func throttled(err error) bool {
	return awsapi.Is(err, "ThrottlingException", "Throttling", "TooManyRequestsException", "TooManyUpdates",
		"RequestLimitExceeded") ||
		awsapi.Is(err, "LimitExceededException") && awsapi.MessageHas(err, "Rate exceeded")
}

// Each calls do for all names in their order, for as many at the same time as the pool is wide. An error of one does
// not stop the others; a cancellation does, and so does the failure of all the first ones. The error is a
// *DevicesError.
func (p *Pool) Each(ctx context.Context, what string, names []string, do func(context.Context, string) error) error {
	s := &step{pool: p, names: names, Tally: NewTally(what, len(names), p.report)}
	var wg sync.WaitGroup
	for range min(p.max, len(names)) {
		wg.Go(func() {
			for s.one(ctx, do) {
			}
		})
	}
	wg.Wait()
	return s.Err(ctx)
}

// EachBatch is Each for batches of up to size names. An error that is not a *DeviceError is reported for the first
// device of its batch.
func (p *Pool) EachBatch(
	ctx context.Context, what string, size int, names []string, do func(context.Context, []string) error,
) error {
	var firsts []string
	batches := map[string][]string{}
	for group := range slices.Chunk(names, size) {
		firsts = append(firsts, group[0])
		batches[group[0]] = group
	}
	return p.Each(ctx, what, firsts, func(ctx context.Context, first string) error { return do(ctx, batches[first]) })
}

// step is one Each.
type step struct {
	*Tally
	pool  *Pool
	names []string
	next  int // guarded by the tally's lock
}

// one works on the next device and reports whether there may be another.
func (s *step) one(ctx context.Context, do func(context.Context, string) error) bool {
	s.pool.enter()
	defer s.pool.leave()
	name, ok := s.take(ctx)
	if !ok {
		return false
	}
	return s.Record(ctx, name, guard(ctx, name, do)) == nil
}

func (s *step) take(ctx context.Context) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == 0 && len(s.failed) >= hopeless && s.cause == nil {
		s.cause = fmt.Errorf("the first %d failed without one success", len(s.failed))
	}
	if s.next >= len(s.names) || s.cause != nil || ctx.Err() != nil {
		return "", false
	}
	s.next++
	return s.names[s.next-1], true
}
