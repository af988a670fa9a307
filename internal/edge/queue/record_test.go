package queue

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzParseRecord: no bytes panic, and what is a record encodes to one with the same content.
func FuzzParseRecord(f *testing.F) {
	f.Add(appendRecord(nil, message(1)))
	f.Add(appendRecord(appendRecord([]byte{1, 2}, message(1)), message(2))[1:])
	f.Add([]byte{0xED, 0x6E, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size, err := parseRecord(b)
		if err == nil {
			again, n, err := parseRecord(appendRecord(nil, r))
			if err != nil || n > size || again.Sequence != r.Sequence || again.Topic != r.Topic ||
				!again.Time.Equal(r.Time) || !bytes.Equal(again.Payload, r.Payload) {
				t.Errorf("%x: %+v encodes to %+v, %v", b, r, again, err)
			}
		}
		d := newDisk()
		opened, _ := d.open("x")
		if _, err := opened.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		s := scanner{segment: &segment{file: opened, size: int64(len(b))}}
		for last := uint64(0); ; {
			r, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || r.Sequence <= last {
				t.Fatalf("%x: %+v after %d, error %v", b, r, last, err)
			}
			last = r.Sequence
		}
		if s.offset != int64(len(b)) {
			t.Errorf("%x: the end is at %d", b, s.offset)
		}
	})
}

// FuzzSegmentName: what counts as the name of a segment is the name of that segment.
func FuzzSegmentName(f *testing.F) {
	f.Add("normal-0000000000000001.seg")
	f.Add("-0000000000000001.seg")
	f.Fuzz(func(t *testing.T, name string) {
		if p, first, ok := parseSegmentName(name); ok && len(segmentName(p, first)) != len(name) {
			t.Errorf("%q is read as %s", name, segmentName(p, first))
		}
	})
}
