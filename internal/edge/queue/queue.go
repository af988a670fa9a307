package queue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// A DropPolicy says what is dropped when the budget is used up.
type DropPolicy string

// The drop policies.
const (
	// DropOldest drops the oldest segment.
	DropOldest DropPolicy = "oldest"
	// DropLowestPriority drops the oldest segment of the lowest priority that has any. A new record is dropped itself
	// if all others have a higher priority.
	DropLowestPriority DropPolicy = "lowest_priority"
)

// MinBytes is the smallest budget.
const MinBytes = 1 << 20

// segmentsPerBudget is how many segments fill the budget: dropping one drops this part of the queue.
const segmentsPerBudget = 64

// Options configure a queue.
type Options struct {
	MaxBytes int64 // the budget on disk; at least MinBytes
	Policy   DropPolicy
	// SyncEach makes Append return after the record is on the disk itself. Without it, Sync does that for all records
	// so far; what was appended since is lost when the power fails, but not when the process is killed.
	SyncEach bool
}

// Stats describe a queue.
type Stats struct {
	Records  uint64    // that are not settled
	Bytes    int64     // of all segments
	MaxBytes int64     // the budget
	Oldest   time.Time // of the oldest record that is not settled; zero if there is none
	Appended uint64    // since the queue exists
	// Dropped counts per priority what the policy dropped, since the queue exists.
	Dropped  [3]uint64
	Rejected uint64 // refused by the receiver permanently
	Lost     uint64 // missing or damaged on disk
	// Problem is what does not work on the disk, nil if all does.
	Problem error
}

// AllDropped is the sum of Dropped.
func (s Stats) AllDropped() uint64 { return s.Dropped[Low] + s.Dropped[Normal] + s.Dropped[High] }

// A Queue is an open queue. Its methods may be called at the same time.
type Queue struct {
	options      Options
	files        files
	segmentBytes int64

	mu       sync.Mutex
	state    state
	slots    file
	lock     io.Closer // nil in tests
	dirty    bool      // state differs from the file
	unsynced bool      // the state's file differs from the disk
	renamed  bool      // the directory differs from the disk
	recovery Recovery
	bytes    int64
	lanes    [priorities]lane
	problems [operations]error // of the last operation of each kind; nil if it succeeded
	closed   bool
	buffer   []byte

	delivered []delivery          // read and not settled, by sequence number
	acked     map[uint64]*segment // settled out of order; to be skipped when they are read again
	forgotten map[uint64]Priority // dropped after they were read: an acknowledgement may still come

	ready chan struct{} // has an element when there may be something to read

	syncing sync.Mutex
	synced  uint64 // every record below this number is on the disk; guarded by syncing
}

// operation is what can go wrong on the disk by itself: a success of one says nothing about the others.
type operation int

const (
	writing operation = iota
	writingState
	toDisk
	reading
	operations
)

// A lane holds the segments of one priority, and where reading them is.
type lane struct {
	segments []*segment
	at       int // the segment that is read
	scan     scanner
	head     *Record // read ahead of its turn
	headAt   scanner // where head begins
}

// A delivery is a record that Next returned.
type delivery struct {
	sequence uint64
	time     time.Time
	at       scanner // where it begins
	acked    bool
}

// ErrClosed is returned by a queue that was closed.
var ErrClosed = errors.New("the queue is closed")

// Open opens the queue in a directory, which must exist, and creates it at first.
func Open(dir string, o Options) (*Queue, error) {
	locked, err := lock(dir)
	if err != nil {
		return nil, err
	}
	q, err := open(directory(dir), o)
	if err != nil {
		locked.Close()
		return nil, err
	}
	q.lock = locked
	return q, nil
}

func open(fs files, o Options) (*Queue, error) {
	if o.MaxBytes < MinBytes {
		return nil, fmt.Errorf("max_bytes is %d: want %d or more", o.MaxBytes, MinBytes)
	}
	if o.Policy != DropOldest && o.Policy != DropLowestPriority {
		return nil, fmt.Errorf("drop %q is unknown: want %s or %s", o.Policy, DropOldest, DropLowestPriority)
	}
	q := &Queue{
		options: o, files: fs, segmentBytes: o.MaxBytes / segmentsPerBudget, ready: make(chan struct{}, 1),
		acked: map[uint64]*segment{}, forgotten: map[uint64]Priority{}, renamed: true,
	}
	if err := q.recover(); err != nil {
		q.closeFiles()
		return nil, err
	}
	q.wake()
	return q, nil
}

// A Recovery says what Open found.
type Recovery struct {
	Records uint64 // that are not settled
	Lost    uint64 // that were there, and are damaged or gone
	// StateDamaged says that both copies of the state were unreadable: what is on disk is sent again from the first
	// record on, and all counts begin again.
	StateDamaged bool
}

// Newest is the time of the record that was appended last; zero if there was none.
func (q *Queue) Newest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state.newest == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(q.state.newest))
}

// Recovery returns what Open found.
func (q *Queue) Recovery() Recovery { return q.recovery }

// Ready receives an element after records were appended or read positions were reset.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

func (q *Queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Append adds a record and sets its sequence number. After an error, the record is not in the queue. It is nil also for
// a record that the policy dropped at once, which is counted.
func (q *Queue) Append(r Record) error {
	sequence, err := q.Write(r)
	if err != nil {
		return err
	}
	return q.Await(sequence)
}

// Write adds a record as Append does, and does not wait for the disk. It returns the record's sequence number, 0 for a
// record that the policy dropped.
func (q *Queue) Write(r Record) (uint64, error) {
	if len(r.Payload) > MaxPayload || len(r.Topic) > MaxTopic || r.Priority >= priorities {
		return 0, fmt.Errorf("the message has %d bytes and its topic %d: want at most %d and %d, of a known priority",
			len(r.Payload), len(r.Topic), MaxPayload, MaxTopic)
	}
	q.mu.Lock()
	sequence, err := q.append(r)
	q.problems[writing] = err
	q.mu.Unlock()
	if err != nil {
		return 0, err
	}
	q.wake()
	return sequence, nil
}

// Await returns when a record that Write took is on the disk itself, if the queue syncs each.
func (q *Queue) Await(sequence uint64) error {
	if q.options.SyncEach && sequence > 0 {
		return q.syncTo(sequence)
	}
	return nil
}

func (q *Queue) append(r Record) (sequence uint64, err error) {
	if q.closed {
		return 0, ErrClosed
	}
	r.Sequence = q.state.next
	q.buffer = appendRecord(q.buffer[:0], r)
	for {
		room, err := q.makeRoom(int64(len(q.buffer)), r.Priority)
		if err != nil {
			return 0, err
		}
		if !room {
			q.state.dropped[r.Priority]++
			q.saveState()
			return 0, nil
		}
		if err = q.write(r.Priority); err == nil {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return 0, fmt.Errorf("writing to the queue: %w", err)
		}
		if dropped, failed := q.dropOne(r.Priority); !dropped {
			return 0, fmt.Errorf("writing to the queue: %w", errors.Join(err, failed))
		}
	}
	q.state.next++
	q.state.live++
	q.state.newest = millis(r.Time)
	q.saveState()
	return r.Sequence, nil
}

// write appends the buffer to the newest segment of a priority.
func (q *Queue) write(p Priority) error {
	s, err := q.active(p, int64(len(q.buffer)))
	if err != nil {
		return err
	}
	if _, err := s.file.WriteAt(q.buffer, s.size); err != nil {
		// What was written in part is cut off. If that fails too, the reader skips it, and the next record goes to
		// another segment.
		if cut := s.file.Truncate(s.size); cut != nil {
			s.sealed = true
		}
		return err
	}
	s.size += int64(len(q.buffer))
	q.bytes += int64(len(q.buffer))
	s.records++
	s.live++
	s.unsynced = true
	return nil
}

// active returns the segment that takes a record of the size.
func (q *Queue) active(p Priority, size int64) (*segment, error) {
	l := &q.lanes[p]
	if n := len(l.segments); n > 0 {
		s := l.segments[n-1]
		if !s.sealed && (s.size == 0 || s.size+size <= q.segmentBytes) {
			return s, nil
		}
		s.sealed = true
		if s.first == q.state.next { // nothing could be written to it, nor cut off: its name is needed
			if err := q.removeSegment(l, n-1); err != nil {
				return nil, err
			}
		}
	}
	s := &segment{priority: p, first: q.state.next}
	f, err := q.files.open(s.name())
	if err != nil {
		return nil, err
	}
	// A segment of this name may be left over from a write that failed.
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, err
	}
	s.file, q.renamed = f, true
	l.segments = append(l.segments, s)
	return s, nil
}

// saveState writes the state. A failure is not one of the caller's record, which is on disk: the next call tries again,
// and in the same slot, because the other one is whole.
func (q *Queue) saveState() {
	next := q.state
	next.generation++
	q.problems[writingState] = nil
	if err := writeState(q.slots, next); err != nil {
		q.dirty, q.problems[writingState] = true, fmt.Errorf("writing the state of the queue: %w", err)
		return
	}
	q.state.generation = next.generation
	q.dirty, q.unsynced = false, true
}

// syncTo returns when the record is on the disk. One caller syncs for all that wait.
func (q *Queue) syncTo(sequence uint64) error {
	q.syncing.Lock()
	defer q.syncing.Unlock()
	if q.synced > sequence {
		return nil
	}
	return q.syncLocked()
}

// Sync puts all that was written onto the disk itself.
func (q *Queue) Sync() error {
	q.syncing.Lock()
	defer q.syncing.Unlock()
	return q.syncLocked()
}

// syncLocked syncs records before the state: a record that the state does not know is delivered, one that is missing
// counts as lost. Segments of which nothing is needed go last, when the disk has the state that says so.
func (q *Queue) syncLocked() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	if q.dirty {
		q.saveState()
	}
	next, pending, renamed, state := q.state.next, q.pending(), q.renamed, q.unsynced
	settled := q.settledSegments()
	q.renamed, q.unsynced = false, false
	q.mu.Unlock()
	for _, p := range pending {
		if err := p.sync(); err != nil && !errors.Is(err, os.ErrClosed) { // a segment may have been dropped since
			return q.failSync(pending, fmt.Errorf("writing the queue to the disk: %w", err))
		}
	}
	if renamed {
		if err := q.files.sync(); err != nil {
			return q.failSync(pending, fmt.Errorf("writing the queue's directory to the disk: %w", err))
		}
	}
	if state {
		if err := q.slots.Sync(); err != nil {
			return q.failSync(pending, fmt.Errorf("writing the state of the queue to the disk: %w", err))
		}
	}
	q.synced = next
	q.mu.Lock()
	defer q.mu.Unlock()
	q.problems[toDisk] = q.removeAll(settled)
	return nil
}

// pending returns the segments that differ from the disk.
func (q *Queue) pending() []pending {
	var all []pending
	for i := range q.lanes {
		for _, s := range q.lanes[i].segments {
			if !s.unsynced {
				continue
			}
			p := pending{segment: s, file: s.file}
			if s.unkept && !s.salvaged {
				p.again = s.size
			}
			all = append(all, p)
			s.unsynced, s.unkept = false, false
		}
	}
	return all
}

// settledSegments returns the segments of which nothing is needed, according to the state in the file.
func (q *Queue) settledSegments() []*segment {
	if q.dirty {
		return nil
	}
	var settled []*segment
	for i := range q.lanes {
		for _, s := range q.lanes[i].segments {
			if s.sealed && s.live == 0 {
				settled = append(settled, s)
			}
		}
	}
	return settled
}

// failSync makes the next sync try all again.
func (q *Queue) failSync(pending []pending, err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dirty, q.unsynced, q.renamed, q.problems[toDisk] = true, true, true, err
	for _, p := range pending {
		p.segment.unsynced, p.segment.unkept = true, true
	}
	return err
}

// Stats returns the state of the queue.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := Stats{
		Records: q.state.live, Bytes: q.bytes, MaxBytes: q.options.MaxBytes, Dropped: q.state.dropped,
		Appended: q.state.next - 1, Rejected: q.state.rejected, Lost: q.state.lost,
		Problem: errors.Join(q.problems[:]...),
	}
	for _, d := range q.delivered {
		if !d.acked {
			s.Oldest = d.time
			return s
		}
	}
	if l, err := q.first(); err == nil && l != nil {
		s.Oldest = l.head.Time
	}
	return s
}

// Close syncs and closes the queue.
func (q *Queue) Close() error {
	err := q.Sync()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	q.closeFiles()
	return err
}

func (q *Queue) closeFiles() {
	if q.lock != nil {
		q.lock.Close()
	}
	if q.slots != nil {
		q.slots.Close()
	}
	for _, l := range q.lanes {
		for _, s := range l.segments {
			s.file.Close()
		}
	}
}
