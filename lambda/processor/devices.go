package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// dynamoAPI is the part of the DynamoDB client that the processor uses.
type dynamoAPI interface {
	UpdateItem(
		context.Context,
		*dynamodb.UpdateItemInput,
		...func(*dynamodb.Options),
	) (*dynamodb.UpdateItemOutput, error)
}

// devices stores the newest state of every device: one conditional update per device of a batch.
type devices struct {
	client dynamoAPI
	table  string
	ttl    time.Duration
}

const stateRejected = "device_state_rejected" // a reason for the dead letter

// state is what a batch says about one device. Each of its three groups has its own time, because each can be newer or
// older than what is stored: a device that sends a backlog is seen now but measured then.
type state struct {
	thing string

	seenAt int64 // arrival, ms; always there
	seen   int   // the record it comes from

	measuredAt int64 // the device's time, ms
	measured   int   // the reading whose measures are the latest; -1: none has any

	statusAt int64
	status   string
	statusBy int // the record
}

// byDevice orders the readings by device, and within a device by the order of the stream. It takes two passes without
// comparisons: the first counts each device's readings, the second puts them in place.
func byDevice(b *batch) []int {
	ranks := make([]int, len(b.readings))
	rank := make(map[string]int, 64)
	var counts []int
	for i := range b.readings {
		r, ok := rank[b.of(i).PartitionKey]
		if !ok {
			r = len(rank)
			rank[b.of(i).PartitionKey] = r
			counts = append(counts, 0)
		}
		ranks[i] = r
		counts[r]++
	}
	total := 0
	for r, n := range counts {
		counts[r] = total // from here on: where the device's next reading goes
		total += n
	}
	order := make([]int, total)
	for i := range b.readings {
		order[counts[ranks[i]]] = i
		counts[ranks[i]]++
	}
	return order
}

// store adds one update per device in order to w, and one for what is new of its connection. That comes second, so that
// the device is known if its first message is in the batch.
func (d *devices) store(ctx context.Context, b *batch, order []int, w *work) {
	presences := newestPresences(b)
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && b.of(order[end]).PartitionKey == b.of(order[start]).PartitionKey {
			end++
		}
		s := newest(b, order[start:end])
		p, ok := presences[s.thing]
		delete(presences, s.thing)
		*w = append(*w, func() {
			d.update(ctx, b, s)
			if ok {
				d.connect(ctx, b, s.thing, p)
			}
		})
		start = end
	}
	for thing, p := range presences {
		*w = append(*w, func() { d.connect(ctx, b, thing, p) })
	}
}

// newest reduces one device's readings to its state. A message proves that its device is online; of equal times, the
// later reading wins.
func newest(b *batch, readings []int) state {
	s := state{thing: b.of(readings[0]).PartitionKey, measured: -1}
	for _, i := range readings {
		r := &b.readings[i]
		arrival := b.records[r.record].ArrivalMillis
		if arrival >= s.seenAt {
			s.seenAt, s.seen = arrival, r.record
		}
		// Both kinds are ordered by their arrival in the stream. With the broker's clock for one and the stream's for
		// the other, a device's farewell would lose to the message it published just before.
		status := r.status
		if status == "" {
			status = contract.StatusOnline
			if at := r.Time.UnixMilli(); len(r.Measures) > 0 && (s.measured < 0 || at >= s.measuredAt) {
				s.measuredAt, s.measured = at, i
			}
		}
		if arrival >= s.statusAt {
			s.status, s.statusAt, s.statusBy = status, arrival, r.record
		}
	}
	return s
}

// maxRounds limits the updates of one device: every group can turn out to be stale once, and the consumer of another
// shard can interfere.
const maxRounds = 5

// update writes what is newer than the stored state. The first attempt writes all groups; if one of them is not newer,
// the response contains the stored item, and the next attempt writes the rest.
func (d *devices) update(ctx context.Context, b *batch, s state) {
	write := groups{seen: true, measured: s.measured >= 0, status: true}
	for range maxRounds {
		if write == (groups{}) {
			return // all that is stored is newer
		}
		_, err := d.client.UpdateItem(ctx, d.request(b, s, write))
		var (
			stale *types.ConditionalCheckFailedException
			api   smithy.APIError
		)
		switch {
		case err == nil:
			return
		case errors.As(err, &stale):
			write = s.newerThan(stale.Item)
			if write.returns {
				if err := d.noteReturn(ctx, s, stale.Item); err != nil {
					d.fail(b, s, err)
					return
				}
			}
		case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
			// The device chooses only the measures, so the record that contains them is the one that cannot be stored.
			bringer := s.seen
			if s.measured >= 0 {
				bringer = b.readings[s.measured].record
			}
			b.reject(bringer, stateRejected, api.ErrorMessage())
			return
		default:
			d.fail(b, s, err)
			return
		}
	}
	d.fail(b, s, errors.New("other writers kept changing the item"))
}

// fail marks the records that the state comes from; retrying them repeats the state.
func (d *devices) fail(b *batch, s state, err error) {
	err = fmt.Errorf("updating device %q in table %q: %w", s.thing, d.table, err)
	b.fail(s.seen, err)
	b.fail(s.statusBy, err)
	if s.measured >= 0 {
		b.fail(b.readings[s.measured].record, err)
	}
}

// groups selects the parts of a state that an update writes. A silent device returns by a write of its own, so that the
// usual write costs nothing more.
type groups struct{ seen, measured, status, returns bool }

// newerThan compares a state with the stored item.
func (s *state) newerThan(item map[string]types.AttributeValue) groups {
	seen, measured, status := number(
		item[contract.LastSeenAttribute],
	), number(
		item["measured_at"],
	), number(
		item["status_at"],
	)
	g := groups{
		seen:     s.seenAt > seen,
		measured: s.measured >= 0 && (s.measuredAt > measured || s.measuredAt == measured && s.seenAt > seen),
		status:   s.statusAt > status,
	}
	was, _ := item[contract.StatusAttribute].(*types.AttributeValueMemberS)
	g.returns = g.status && was != nil && was.Value == contract.StatusSilent
	return g
}

func number(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return math.MinInt64
	}
	value, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return math.MinInt64
	}
	return value
}

// request builds the update: each group is set only if it is newer than what is stored, all or nothing.
func (d *devices) request(b *batch, s state, write groups) *dynamodb.UpdateItemInput {
	values := map[string]types.AttributeValue{}
	set, condition := "SET ", ""
	group := func(when, assignments string) {
		if condition != "" {
			condition, set = condition+" AND ", set+", "
		}
		condition, set = condition+"("+when+")", set+assignments
	}
	var names map[string]string
	if write.seen || write.measured {
		values[":seen"] = millis(s.seenAt)
	}
	if write.seen {
		assignments := "last_seen = :seen"
		if d.ttl > 0 {
			assignments += ", expires_at = :expires"
			values[":expires"] = millis(time.UnixMilli(s.seenAt).Add(d.ttl).Unix()) // [AWS 7.1 TTL]: seconds
		}
		group("attribute_not_exists(last_seen) OR last_seen <= :seen", assignments)
	}
	if write.measured {
		values[":measured"], values[":latest"] = millis(s.measuredAt), latest(b.readings[s.measured].Measures)
		group(
			"attribute_not_exists(measured_at) OR measured_at < :measured OR (measured_at = :measured AND last_seen "+
				"<= :seen)",
			"measured_at = :measured, latest = :latest",
		)
	}
	if write.status {
		names = map[string]string{"#status": contract.StatusAttribute} // a reserved word
		values[":status"], values[":status_at"] = textValue(s.status), millis(s.statusAt)
		values[":silent"] = textValue(contract.StatusSilent)
		assignments := "#status = :status, status_at = :status_at"
		if s.status == contract.StatusOffline {
			assignments += ", farewell_at = :status_at"
		}
		if write.returns {
			group("status_at <= :status_at AND #status = :silent", assignments)
		} else {
			group("attribute_not_exists(status_at) OR (status_at <= :status_at AND #status <> :silent)", assignments)
		}
	}
	return &dynamodb.UpdateItemInput{
		TableName: aws.String(d.table),
		Key: map[string]types.AttributeValue{
			contract.DeviceKey: textValue(s.thing),
		},
		UpdateExpression:                    aws.String(set),
		ConditionExpression:                 aws.String(condition),
		ExpressionAttributeNames:            names,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

func textValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func millis(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func latest(measures []telemetry.Measure) types.AttributeValue {
	m := make(map[string]types.AttributeValue, len(measures))
	for _, measure := range measures {
		m[measure.Name] = attribute(measure)
	}
	return &types.AttributeValueMemberM{Value: m}
}

// attribute keeps a measure's type. DynamoDB's numbers range from 1E-130 to 9.9E+125. Doubles range further; those that
// do not fit are stored as text.
func attribute(m telemetry.Measure) types.AttributeValue {
	switch m.Kind {
	case telemetry.Bool:
		return &types.AttributeValueMemberBOOL{Value: m.Text == "true"}
	case telemetry.Number:
		if isNumber(&m) {
			return &types.AttributeValueMemberN{Value: m.Text}
		}
	}
	return &types.AttributeValueMemberS{Value: m.Text}
}

// isNumber reports whether a measure is a number that DynamoDB can hold.
func isNumber(m *telemetry.Measure) bool {
	v := math.Abs(m.Float())
	return v == 0 || 1e-130 <= v && v < 9.9e125
}
