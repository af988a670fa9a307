package delivery

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// directShard is the one shard of a Direct.
const directShard = "direct"

// A Direct is the source of a delivery stream that records are put to. It keeps in memory what is not delivered.
type Direct struct {
	mu      sync.Mutex
	first   int // the number of the first record that is kept
	records []streams.Record
}

// Put adds a record, which now belongs to the Direct.
func (d *Direct) Put(data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records = append(d.records, streams.Record{SequenceNumber: strconv.Itoa(d.first + len(d.records)), Data: data,
		Arrived: time.Now()})
}

// Shards implements [streams.Source].
func (*Direct) Shards(context.Context, string) ([]string, error) { return []string{directShard}, nil }

// Iterator implements [streams.Source]. An iterator is the number of the next record.
func (d *Direct) Iterator(_ context.Context, _, _ string, p streams.Position) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.After == "" {
		return strconv.Itoa(d.first), nil
	}
	after, err := strconv.Atoi(p.After)
	return strconv.Itoa(after + 1), err
}

// Read implements [streams.Source].
func (d *Direct) Read(_ context.Context, _, iterator string, limit int) (streams.Page, error) {
	next, err := strconv.Atoi(iterator)
	if err != nil {
		return streams.Page{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if next < d.first || next > d.first+len(d.records) {
		return streams.Page{}, errors.New("the record is no longer kept")
	}
	end := min(next+limit, d.first+len(d.records))
	return streams.Page{Records: d.records[next-d.first : end-d.first : end-d.first], Next: strconv.Itoa(end)}, nil
}

// delivered forgets all records up to one.
func (d *Direct) delivered(sequence string) {
	number, err := strconv.Atoi(sequence)
	if d == nil || err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := min(number+1-d.first, len(d.records)); n > 0 {
		d.first, d.records = d.first+n, append([]streams.Record(nil), d.records[n:]...)
	}
}
