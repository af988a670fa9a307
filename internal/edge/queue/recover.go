package queue

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// recover reads the state and all segments.
func (q *Queue) recover() error {
	slots, err := q.files.open(stateFile)
	if err != nil {
		return fmt.Errorf("opening the state of the queue: %w", err)
	}
	q.slots = slots
	known, found, damaged := readState(slots)
	q.state = known
	if err := q.openSegments(); err != nil {
		return err
	}
	present, last := uint64(0), q.state.settled
	for i := range q.lanes {
		l := &q.lanes[i]
		for j := 0; j < len(l.segments); {
			s := l.segments[j]
			newest, err := q.scanSegment(s)
			if err != nil {
				return err
			}
			present, last = present+uint64(s.live), max(last, newest)
			if s.live > 0 {
				j++
				continue
			}
			if err := q.removeSegment(l, j); err != nil {
				return err
			}
		}
	}
	q.recovery = Recovery{Records: present, StateDamaged: damaged}
	if found && known.live > present {
		q.recovery.Lost = known.live - present
		q.state.lost += q.recovery.Lost
	}
	q.state.live = present
	q.state.next = max(q.state.next, last+1, 1)
	q.saveState()
	if q.dirty {
		return q.problem
	}
	return nil
}

// openSegments opens all segments, in order.
func (q *Queue) openSegments() error {
	names, err := q.files.list()
	if err != nil {
		return fmt.Errorf("listing the queue: %w", err)
	}
	for _, name := range names {
		p, first, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		f, err := q.files.open(name)
		if err != nil {
			return fmt.Errorf("opening %s: %w", name, err)
		}
		l := &q.lanes[p]
		l.segments = append(l.segments, &segment{priority: p, first: first, file: f, sealed: true})
	}
	for i := range q.lanes {
		slices.SortFunc(q.lanes[i].segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	}
	return nil
}

// scanSegment counts the records of a segment and returns the highest sequence number.
func (q *Queue) scanSegment(s *segment) (newest uint64, err error) {
	if s.size, err = s.file.size(); err != nil {
		return 0, fmt.Errorf("reading %s: %w", s.name(), err)
	}
	q.bytes += s.size
	scan := scanner{segment: s}
	for {
		r, err := scan.next()
		if errors.Is(err, io.EOF) {
			return newest, nil
		}
		if err != nil {
			return 0, err
		}
		s.records++
		newest = r.Sequence
		if r.Sequence > q.state.settled {
			s.live++
		}
	}
}
