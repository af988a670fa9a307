package uplink

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// A parcel is a message to send.
type parcel struct {
	topic   string
	payload []byte
	records []uint64
	opened  time.Time // when its first record was read
}

// bounds of what is read ahead of sending.
const (
	maxOpenRecords = 10_000
	maxOpenBytes   = 4 << 20
)

// packer makes parcels of records, in order per topic.
type packer struct {
	batch *Batch
	open  map[string]*parcel // batches that take more
	order []*parcel          // the same, the oldest first
	ready []*parcel          // to be sent, in order

	records, bytes int // in all parcels
}

// batched reports whether a record may be in an array with others: one that is not JSON would spoil all of them.
func (p *packer) batched(r queue.Record) bool {
	return p.batch != nil && strings.HasSuffix(r.Topic, "/telemetry") &&
		bytes.HasPrefix(bytes.TrimLeft(r.Payload, " \t\r\n"), []byte{'{'}) && json.Valid(r.Payload)
}

// device is the topic's part that identifies the device.
func device(topic string) string {
	name, _, ok := strings.Cut(topic, "/commands/")
	if ok {
		return name
	}
	return topic[:max(strings.LastIndexByte(topic, '/'), 0)]
}

// add takes a record.
func (p *packer) add(r queue.Record, now time.Time) {
	p.records++
	p.bytes += len(r.Payload)
	if !p.batched(r) {
		p.flushDevice(device(r.Topic))
		p.ready = append(p.ready,
			&parcel{topic: r.Topic, payload: r.Payload, records: []uint64{r.Sequence}, opened: now})
		return
	}
	b := p.open[r.Topic]
	if b != nil && len(b.payload)+len(r.Payload)+2 > p.batch.MaxBytes {
		p.flush(b)
		b = nil
	}
	if b == nil {
		b = &parcel{topic: r.Topic, opened: now}
		p.open[r.Topic] = b
		p.order = append(p.order, b)
		b.payload = append(b.payload, '[')
	} else {
		b.payload = append(b.payload, ',')
	}
	b.payload = append(b.payload, r.Payload...)
	b.records = append(b.records, r.Sequence)
	if len(b.records) >= p.batch.MaxReadings || len(b.payload)+1 >= p.batch.MaxBytes {
		p.flush(b)
	}
}

// flush closes a batch.
func (p *packer) flush(b *parcel) {
	if len(b.records) == 1 {
		b.payload = b.payload[1:] // as it came
	} else {
		b.payload = append(b.payload, ']')
	}
	delete(p.open, b.topic)
	for i, o := range p.order {
		if o == b {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
	p.ready = append(p.ready, b)
}

// flushDevice closes the batches of a device, because another message of it follows.
func (p *packer) flushDevice(name string) {
	for _, b := range append([]*parcel(nil), p.order...) {
		if device(b.topic) == name {
			p.flush(b)
		}
	}
}

// flushDue closes the batches that have waited long enough, and returns how long the next one still waits.
func (p *packer) flushDue(now time.Time) (next time.Duration, ok bool) {
	for len(p.order) > 0 {
		linger := time.Duration(0)
		if p.batch != nil {
			linger = time.Duration(p.batch.LingerMS) * time.Millisecond
		}
		if left := linger - now.Sub(p.order[0].opened); left > 0 {
			return left, true
		}
		p.flush(p.order[0])
	}
	return 0, false
}

// take returns the next parcel to send, or nil.
func (p *packer) take() *parcel {
	if len(p.ready) == 0 {
		return nil
	}
	next := p.ready[0]
	p.ready = p.ready[1:]
	p.records -= len(next.records)
	p.bytes -= len(next.payload)
	if len(p.ready) == 0 && len(p.order) == 0 {
		p.records, p.bytes = 0, 0
	}
	return next
}

// full reports whether enough is read.
func (p *packer) full() bool {
	return len(p.ready) >= 16 || p.records >= maxOpenRecords || p.bytes >= maxOpenBytes
}
