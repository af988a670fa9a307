package bulk

import "time"

// Progress is how far a step over many devices has come.
type Progress struct {
	What        string
	Done, Total int     // Total is 0 while it is unknown
	PerSecond   float64 // since the step began
	// Left is how long the rest takes at that rate; 0 while it is unknown.
	Left time.Duration
}

// Paced returns a Report that passes on at most one message per interval, and the end of each step, so that ten
// thousand devices do not write ten thousand lines. now is time.Now except in tests.
func Paced(interval time.Duration, now func() time.Time, report func(Progress)) Report {
	var current string
	var begun, last time.Time
	begunAt := 0
	return func(done, total int, what string) {
		t := now()
		if what != current {
			current, begun, last, begunAt = what, t, t, done
		}
		finished := total > 0 && done == total
		if !finished && t.Sub(last) < interval {
			return
		}
		last = t
		p := Progress{What: what, Done: done, Total: total}
		if elapsed := t.Sub(begun).Seconds(); elapsed > 0 && done > begunAt {
			p.PerSecond = float64(done-begunAt) / elapsed
			if total > done {
				p.Left = time.Duration(float64(total-done) / p.PerSecond * float64(time.Second)).Round(time.Second)
			}
		}
		report(p)
	}
}
