package queue

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A segment is a file of records of one priority.
type segment struct {
	priority Priority
	first    uint64 // no record has a lower sequence number
	file     file
	size     int64 // bytes of the file that are records, or damaged
	records  int   // whole records
	live     int   // records that are not settled
	sealed   bool  // nothing more is appended
	unsynced bool  // the file differs from the disk
	unkept   bool  // a sync has failed
	salvaged bool  // parts of the file could not be read when the queue was opened
}

// pending is a segment that is to be put onto the disk.
type pending struct {
	segment *segment // only its flags, under the queue's lock
	file    file
	again   int64 // so many bytes are written again
}

// sync puts the segment onto the disk. After a failed sync, Linux takes for written what it could not write, and the
// next one would succeed without it.
func (p pending) sync() error {
	if p.again > 0 {
		b := make([]byte, p.again)
		if _, err := p.file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := p.file.WriteAt(b, 0); err != nil {
			return err
		}
	}
	return p.file.Sync()
}

const segmentSuffix = ".seg"

func segmentName(p Priority, first uint64) string {
	return fmt.Sprintf("%s-%016x%s", p, first, segmentSuffix)
}

func (s *segment) name() string { return segmentName(s.priority, s.first) }

func parseSegmentName(name string) (p Priority, first uint64, ok bool) {
	name, ok = strings.CutSuffix(name, segmentSuffix)
	label, number, found := strings.Cut(name, "-")
	p, err := ParsePriority(label)
	first, numberErr := strconv.ParseUint(number, 16, 64)
	return p, first, ok && found && label != "" && len(number) == 16 && err == nil && numberErr == nil
}

// A scanner reads the records of a segment from an offset on, and skips what is damaged.
type scanner struct {
	segment *segment
	start   int64  // of the record that next returned
	offset  int64  // of the next record
	index   int    // whole records before it
	last    uint64 // the sequence number of the record before, so that none is read twice
	buffer  []byte // bytes of the file from offset on; they never change
}

const readAhead = 64 << 10

// next returns the next record, or io.EOF at the segment's end as it is now.
func (s *scanner) next() (Record, error) {
	for {
		r, size, err := parseRecord(s.buffer)
		if errors.Is(err, errShort) {
			more, readErr := s.fill()
			if readErr != nil {
				return Record{}, readErr
			}
			if more {
				continue
			}
			if len(s.buffer) == 0 {
				return Record{}, io.EOF
			}
			err = errCorrupt // a record that the end cuts off
		}
		if err == nil && (r.Sequence < s.segment.first || r.Sequence <= s.last) {
			err = errCorrupt // of a file that was here before
		}
		if err != nil {
			s.skip(1)
			continue
		}
		s.start = s.offset
		s.skip(size)
		s.index, s.last = s.index+1, r.Sequence
		r.Priority = s.segment.priority
		return r, nil
	}
}

func (s *scanner) skip(n int) {
	s.offset += int64(n)
	s.buffer = s.buffer[n:]
}

// fill reads on, and reports whether there was more.
func (s *scanner) fill() (bool, error) {
	from := s.offset + int64(len(s.buffer))
	want := min(s.segment.size-from, max(readAhead, int64(len(s.buffer))))
	if want <= 0 {
		return false, nil
	}
	b := make([]byte, int64(len(s.buffer))+want)
	n := copy(b, s.buffer)
	read, err := s.segment.readAt(b[n:], from)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading %s: %w", s.segment.name(), err)
	}
	s.buffer = b[:n+read]
	return read > 0, nil
}

// block is what a disk loses at a time.
const block = 4096

// readAt reads a part of the file. Of a salvaged segment, blocks that cannot be read are zero, which is no record: the
// scanner finds the next one behind. While the queue is in use, an error stays one, because it may pass.
func (s *segment) readAt(b []byte, at int64) (int, error) {
	n, err := s.file.ReadAt(b, at)
	if err == nil || errors.Is(err, io.EOF) || !s.salvaged {
		return n, err
	}
	for done := 0; done < len(b); {
		end := min(len(b), done+block-int((at+int64(done))%block))
		if n, err := s.file.ReadAt(b[done:end], at+int64(done)); err != nil {
			clear(b[done+n : end])
		}
		done = end
	}
	return len(b), nil
}
