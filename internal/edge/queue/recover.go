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
	present, expected, last := uint64(0), uint64(0), q.state.settled
	for i := range q.lanes {
		for _, s := range q.lanes[i].segments {
			newest, of, err := q.scanSegment(s)
			if err != nil {
				return err
			}
			// The name of a segment counts as well: what comes must not get the name of one that is damaged.
			present, expected, last = present+uint64(s.live), expected+of, max(last, newest, s.first)
		}
	}
	q.recovery = Recovery{Records: present, StateDamaged: damaged}
	if found && known.live > expected {
		q.recovery.Lost = known.live - expected
		q.state.lost += q.recovery.Lost
	}
	q.state.live = present
	q.state.next = max(q.state.next, last+1, 1)
	q.saveState()
	return q.problems[writingState]
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
		l.segments = append(l.segments, &segment{priority: p, first: first, file: f, sealed: true,
			unsynced: true}) // the process before may have been killed
	}
	for i := range q.lanes {
		slices.SortFunc(q.lanes[i].segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	}
	return nil
}

// scanSegment counts the records of a segment. It returns the highest sequence number, and how many records of the
// segment the state knows: one that was written just before the process was killed must not stand for one that is lost.
// What the disk does not give back is damaged: a queue that does not open loses everything.
func (q *Queue) scanSegment(s *segment) (newest, known uint64, err error) {
	if s.size, err = s.file.size(); err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", s.name(), err)
	}
	q.bytes += s.size
	scan := scanner{segment: s}
	for {
		r, err := scan.next()
		if errors.Is(err, io.EOF) {
			return newest, known, nil
		}
		if err != nil && !s.salvaged {
			s.salvaged = true
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		s.records++
		newest = r.Sequence
		if r.Sequence > q.state.settled {
			s.live++
			if r.Sequence < q.state.next {
				known++
			} else {
				q.state.newest = max(q.state.newest, millis(r.Time))
			}
		}
	}
}
