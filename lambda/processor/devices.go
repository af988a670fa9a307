package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// devices stores the newest state of every device: one conditional update per device of a batch at most.
type devices struct {
	client  dynamoAPI
	table   string
	ttl     time.Duration
	slot    time.Duration // what SlotAttribute is rounded down to
	refresh *refresh      // nil: every batch writes
	log     *slog.Logger
}

const stateRejected = "device_state_rejected" // a reason for the dead letter

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

// store adds one update to w per device in order whose state has to be written now, and one for what is new of its
// connection. That comes second, so that the device is known if its first message is in the batch. What was held long
// enough is written as well.
func (d *devices) store(ctx context.Context, b *batch, order []int, w *work) {
	presences := newestPresences(b)
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && b.of(order[end]).PartitionKey == b.of(order[start]).PartitionKey {
			end++
		}
		s := newest(b, order[start:end])
		start = end
		p := presences[s.thing]
		delete(presences, s.thing)
		if s, write := d.refresh.take(s, p != nil, b.now); write {
			*w = append(*w, func() { d.write(ctx, b, s, p) })
		}
	}
	for thing, p := range presences {
		if s, ok := d.refresh.held(thing); ok {
			*w = append(*w, func() { d.write(ctx, b, s, p) })
			continue
		}
		*w = append(*w, func() {
			d.connect(ctx, b, thing, p)
			d.refresh.forget(thing)
		})
	}
	for _, s := range d.refresh.due(b.now) {
		*w = append(*w, func() { d.write(ctx, b, s, nil) })
	}
}

// write writes a state and then an event about the connection, if there is one. The event may change the status, so the
// next message is written at once.
func (d *devices) write(ctx context.Context, b *batch, s state, p *presence) {
	stored := d.update(ctx, b, &s)
	if p == nil {
		return
	}
	d.connect(ctx, b, s.thing, p)
	if stored {
		d.refresh.forget(s.thing)
	}
}

// newest reduces one device's readings to its state. A message proves that its device is online; of equal times, the
// later reading wins.
func newest(b *batch, readings []int) state {
	s := state{thing: b.of(readings[0]).PartitionKey}
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
			if at := r.Time.UnixMilli(); len(r.Measures) > 0 && (len(s.measures) == 0 || at >= s.measuredAt) {
				s.measuredAt, s.measures, s.measuredBy = at, r.Measures, r.record
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

// update writes what is newer than the stored state, and reports whether the table has it now. The first attempt writes
// all groups; if one of them is not newer, the response contains the stored item, and the next attempt writes the rest.
func (d *devices) update(ctx context.Context, b *batch, s *state) bool {
	write, status := groups{seen: true, measured: len(s.measures) > 0, status: true}, s.status
	for range maxRounds {
		if write == (groups{}) {
			d.refresh.wrote(s, status, b.now)
			return true // all that is stored is newer
		}
		_, err := d.client.UpdateItem(ctx, d.request(s, write))
		var (
			stale *types.ConditionalCheckFailedException
			api   smithy.APIError
		)
		switch {
		case err == nil:
			d.refresh.wrote(s, status, b.now)
			return true
		case errors.As(err, &stale):
			write, status = s.newerThan(stale.Item), s.status
			if !write.status {
				status = content(stale.Item[contract.StatusAttribute])
			}
			if write.returns {
				if err := d.noteReturn(ctx, s, stale.Item); err != nil {
					d.fail(b, s, err)
					return false
				}
			}
		case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
			d.reject(b, s, api.ErrorMessage())
			return false
		default:
			d.fail(b, s, err)
			return false
		}
	}
	d.fail(b, s, errors.New("other writers kept changing the item"))
	return false
}

// reject makes the record a dead letter that brought the measures: the device chooses nothing else.
func (d *devices) reject(b *batch, s *state, why string) {
	d.refresh.forget(s.thing)
	bringer := s.seen
	if len(s.measures) > 0 {
		bringer = s.measuredBy
	}
	if bringer < 0 { // not a reading that hold takes
		d.log.Error("DynamoDB refuses the state of a device; it stays as it was", "thing", s.thing, "error", why)
		return
	}
	b.reject(bringer, stateRejected, why)
}

// fail marks the records that the state comes from; retrying them repeats the state. What comes from earlier batches is
// held again.
func (d *devices) fail(b *batch, s *state, err error) {
	err = fmt.Errorf("updating device %q in table %q: %w", s.thing, d.table, err)
	for _, record := range []int{s.seen, s.statusBy, s.measuredBy} {
		if record >= 0 {
			b.fail(record, err)
		}
	}
	if d.refresh.failed(s) {
		d.log.Warn("the state of a device is not written; the next batch tries again", "thing", s.thing,
			"error", err.Error())
	}
}

// groups selects the parts of a state that an update writes. A silent device returns by a write of its own, so that the
// usual write costs nothing more.
type groups struct{ seen, measured, status, returns bool }

// newerThan compares a state with the stored item. What was held does not end a silence: the watch function waits
// longer than anything is held, so the device has sent nothing since.
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
		measured: len(s.measures) > 0 && (s.measuredAt > measured || s.measuredAt == measured && s.seenAt > seen),
		status:   s.statusAt > status,
	}
	if g.status && content(item[contract.StatusAttribute]) == contract.StatusSilent {
		g.returns = s.statusBy >= 0
		g.status = g.returns
	}
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
func (d *devices) request(s *state, write groups) *dynamodb.UpdateItemInput {
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
		assignments := "last_seen = :seen, seen_slot = :slot"
		values[":slot"] = millis(time.UnixMilli(s.seenAt).Truncate(d.slot).UnixMilli())
		if d.ttl > 0 {
			assignments += ", expires_at = :expires"
			values[":expires"] = millis(time.UnixMilli(s.seenAt).Add(d.ttl).Unix()) // [AWS 7.1 TTL]: seconds
		}
		group("attribute_not_exists(last_seen) OR last_seen <= :seen", assignments)
	}
	if write.measured {
		values[":measured"], values[":latest"] = millis(s.measuredAt), latest(s.measures)
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
