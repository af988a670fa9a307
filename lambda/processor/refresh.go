package processor

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// refresh decides when the state of a device is written. A change is written at once: another status, other measures, a
// flag or a text with another value, an event about the connection, a farewell. Everything else, which is when a device
// was seen and its numbers, is written at most once per interval; until then it is held in memory.
//
// What is held is stored by the first batch after the interval, whatever devices it is about, and when Lambda ends this
// instance. Another instance does not know of it: it writes, and the newest wins.
type refresh struct {
	every time.Duration

	mu        sync.Mutex
	devices   map[string]*remembered
	heldBytes int
	seed      maphash.Seed
}

// Limits of the memory that an instance spends on devices. What exceeds them is written at once.
const (
	maxRemembered = 50_000
	maxHeldBytes  = 32 << 20
	// maxHeld is the size of the measures of one reading, in bytes. A reading that DynamoDB could refuse is never held,
	// because its record would be gone before it could become a dead letter.
	maxHeld = 16 << 10
)

// remembered is what an instance knows of a device. What is stored is at least as new as its times.
type remembered struct {
	seenAt, measuredAt, statusAt int64
	status                       string
	shape                        uint64    // of the measures
	wroteAt                      time.Time // this machine's
	held                         *state    // what is newer; nil: nothing
}

// newRefresh returns nil if every batch writes the state.
func newRefresh(every time.Duration) *refresh {
	if every <= 0 {
		return nil
	}
	return &refresh{every: every, devices: map[string]*remembered{}, seed: maphash.MakeSeed()}
}

// take returns the state to write now, with what is held of the device, or holds it. Changed says that something else
// is written of the device as well.
func (r *refresh) take(s state, changed bool, now time.Time) (state, bool) {
	if r == nil {
		return s, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.devices[s.thing]
	if known == nil {
		return s, true
	}
	s = s.over(known.held)
	if changed || r.changes(known, &s, now) || !r.hold(known, &s) {
		r.release(known)
		return s, true
	}
	return state{}, false
}

// changes reports whether a state has to be written now.
func (r *refresh) changes(known *remembered, s *state, now time.Time) bool {
	if known.age(now) >= r.every || s.seenAt-known.seenAt >= r.every.Milliseconds() {
		return true
	}
	if s.statusAt >= known.statusAt && s.status != known.status {
		return true
	}
	if s.statusAt > known.statusAt && s.status == contract.StatusOffline { // each farewell counts
		return true
	}
	return len(s.measures) > 0 && s.measuredAt >= known.measuredAt && r.shape(s.measures) != known.shape
}

// age is how long ago a device was written. A clock that went back makes it old.
func (k *remembered) age(now time.Time) time.Duration {
	if age := now.Sub(k.wroteAt); age >= 0 {
		return age
	}
	return math.MaxInt64
}

// shape identifies what of a reading's measures is written as soon as it changes: names, kinds, flags and texts.
func (r *refresh) shape(measures []telemetry.Measure) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for i := range measures {
		m := &measures[i]
		_, _ = h.WriteString(m.Name) // never fails
		_ = h.WriteByte(byte(m.Kind))
		if m.Kind != telemetry.Number {
			_, _ = h.WriteString(m.Text)
		}
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// hold keeps a state for later, without the memory of its batch. It reports false if there is no room for it.
func (r *refresh) hold(known *remembered, s *state) bool {
	if !known.olderThan(s) {
		r.release(known)
		return true
	}
	size := 0
	for i := range s.measures {
		m := &s.measures[i]
		if len(m.Name) == 0 || m.Kind == telemetry.Number && len(m.Text) > maxDigits {
			return false
		}
		size += 64 + len(m.Name) + len(m.Text)
	}
	before := known.heldSize()
	if size > maxHeld || r.heldBytes-before+size > maxHeldBytes {
		return false
	}
	kept := s.detached(size)
	r.heldBytes += size - before
	known.held = &kept
	return true
}

// maxDigits is the length of a number that DynamoDB takes as it is: it keeps 38 digits.
const maxDigits = 38

// olderThan reports whether a state has anything that is not stored.
func (k *remembered) olderThan(s *state) bool {
	return s.seenAt > k.seenAt || s.statusAt > k.statusAt || len(s.measures) > 0 && s.measuredAt > k.measuredAt
}

func (k *remembered) heldSize() int {
	if k.held == nil {
		return 0
	}
	return k.held.size
}

// release forgets what is held of a device.
func (r *refresh) release(known *remembered) {
	r.heldBytes -= known.heldSize()
	known.held = nil
}

// due returns what is held and has to be written now, and forgets devices that are written at their next message
// anyway. Without a time, everything is due; the states that have been held longest come first.
func (r *refresh) due(now time.Time) []state {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []state
	for thing, known := range r.devices {
		if !now.IsZero() && known.age(now) < r.every {
			continue
		}
		if known.held == nil {
			delete(r.devices, thing)
			continue
		}
		list = append(list, *known.held)
		r.release(known)
	}
	slices.SortFunc(list, func(a, b state) int { return cmp.Compare(a.seenAt, b.seenAt) })
	return list
}

// held returns what is held of a device, and holds it no more.
func (r *refresh) held(thing string) (state, bool) {
	if r == nil {
		return state{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.devices[thing]
	if known == nil || known.held == nil {
		return state{}, false
	}
	s := *known.held
	r.release(known)
	return s, true
}

// wrote notes that a state, or something newer, is stored. The status is the one that the table has.
func (r *refresh) wrote(s *state, status string, now time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.devices[s.thing]
	if known == nil {
		if len(r.devices) >= maxRemembered {
			return
		}
		known = &remembered{seenAt: math.MinInt64, measuredAt: math.MinInt64, statusAt: math.MinInt64}
		r.devices[strings.Clone(s.thing)] = known
	}
	known.wroteAt, known.status = now, status
	known.seenAt, known.statusAt = max(known.seenAt, s.seenAt), max(known.statusAt, s.statusAt)
	if len(s.measures) > 0 && s.measuredAt >= known.measuredAt {
		known.measuredAt, known.shape = s.measuredAt, r.shape(s.measures)
	}
}

// forget makes the next message of a device be written at once.
func (r *refresh) forget(thing string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.devices[thing]; known != nil {
		r.release(known)
		delete(r.devices, thing)
	}
}

// failed keeps what could not be written, for the next batch, if some of it comes from an earlier one. It reports
// whether it does; else Lambda sends all of it again.
func (r *refresh) failed(s *state) bool {
	if r == nil || !s.outlivesBatch() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.devices[s.thing]
	if known == nil {
		known = &remembered{seenAt: math.MinInt64, measuredAt: math.MinInt64, statusAt: math.MinInt64}
		r.devices[strings.Clone(s.thing)] = known
	}
	merged := s.over(known.held)
	r.release(known)
	known.wroteAt = time.Time{} // the next batch writes it
	return r.hold(known, &merged)
}
