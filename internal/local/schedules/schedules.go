// Package schedules plays EventBridge Scheduler: it calls functions at the rates that schedules name.
//
// It does not know where schedules come from, nor how functions run.
package schedules

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// Schedule is a schedule as deployed.
type Schedule struct {
	Name        string // group and name, joined by a slash
	ARN         string
	Expression  string
	FunctionARN string
	Input       string
	Disabled    bool
}

// Options configure a player.
type Options struct {
	// Invoke queues an event for a function.
	Invoke func(ctx context.Context, functionARN string, payload []byte) error
	// Interval replaces the interval of every schedule; 0 means that of its expression.
	Interval time.Duration
	Events   runlog.Sink
}

// A Player calls functions until it is closed.
type Player struct {
	options Options

	mu      sync.Mutex
	playing map[Schedule]context.CancelFunc
	running sync.WaitGroup
}

// New returns a player without schedules.
func New(o Options) *Player { return &Player{options: o, playing: map[Schedule]context.CancelFunc{}} }

// Set replaces the schedules. One that has not changed goes on. The first call comes one interval after its start.
func (p *Player) Set(list []Schedule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := map[Schedule]bool{}
	for _, s := range list {
		wanted[s] = true
	}
	for s, stop := range p.playing {
		if !wanted[s] {
			stop()
			delete(p.playing, s)
			p.tell(runlog.Changed, s, "schedule removed or changed")
		}
	}
	for s := range wanted {
		if p.playing[s] == nil {
			p.start(s)
		}
	}
}

func (p *Player) start(s Schedule) {
	ctx, cancel := context.WithCancel(context.Background())
	p.playing[s] = cancel
	interval, err := Rate(s.Expression)
	switch {
	case s.Disabled:
		p.tell(runlog.Changed, s, "schedule, disabled")
		return
	case err != nil:
		p.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: s.Name,
			Error: "iot-local cannot play this schedule: " + err.Error()})
		return
	}
	interval = cmp.Or(p.options.Interval, interval)
	p.tell(runlog.Changed, s, fmt.Sprintf("schedule calls %s every %s",
		s.FunctionARN[strings.LastIndexByte(s.FunctionARN, ':')+1:], interval))
	p.running.Go(func() { p.play(ctx, s, interval) })
}

func (p *Player) tell(kind runlog.Kind, s Schedule, detail string) {
	p.options.Events.Send(runlog.Event{Kind: kind, Action: s.Name, Detail: detail})
}

func (p *Player) play(ctx context.Context, s Schedule, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-ticker.C:
			err := p.options.Invoke(ctx, s.FunctionARN, []byte(fill(s, at)))
			if err != nil && ctx.Err() == nil {
				p.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: s.Name, Error: err.Error()})
			}
		}
	}
}

// Close stops every schedule. A nil player has none.
func (p *Player) Close() {
	if p == nil {
		return
	}
	p.Set(nil)
	p.running.Wait()
}

// fill replaces the placeholders of an input [Scheduler, context attributes].
func fill(s Schedule, at time.Time) string {
	return strings.NewReplacer(
		"<aws.scheduler.scheduled-time>", at.UTC().Format(time.RFC3339),
		"<aws.scheduler.schedule-arn>", s.ARN,
		"<aws.scheduler.execution-id>", uuid.NewString(),
		"<aws.scheduler.attempt-number>", "1",
	).Replace(cmp.Or(s.Input, "{}"))
}

var ratePattern = regexp.MustCompile(`^rate\(([1-9][0-9]*) (minute|hour|day)s?\)$`)

// Rate returns the interval of an expression such as "rate(1 minute)". Other expressions are errors.
func Rate(expression string) (time.Duration, error) {
	m := ratePattern.FindStringSubmatch(expression)
	if m == nil {
		return 0, fmt.Errorf("%q is not a rate such as rate(1 minute)", expression)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n > 100_000 {
		return 0, fmt.Errorf("the rate %q is out of range", expression)
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
	return time.Duration(n) * unit, nil
}
