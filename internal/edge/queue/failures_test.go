package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func big(i int) Record {
	r := message(i)
	r.Payload = []byte(fmt.Sprintf("%d %s", i, strings.Repeat("x", 2000)))
	return r
}

// TestDiskFullOfOtherFiles: when nothing of the queue can make room, its sender gets the error, and it goes on when there is
// room.
func TestDiskFullOfOtherFiles(t *testing.T) {
	for _, policy := range []DropPolicy{DropOldest, DropLowestPriority} {
		d := newDisk()
		q := opened(t, d, Options{Policy: policy})
		d.fail = func(operation, name string) (int, error) {
			if operation == "write" && name != stateFile {
				return 0, syscall.ENOSPC
			}
			return 0, nil
		}
		if err := q.Append(message(0)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: error %v, want that the disk is full", policy, err)
		}
		if s := q.Stats(); !errors.Is(s.Problem, syscall.ENOSPC) || s.AllDropped() > 0 || s.Records > 0 {
			t.Errorf("%s: %+v", policy, s)
		}
		d.fail = nil
		appendAll(t, q, 1, 3)
		if got := payloads(read(t, q)); got != wanted(1, 2) || q.Stats().Problem != nil {
			t.Errorf("%s: with room, read %s, %+v", policy, got, q.Stats())
		}
	}
}

// TestNoRoomCanBeMade: a segment that cannot be removed is no reason to take a message and drop it.
func TestNoRoomCanBeMade(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	d.fail = func(operation, _ string) (int, error) {
		if operation == "remove" {
			return 0, errDisk
		}
		return 0, nil
	}
	took := 0
	for q.Append(big(took)) == nil {
		took++
	}
	if s := q.Stats(); s.AllDropped() > 0 || int(s.Records) != took || !errors.Is(s.Problem, errDisk) {
		t.Errorf("%d taken, %+v", took, s)
	}
	d.fail = nil
	if err := q.Append(big(took)); err != nil || q.Stats().AllDropped() == 0 || q.Stats().Problem != nil {
		t.Errorf("when segments can be removed: %v, %+v", err, q.Stats())
	}
}

// TestStateTornTwice: the state is written in part, and so is the next attempt. The copy before is still there.
func TestStateTornTwice(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	appendAll(t, q, 0, 4)
	q.Ack(read(t, q)[0].Sequence)
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	d.fail = func(operation, name string) (int, error) {
		if operation == "write" && name == stateFile {
			return slotSize / 2, errDisk
		}
		return 0, nil
	}
	appendAll(t, q, 4, 6)
	if s := q.Stats(); !errors.Is(s.Problem, errDisk) {
		t.Errorf("%+v, want that the state cannot be written", s)
	}
	after := opened(t, d.killed(), Options{})
	if got := payloads(read(t, after)); got != wanted(1, 2, 3, 4, 5) || after.Recovery().StateDamaged {
		t.Errorf("read %s, %+v", got, after.Recovery())
	}
}

// TestFailedSyncStaysKnown: records that can be written say nothing about a disk that does not keep them.
func TestFailedSyncStaysKnown(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	d.fail = func(operation, _ string) (int, error) {
		if operation == "sync" {
			return 0, errDisk
		}
		return 0, nil
	}
	appendAll(t, q, 0, 1)
	if err := q.Sync(); !errors.Is(err, errDisk) {
		t.Fatalf("error %v", err)
	}
	appendAll(t, q, 1, 2)
	if s := q.Stats(); !errors.Is(s.Problem, errDisk) {
		t.Errorf("%+v, want the failed sync", s)
	}
	d.fail = nil
	if err := q.Sync(); err != nil || q.Stats().Problem != nil {
		t.Errorf("when the disk works: %v, %+v", err, q.Stats())
	}
	if got := payloads(read(t, opened(t, d.powerless(), Options{}))); got != wanted(0, 1) {
		t.Errorf("after a power failure, read %s", got)
	}
}

// TestSyncAfterAFailedOne: what a failed sync has not written is on the disk after the next one, although the operating
// system takes it for written.
func TestSyncAfterAFailedOne(t *testing.T) {
	for _, failing := range []string{segmentName(Normal, 1), stateFile, "."} {
		d := newDisk()
		q := opened(t, d, Options{})
		appendAll(t, q, 0, 3)
		d.fail = func(operation, name string) (int, error) {
			if operation == "sync" && name == failing {
				return 0, errDisk
			}
			return 0, nil
		}
		if err := q.Sync(); !errors.Is(err, errDisk) {
			t.Fatalf("%s: error %v", failing, err)
		}
		d.fail = nil
		if err := q.Sync(); err != nil {
			t.Fatal(err)
		}
		q = opened(t, d.powerless(), Options{})
		if got := payloads(read(t, q)); got != wanted(0, 1, 2) || q.Stats().Lost > 0 || q.Stats().Appended != 3 {
			t.Errorf("%s: read %s, %+v", failing, got, q.Stats())
		}
	}
}

// TestKilledThenPowerless: what the process before had taken is on the disk after the first sync.
func TestKilledThenPowerless(t *testing.T) {
	d := newDisk()
	appendAll(t, opened(t, d, Options{}), 0, 3)
	killed := d.killed()
	q := opened(t, killed, Options{})
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	q = opened(t, killed.powerless(), Options{})
	if got := payloads(read(t, q)); got != wanted(0, 1, 2) || q.Stats().Lost > 0 {
		t.Errorf("read %s, %+v", got, q.Stats())
	}
}

// TestSettledIsNotLost: the power fails after everything was acknowledged, and before the state is on the disk. The
// directory is on the disk sooner than the queue asks for. What arrived may be sent again, and does not count as lost.
func TestSettledIsNotLost(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	for i := range 100 {
		if err := q.Append(big(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, r := range read(t, q) {
		q.Ack(r.Sequence)
	}
	if err := d.sync(); err != nil {
		t.Fatal(err)
	}
	if s := opened(t, d.powerless(), Options{}).Stats(); s.Lost > 0 || s.Records != 100 {
		t.Errorf("after a power failure: %+v", s)
	}
	if err := q.Sync(); err != nil {
		t.Fatal(err)
	}
	if s := opened(t, d.powerless(), Options{}).Stats(); s.Lost > 0 || s.Records > 0 || len(d.now) > 2 {
		t.Errorf("after a power failure behind a sync: %+v, files %d", s, len(d.now))
	}
}

// TestUnreadableBlock: a block that the disk does not give back costs the records in it. While the queue is in use, it
// may be a failure that passes, and costs nothing.
func TestUnreadableBlock(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{MaxBytes: 64 * MinBytes})
	var all []int
	for i := range 20 {
		if err := q.Append(big(i)); err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
	}
	d.unreadable = func(name string, from, to int64) bool { return name != stateFile && from < 3*block && to > 2*block }
	if _, ok, err := q.Next(); ok || !errors.Is(err, errDisk) || !errors.Is(q.Stats().Problem, errDisk) {
		t.Errorf("in use: read %t, error %v, %+v", ok, err, q.Stats())
	}
	// Records of 2041 bytes: the third block has a part of the fifth to the seventh.
	rest := slices.DeleteFunc(all, func(i int) bool { return i >= 4 && i <= 6 })
	killed := d.killed()
	killed.unreadable = d.unreadable
	salvaged := opened(t, killed, Options{MaxBytes: 64 * MinBytes})
	var got []int
	for _, r := range read(t, salvaged) {
		var n int
		fmt.Sscan(string(r.Payload), &n)
		got = append(got, n)
	}
	if s := salvaged.Stats(); !slices.Equal(got, rest) || s.Lost != 3 || s.Records != 17 || s.Problem != nil {
		t.Errorf("read %v, %+v; want all but 4 to 6", got, s)
	}
	d.unreadable = nil
	if n := len(read(t, q)); n != 20 || q.Stats().Lost > 0 || q.Stats().Problem != nil {
		t.Errorf("when it passes: read %d, %+v", n, q.Stats())
	}
}

// TestNameOfADamagedSegment: the state is gone, and nothing can be read of the newest segment. What comes next gets
// neither its name nor its place.
func TestNameOfADamagedSegment(t *testing.T) {
	d := newDisk()
	q := opened(t, d, Options{})
	n := 0
	for ; len(q.lanes[Normal].segments) < 3; n++ {
		if err := q.Append(big(n)); err != nil {
			t.Fatal(err)
		}
	}
	newest := q.lanes[Normal].segments[2].name()
	killed := d.killed()
	delete(killed.now, stateFile)
	clear(killed.now[newest].now)
	q = opened(t, killed, Options{})
	appendAll(t, q, 100, 102)
	got := read(t, q)
	if len(got) != n+1 || string(got[n].Payload) != wanted(101) || q.Stats().Problem != nil {
		t.Errorf("read %d, want %d and the new ones; %+v", len(got), n-1, q.Stats())
	}
	if again := read(t, opened(t, killed.killed(), Options{})); len(again) != n+1 {
		t.Errorf("after a restart, read %d, want %d", len(again), n+1)
	}
}
