package streams

import (
	"context"
	"hash/fnv"
	"sync"
	"time"
)

// maxPayload limits the event of one invocation, in bytes, with some reserve. [AWS 8: sync payload 6 MB]
const maxPayload = 5500000

// A buffer holds records that have been read but not delivered to the function.
type buffer struct {
	shard   *shard
	records []Record
	since   time.Time
}

func (b *buffer) add(records []Record) {
	for _, r := range records {
		if !b.shard.poller.filter.match(r) {
			continue // filtered records are read but not delivered [AWS 5 EF]
		}
		if len(b.records) == 0 {
			b.since = time.Now()
		}
		b.records = append(b.records, r)
	}
}

func (b *buffer) empty() bool { return len(b.records) == 0 }

// rest is how long the window of the buffered records stays open.
func (b *buffer) rest() time.Duration {
	if b.empty() {
		return time.Hour
	}
	return max(0, b.shard.poller.mapping.Window-time.Since(b.since))
}

// flush delivers full batches, and a partial one when its window has passed or the shard has ended. ended matters for
// tumbling windows only, see flushWindows.
func (b *buffer) flush(ctx context.Context, all bool, ended time.Time) {
	if take := b.shard.poller.options.Take; take != nil {
		if len(b.records) > 0 {
			take(ctx, b.shard.name, b.records)
			b.records = nil
		}
		return
	}
	m := b.shard.poller.mapping
	if m.TumblingWindow > 0 {
		b.flushWindows(ctx, all, ended)
		return
	}
	due := func() bool { return all || len(b.records) >= m.BatchSize*m.Parallelization || b.rest() == 0 }
	for ctx.Err() == nil && len(b.records) > 0 && due() {
		lanes := b.take(m)
		var done sync.WaitGroup
		for _, lane := range lanes[1:] {
			done.Go(func() { b.shard.deliver(ctx, lane) })
		}
		b.shard.deliver(ctx, lanes[0])
		done.Wait()
	}
}

// take removes the next batch of every lane. Records of one partition key share a lane, so they stay in order. [AWS 5]
func (b *buffer) take(m Mapping) [][]Record {
	lanes := make([][]Record, m.Parallelization)
	bytes := make([]int, m.Parallelization)
	full := make([]bool, m.Parallelization)
	var kept []Record // not in place: the lanes of a retried batch must not change
	for _, r := range b.records {
		l := laneOf(r.PartitionKey, m.Parallelization)
		size := len(r.Data)*4/3 + len(r.PartitionKey) + 500
		if full[l] || len(lanes[l]) == m.BatchSize || len(lanes[l]) > 0 && bytes[l]+size > maxPayload {
			full[l] = true
			kept = append(kept, r)
			continue
		}
		bytes[l] += size
		lanes[l] = append(lanes[l], r)
	}
	b.records = kept
	return lanes
}

func laneOf(key string, lanes int) int {
	if lanes == 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	return int(h.Sum32() % uint32(lanes))
}
