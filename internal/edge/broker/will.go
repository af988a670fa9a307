package broker

import (
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// wills are the last wills that wait for their delay: a child that is back in time did not die.
type wills struct {
	mu      sync.Mutex
	waiting map[string]*will // by child
	newest  map[string]beginning
}

// beginning is how the newest connection of a child began.
type beginning struct {
	conn       *conn
	newSession bool
}

type will struct {
	timer *time.Timer
	send  func()
}

// OnWill stores the last will of a child, after the delay that it asked for.
func (h *hook) OnWill(cl *mqtt.Client, w mqtt.Will) (mqtt.Will, error) {
	// Whatever becomes of it, it is none that the MQTT server should send, and none to be sent twice.
	atomic.StoreUint32(&cl.Properties.Will.Flag, 0)
	cl.Properties.Will.WillDelayInterval = 0
	child, rest := cl.ID, h.own(cl.ID, w.TopicName)
	name := h.full(child, rest)
	if !h.publishable(rest) || len(w.Payload) > queue.MaxPayload || len(name) > queue.MaxTopic {
		h.refuse(child, cl.Net.Remote, "a last will on "+w.TopicName)
		return mqtt.Will{}, nil
	}
	send := func() {
		if err := h.broker.options.Take(child, name, w.Payload); err != nil {
			h.broker.failed.Add(1)
			h.broker.options.Log.Error("A last will could not be stored.", "child", child, "error", err)
		}
	}
	delay := min(w.WillDelayInterval, cl.Properties.Props.SessionExpiryInterval) // a session that ends sends it
	if delay == 0 || !h.broker.later(child, connOf(cl.Net.Conn), time.Duration(delay)*time.Second, send) {
		send()
	}
	return mqtt.Will{}, nil // without a topic, the server sends it to nobody
}

// later sends the will of a connection if the child is not back by then. It returns false when now is the time: the
// broker is closed, or the child has begun a new session.
func (b *Broker) later(child string, c *conn, delay time.Duration, send func()) bool {
	b.wills.mu.Lock()
	defer b.wills.mu.Unlock()
	select {
	case <-b.done:
		return false
	default:
	}
	if newest := b.wills.newest[child]; newest.conn != c { // an old connection can end after the new one begins
		return !newest.newSession
	}
	if old := b.wills.waiting[child]; old != nil {
		old.timer.Stop()
	}
	w := &will{send: send}
	w.timer = time.AfterFunc(delay, func() {
		if b.wills.take(child, w) {
			send()
		}
	})
	b.wills.waiting[child] = w
	return true
}

// take removes a will; false means that somebody else has.
func (w *wills) take(child string, one *will) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting[child] != one {
		return false
	}
	delete(w.waiting, child)
	return true
}

// back is called when a child has connected. One that begins a new session ends the old one, and its will is due.
func (b *Broker) back(child string, c *conn, newSession bool) {
	b.wills.mu.Lock()
	b.wills.newest[child] = beginning{c, newSession}
	w := b.wills.waiting[child]
	delete(b.wills.waiting, child)
	b.wills.mu.Unlock()
	if w != nil && w.timer.Stop() && newSession {
		w.send()
	}
}

// sendWills sends all that wait.
func (b *Broker) sendWills() {
	b.wills.mu.Lock()
	waiting := b.wills.waiting
	b.wills.waiting = map[string]*will{}
	b.wills.mu.Unlock()
	for _, w := range waiting {
		if w.timer.Stop() {
			w.send()
		}
	}
}
