package queue

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// state is what survives besides the segments.
type state struct {
	generation uint64 // the newer of two slots has the higher one
	settled    uint64 // every record up to this sequence number is settled
	next       uint64 // the next sequence number
	live       uint64 // records in the segments above settled
	dropped    [priorities]uint64
	rejected   uint64
	lost       uint64
	newest     uint64 // the time of the last record, in milliseconds since 1970
}

const (
	stateFile  = "state"
	stateMagic = 0x1075A7E1
	// slotDistance keeps the slots in different sectors: a torn write damages one of them.
	slotDistance = 4096
	slotSize     = 4 + 8*(7+int(priorities)) + 4
)

func millis(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

func (s state) encode() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, slotSize), stateMagic)
	for _, n := range []uint64{s.generation, s.settled, s.next, s.live, s.rejected, s.lost, s.newest} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, n := range s.dropped {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeState(b []byte) (s state, ok bool) {
	if len(b) < slotSize || binary.BigEndian.Uint32(b) != stateMagic ||
		binary.BigEndian.Uint32(b[slotSize-4:]) != crc32.Checksum(b[:slotSize-4], castagnoli) {
		return state{}, false
	}
	for i, n := range []*uint64{&s.generation, &s.settled, &s.next, &s.live, &s.rejected, &s.lost, &s.newest} {
		*n = binary.BigEndian.Uint64(b[4+8*i:])
	}
	for i := range s.dropped {
		s.dropped[i] = binary.BigEndian.Uint64(b[4+8*(7+i):])
	}
	return s, true
}

// readState returns the newer whole slot. found is false if there is none; damaged says that there should be one.
func readState(f file) (s state, found, damaged bool) {
	size, _ := f.size()
	for i := range int64(2) {
		b := make([]byte, slotSize)
		if n, _ := f.ReadAt(b, i*slotDistance); n < slotSize {
			continue
		}
		if slot, ok := decodeState(b); ok && (!found || slot.generation > s.generation) {
			s, found = slot, true
		}
	}
	return s, found, !found && size > 0
}

// writeState writes the slot that is not the newest.
func writeState(f file, s state) error {
	_, err := f.WriteAt(s.encode(), int64(s.generation%2)*slotDistance)
	return err
}
