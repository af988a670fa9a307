package queue

import (
	"errors"
	"fmt"
	"slices"
)

// makeRoom drops segments until a record of the size fits into the budget. It returns false if the record itself is to
// be dropped.
func (q *Queue) makeRoom(size int64, p Priority) (bool, error) {
	for q.bytes+size > q.options.MaxBytes {
		if dropped, err := q.dropOne(p); err != nil || !dropped {
			return false, err
		}
	}
	return true, nil
}

// dropOne removes one segment, of which nothing is needed if there is one. It returns false if there is none that may
// be dropped for a record of the priority.
func (q *Queue) dropOne(p Priority) (bool, error) {
	for i := range q.lanes {
		l := &q.lanes[i]
		for j, s := range l.segments {
			if s.live > 0 || s.size == 0 {
				continue
			}
			// The disk must have the state that does not need it, or its records would count as lost.
			if q.saveState(); q.dirty {
				return false, q.problems[writingState]
			}
			if err := q.slots.Sync(); err != nil {
				return false, fmt.Errorf("writing the state of the queue to the disk: %w", err)
			}
			return true, q.removeSegment(l, j)
		}
	}
	l := q.victim(p)
	if l == nil {
		return false, nil
	}
	return true, q.dropSegment(l)
}

// victim is the lane whose oldest segment is dropped.
func (q *Queue) victim(p Priority) *lane {
	var victim *lane
	for i := range q.lanes {
		l := &q.lanes[i]
		if len(l.segments) == 0 || l.segments[0].size == 0 { // an empty one makes no room
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

// removeAll removes segments that are still there. Those that cannot be removed are tried again.
func (q *Queue) removeAll(settled []*segment) error {
	var failed []error
	for _, s := range settled {
		l := &q.lanes[s.priority]
		if i := slices.Index(l.segments, s); i >= 0 {
			failed = append(failed, q.removeSegment(l, i))
		}
	}
	return errors.Join(failed...)
}

// removeSegment removes a segment's file, and it from the lane.
func (q *Queue) removeSegment(l *lane, i int) error {
	s := l.segments[i]
	if err := q.files.remove(s.name()); err != nil {
		return fmt.Errorf("removing %s: %w", s.name(), err)
	}
	s.file.Close()
	s.sealed, q.renamed = true, true
	q.bytes -= s.size
	l.segments = slices.Delete(l.segments, i, i+1)
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
