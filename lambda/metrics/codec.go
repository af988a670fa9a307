package metrics

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
)

// The form in which statistics leave the function, in its state and in the table: as short as is simple, since a state
// has 1 MB for a whole shard.
//
//	version, then uvarint n and n names of measures (uvarint length, bytes), then per device:
//	its name, uvarint n, and n times: uvarint index of the measure, statistics
//
// Statistics are a uvarint count, and for a single value: the value, its time. Otherwise: uvarint n and the n parts of
// the sum, minimum, maximum, first with its time, last with its time. Times are varints, in milliseconds after the
// window's start. A value with at most three decimals is a uvarint, any other eight bytes.
const codecVersion = 1

// key names a series: one measure of one device.
type key struct{ device, measure string }

// series are the statistics of a window so far.
type series map[key]*statistics

// at returns the statistics of a key, new ones if there are none.
func (s series) at(k key) *statistics {
	stats := s[k]
	if stats == nil {
		stats = &statistics{}
		s[k] = stats
	}
	return stats
}

// sorted returns the keys by device and measure, so that equal series have equal encodings.
func (s series) sorted() []key {
	keys := make([]key, 0, len(s))
	for k := range s {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.device != b.device {
			return strings.Compare(a.device, b.device)
		}
		return strings.Compare(a.measure, b.measure)
	})
	return keys
}

// encode writes the series of the keys, which are sorted, in pieces of about limit bytes.
func (s series) encode(keys []key, start int64, limit int) [][]byte {
	var pieces [][]byte
	p := newPiece(start)
	for _, k := range keys {
		if p.size() > limit {
			pieces = append(pieces, p.bytes())
			p = newPiece(start)
		}
		p.add(k, s[k])
	}
	if p.device != "" {
		pieces = append(pieces, p.bytes())
	}
	return pieces
}

// piece collects an encoding.
type piece struct {
	start   int64
	names   []byte
	indexes map[string]uint64 // of measures
	done    []byte            // the devices before
	device  string
	count   uint64
	current []byte // of device
}

func newPiece(start int64) *piece { return &piece{start: start, indexes: map[string]uint64{}} }

func (p *piece) size() int { return len(p.names) + len(p.done) + len(p.current) }

func (p *piece) add(k key, s *statistics) {
	if k.device != p.device {
		p.flush()
		p.device = k.device
	}
	index, ok := p.indexes[k.measure]
	if !ok {
		index = uint64(len(p.indexes))
		p.indexes[k.measure] = index
		p.names = appendText(p.names, k.measure)
	}
	p.count++
	p.current = appendStatistics(binary.AppendUvarint(p.current, index), s, p.start)
}

// flush ends the device in progress.
func (p *piece) flush() {
	if p.count > 0 {
		p.done = append(binary.AppendUvarint(appendText(p.done, p.device), p.count), p.current...)
	}
	p.count, p.current = 0, p.current[:0]
}

func (p *piece) bytes() []byte {
	p.flush()
	out := binary.AppendUvarint([]byte{codecVersion}, uint64(len(p.indexes)))
	return append(append(out, p.names...), p.done...)
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

func appendStatistics(out []byte, s *statistics, start int64) []byte {
	out = binary.AppendUvarint(out, uint64(s.count))
	if s.count == 1 {
		return appendSample(out, s.first, start)
	}
	out = binary.AppendUvarint(out, uint64(len(s.sum)))
	for _, part := range s.sum {
		out = appendValue(out, part)
	}
	out = appendValue(appendValue(out, s.minimum), s.maximum)
	return appendSample(appendSample(out, s.first, start), s.last, start)
}

func appendSample(out []byte, s sample, start int64) []byte {
	return binary.AppendVarint(appendValue(out, s.value), s.at-start)
}

const (
	decimals = 1000
	// maxDecimal bounds what is written as a whole number of thousandths.
	maxDecimal = 1 << 50
	asBytes    = 1 // no thousandths: those are written as even numbers
)

func appendValue(out []byte, v float64) []byte {
	scaled := math.Round(v * decimals)
	if math.Abs(scaled) < maxDecimal && scaled/decimals == v {
		n := int64(scaled)
		return binary.AppendUvarint(out, uint64(n<<1^n>>63)<<1)
	}
	return binary.LittleEndian.AppendUint64(append(out, asBytes), math.Float64bits(v))
}

// maxCount is far more than a window of a shard can have.
const maxCount = 1 << 40

var errDamaged = errors.New("the encoded statistics are damaged, or of another version of the function")

// decode adds the encoded statistics, of what came later in the stream, to the series.
func (s series) decode(in []byte, start int64) error {
	d := decoder{in: in, start: start}
	if d.byte() != codecVersion {
		return errDamaged
	}
	names := make([]string, d.length())
	for i := range names {
		names[i] = d.text()
	}
	for len(d.in) > 0 && !d.damaged {
		device := d.text()
		for range d.length() {
			index := d.uvarint()
			stats := d.statistics()
			if d.damaged || index >= uint64(len(names)) {
				return errDamaged
			}
			s.at(key{device, names[index]}).merge(&stats)
		}
	}
	if d.damaged {
		return errDamaged
	}
	return nil
}

// decoder reads an encoding. After damage it reads zeros.
type decoder struct {
	in      []byte
	start   int64
	damaged bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.in) {
		d.damaged, d.in = true, nil
		return make([]byte, n)
	}
	taken := d.in[:n]
	d.in = d.in[n:]
	return taken
}

func (d *decoder) byte() byte { return d.take(1)[0] }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.damaged, d.in = true, nil
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// length reads a number of things that take a byte each, at least.
func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(len(d.in)) {
		d.damaged, d.in = true, nil
		return 0
	}
	return int(v)
}

func (d *decoder) text() string { return string(d.take(d.length())) }

func (d *decoder) value() float64 {
	v := d.uvarint()
	if v != asBytes {
		v >>= 1
		return float64(int64(v>>1)^-int64(v&1)) / decimals
	}
	value := math.Float64frombits(binary.LittleEndian.Uint64(d.take(8)))
	if !(math.Abs(value) <= maxMagnitude*maxMagnitude) { // or NaN
		d.damaged = true
		return 0
	}
	return value
}

func (d *decoder) sample() sample {
	value := d.value()
	return sample{d.start + d.varint(), value}
}

func (d *decoder) statistics() statistics {
	var s statistics
	count := d.uvarint()
	if count == 0 || count > maxCount {
		d.damaged = true
		return s
	}
	if count == 1 {
		s.add(d.sample())
		return s
	}
	s.count = int64(count)
	for range d.length() {
		s.sum.add(d.value())
	}
	s.minimum, s.maximum = d.value(), d.value()
	s.first, s.last = d.sample(), d.sample()
	return s
}
