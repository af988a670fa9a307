package metrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
)

// tableAPI is the part of the DynamoDB client that the function uses.
type tableAPI interface {
	BatchWriteItem(
		context.Context,
		*dynamodb.BatchWriteItemInput,
		...func(*dynamodb.Options),
	) (*dynamodb.BatchWriteItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// table is the table of metrics: an item per device and window, and what does not fit into the state.
type table struct {
	client tableAPI
	name   string
	keep   time.Duration
	pause  func(ctx context.Context, attempt int) error // before what was left out is sent again
}

const (
	// putsPerCall is BatchWriteItem's limit.
	putsPerCall = 25
	// pieceBytes bounds a piece of a spill: with the series that exceeds it, an item stays below DynamoDB's 400 KB.
	pieceBytes = 250 << 10
	// itemBytes bounds an item of a device in the same way; the rest of its measures are in another one.
	itemBytes = 250 << 10
	// keepSpills is how long spills stay in the table: longer than Lambda repeats an invocation.
	keepSpills = 7 * 24 * time.Hour
)

// putter writes items in calls of putsPerCall, several at a time. The first error ends it.
type putter struct {
	table   *table
	group   *errgroup.Group
	ctx     context.Context
	pending []types.WriteRequest
}

func (t *table) putter(ctx context.Context) *putter {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(awsenv.Connections)
	return &putter{table: t, group: group, ctx: ctx}
}

func (p *putter) put(item map[string]types.AttributeValue) {
	p.pending = append(p.pending, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	if len(p.pending) == putsPerCall {
		p.send()
	}
}

func (p *putter) send() {
	requests := p.pending
	p.pending = nil
	if len(requests) > 0 {
		p.group.Go(func() error { return p.table.write(p.ctx, requests) })
	}
}

// wait returns when everything is in the table.
func (p *putter) wait() error {
	p.send()
	err := p.group.Wait()
	if err != nil {
		return fmt.Errorf("writing to table %q: %w", p.table.name, err)
	}
	return nil
}

// write puts items with one call, and again those that DynamoDB left out.
func (t *table) write(ctx context.Context, requests []types.WriteRequest) error {
	for attempt := 1; ; attempt++ {
		out, err := t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{t.name: requests},
		})
		if err != nil {
			return err
		}
		requests = out.UnprocessedItems[t.name]
		if len(requests) == 0 {
			return nil
		}
		if err := t.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func spillKey(hash string, partition, piece int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		contract.DeviceKey:      text(contract.SpillItem + hash),
		contract.WindowStartKey: text(fmt.Sprintf("%02d#%06d", partition, piece)),
	}
}

// spill moves the window's series to the table.
func (t *table) spill(ctx context.Context, w *window, now time.Time) error {
	s, pieces := w.pack()
	puts := t.putter(ctx)
	for partition, list := range pieces {
		for i, encoded := range list {
			item := spillKey(s.hash, partition, i)
			item[contract.SeriesAttribute] = &types.AttributeValueMemberB{Value: encoded}
			item[contract.ExpiryAttribute] = number(now.Add(keepSpills).Unix())
			puts.put(item)
		}
	}
	if err := puts.wait(); err != nil {
		return err
	}
	w.spills, w.series = append(w.spills, s), series{}
	return nil
}

// load returns a partition of the window: what was spilled, in the order of the stream, and what is in the state. lost
// is how many pieces of spills are no longer there, or cannot be read; without them, the rest is still worth storing.
func (t *table) load(ctx context.Context, w *window, partition int, own []key) (merged series, lost int, err error) {
	var keys []map[string]types.AttributeValue
	for _, s := range w.spills {
		for piece := range s.pieces[partition] {
			keys = append(keys, spillKey(s.hash, partition, piece))
		}
	}
	pieces := make([][]byte, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(awsenv.Connections)
	for i, at := range keys {
		group.Go(func() (err error) {
			pieces[i], err = t.read(ctx, at)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, fmt.Errorf("reading spilled series from table %q: %w", t.name, err)
	}
	merged = series{}
	for _, encoded := range pieces {
		if merged.decode(encoded, w.origin()) != nil {
			lost++
		}
	}
	for _, k := range own {
		merged.at(k).merge(w.series[k])
	}
	return merged, lost, nil
}

// read returns a piece of a spill; nil if it is not there.
func (t *table) read(ctx context.Context, at map[string]types.AttributeValue) ([]byte, error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &t.name, Key: at, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	if packed, ok := out.Item[contract.SeriesAttribute].(*types.AttributeValueMemberB); ok {
		return packed.Value, nil
	}
	return nil, nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func float(v float64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatFloat(v, 'g', -1, 64)}
}
