package simulate

import (
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// A device whose sensor drifts, whose payloads are cut and whose clock is wrong is so until it recovers.
func TestTroubles(t *testing.T) {
	d := &device{bursts: make(chan struct{}, 1)}
	for _, how := range Disturbances() {
		d.disturb(how)
		if how == Clock {
			if got := strings.Join(d.troubles.names(), " "); got != "clock drift malformed offline" {
				t.Errorf("wrong are %s", got)
			}
			for n := range malformedMessages + 1 {
				drift, cut, clock := d.troubles.next()
				if drift != driftStep*float64(n+1) || cut != (n < malformedMessages) || clock != clockAhead {
					t.Errorf("message %d: drift %v, cut %v, clock %v", n, drift, cut, clock)
				}
			}
		}
	}
	if drift, cut, clock := d.troubles.next(); drift != 0 || cut || clock != 0 || len(d.troubles.names()) > 0 {
		t.Errorf("after recovery: drift %v, cut %v, clock %v, %v", drift, cut, clock, d.troubles.names())
	}
	if len(d.bursts) != 1 {
		t.Error("the burst did not come")
	}
	if _, err := (&device{troubles: troubles{offline: time.Now().Add(time.Hour)}}).open(nil, paho.ClientOptions{}); err != errOffline {
		t.Errorf("a device without network connects: %v", err)
	}
}

// Devices of a fleet start and stop one by one; nobody plays without credentials.
func TestFleet(t *testing.T) {
	f := NewFleet(Options{})
	defer f.Close()
	if err := f.Start("soil-009"); err == nil || !strings.Contains(err.Error(), `no stored credentials for device "soil-009"`) {
		t.Errorf("got %v", err)
	}
	f.Stop("soil-009")
	f.Disturb(Drift, "soil-009")
	f.SetInterval(time.Nanosecond, "soil-009")
	if got := f.Devices(); len(got) != 0 {
		t.Errorf("devices %v", got)
	}
}
