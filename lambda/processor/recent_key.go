package processor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// identity is what tells a reading from all others: a hash of its device, its time and its measures. A message that
// comes again has another sequence number, and its readings have the same identities.
type identity [16]byte

// identifier computes identities. It reuses memory, and serves one goroutine.
type identifier struct {
	seen  map[identity]struct{} // of the batch
	order []int
	text  []byte
}

// begin starts a batch.
func (d *identifier) begin(readings int) {
	if d.seen == nil {
		d.seen = make(map[identity]struct{}, readings)
	}
	clear(d.seen)
}

// first reports whether the batch has had no such reading before.
func (d *identifier) first(id identity) bool {
	before := len(d.seen)
	d.seen[id] = struct{}{}
	return len(d.seen) > before
}

// of returns the identity of a reading. It does not depend on the order of the measures. A reading without a time of
// its own has the arrival instead, which differs when the message comes again: its message tells it apart. A change of
// what is hashed makes a second item of each reading that comes again around an update, so a test fixes it.
func (d *identifier) of(b *batch, reading int) identity {
	m, record := &b.readings[reading], b.of(reading)
	d.order = d.order[:0]
	for i := range m.Measures {
		d.order = append(d.order, i)
	}
	slices.SortFunc(d.order, func(x, y int) int { return strings.Compare(m.Measures[x].Name, m.Measures[y].Name) })
	text := appendPart(d.text[:0], record.PartitionKey)
	text = binary.AppendVarint(text, m.Time.Unix())
	text = binary.AppendVarint(text, int64(m.Time.Nanosecond()))
	if !m.HasTime {
		text = appendPart(text, record.SequenceNumber)
	}
	for _, i := range d.order {
		measure := &m.Measures[i]
		text = appendPart(append(text, kindCodes[measure.Kind]), measure.Name)
		text = appendPart(text, measure.Text)
	}
	d.text = text
	sum := sha256.Sum256(text)
	return identity(sum[:len(identity{})])
}

// kindCodes begin a measure in what is hashed.
var kindCodes = [...]byte{telemetry.Number: 'n', telemetry.Bool: 'b', telemetry.String: 's'}

// appendPart writes a text so that its end is known.
func appendPart(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// appendAt writes the range key: the time in milliseconds, and what tells apart the readings of one millisecond. After
// a time of the device's own, that is the identity: the same reading is the same item, however often it comes. After an
// arrival, it is the sequence number, so that two messages of one millisecond are in the order of the stream. The
// readings of one message differ in their times, as telemetry.Decoder makes sure.
func appendAt(out []byte, b *batch, it item) []byte {
	// A sequence number has 56 digits; zeros before a shorter one keep the order.
	const zeros = "00000000000000000000000000000000000000000000000000000000"
	m := &b.readings[it.reading]
	out = m.Time.UTC().AppendFormat(out, "2006-01-02T15:04:05.000Z#")
	if m.HasTime {
		return hex.AppendEncode(out, it.id[:])
	}
	number := b.of(it.reading).SequenceNumber
	return append(append(out, zeros[:max(0, len(zeros)-len(number))]...), number...)
}
