package message

import (
	"testing"
	"time"
)

func TestLeft(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		why  string
		in   time.Duration
		want uint32
	}{
		{"whole seconds", 5 * time.Second, 5},
		{"a part of a second is not nothing", time.Millisecond, 1},
		{"rounded up", 5*time.Second + time.Millisecond, 6},
		{"the very moment", 0, 0},
		{"too late", -time.Second, 0},
		{"a week, as AWS IoT allows", 7 * 24 * time.Hour, 604_800},
	} {
		m := Message{Deadline: now.Add(c.in)}
		if got := m.Left(now); got != c.want {
			t.Errorf("%s: %d, want %d", c.why, got, c.want)
		}
	}
}
