package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// watch looks at every process of a program, four times a second, until the returned function is called; that one gives
// the highest peak of resident memory in MiB. Linux keeps the peak, so only what a process takes in its last quarter of
// a second can be missed.
func watch(binary string) func() int {
	stop, peak := make(chan struct{}), make(chan int)
	go func() {
		highest := 0
		for {
			highest = max(highest, peakOf(binary))
			select {
			case <-stop:
				peak <- highest
				return
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return func() int { close(stop); return <-peak }
}

func peakOf(binary string) int {
	links, _ := filepath.Glob("/proc/[0-9]*/exe") // the pattern is well formed
	highest := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != binary {
			continue
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(link), "status"))
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
				highest = max(highest, kib>>10)
			}
		}
	}
	return highest
}
