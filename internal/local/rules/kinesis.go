package rules

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/uuid"
)

const (
	// batchRecords is how many records one PutRecords takes; batchBytes how many bytes, half of what Kinesis takes. [AWS 5]
	batchRecords = 500
	batchBytes   = 5 << 20
	// queued bounds the records that wait for one stream; beyond it, publishers wait.
	queued = 10000
)

type kinesisAction struct {
	kind
	engine       *Engine
	stream, pkey text
}

func (p *preparer) kinesis(a *types.KinesisAction) action {
	return &kinesisAction{kind{"KinesisAction", "kinesis"}, p.engine, p.text(a.StreamName), p.text(a.PartitionKey)}
}

// enqueue hands the record to the batcher of its stream. A record without a partition key gets a random one.
func (a *kinesisAction) enqueue(j job) {
	began := time.Now()
	v, err := texts(a.engine.ctx, j.input, a.stream, a.pkey)
	if err != nil {
		j.execution.done(j, began, a.stream.fixed, err)
		return
	}
	if v[1] == "" {
		v[1] = uuid.NewString()
	}
	a.engine.stream(v[0]).put(item{job: j, key: v[1], data: j.input.payload, began: began})
}

// do is for an error action, which is rare enough to go through the same batcher and wait.
func (a *kinesisAction) do(context.Context, *input) (string, error) {
	return a.stream.fixed, errors.New("kinesis actions are batched")
}

// A batcher puts the records of one stream, many per call, without changing their order per partition key: a call never
// holds two records of one key, since Kinesis may refuse the first and take the second. [AWS 5 PutRecords]
type batcher struct {
	engine *Engine
	name   string
	in     chan item
	ended  sync.WaitGroup

	// What follows belongs to the batcher's goroutine.
	keys  map[string][]item // what waits, by partition key
	ready []string          // the keys of it, each once, in order of arrival
	count int
}

type item struct {
	job   job
	key   string
	data  []byte
	began time.Time
	tried time.Time // for the first time
}

func startBatcher(e *Engine, name string) *batcher {
	b := &batcher{engine: e, name: name, in: make(chan item, queued), keys: map[string][]item{}}
	b.ended.Go(b.run)
	return b
}

// put waits while too much is queued.
func (b *batcher) put(i item) {
	select {
	case b.in <- i:
	case <-b.engine.ctx.Done():
		b.finish(i, b.engine.ctx.Err())
	}
}

// stop returns when the goroutine has ended, which the engine's context makes it do.
func (b *batcher) stop() { b.ended.Wait() }

func (b *batcher) finish(i item, err error) { i.job.execution.done(i.job, i.began, b.name, err) }

func (b *batcher) run() {
	const first, longest = 50 * time.Millisecond, 2 * time.Second
	delay := first
	for b.gather() {
		accepted, refused := b.send(b.take())
		if accepted > 0 {
			delay = first
		}
		if refused == 0 {
			continue
		}
		select { // throttled or unwell: what was refused is the head of its queue again
		case <-time.After(delay):
		case <-b.engine.ctx.Done():
		}
		delay = min(2*delay, longest)
	}
}

// gather takes in what has arrived; with nothing to do it waits. It returns false at the end.
func (b *batcher) gather() bool {
	if b.count == 0 {
		select {
		case i := <-b.in:
			b.add(i)
		case <-b.engine.ctx.Done():
			return false
		}
	}
	for b.count < queued {
		select {
		case i := <-b.in:
			b.add(i)
		default:
			return b.engine.ctx.Err() == nil
		}
	}
	return b.engine.ctx.Err() == nil
}

func (b *batcher) add(i item) {
	waiting := b.keys[i.key]
	if len(waiting) == 0 {
		b.ready = append(b.ready, i.key)
	}
	b.keys[i.key] = append(waiting, i)
	b.count++
}

// take removes the keys of the next call from ready and returns the first item of each; the items stay queued.
func (b *batcher) take() []item {
	batch, bytes := make([]item, 0, min(len(b.ready), batchRecords)), 0
	now := time.Now()
	for _, key := range b.ready {
		i := &b.keys[key][0]
		if i.tried.IsZero() {
			i.tried = now
		}
		bytes += len(i.data) + len(i.key)
		if len(batch) == batchRecords || len(batch) > 0 && bytes > batchBytes {
			break
		}
		batch = append(batch, *i)
	}
	b.ready = append(b.ready[:0], b.ready[len(batch):]...)
	return batch
}

// settle removes the item from its queue, or leaves it as the first to be tried again.
func (b *batcher) settle(i item, err error, again bool) {
	if again && time.Since(i.tried) < b.engine.options.RetryFor {
		b.ready = append(b.ready, i.key)
		return
	}
	rest := b.keys[i.key][1:]
	b.count--
	if len(rest) == 0 {
		delete(b.keys, i.key)
	} else {
		b.keys[i.key] = rest
		b.ready = append(b.ready, i.key)
	}
	b.finish(i, err)
}

// send makes one call and counts the records that Kinesis took and those to be tried again later.
func (b *batcher) send(batch []item) (accepted, refused int) {
	entries := make([]kinesistypes.PutRecordsRequestEntry, len(batch))
	for n := range batch {
		entries[n] = kinesistypes.PutRecordsRequestEntry{Data: batch[n].data, PartitionKey: &batch[n].key}
	}
	out, err := b.engine.options.Clients.Kinesis.PutRecords(b.engine.ctx, &kinesis.PutRecordsInput{StreamName: &b.name, Records: entries})
	if err != nil {
		again := worthRetrying(err)
		for _, i := range batch {
			b.settle(i, err, again)
		}
		if again {
			refused = len(batch)
		}
		return 0, refused
	}
	for n, i := range batch {
		r := out.Records[n]
		if r.ErrorCode == nil {
			accepted++
			b.settle(i, nil, false)
			continue
		}
		refused++ // throttling and internal failures are all that a record is refused for
		b.settle(i, fmt.Errorf("%s: %s", *r.ErrorCode, aws.ToString(r.ErrorMessage)), true)
	}
	if b.engine.options.Stored != nil {
		b.engine.options.Stored(b.name)
	}
	return accepted, refused
}
