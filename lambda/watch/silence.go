package watch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
)

// limits say how long devices may be silent.
type limits struct {
	usual time.Duration
	own   map[string]time.Duration // of the devices that have one of their own
	// shorter are the devices with a shorter one; the index does not find them in time.
	shorter []string
	longest time.Duration
	// lag is how much later than a device's last message the last one can be that is in the table.
	lag time.Duration
	// described is how many devices the pipeline describes; nil if there can be others.
	described *int64
	mark      string // changes with the limits
}

// of returns how long a device may be silent.
func (l limits) of(thing string) time.Duration {
	if own, ok := l.own[thing]; ok {
		return own
	}
	return l.usual
}

// limits reads the limits. They are small and change with an apply, so every run reads them.
func (r *run) limits(ctx context.Context) (limits, error) {
	out, err := r.devices.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(r.table), Key: key(contract.SilenceItem), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return limits{}, fmt.Errorf("reading item %q of table %q: %w", contract.SilenceItem, r.table, err)
	}
	document := content(out.Item[contract.DocumentAttribute])
	var s contract.Silence
	if err := json.Unmarshal([]byte(document), &s); err != nil {
		return limits{}, fmt.Errorf("reading item %q of table %q: %w; apply the pipeline again to write it",
			contract.SilenceItem, r.table, err)
	}
	if s.Version != contract.SilenceVersion || s.Minutes < 1 {
		return limits{}, fmt.Errorf("item %q of table %q has version %d and %d minutes, want version %d and at least "+
			"one minute", contract.SilenceItem, r.table, s.Version, s.Minutes, contract.SilenceVersion)
	}
	return limitsOf(s, document), nil
}

func limitsOf(s contract.Silence, document string) limits {
	usual := time.Duration(s.Minutes) * time.Minute
	l := limits{usual: usual, longest: usual, own: map[string]time.Duration{}, described: s.Described,
		lag: time.Duration(s.RefreshSeconds) * time.Second, mark: markOf(document)}
	for minutes, things := range s.Devices {
		limit := time.Duration(minutes) * time.Minute
		l.longest = max(l.longest, limit)
		for _, thing := range things {
			l.own[thing] = limit
		}
		if limit < usual {
			l.shorter = append(l.shorter, things...)
		}
	}
	slices.Sort(l.shorter)
	return l
}

// markOf returns a short text that changes with the document.
func markOf(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:8])
}

// markSilent marks the devices that have been silent for too long, and returns those that it marked. The error is about
// the others.
func (r *run) markSilent(ctx context.Context, l limits) ([]device, error) {
	found, err := r.due(ctx, l)
	if len(found) == 0 {
		if err == nil {
			r.sweep(l)
		}
		return nil, err
	}
	if pending := r.pending(ctx); pending != nil {
		return nil, errors.Join(err, pending)
	}
	var (
		mu     sync.Mutex
		marked []device
		failed []error
		group  errgroup.Group
	)
	group.SetLimit(awsenv.Connections)
	for _, d := range found {
		group.Go(func() error {
			done, err := r.mark(ctx, d)
			mu.Lock()
			defer mu.Unlock()
			if done {
				marked = append(marked, d)
			}
			if err != nil {
				failed = append(failed, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the calls keep their errors
	r.metrics.Count(contract.SilentMetric, len(marked))
	if len(failed) > 0 {
		err = errors.Join(err, fmt.Errorf("marking %d of %d silent devices failed, first: %w", len(failed), len(found),
			failed[0]))
	}
	if err == nil {
		r.sweep(l)
	}
	return marked, err
}

// due returns the devices that have been silent for too long. Without an error, these are all.
func (r *run) due(ctx context.Context, l limits) ([]device, error) {
	candidates, err := r.candidates(ctx, l)
	var found []device
	known := map[string]bool{}
	for _, d := range candidates {
		unsaid := d.status == contract.StatusOnline || d.leftUnsaid()
		if unsaid && !known[d.thing] && d.lastSeen < r.now.Add(-l.of(d.thing)-l.lag).UnixMilli() {
			known[d.thing] = true
			found = append(found, d)
		}
	}
	return found, err
}

// candidates returns devices among which all are that have been silent for too long. Those with a longer limit are read
// each time, from the usual limit to their own; those with a shorter one are read one by one.
func (r *run) candidates(ctx context.Context, l limits) ([]device, error) {
	before := r.now.Add(-l.usual - l.lag)
	found, err := r.devices.read(ctx, l.shorter)
	if err != nil {
		return found, err
	}
	online, _, err := r.devices.find(ctx, query{status: contract.StatusOnline, before: before})
	found = append(found, online...)
	if err != nil {
		return found, err
	}
	// Devices that said that they go offline stay offline. So that they are not read each time, a run looks at those
	// only that have come to the limit since the last run that looked at all.
	q := query{status: contract.StatusOffline, before: before}
	if last := time.UnixMilli(r.state.swept); r.state.swept != 0 && r.state.sweptWith == l.mark {
		q.since = earlier(last, r.now).Add(-l.longest - l.lag - contract.OfflineMargin)
	}
	offline, _, err := r.devices.find(ctx, q)
	return append(found, offline...), err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// sweep notes that all devices have been looked at with these limits.
func (r *run) sweep(l limits) {
	r.state.swept = max(r.state.swept, r.now.UnixMilli())
	r.state.sweptWith = l.mark
}

// mark marks a device as silent, unless it has sent something or somebody else has marked it.
func (r *run) mark(ctx context.Context, d device) (bool, error) {
	_, err := r.devices.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(r.table), Key: key(d.thing),
		UpdateExpression:         aws.String("SET #status = :silent, silent_at = :now"),
		ConditionExpression:      aws.String("#status = :was AND last_seen = :seen"),
		ExpressionAttributeNames: map[string]string{"#status": contract.StatusAttribute},
		ExpressionAttributeValues: values{
			":silent": text(contract.StatusSilent), ":now": millis(r.now), ":was": text(d.status),
			":seen": integer(d.lastSeen),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var changed *types.ConditionalCheckFailedException
	if errors.As(err, &changed) {
		// The answer to an earlier try may have been lost.
		ours := content(changed.Item[contract.StatusAttribute]) == contract.StatusSilent &&
			number(changed.Item[contract.SilentAtAttribute]) == r.now.UnixMilli() &&
			number(changed.Item[contract.LastSeenAttribute]) == d.lastSeen
		return ours, nil
	}
	if err != nil {
		return false, fmt.Errorf("marking device %q in table %q: %w", d.thing, r.table, err)
	}
	return true, nil
}
