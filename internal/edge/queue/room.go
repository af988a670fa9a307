package queue

import "fmt"

// makeRoom drops segments until a record of the size fits into the budget. It returns false if the record itself is to
// be dropped.
func (q *Queue) makeRoom(size int64, p Priority) bool {
	for q.bytes+size > q.options.MaxBytes {
		if !q.dropOne(p) {
			return false
		}
	}
	return true
}

// dropOne removes one segment, of which nothing is needed if there is one. It returns false if there is none that may
// be dropped for a record of the priority.
func (q *Queue) dropOne(p Priority) bool {
	for i := range q.lanes {
		l := &q.lanes[i]
		for j, s := range l.segments {
			if s.live == 0 && s.size > 0 {
				return q.removeSegment(l, j) == nil
			}
		}
	}
	l := q.victim(p)
	if l == nil {
		return false
	}
	return q.dropSegment(l) == nil
}

// victim is the lane whose oldest segment is dropped.
func (q *Queue) victim(p Priority) *lane {
	var victim *lane
	for i := range q.lanes {
		l := &q.lanes[i]
		if len(l.segments) == 0 {
			continue
		}
		if q.options.Policy == DropLowestPriority {
			if Priority(i) > p {
				return nil
			}
			return l
		}
		if victim == nil || l.segments[0].first < victim.segments[0].first {
			victim = l
		}
	}
	return victim
}

// dropSegment drops the oldest segment of a lane, and counts its records. The file goes first: a crash in between
// counts them as lost.
func (q *Queue) dropSegment(l *lane) error {
	s := l.segments[0]
	if err := q.removeSegment(l, 0); err != nil {
		return err
	}
	q.state.live -= uint64(s.live)
	q.state.dropped[s.priority] += uint64(s.live)
	for sequence, of := range q.acked {
		if of == s { // it has arrived
			q.state.dropped[s.priority]--
			delete(q.acked, sequence)
		}
	}
	var rest []delivery
	for _, d := range q.delivered {
		if d.at.segment != s {
			rest = append(rest, d)
		} else if !d.acked {
			q.forgotten[d.sequence] = s.priority
		}
	}
	q.delivered = rest
	q.settle()
	q.saveState()
	return nil
}

// removeSegment removes a segment's file, and it from the lane. What the state says about it must be on the disk
// before, or its records would count as lost after a power failure.
func (q *Queue) removeSegment(l *lane, i int) error {
	s := l.segments[i]
	if s.live == 0 && q.options.SyncEach {
		q.saveState()
		if err := q.slots.Sync(); err != nil {
			return fmt.Errorf("writing the state of the queue to the disk: %w", err)
		}
	}
	if err := q.files.remove(s.name()); err != nil {
		return fmt.Errorf("removing %s: %w", s.name(), err)
	}
	s.file.Close()
	s.sealed, q.renamed = true, true
	q.bytes -= s.size
	l.segments = append(l.segments[:i:i], l.segments[i+1:]...)
	switch {
	case i < l.at:
		l.at--
	case i == l.at:
		l.scan = scanner{}
	}
	if l.head != nil && l.headAt.segment == s {
		l.head = nil
	}
	return nil
}
