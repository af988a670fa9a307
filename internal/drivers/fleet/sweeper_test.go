package fleet

import (
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
)

// A search among ACTIVE certificates always has a limit in time: an account can have a hundred thousand of them.
func TestHowFarTheSweepLooks(t *testing.T) {
	hourAgo := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, test := range []struct {
		name             string
		note             func(*sweeper)
		needed           bool
		active, inactive time.Time // zero: the run's own begin
		everything       bool      // among INACTIVE certificates
	}{
		{name: "nothing was lost", note: func(*sweeper) {}},
		{name: "an answer of this run was lost", note: (*sweeper).noteLost, needed: true},
		{name: "a thing tells when", note: func(s *sweeper) { s.noteStale(hourAgo.Unix()) }, needed: true,
			active: hourAgo, inactive: hourAgo},
		{name: "the earliest counts", needed: true, active: hourAgo, inactive: hourAgo,
			note: func(s *sweeper) {
				s.noteStale(hourAgo.Add(time.Minute).Unix())
				s.noteStale(hourAgo.Unix())
			}},
		{name: "a clock that was ahead", note: func(s *sweeper) { s.noteStale(s.begun.Add(time.Hour).Unix()) },
			needed: true},
		{name: "a thing does not tell", note: func(s *sweeper) { s.noteStale(0) }, needed: true, everything: true},
		{name: "one tells, another does not", needed: true, active: hourAgo, everything: true,
			note: func(s *sweeper) { s.noteStale(0); s.noteStale(hourAgo.Unix()) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSweeper()
			test.note(s)
			needed, active, inactive := s.needed()
			if needed != test.needed {
				t.Fatalf("needed: %t", needed)
			}
			if test.active.IsZero() {
				test.active = s.begun
			}
			if test.inactive.IsZero() {
				test.inactive = s.begun
			}
			if want := test.active.Add(-certs.ClockMargin); !active.Equal(want) {
				t.Errorf("ACTIVE ones since %s, want %s", active, want)
			}
			if want := test.inactive.Add(-certs.ClockMargin); !test.everything && !inactive.Equal(want) {
				t.Errorf("INACTIVE ones since %s, want %s", inactive, want)
			}
			if test.everything && !inactive.IsZero() {
				t.Errorf("INACTIVE ones since %s, want all", inactive)
			}
		})
	}
}
