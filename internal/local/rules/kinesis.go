package rules

import (
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
)

const (
	// batchRecords is Kinesis' limit for one PutRecords call; batchBytes is half its limit. [AWS 5]
	batchRecords = 500
	batchBytes   = 5 << 20
	// queued limits the records that wait for one stream; a full queue blocks publishers.
	queued = 10000
)

// A kinesisAction queues its records at the batcher of their stream.
type kinesisAction struct {
	kind
	engine       *Engine
	stream, pkey text
}

func (p *preparer) kinesis(a *types.KinesisAction) action {
	return &kinesisAction{kind{"KinesisAction", "kinesis"}, p.engine, p.text(a.StreamName), p.text(a.PartitionKey)}
}

// start gives a record without a partition key a random one.
func (a *kinesisAction) start(j job) {
	began := time.Now()
	v, err := texts(a.engine.ctx, j.input, a.stream, a.pkey)
	if err != nil {
		j.done(began, a.stream.fixed, err)
		return
	}
	if v[1] == "" {
		v[1] = uuid.NewString()
	}
	a.engine.stream(v[0]).put(item{job: j, key: v[1], data: j.input.payload, began: began})
}

// A batcher puts the records of one stream, many per call, and keeps their order per partition key: a call never holds
// two records of one key, since Kinesis may refuse the first and accept the second. [AWS 5 PutRecords]
type batcher struct {
	engine *Engine
	name   string
	in     chan item
	ended  sync.WaitGroup

	// The fields below belong to the batcher's goroutine.
	keys  map[string][]item // queued items, by partition key
	ready []string          // the partition keys that may be sent, each once, in order of arrival
	count int               // of queued items
}

type item struct {
	job   job
	key   string
	data  []byte
	began time.Time
	tried time.Time // first attempt
}

func startBatcher(e *Engine, name string) *batcher {
	b := &batcher{engine: e, name: name, in: make(chan item, queued), keys: map[string][]item{}}
	b.ended.Go(b.run)
	return b
}

// put blocks while the queue is full.
func (b *batcher) put(i item) {
	select {
	case b.in <- i:
	case <-b.engine.ctx.Done():
		b.finish(i, b.engine.ctx.Err())
	}
}

// stop waits for the goroutine, which ends with the engine's context.
func (b *batcher) stop() { b.ended.Wait() }

func (b *batcher) finish(i item, err error) { i.job.done(i.began, b.name, err) }

func (b *batcher) run() {
	delays := retries.Doubling(50*time.Millisecond, 2*time.Second)
	for b.gather() {
		accepted, refused := b.send(b.take())
		if accepted > 0 {
			delays.Reset()
		}
		if refused > 0 {
			retries.Sleep(b.engine.ctx, delays.NextBackOff())
		}
	}
}

// gather queues the items that have arrived, and waits for one if nothing is queued. It returns false after Close.
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

// take removes the keys of the next call from ready and returns the first item of each. The items stay queued.
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

// requeueOrFinish leaves the item at the head of its queue for another attempt, or removes it and reports its outcome.
func (b *batcher) requeueOrFinish(i item, err error, again bool) {
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

// send makes one call. It counts the records that Kinesis accepted and those to be sent again later.
func (b *batcher) send(batch []item) (accepted, refused int) {
	entries := make([]kinesistypes.PutRecordsRequestEntry, len(batch))
	for n := range batch {
		entries[n] = kinesistypes.PutRecordsRequestEntry{Data: batch[n].data, PartitionKey: &batch[n].key}
	}
	in := &kinesis.PutRecordsInput{StreamName: &b.name, Records: entries}
	out, err := b.engine.options.Clients.Kinesis().PutRecords(b.engine.ctx, in)
	if err != nil {
		again := worthRetrying(err)
		for _, i := range batch {
			b.requeueOrFinish(i, err, again)
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
			i.job.record = aws.ToString(r.SequenceNumber)
			b.requeueOrFinish(i, nil, false)
			continue
		}
		refused++ // Kinesis refuses single records only for throttling and internal failures, so all are retried
		b.requeueOrFinish(i, fmt.Errorf("%s: %s", *r.ErrorCode, aws.ToString(r.ErrorMessage)), true)
	}
	if b.engine.options.Stored != nil {
		b.engine.options.Stored(b.name)
	}
	return accepted, refused
}
