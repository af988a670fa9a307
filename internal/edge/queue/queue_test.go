package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var start = time.UnixMilli(1767225600000).UTC()

func message(i int) Record {
	return Record{
		Time: start.Add(time.Duration(i) * time.Second), Priority: Normal,
		Topic: fmt.Sprintf("gh/gw:s%d/telemetry", i%3), Payload: []byte(fmt.Sprintf(`{"n":%d}`, i)),
	}
}

func opened(t *testing.T, d *disk, o Options) *Queue {
	t.Helper()
	if o.MaxBytes == 0 {
		o.MaxBytes = MinBytes
	}
	if o.Policy == "" {
		o.Policy = DropOldest
	}
	q, err := open(d, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func appendAll(t *testing.T, q *Queue, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := q.Append(message(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// read takes what is there, without settling it.
func read(t *testing.T, q *Queue) (all []Record) {
	t.Helper()
	for {
		r, ok, err := q.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, r)
	}
}

func payloads(records []Record) string {
	var texts []string
	for _, r := range records {
		texts = append(texts, string(r.Payload))
	}
	return strings.Join(texts, " ")
}

func wanted(numbers ...int) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, string(message(n).Payload))
	}
	return strings.Join(texts, " ")
}

func TestInOrderUntilAcknowledged(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	appendAll(t, q, 0, 5)
	all := read(t, q)
	if got := payloads(all); got != wanted(0, 1, 2, 3, 4) {
		t.Fatalf("read %s", got)
	}
	if r := all[3]; !r.Time.Equal(message(3).Time) || r.Topic != message(3).Topic || r.Sequence != 4 {
		t.Errorf("read %+v, appended %+v", r, message(3))
	}
	q.Ack(all[0].Sequence)
	q.Ack(all[2].Sequence) // out of order
	if s := q.Stats(); s.Records != 4 || !s.Oldest.Equal(message(1).Time) {
		t.Errorf("stats %+v, want 4 records from the second on", s)
	}
	q.Rewind()
	appendAll(t, q, 5, 6)
	if got := payloads(read(t, q)); got != wanted(1, 3, 4, 5) {
		t.Errorf("after a rewind, read %s", got)
	}
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	q = opened(t, d.killed(), Options{})
	if got := payloads(read(t, q)); got != wanted(1, 2, 3, 4, 5) {
		t.Errorf("after a restart, read %s, want all behind the first that was not acknowledged", got)
	}
}

// TestTornAtEveryByte cuts the segment at every byte, as after a crash, or a disk that lost the rest.
func TestTornAtEveryByte(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	appendAll(t, q, 0, 4)
	name := segmentName(Normal, 1)
	whole := len(d.now[name].now)
	size := whole / 4
	for cut := range whole {
		torn := d.killed()
		torn.now[name].now = torn.now[name].now[:cut]
		q := opened(t, torn, Options{})
		if got, want := payloads(read(t, q)), wanted([]int{0, 1, 2, 3}[:cut/size]...); got != want {
			t.Fatalf("cut at %d: read %s, want %s", cut, got, want)
		}
		if s := q.Stats(); s.Lost != uint64(4-cut/size) || q.Recovery().Lost != s.Lost {
			t.Fatalf("cut at %d: %d lost, want %d", cut, s.Lost, 4-cut/size)
		}
		appendAll(t, q, 9, 10)
		if got := payloads(read(t, q)); got != wanted(9) {
			t.Fatalf("cut at %d: after that, read %s", cut, got)
		}
	}
}

// TestDamagedAtEveryByte changes each byte of a segment: one record is lost and counted, the others are not, whether the
// damage is there at the start or comes while the queue is open.
func TestDamagedAtEveryByte(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	appendAll(t, q, 0, 4)
	name := segmentName(Normal, 1)
	size := len(d.now[name].now) / 4
	for at := range size * 4 {
		rest := slices.DeleteFunc([]int{0, 1, 2, 3}, func(n int) bool { return n == at/size })
		damaged := d.killed()
		damaged.now[name].now[at] ^= 0x55
		q := opened(t, damaged, Options{})
		if got := payloads(read(t, q)); got != wanted(rest...) || q.Stats().Lost != 1 || q.Stats().Records != 3 {
			t.Fatalf("byte %d: read %s, %+v", at, got, q.Stats())
		}

		running := d.killed()
		q = opened(t, running, Options{})
		running.now[name].now[at] ^= 0x55
		got := read(t, q)
		if payloads(got) != wanted(rest...) || q.Stats().Lost != 1 || q.Stats().Records != 3 {
			t.Fatalf("byte %d while it runs: read %s, %+v", at, payloads(got), q.Stats())
		}
		for _, r := range got {
			q.Ack(r.Sequence)
		}
		if s := q.Stats(); s.Records != 0 || s.Lost != 1 {
			t.Fatalf("byte %d while it runs: at the end %+v", at, s)
		}
	}
}

// TestUnknownRecordIsNoneThatIsLost: the process is killed after a record was written and before the state was; another
// record is damaged.
func TestUnknownRecordIsNoneThatIsLost(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	appendAll(t, q, 0, 3)
	before := slices.Clone(d.now[stateFile].now)
	appendAll(t, q, 3, 4)
	killed := d.killed()
	killed.now[stateFile].now = before
	killed.now[segmentName(Normal, 1)].now[frameHeader+2] ^= 1
	q = opened(t, killed, Options{})
	if got := payloads(read(t, q)); got != wanted(1, 2, 3) || q.Stats().Lost != 1 || q.Stats().Records != 3 {
		t.Errorf("read %s, %+v", got, q.Stats())
	}
}

func TestStateDamaged(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	appendAll(t, q, 0, 3)
	q.Ack(read(t, q)[0].Sequence)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	one := d.killed()
	newer := q.state.generation % 2 * slotDistance
	one.now[stateFile].now[newer+9] ^= 1
	q = opened(t, one, Options{})
	if got := payloads(read(t, q)); got != wanted(0, 1, 2) || q.Recovery().StateDamaged || q.Stats().Lost != 0 {
		t.Errorf("with the older copy: read %s, %+v, %+v", got, q.Recovery(), q.Stats())
	}
	both := d.killed()
	both.now[stateFile].now[9] ^= 1
	both.now[stateFile].now[slotDistance+9] ^= 1
	q = opened(t, both, Options{})
	if got := payloads(read(t, q)); got != wanted(0, 1, 2) || !q.Recovery().StateDamaged {
		t.Errorf("without a copy: read %s, %+v", got, q.Recovery())
	}
	appendAll(t, q, 3, 4)
	if got := read(t, q); len(got) != 1 || got[0].Sequence != 4 {
		t.Errorf("without a copy, the next record is %+v, want number 4", got)
	}
}

func TestBudget(t *testing.T) {
	fill := func(t *testing.T, policy DropPolicy, of func(i int) Priority) (q *Queue, n int) {
		q = opened(t, newDisk(), Options{Policy: policy})
		for n = 0; q.Stats().AllDropped() == 0; n++ {
			r := message(n)
			r.Priority, r.Payload = of(n), []byte(fmt.Sprintf("%d %s", n, strings.Repeat("x", 2000)))
			if err := q.Append(r); err != nil {
				t.Fatal(err)
			}
			if s := q.Stats(); s.Bytes > s.MaxBytes {
				t.Fatalf("%d bytes of %d", s.Bytes, s.MaxBytes)
			}
		}
		return q, n
	}
	mixed := func(i int) Priority { return Priority(i % 3) }
	t.Run("oldest", func(t *testing.T) {
		q, n := fill(t, DropOldest, mixed)
		all := read(t, q)
		if s := q.Stats(); len(all)+int(s.AllDropped()) != n || s.Dropped[Low] == 0 || s.Dropped[High] != 0 {
			t.Errorf("%d appended, %d read, %+v", n, len(all), s)
		}
	})
	t.Run("lowest priority", func(t *testing.T) {
		q, n := fill(t, DropLowestPriority, func(i int) Priority { return []Priority{High, High, Low, Normal}[i%4] })
		all := read(t, q)
		if s := q.Stats(); len(all)+int(s.AllDropped()) != n || s.Dropped[Low] == 0 || s.Dropped[Normal] != 0 {
			t.Errorf("%d appended, %d read, %+v", n, len(all), s)
		}
		if !slices.IsSortedFunc(all, func(a, b Record) int { return int(a.Sequence) - int(b.Sequence) }) {
			t.Error("the priorities are not merged in order")
		}
	})
	t.Run("a record of less priority than all", func(t *testing.T) {
		q := opened(t, newDisk(), Options{Policy: DropLowestPriority})
		big := strings.Repeat("x", 60<<10)
		for range 17 {
			if err := q.Append(Record{Priority: High, Topic: "t", Payload: []byte(big)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Append(Record{Priority: Low, Topic: "t", Payload: []byte(big)}); err != nil {
			t.Fatal(err)
		}
		if s := q.Stats(); s.Dropped != [3]uint64{1, 0, 0} || s.Records != 17 {
			t.Errorf("%+v, want the low one dropped", s)
		}
	})
	t.Run("an acknowledgement after the drop", func(t *testing.T) {
		q := opened(t, newDisk(), Options{})
		appendAll(t, q, 0, 3)
		sent := read(t, q)
		q.Ack(sent[1].Sequence)
		for i := 0; q.Stats().AllDropped() == 0; i++ {
			if err := q.Append(Record{Topic: "t", Payload: make([]byte, 10<<10), Priority: Normal}); err != nil {
				t.Fatal(err)
			}
		}
		before := q.Stats().AllDropped() // of a segment in which one had been acknowledged already
		q.Ack(sent[0].Sequence)
		if got := q.Stats().AllDropped(); got != before-1 {
			t.Errorf("%d dropped, want %d: one more has arrived", got, before-1)
		}
	})
	for _, o := range []Options{{MaxBytes: 5, Policy: DropOldest}, {MaxBytes: MinBytes, Policy: "newest"}} {
		if _, err := open(newDisk(), o); err == nil || !strings.Contains(err.Error(), ": want ") {
			t.Errorf("options %+v: error %v", o, err)
		}
	}
}

// TestFullDisk: when the disk is full before the budget is, records make room for newer ones.
func TestFullDisk(t *testing.T) {
	d := newDisk()
	const room = 200 << 10
	d.fail = func(operation, name string) (int, error) {
		used := 0
		for _, c := range d.now {
			used += len(c.now)
		}
		if operation == "write" && name != stateFile && used+2100 > room {
			return 7, syscall.ENOSPC
		}
		return 0, nil
	}
	q := opened(t, d, Options{})
	n := 500
	for i := range n {
		r := message(i)
		r.Payload = []byte(fmt.Sprintf("%d %s", i, strings.Repeat("x", 2000)))
		if err := q.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	all := read(t, q)
	if s := q.Stats(); len(all)+int(s.AllDropped()) != n || s.AllDropped() == 0 || s.Lost != 0 {
		t.Errorf("%d appended, %d read, %+v", n, len(all), s)
	}
	if last := string(all[len(all)-1].Payload); !strings.HasPrefix(last, "499 ") {
		t.Errorf("the last is %.10s", last)
	}
}

// TestFailingOperations fails each operation on the disk once, and partly. What Append took is delivered or counted,
// what it refused is not there.
func TestFailingOperations(t *testing.T) {
	for failing := 0; ; failing++ {
		d, operations := newDisk(), 0
		q := opened(t, d, Options{SyncEach: failing%2 == 0})
		d.fail = func(operation, _ string) (int, error) {
			operations++
			if operations == failing || operation == "truncate" && operations == failing+1 {
				return failing % 40, errDisk
			}
			return 0, nil
		}
		var took []int
		for i := range 20 {
			err := q.Append(message(i))
			if err == nil || strings.Contains(err.Error(), "to the disk") { // a failed sync: it may be there
				took = append(took, i)
			}
		}
		if got := payloads(read(t, q)); got != wanted(took...) {
			t.Fatalf("operation %d: read %s, want %s", failing, got, wanted(took...))
		}
		q = opened(t, d.killed(), Options{})
		if got := payloads(read(t, q)); got != wanted(took...) || q.Stats().Lost != 0 {
			t.Fatalf("operation %d: after a restart, read %s, want %s; %+v", failing, got, wanted(took...), q.Stats())
		}
		if operations < failing {
			return
		}
	}
}

// TestLife does what a gateway does, at random, with crashes. Every record is delivered, or counted.
func TestLife(t *testing.T) {
	for seed := range uint64(60) {
		policy := []DropPolicy{DropOldest, DropLowestPriority}[seed%2]
		t.Run(fmt.Sprint(policy, seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			l := life{disk: newDisk(), options: Options{Policy: policy, SyncEach: seed%3 == 0}, arrived: map[string]bool{}}
			l.queue = opened(t, l.disk, l.options)
			for range 3000 {
				l.step(t, random)
			}
			l.queue.Rewind()
			l.latest = 0
			for _, r := range read(t, l.queue) {
				l.arrive(t, r)
				l.queue.Ack(r.Sequence)
			}
			s := l.queue.Stats()
			if s.Records != 0 {
				t.Errorf("at the end %+v", s)
			}
			missing := l.taken - len(l.arrived)
			// A kill can leave up to a window of records counted as dropped that have arrived.
			if counted := int(s.AllDropped() + s.Lost); counted < missing || counted > missing+l.uncertain {
				t.Errorf("%d taken, %d arrived, %d uncertain: %+v", l.taken, len(l.arrived), l.uncertain, s)
			}
			if l.taken == len(l.arrived) {
				t.Error("nothing was dropped: the test does not reach the budget")
			}
		})
	}
}

type life struct {
	disk      *disk
	options   Options
	queue     *Queue
	window    []Record
	taken     int
	arrived   map[string]bool
	latest    uint64 // highest sequence number that was read since the last rewind
	uncertain int
}

func (l *life) arrive(t *testing.T, r Record) {
	t.Helper()
	if r.Sequence <= l.latest {
		t.Fatalf("number %d after %d", r.Sequence, l.latest)
	}
	l.latest = r.Sequence
	l.arrived[string(r.Payload[:12])] = true
}

func (l *life) step(t *testing.T, random *rand.Rand) {
	switch n := random.IntN(1000); {
	case n < 600:
		payload := fmt.Sprintf("%012d%s", l.taken, strings.Repeat("x", random.IntN(3000)))
		l.taken++
		err := l.queue.Append(Record{Priority: Priority(random.IntN(3)), Topic: "t", Payload: []byte(payload)})
		if err != nil {
			t.Fatal(err)
		}
	case n < 850:
		if len(l.window) > 20 {
			return
		}
		r, ok, err := l.queue.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			l.arrive(t, r)
			l.window = append(l.window, r)
		}
	case n < 980:
		if len(l.window) == 0 {
			return
		}
		i := random.IntN(len(l.window))
		l.queue.Ack(l.window[i].Sequence)
		l.window = slices.Delete(l.window, i, i+1)
	case n < 990: // the connection is lost
		l.queue.Rewind()
		l.window, l.latest = nil, 0
	case n < 995:
		if err := l.queue.Sync(); err != nil {
			t.Fatal(err)
		}
	default:
		l.uncertain += 2*len(l.window) + settlesPerSave
		l.disk = l.disk.killed()
		l.queue = opened(t, l.disk, l.options)
		l.window, l.latest = nil, 0
	}
}

// TestPowerFailure: with SyncEach, what Append took is there when the power is back; nothing counts as lost.
func TestPowerFailure(t *testing.T) {
	for n := range 40 {
		d := newDisk()
		q := opened(t, d, Options{SyncEach: true})
		appendAll(t, q, 0, n)
		acked := read(t, q)[:n/2]
		for _, r := range acked {
			q.Ack(r.Sequence)
		}
		q = opened(t, d.powerless(), Options{SyncEach: true})
		got := read(t, q)
		if s := q.Stats(); s.Lost != 0 || len(got) < n-n/2 || n > 0 && string(got[len(got)-1].Payload) != wanted(n-1) {
			t.Fatalf("%d appended, %d acknowledged, %d there, %+v", n, n/2, len(got), s)
		}
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	o := Options{MaxBytes: MinBytes, Policy: DropOldest}
	q, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, o); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: error %v", err)
	}
	appendAll(t, q, 0, 2)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Append(message(2)); err == nil {
		t.Error("a closed queue takes records")
	}
	q, err = Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if got := payloads(read(t, q)); got != wanted(0, 1) {
		t.Errorf("opened again, read %s", got)
	}
}
