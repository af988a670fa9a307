package logs

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestLimit: a message that comes again and again is logged some times, and counted; others and debugging are not held
// back by it.
func TestLimit(t *testing.T) {
	var out bytes.Buffer
	h := Limit(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})).(limited)
	now := time.Now()
	h.counts.now = func() time.Time { return now }
	log := slog.New(h)
	for i := range 1000 {
		log.With("child", i).Warn("refused", "why", fmt.Sprint(i))
		log.WithGroup("g").Debug("detail", "i", i)
	}
	log.Error("another")
	count := func(text string) int { return strings.Count(out.String(), text) }
	if count("msg=refused") != most || count("msg=detail") != 1000 || count("msg=another") != 1 || count("left_out") != 0 {
		t.Errorf("refused %d times, detail %d, another %d, left out %d", count("msg=refused"), count("msg=detail"),
			count("msg=another"), count("left_out"))
	}
	out.Reset()
	now = now.Add(every)
	for range 3 {
		log.Warn("refused")
	}
	if count("msg=refused") != 3 || count("left_out=980") != 1 || count("left_out") != 1 {
		t.Error(out.String())
	}
}
