package simulate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// What can be wrong with a device. Each of the lasting ones is ended by Recover.
const (
	// Offline breaks the connection, and keeps it broken for offlineFor: the broker sends the last will.
	Offline = "offline"
	// Drift makes the temperature rise by driftStep with every message.
	Drift = "drift"
	// Burst sends burstMessages messages at once.
	Burst = "burst"
	// Malformed cuts the next malformedMessages messages in the middle.
	Malformed = "malformed"
	// Clock sets the device's clock two days ahead.
	Clock = "clock"
	// Recover ends what lasts.
	Recover = "recover"
)

// How much is wrong.
const (
	offlineFor        = 30 * time.Second
	driftStep         = 1.5 // degrees
	burstMessages     = 50
	malformedMessages = 5
	clockAhead        = 48 * time.Hour
)

// Disturbances are the names of what can be wrong with a device.
func Disturbances() []string { return []string{Offline, Drift, Burst, Malformed, Clock, Recover} }

// troubles is what is wrong with a device now.
type troubles struct {
	mu        sync.Mutex
	offline   time.Time // until then
	drifting  bool
	drift     float64
	malformed int
	clock     time.Duration
	conn      net.Conn
}

// names are the disturbances that last.
func (t *troubles) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []string{}
	for name, on := range map[string]bool{Offline: time.Now().Before(t.offline), Drift: t.drifting,
		Malformed: t.malformed > 0, Clock: t.clock != 0} {
		if on {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// disturb makes something wrong, or right again.
func (d *device) disturb(how string) {
	t := &d.troubles
	t.mu.Lock()
	defer t.mu.Unlock()
	switch how {
	case Offline:
		t.offline = time.Now().Add(offlineFor)
		if t.conn != nil {
			t.conn.Close()
		}
	case Drift:
		t.drifting = true
	case Malformed:
		t.malformed = malformedMessages
	case Clock:
		t.clock = clockAhead
	case Recover:
		t.offline, t.drifting, t.drift, t.malformed, t.clock = time.Time{}, false, 0, 0, 0
	case Burst:
		select {
		case d.bursts <- struct{}{}:
		default: // one is on its way
		}
	}
}

// next returns what is wrong with the next message.
func (t *troubles) next() (drift float64, cut bool, clock time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.drifting {
		t.drift += driftStep
	}
	if t.malformed > 0 {
		t.malformed--
		cut = true
	}
	return t.drift, cut, t.clock
}

var errOffline = errors.New("the simulated device has no network")

// open connects to the broker, unless the device has no network.
func (d *device) open(address *url.URL, o paho.ClientOptions) (net.Conn, error) {
	t := &d.troubles
	t.mu.Lock()
	offline := time.Now().Before(t.offline)
	t.mu.Unlock()
	if offline {
		return nil, errOffline
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: o.ConnectTimeout}, Config: o.TLSConfig}
	ctx, cancel := context.WithTimeout(context.Background(), o.ConnectTimeout)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.conn = conn
	t.mu.Unlock()
	return conn, nil
}
