package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

const (
	// rule is the name of these notices; alert rules are called by their users' names.
	rule     = "silent"
	severity = "warning"
	// maxEach is how many devices get a notice each; more get one together.
	maxEach = 5
	// maxNames is how many devices such a notice names.
	maxNames = 20
)

// tellSilent tells people of the devices that this run has marked, and that earlier ones have marked without telling.
// After calls without an answer (sure is false), more may be marked than this run knows of: the next run looks.
func (r *run) tellSilent(ctx context.Context, l limits, marked []device, sure bool) error {
	if r.state.pendingSince == 0 {
		return nil
	}
	if r.state.untold {
		earlier, _, err := r.devices.find(ctx, query{status: contract.StatusSilent, silentSince: r.state.pendingSince})
		if err != nil {
			return err
		}
		marked = union(marked, earlier)
	}
	when := func(thing string) string { return "no message for " + spoken(l.of(thing)) }
	err := r.tell(ctx, marked, notice.Alert, when, func(d device) (string, map[string]string) {
		return fmt.Sprintf("%s has sent nothing for %s", d.thing, spoken(r.since(d.lastSeen))),
			d.facts()
	}, "devices have sent nothing for too long")
	switch {
	case err != nil:
	case sure:
		r.state.pendingSince = 0
	default:
		r.state.pendingSince = r.now.UnixMilli()
	}
	return err
}

// facts are the values of the notice of a silent device.
func (d *device) facts() map[string]string {
	facts := map[string]string{"last_seen": format(d.lastSeen)}
	if d.ended != "" {
		facts["disconnect_reason"] = d.ended
	}
	return facts
}

// union returns the devices of both lists; the index may not show yet what this run has marked.
func union(a, b []device) []device {
	known := map[string]bool{}
	for _, d := range a {
		known[d.thing] = true
	}
	for _, d := range b {
		if !known[d.thing] {
			a = append(a, d)
		}
	}
	return a
}

// tellReturned tells people of the silent devices that have sent something since, and removes what the processor noted
// of them. It tells first, so that a failure in between repeats a notice instead of losing it.
func (r *run) tellReturned(ctx context.Context) error {
	notes, _, err := r.devices.find(ctx, query{status: contract.StatusReturned})
	if err != nil || len(notes) == 0 {
		return err
	}
	if r.notifyReturn {
		returned := slices.Clone(notes)
		for i := range returned {
			returned[i].thing = strings.TrimPrefix(returned[i].thing, contract.ReturnedPrefix)
		}
		when := func(string) string { return "a message after the silence" }
		err := r.tell(ctx, returned, notice.Resolved, when,
			func(d device) (string, map[string]string) {
				silent := time.Duration(d.lastSeen-d.silentSince) * time.Millisecond
				return fmt.Sprintf("%s sends again, after %s", d.thing, spoken(silent)),
					map[string]string{"last_seen": format(d.lastSeen), "silent_since": format(d.silentSince)}
			}, "devices send again")
		if err != nil {
			return err
		}
	}
	r.metrics.Count(contract.ReturnedMetric, len(notes))
	return r.forget(ctx, notes)
}

// tell sends one notice for each device, or one for all if they are many. When says what led to the notice of a device;
// of many, it is asked about "".
func (r *run) tell(ctx context.Context, list []device, state string, when func(thing string) string,
	one func(device) (string, map[string]string), many string) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b device) int { return cmp.Compare(a.thing, b.thing) })
	base := notice.Notice{
		Pipeline: r.pipeline, Rule: rule, Severity: severity, State: state, When: when(""),
		Time: r.now.UTC().Format(notice.TimeForm), ReceivedAt: r.now.UTC().Format(notice.TimeForm),
	}
	if len(list) > maxEach {
		n := base
		n.Message, n.Count = fmt.Sprintf("%d %s", len(list), many), len(list)
		oldest := list[0].lastSeen
		for i, d := range list {
			if i < maxNames {
				n.Things = append(n.Things, d.thing)
			}
			oldest = min(oldest, d.lastSeen)
		}
		n.Values = quoted(map[string]string{"oldest_last_seen": format(oldest)})
		return r.publish(ctx, &n)
	}
	for _, d := range list {
		n := base
		message, facts := one(d)
		n.Thing, n.Message, n.Values, n.When = d.thing, message, quoted(facts), when(d.thing)
		if err := r.publish(ctx, &n); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) publish(ctx context.Context, n *notice.Notice) error {
	if err := notice.Publish(ctx, r.topic, r.topicARN, n); err != nil {
		return err
	}
	r.metrics.Count("Notices", 1)
	r.log.InfoContext(ctx, "notice", "rule", n.Rule, "state", n.State, "thing", n.Thing, "count", n.Count)
	return nil
}

// quoted returns texts as values of a notice.
func quoted(facts map[string]string) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(facts))
	for name, fact := range facts {
		out[name], _ = json.Marshal(fact) // a text always has a JSON form
	}
	return out
}

// forget removes the notes of returned devices, unless a device has returned once more.
func (r *run) forget(ctx context.Context, notes []device) error {
	var (
		mu     sync.Mutex
		failed []error
		group  errgroup.Group
	)
	group.SetLimit(awsenv.Connections)
	for _, d := range notes {
		group.Go(func() error {
			_, err := r.devices.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
				TableName: aws.String(r.table), Key: key(d.thing),
				ConditionExpression:       aws.String("last_seen = :seen"),
				ExpressionAttributeValues: values{":seen": integer(d.lastSeen)},
			})
			if err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("removing item %q of table %q: %w", d.thing, r.table, err))
			}
			return nil
		})
	}
	_ = group.Wait() // the calls keep their errors
	return errors.Join(failed...)
}

// since returns how long ago a time in ms was.
func (r *run) since(ms int64) time.Duration { return r.now.Sub(time.UnixMilli(ms)) }

func format(ms int64) string { return time.UnixMilli(ms).UTC().Format(notice.TimeForm) }

// spoken writes a duration for people, in whole minutes.
func spoken(d time.Duration) string {
	minutes := int64(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes < 1:
		return "less than a minute"
	case minutes == 1:
		return "1 minute"
	case minutes < 120:
		return fmt.Sprintf("%d minutes", minutes)
	}
	return fmt.Sprintf("%d hours %d minutes", minutes/60, minutes%60)
}
