package processor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// reading is one reading of a record, or a status message.
type reading struct {
	telemetry.Reading
	record  int    // the index of the record that it comes from
	status  string // "online" or "offline" for a status message; a command's result shows that the device is online
	result  *commandResult
	version int64 // of the Timestream record, see setVersion
}

// batch holds one invocation's records and their results. A record without a result was stored.
type batch struct {
	records  []stream.Record
	readings []reading // in the order of their records; a record that was rejected at once has none
	// presences are the events of AWS IoT about connections, in the order of their records.
	presences []presence
	now       time.Time
	// queued records are messages of a queue: each is returned by itself, and there is no order among them.
	queued bool

	mu       sync.Mutex
	rejected map[int]rejection
	failed   map[int]error
	// strangers is how many events are about clients that are not known as devices.
	strangers int
}

// rejection is the reason why a record becomes a dead letter.
type rejection struct{ reason, detail string }

func newBatch(records []stream.Record, now time.Time) *batch {
	b := &batch{
		records: records, now: now, queued: len(records) > 0 && records[0].MessageID != "",
		rejected: map[int]rejection{}, failed: map[int]error{},
	}
	if b.queued {
		// So that of two messages of one millisecond the same one counts, however they are shuffled.
		slices.SortFunc(records, func(x, y stream.Record) int {
			return cmp.Or(cmp.Compare(x.ArrivalMillis, y.ArrivalMillis),
				strings.Compare(x.SequenceNumber, y.SequenceNumber))
		})
	}
	return b
}

// of returns the record of a reading.
func (b *batch) of(i int) *stream.Record { return &b.records[b.readings[i].record] }

// reject marks a record as a dead letter. The first reason is kept; details accumulate, since a record can hold many
// readings and measures.
func (b *batch) reject(i int, reason, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if before, ok := b.rejected[i]; ok {
		if len(before.detail) < maxDetail {
			before.detail += "; " + detail
		}
		b.rejected[i] = before
		return
	}
	b.rejected[i] = rejection{reason, detail}
}

// maxDetail limits the detail, so that a message with thousands of rejected measures does not create a dead letter of
// megabytes.
const maxDetail = 4096

// fail marks a record that Lambda must retry.
func (b *batch) fail(i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed[i] == nil {
		b.failed[i] = err
	}
}

// failAll marks all records.
func (b *batch) failAll(err error) {
	for i := range b.records {
		b.fail(i, err)
	}
}

// returned lists, in order, the records that Lambda gets back: of a queue those that failed, of a stream the first that
// failed and all after it.
func (b *batch) returned() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.Sorted(maps.Keys(b.failed))
	if len(list) == 0 || b.queued {
		return list
	}
	first := list[0]
	list = list[:0]
	for i := first; i < len(b.records); i++ {
		list = append(list, i)
	}
	return list
}

// stranger counts an event about a client that is not known as a device.
func (b *batch) stranger() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.strangers++
}
