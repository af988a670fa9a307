package queue

import (
	"cmp"
	"errors"
	"io"
	"slices"
)

// Next returns the record with the lowest sequence number that was not read yet; ok is false if there is none now.
func (q *Queue) Next() (r Record, ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return Record{}, false, ErrClosed
	}
	for {
		l, err := q.first()
		q.problems[reading] = err
		if err != nil {
			return Record{}, false, err
		}
		if l == nil {
			return Record{}, false, nil
		}
		r := *l.head
		at := l.headAt
		at.buffer = nil // it is read again from the file
		l.head = nil
		d := delivery{sequence: r.Sequence, time: r.Time, at: at}
		if _, settled := q.acked[r.Sequence]; settled {
			d.acked = true
			q.delivered = append(q.delivered, d)
			q.settle()
			continue
		}
		q.delivered = append(q.delivered, d)
		return r, true, nil
	}
}

// first returns the lane whose head is the oldest record, or nil if all are read.
func (q *Queue) first() (*lane, error) {
	var oldest *lane
	for i := range q.lanes {
		l := &q.lanes[i]
		if err := q.readHead(l); err != nil {
			return nil, err
		}
		if l.head != nil && (oldest == nil || l.head.Sequence < oldest.head.Sequence) {
			oldest = l
		}
	}
	return oldest, nil
}

// readHead reads a lane's next record, if it is not read yet.
func (q *Queue) readHead(l *lane) error {
	for l.head == nil && l.at < len(l.segments) {
		s := l.segments[l.at]
		if l.scan.segment != s {
			l.scan = scanner{segment: s}
		}
		for {
			before := l.scan
			r, err := l.scan.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if r.Sequence <= q.state.settled {
				continue
			}
			before.offset = l.scan.start // behind what is damaged
			l.head, l.headAt = &r, before
			return nil
		}
		q.countDamage(s, l.scan.index)
		if !s.sealed {
			return nil // more may come
		}
		l.at++
	}
	return nil
}

// countDamage compares the records that were read with those that were written.
func (q *Queue) countDamage(s *segment, read int) {
	missing := s.records - read
	if missing <= 0 {
		return
	}
	missing = min(missing, s.live)
	s.records = read
	s.live -= missing
	q.state.live -= uint64(missing)
	q.state.lost += uint64(missing)
	q.saveState()
}

// Ack settles a record that Next returned.
func (q *Queue) Ack(sequence uint64) { q.done(sequence, false) }

// Reject settles a record that the receiver refuses permanently, and counts it.
func (q *Queue) Reject(sequence uint64) { q.done(sequence, true) }

func (q *Queue) done(sequence uint64, rejected bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if p, dropped := q.forgotten[sequence]; dropped {
		delete(q.forgotten, sequence)
		q.state.dropped[p]-- // it has arrived after all
		if rejected {
			q.state.rejected++
		}
		q.dirty = true
		return
	}
	i, found := slices.BinarySearchFunc(q.delivered, sequence,
		func(d delivery, n uint64) int { return cmp.Compare(d.sequence, n) })
	if !found || q.delivered[i].acked {
		return
	}
	q.delivered[i].acked = true
	if rejected {
		q.state.rejected++
	}
	if i > 0 {
		q.acked[sequence] = q.delivered[i].at.segment
	}
	q.settle()
}

// settlesPerSave bounds what is sent twice after the process is killed. Append saves the state as well.
const settlesPerSave = 16

// settle forgets the deliveries up to the first that is not acknowledged.
func (q *Queue) settle() {
	n := 0
	for n < len(q.delivered) && q.delivered[n].acked {
		d := q.delivered[n]
		delete(q.acked, d.sequence)
		q.state.settled = d.sequence
		q.state.live--
		d.at.segment.live--
		q.dirty = true
		n++
	}
	q.delivered = q.delivered[n:]
	if q.dirty && (q.state.settled%settlesPerSave == 0 || n >= settlesPerSave || q.state.live == 0) {
		q.saveState()
	}
}

// Rewind makes Next return again what was read and not acknowledged, in order.
func (q *Queue) Rewind() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.forgotten)
	var seen [priorities]bool
	for _, d := range q.delivered {
		p := d.at.segment.priority
		if seen[p] {
			continue
		}
		seen[p] = true
		l := &q.lanes[p]
		l.at, l.scan, l.head = slices.Index(l.segments, d.at.segment), d.at, nil
	}
	q.delivered = nil
	q.wake()
}
