package metrics

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

// window is what the function knows of a window of one shard: its state, unpacked. It is never kept between
// invocations. Lambda may repeat an invocation, with another division into batches, and may run a stale one beside the
// current one. Only the state that it passes on counts, so nothing that an invocation leaves in the table counts unless
// the state names it.
type window struct {
	stream.Window
	// opened is the sequence number of the window's first record. A window that Lambda opens again, because its state
	// was dropped, has another one.
	opened string
	// last is the sequence number of the newest record that is in the statistics. Lambda may pass older ones again.
	last   string
	spills []spill
	series series
}

// The members of the state.
const (
	openedMember = "opened"
	lastMember   = "last"
	spillsMember = "spills"
	seriesMember = "series"
)

// partitions divides the series of a spill, so that the end of a window needs the memory of a part at a time.
const partitions = 16

// spill names series that were moved from the state to the table: by a hash of their content, so that no other
// invocation can overwrite them with something else.
type spill struct {
	hash   string
	pieces [partitions]int // how many items each partition has
}

// openWindow unpacks the state. What cannot be read of a damaged state is lost; the error says so.
func openWindow(from stream.Window) (*window, error) {
	w := &window{Window: from, opened: from.State[openedMember], last: from.State[lastMember], series: series{}}
	for text := range strings.FieldsSeq(from.State[spillsMember]) {
		s, err := parseSpill(text)
		if err != nil {
			return w, err
		}
		w.spills = append(w.spills, s)
	}
	packed := from.State[seriesMember]
	if packed == "" {
		return w, nil
	}
	encoded, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return w, errDamaged
	}
	return w, w.series.decode(encoded, w.origin())
}

// origin is what times in encodings count from.
func (w *window) origin() int64 { return w.Start.UnixMilli() }

// advance reports whether a record is new to the window, and counts it as seen.
func (w *window) advance(sequence string) bool {
	if w.last != "" && !later(sequence, w.last) {
		return false
	}
	if w.opened == "" {
		w.opened = sequence
	}
	w.last = sequence
	return true
}

// later compares sequence numbers: decimal numbers without leading zeros, too long for an integer.
func later(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// state packs the window for the next invocation.
func (w *window) state() map[string]string {
	state := map[string]string{openedMember: w.opened, lastMember: w.last}
	if len(w.spills) > 0 {
		texts := make([]string, len(w.spills))
		for i, s := range w.spills {
			texts[i] = s.String()
		}
		state[spillsMember] = strings.Join(texts, " ")
	}
	for _, encoded := range w.series.encode(w.series.sorted(), w.origin(), unlimited) {
		state[seriesMember] = base64.StdEncoding.EncodeToString(encoded)
	}
	return state
}

// unlimited is the limit of an encoding in one piece.
const unlimited = 1 << 40

// size is how many bytes a state takes in the answer; what it holds needs no escaping.
func size(state map[string]string) int {
	n := len(stream.Continue(nil))
	for member, value := range state {
		n += len(member) + len(value) + len(`"":"",`)
	}
	return n
}

// part distinguishes the openings of one window: those of other shards, and those after a lost state. It is the same
// however often Lambda repeats an opening.
func (w *window) part() string {
	sum := sha256.Sum256([]byte(w.Shard + " " + w.opened))
	return hex.EncodeToString(sum[:4])
}

// String is the form of a spill in the state.
func (s spill) String() string {
	var b strings.Builder
	b.WriteString(s.hash)
	for _, n := range s.pieces {
		fmt.Fprintf(&b, ".%d", n)
	}
	return b.String()
}

func parseSpill(text string) (spill, error) {
	fields := strings.Split(text, ".")
	if len(fields) != 1+partitions {
		return spill{}, errDamaged
	}
	s := spill{hash: fields[0]}
	for i := range s.pieces {
		n, err := strconv.Atoi(fields[1+i])
		if err != nil || n < 0 {
			return spill{}, errDamaged
		}
		s.pieces[i] = n
	}
	return s, nil
}

// partitionOf says in which partition a device's series are.
func partitionOf(device string) int {
	h := fnv.New32a()
	h.Write([]byte(device))
	return int(h.Sum32() % partitions)
}

// byPartition divides sorted keys; within a partition they remain sorted.
func byPartition(keys []key) [partitions][]key {
	var divided [partitions][]key
	for _, k := range keys {
		p := partitionOf(k.device)
		divided[p] = append(divided[p], k)
	}
	return divided
}

// pack encodes all series as a spill.
func (w *window) pack() (spill, [partitions][][]byte) {
	var (
		s      spill
		pieces [partitions][][]byte
	)
	sum := sha256.New()
	sum.Write(binary.LittleEndian.AppendUint64([]byte(w.Shard), uint64(w.origin())))
	for p, keys := range byPartition(w.series.sorted()) {
		pieces[p] = w.series.encode(keys, w.origin(), pieceBytes)
		s.pieces[p] = len(pieces[p])
		for _, encoded := range pieces[p] {
			sum.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(encoded))))
			sum.Write(encoded)
		}
	}
	s.hash = hex.EncodeToString(sum.Sum(nil)[:16])
	return s, pieces
}
