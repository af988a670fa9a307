package broker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/mochi-mqtt/server/v2/packets"
)

func TestPresenceAndLastWill(t *testing.T) {
	r := start(t)
	r.mustConnect(t, "soil-001", func(o *paho.ClientOptions) { o.SetWill("gh/soil-001/status", "gone", 1, false) })
	connected := <-r.handled
	if connected.Topic != "$aws/events/presence/connected/soil-001" ||
		!strings.Contains(string(connected.Payload), `"eventType":"connected"`) {
		t.Fatalf("got %s %s", connected.Topic, connected.Payload)
	}
	r.registry.set(func() { r.registry.inactive["soil-001"] = true })
	r.RefreshNow(t.Context())
	will, disconnected := <-r.handled, <-r.handled
	if topics := fmt.Sprint(will.Topic, disconnected.Topic); topics !=
		"gh/soil-001/status$aws/events/presence/disconnected/soil-001" {
		t.Errorf("after the certificate became inactive: %v", topics)
	}
	first, last := presenceEvent(t, connected.Payload), presenceEvent(t, disconnected.Payload)
	if first.VersionNumber != last.VersionNumber || first.SessionIdentifier != last.SessionIdentifier {
		t.Errorf("one connection has the events %+v and %+v", first, last)
	}
	if last.DisconnectReason != "AUTH_ERROR" || last.ClientInitiatedDisconnect {
		t.Errorf("the reason is %+v", last)
	}
}

// lifecycle is an event about a connection.
type lifecycle struct {
	ClientID, EventType, SessionIdentifier, DisconnectReason string
	VersionNumber                                            int64
	ClientInitiatedDisconnect                                bool
}

func presenceEvent(t *testing.T, payload []byte) lifecycle {
	t.Helper()
	var e lifecycle
	if err := json.Unmarshal(payload, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// Each connection has its own number and session, and the reason of its end.
func TestPresenceOfSeveralConnections(t *testing.T) {
	r := start(t)
	one, _ := r.mustConnect(t, "soil-001")
	one.Disconnect(1000)
	r.mustConnect(t, "soil-001")
	r.mustConnect(t, "soil-001") // takes over
	var got []lifecycle
	for range 5 {
		got = append(got, presenceEvent(t, (<-r.handled).Payload))
	}
	slices.SortStableFunc(got, func(a, b lifecycle) int { return cmp.Compare(a.VersionNumber, b.VersionNumber) })
	want := []lifecycle{
		{EventType: "connected"}, {EventType: "disconnected", DisconnectReason: "CLIENT_INITIATED_DISCONNECT",
			ClientInitiatedDisconnect: true},
		{EventType: "connected"}, {EventType: "disconnected", DisconnectReason: "DUPLICATE_CLIENTID"},
		{EventType: "connected"},
	}
	for i, e := range got {
		if i%2 == 1 && (e.VersionNumber != got[i-1].VersionNumber || e.SessionIdentifier != got[i-1].SessionIdentifier) ||
			i%2 == 0 && i > 0 && e.SessionIdentifier == got[i-1].SessionIdentifier {
			t.Errorf("events %d and %d: %+v, %+v", i-1, i, got[i-1], e)
		}
		want[i].ClientID, want[i].VersionNumber, want[i].SessionIdentifier = "soil-001", e.VersionNumber, e.SessionIdentifier
		if e != want[i] {
			t.Errorf("event %d is %+v, want %+v", i, e, want[i])
		}
	}
}

func TestDisconnectReasons(t *testing.T) {
	for want, c := range map[string]struct {
		takenOver bool
		ended     string
		err       error
	}{
		"DUPLICATE_CLIENTID":          {takenOver: true, err: io.EOF},
		"SERVER_INITIATED_DISCONNECT": {ended: reasonOf(packets.ErrServerShuttingDown), err: net.ErrClosed},
		"AUTH_ERROR":                  {ended: reasonOf(packets.ErrNotAuthorized), err: net.ErrClosed},
		"CLIENT_ERROR":                {err: packets.ErrMalformedPacket},
		"MQTT_KEEP_ALIVE_TIMEOUT":     {err: &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}},
		"CONNECTION_LOST":             {err: io.EOF},
		clientInitiated:               {},
	} {
		if got := disconnectReason(c.takenOver, c.ended, c.err); got != want {
			t.Errorf("%+v: %s, want %s", c, got, want)
		}
	}
}
