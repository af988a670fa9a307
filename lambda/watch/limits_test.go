package watch

import (
	"fmt"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Devices that may be silent for longer or shorter than others, online and with a connection that ended.
func TestLimitsOfDevices(t *testing.T) {
	f := newFixture(t, nil)
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10, Devices: map[int64][]string{
		3: {"quick", "quick-lost", "quick-gone", "quick-unseen"}, 60: {"slow", "slow-lost"},
	}})
	tell := func(why string, want ...string) {
		t.Helper()
		f.mustRun()
		f.wantTold(why, want...)
	}
	f.device("usual", contract.StatusOnline, 0)
	f.device("quick", contract.StatusOnline, 0)
	f.lost("quick-lost", 0, 0)
	f.lost("quick-gone", time.Minute, time.Minute) // it said so
	f.device("slow", contract.StatusOnline, 0)
	f.lost("slow-lost", 0, 0)
	for range 3 {
		tell("nobody is silent")
		f.minute()
	}
	f.minute()
	tell("the shorter limit", "alert quick: quick has sent nothing for 4 minutes",
		"alert quick-lost: quick-lost has sent nothing for 4 minutes")
	for _, n := range f.notices() {
		if n.When != "no message for 3 minutes" {
			t.Errorf("the notice of %s says %q", n.Thing, n.When)
		}
	}
	f.clock = f.clock.Add(7 * time.Minute)
	tell("the usual limit", "alert usual: usual has sent nothing for 11 minutes")
	for range 49 {
		f.minute()
		tell("the longer limit is not over")
	}
	f.minute()
	tell("the longer limit", "alert slow: slow has sent nothing for 61 minutes",
		"alert slow-lost: slow-lost has sent nothing for 61 minutes")
	f.minute()
	tell("once for each")
}

// More devices with a shorter limit than one call reads.
func TestManyShorterLimits(t *testing.T) {
	f := newFixture(t, nil)
	var things []string
	for i := range 250 {
		things = append(things, fmt.Sprintf("quick-%03d", i))
	}
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10, Devices: map[int64][]string{2: things}})
	for _, thing := range things[200:] {
		f.device(thing, contract.StatusOnline, 3*time.Minute)
	}
	f.mustRun()
	f.wantTold("all of them", "alert : 50 devices have sent nothing for too long")
	if calls := f.aws.Calls(getItems); len(calls) != 3 {
		t.Errorf("%d calls for 250 devices, want 3", len(calls))
	}
	if got := f.status(things[249]); got != contract.StatusSilent {
		t.Errorf("%s is %s", things[249], got)
	}
}

// The processor writes last_seen once a minute at most: a device is not silent before its last message can be over the
// limit, whichever of its limits that is.
func TestLimitsAllowForWhatIsNotWrittenYet(t *testing.T) {
	f := newFixture(t, nil)
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10, RefreshSeconds: 60,
		Devices: map[int64][]string{3: {"quick"}, 60: {"slow"}}})
	f.device("usual", contract.StatusOnline, 0)
	f.lost("usual-lost", 0, 0)
	f.device("quick", contract.StatusOnline, 0)
	f.device("slow", contract.StatusOnline, 0)
	for minute := range 64 {
		f.mustRun()
		var want []string
		switch minute {
		case 5: // more than 3 and 1
			want = []string{"alert quick: quick has sent nothing for 5 minutes"}
		case 12:
			want = []string{"alert usual: usual has sent nothing for 12 minutes",
				"alert usual-lost: usual-lost has sent nothing for 12 minutes"}
		case 62:
			want = []string{"alert slow: slow has sent nothing for 62 minutes"}
		}
		f.wantTold(fmt.Sprintf("after %d minutes", minute), want...)
		f.minute()
	}
}
