package uplink

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho/session"
	"github.com/eclipse/paho.golang/paho/session/state"
	"github.com/eclipse/paho.golang/paho/store/memory"
)

// A sent is a message on its way.
type sent struct {
	topic   string
	records []uint64 // sequence numbers; none for a message of the gateway's own
	at      time.Time
}

// tracker is the client's session of one connection. It tells which message an acknowledgement is for, which the
// client's own functions tell only to somebody who waits for each message. It keeps nothing for the next connection:
// the queue sends again what was not acknowledged.
type tracker struct {
	session.SessionManager
	acknowledged func(s sent, reasonCode byte)

	mu      sync.Mutex
	next    sent // what AddToSession is called for
	waiting map[uint16]sent
}

func newTracker(acknowledged func(sent, byte)) *tracker {
	return &tracker{
		SessionManager: state.New(nothing{}, memory.New()), acknowledged: acknowledged, waiting: map[uint16]sent{},
	}
}

// AddToSession implements session.SessionManager.
func (t *tracker) AddToSession(ctx context.Context, p session.Packet, answer chan<- packets.ControlPacket) error {
	if err := t.SessionManager.AddToSession(ctx, p, answer); err != nil {
		return err
	}
	if publish, ok := p.(*packets.Publish); ok {
		t.mu.Lock()
		t.waiting[publish.PacketID] = t.next
		t.mu.Unlock()
	}
	return nil
}

// PacketReceived implements session.SessionManager.
func (t *tracker) PacketReceived(p *packets.ControlPacket, publishes chan<- *packets.Publish) error {
	ack, ok := p.Content.(*packets.Puback)
	if !ok {
		return t.SessionManager.PacketReceived(p, publishes)
	}
	t.mu.Lock() // before the packet ID is free: the next message may get it at once
	s, found := t.waiting[ack.PacketID]
	delete(t.waiting, ack.PacketID)
	t.mu.Unlock()
	err := t.SessionManager.PacketReceived(p, publishes)
	if found {
		t.acknowledged(s, ack.ReasonCode)
	}
	return err
}

func (t *tracker) inFlight() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// oldest returns when the oldest message on its way was sent.
func (t *tracker) oldest() (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.waiting {
		if !ok || s.at.Before(at) {
			at, ok = s.at, true
		}
	}
	return at, ok
}

// nothing is a store of messages that keeps none.
type nothing struct{}

func (nothing) Put(uint16, byte, io.WriterTo) error { return nil }

func (nothing) Get(uint16) (io.ReadCloser, error) { return nil, io.EOF }

func (nothing) Delete(uint16) error { return nil }

func (nothing) Quarantine(uint16) error { return nil }

func (nothing) List() ([]uint16, error) { return nil, nil }

func (nothing) Reset() error { return nil }
