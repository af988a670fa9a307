package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deadletters"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// Where dead letters are sent.
const (
	// ToOrigin hands each letter to what could not handle it, as the message that it was.
	ToOrigin = "origin"
	// ToStream puts messages into the stream, or the queue in its place, as new ones.
	ToStream = "stream"
	// ToTopic publishes messages.
	ToTopic = "topic"
)

// Destinations are what [Redrive.To] can be; the first is the default.
var Destinations = []string{ToOrigin, ToStream, ToTopic}

// Bounds of [Redrive.Max].
const (
	DefaultLetters = 1000
	MaxLetters     = 10_000
)

// Redrive says which dead letters are sent again, and where.
type Redrive struct {
	Reasons       []string  // any of them; none: all
	Things        []string  // any of them; none: all, and failed batches as well
	After, Before time.Time // when the message arrived; zero: no bound
	To            string    // one of Destinations; "" means ToOrigin
	Topic         string    // with ToTopic: where all of them go; "": each to its own
	Max           int       // how many letters are sent at most; 0 means DefaultLetters
	DryRun        bool      // only say which letters would be sent
}

// Check reports what is wrong with a redrive before anything is read.
func (r Redrive) Check() error {
	switch {
	case r.To != "" && !slices.Contains(Destinations, r.To):
		return fmt.Errorf("there is no destination %q; the destinations are %s", r.To, strings.Join(Destinations, ", "))
	case r.Topic != "" && r.To != ToTopic:
		return errors.New("a topic is named, and the letters do not go to one: leave it out, or choose the " +
			"destination topic")
	case r.Max < 0 || r.Max > MaxLetters:
		return fmt.Errorf("at most %d letters can be sent at a time, and at least 1", MaxLetters)
	case !r.After.IsZero() && !r.Before.IsZero() && !r.After.Before(r.Before):
		return errors.New("no letter can be after the first time and before the second one: the second is not later")
	case slices.Contains(r.Reasons, "") || slices.Contains(r.Things, ""):
		return errors.New("a reason or a thing is empty")
	}
	if r.Topic != "" {
		return topic.ValidateName(r.Topic)
	}
	return nil
}

// ParseTime reads a time of a redrive, which may be empty.
func ParseTime(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s is not a time such as 2026-01-31T08:00:00Z: %q", name, text)
	}
	return t, nil
}

// selects reports whether a letter is to be sent. A letter without a time of its own has that of the queue.
func (r Redrive) selects(l *letter) bool {
	return (len(r.Reasons) == 0 || slices.Contains(r.Reasons, l.Reason)) &&
		(len(r.Things) == 0 || slices.Contains(r.Things, l.Thing)) &&
		(r.After.IsZero() || !l.Time.Before(r.After)) && (r.Before.IsZero() || l.Time.Before(r.Before))
}

// Redriven counts the letters of one redrive.
type Redriven struct {
	Selected int
	Sent     int // and removed
	Left     int // selected, and still where they were
}

// letter is a dead letter that this run holds, so that nobody else gets it meanwhile.
type letter struct {
	deadletters.Letter
	id, receipt string // in the queue
	key         string // of a failed batch in the bucket; then the rest is about the batch
	problem     error  // why it was not sent, or not removed
	sent        bool
}

// ResendDeadLetters sends dead letters again, and removes each from where it was once it has been sent. A letter that
// cannot be sent stays. It goes on after an error, and returns all of them.
//
// A letter that was sent and could not be removed is sent again by the next run. [ToOrigin] then stores nothing twice,
// since the message has the same thing, time and name; the guide "Operating a pipeline" lists what has no such key.
func ResendDeadLetters(ctx context.Context, p *deployed.Pipeline, r Redrive, tell Progress) (Redriven, error) {
	if err := r.Check(); err != nil {
		return Redriven{}, err
	}
	r.To, r.Max = cmp.Or(r.To, ToOrigin), cmp.Or(r.Max, DefaultLetters)
	m, err := openMailbox(ctx, p, r)
	if err != nil {
		return Redriven{}, err
	}
	letters, err := m.collect(ctx, tell)
	defer m.release(ctx, tell)
	if err != nil {
		return Redriven{}, fmt.Errorf("%w. Nothing was sent", err)
	}
	done := Redriven{Selected: len(letters)}
	if len(letters) == 0 {
		return done, nil
	}
	s, err := newSender(ctx, p, r)
	if err != nil {
		return done, fmt.Errorf("%w. Nothing was sent", err)
	}
	if r.DryRun {
		s.describe(letters, tell)
		return done, nil
	}
	for _, group := range s.groups(letters) {
		if !m.holds() {
			tell("the letters have been held for as long as SQS was asked to; run it again for the rest")
			break
		}
		if ctx.Err() != nil {
			break
		}
		s.send(ctx, group)
		for _, l := range group {
			if l.sent {
				m.remove(ctx, l)
			}
			if l.sent && l.problem == nil {
				done.Sent++
			}
		}
		tell(fmt.Sprintf("sent %d of %d dead letters", done.Sent, done.Selected))
	}
	done.Left = done.Selected - done.Sent
	return done, errors.Join(ctx.Err(), problems(letters))
}

// problems says what became of the letters that are still where they were: each cause once, with the number of letters.
func problems(letters []*letter) error {
	counts, causes := map[string]int{}, map[string]error{}
	for _, l := range letters {
		if l.problem == nil {
			continue
		}
		cause := l.problem.Error()
		if d := awsapi.DetailOf(l.problem); d.Code != "" { // the rest differs from request to request
			cause = d.Operation + " " + d.Code
		}
		counts[cause]++
		causes[cause] = l.problem
	}
	var errs []error
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		errs = append(errs, fmt.Errorf("%s %w", stayed(counts[text]), causes[text]))
	}
	return errors.Join(errs...)
}

func stayed(n int) string {
	if n == 1 {
		return "1 dead letter stays:"
	}
	return fmt.Sprintf("%d dead letters stay:", n)
}

// perReason counts letters by their reasons, as the end of a line.
func perReason(letters []*letter) string {
	counts := map[string]int{}
	for _, l := range letters {
		counts[l.Reason]++
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}
