package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// A Priority decides which records are dropped first.
type Priority uint8

// The priorities, from the one that is dropped first.
const (
	Low Priority = iota
	Normal
	High
	priorities
)

var priorityNames = [priorities]string{"low", "normal", "high"}

// String is the name of the priority.
func (p Priority) String() string {
	if p < priorities {
		return priorityNames[p]
	}
	return fmt.Sprintf("priority(%d)", uint8(p))
}

// ParsePriority reads the name of a priority; "" is Normal.
func ParsePriority(name string) (Priority, error) {
	if name == "" {
		return Normal, nil
	}
	for i, known := range priorityNames {
		if name == known {
			return Priority(i), nil
		}
	}
	return 0, fmt.Errorf("priority %q is unknown: want low, normal or high", name)
}

// A Record is one message.
type Record struct {
	Sequence uint64 // assigned by Append
	Time     time.Time
	Priority Priority
	Topic    string
	Payload  []byte
}

// The frame of a record: marker, length of the body, checksum of length and body.
const (
	frameMarker = 0xED6E
	frameHeader = 2 + 4 + 4
)

// Limits of a record. AWS IoT takes 128 KB of payload and 256 bytes of topic.
const (
	MaxPayload = 128 << 10
	MaxTopic   = 512
	maxBody    = MaxPayload + MaxTopic + 4*binary.MaxVarintLen64
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errShort   = errors.New("the record goes on after the end")
	errCorrupt = errors.New("not a record")
)

// appendRecord adds the encoded record to b.
func appendRecord(b []byte, r Record) []byte {
	at := len(b)
	b = append(b, make([]byte, frameHeader)...)
	b = binary.AppendUvarint(b, r.Sequence)
	b = binary.AppendVarint(b, r.Time.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(r.Topic)))
	b = append(b, r.Topic...)
	b = append(b, r.Payload...)
	frame := b[at:]
	binary.BigEndian.PutUint16(frame, frameMarker)
	binary.BigEndian.PutUint32(frame[2:], uint32(len(frame)-frameHeader))
	binary.BigEndian.PutUint32(frame[6:], checksum(frame))
	return b
}

func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[2:6], castagnoli), castagnoli, frame[frameHeader:])
}

// parseRecord reads the record at the beginning of b and returns its size in bytes. It returns errShort if b may be the
// beginning of a record, and errCorrupt if it is none. The payload is part of b.
func parseRecord(b []byte) (r Record, size int, err error) {
	if len(b) < frameHeader {
		return Record{}, 0, errShort
	}
	length := binary.BigEndian.Uint32(b[2:])
	if binary.BigEndian.Uint16(b) != frameMarker || length > maxBody {
		return Record{}, 0, errCorrupt
	}
	size = frameHeader + int(length)
	if len(b) < size {
		return Record{}, 0, errShort
	}
	frame := b[:size]
	if binary.BigEndian.Uint32(frame[6:]) != checksum(frame) {
		return Record{}, 0, errCorrupt
	}
	body := frame[frameHeader:]
	sequence, n := binary.Uvarint(body)
	if n <= 0 {
		return Record{}, 0, errCorrupt
	}
	body = body[n:]
	ms, n := binary.Varint(body)
	if n <= 0 {
		return Record{}, 0, errCorrupt
	}
	body = body[n:]
	topic, n := binary.Uvarint(body)
	if n <= 0 || topic > uint64(len(body)-n) {
		return Record{}, 0, errCorrupt
	}
	body = body[n:]
	return Record{
		Sequence: sequence, Time: time.UnixMilli(ms).UTC(), Topic: string(body[:topic]), Payload: body[topic:],
	}, size, nil
}
