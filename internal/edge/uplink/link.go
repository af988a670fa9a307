package uplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"golang.org/x/time/rate"
)

// A link is one connection.
type link struct {
	uplink   *Uplink
	endpoint string
	uses     int // of the uplink's credentials, when it connected
	client   *paho.Client
	conn     net.Conn
	session  *tracker
	window   int
	packer   packer
	wake     chan struct{}   // has an element when the loop should look again
	refused  chan error      // the server refuses messages, for now
	late     map[string]bool // topics with a message that was refused; only the client's reader uses it

	publishes, bytes *rate.Limiter

	sending sync.Mutex // one message is written at a time
	aliases aliases

	mu    sync.Mutex
	ended error         // why the connection ended, as the server or the network says
	told  chan struct{} // closed when ended is set

	finishing atomic.Bool // nothing more is sent, because another connection is to follow
}

func newLink(u *Uplink, conn net.Conn) *link {
	l := &link{
		uplink: u, conn: conn, wake: make(chan struct{}, 1), refused: make(chan error, 1),
		told: make(chan struct{}), late: map[string]bool{},
		packer:    packer{open: map[string]*parcel{}},
		aliases:   aliases{number: map[string]uint16{}},
		publishes: rate.NewLimiter(0, 0), bytes: rate.NewLimiter(0, 0),
	}
	l.session = newTracker(l.acknowledged)
	l.client = paho.NewClient(paho.ClientConfig{
		ClientID: u.options.ClientID, Conn: conn, Session: l.session, PacketTimeout: connectTimeout,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			u.options.Receive(received(p.Packet, time.Now()))
			return true, nil
		}},
		OnClientError: func(err error) { l.end(err) },
		OnServerDisconnect: func(d *paho.Disconnect) {
			reason := ""
			if d.Properties != nil {
				reason = d.Properties.ReasonString
			}
			l.end(fmt.Errorf("the server disconnected: reason code 0x%02X %s", d.ReasonCode, reason))
		},
	})
	u.mu.Lock()
	l.use(u.settings)
	u.changed = false
	u.mu.Unlock()
	return l
}

// use adopts settings. AWS IoT may drop what exceeds the number of messages, so that no second has more, the burst
// included. It delays what exceeds the number of bytes.
func (l *link) use(s Settings) {
	l.packer.batch = s.Batch
	burst := max(s.Limits.PublishesPerSecond/10, 1)
	l.publishes.SetLimit(rate.Limit(max(s.Limits.PublishesPerSecond-burst, 1)))
	l.publishes.SetBurst(burst)
	l.bytes.SetLimit(rate.Limit(s.Limits.BytesPerSecond))
	l.bytes.SetBurst(max(s.Limits.BytesPerSecond/2, 256<<10))
	if l.window == 0 || s.Limits.Window < l.window {
		l.window = s.Limits.Window
	}
}

// adopt takes over what the server allows. A part of its window is for the gateway's own messages, which would
// otherwise wait for a free place in it.
func (l *link) adopt(answer *paho.Connack) {
	if p := answer.Properties; p != nil {
		if p.ReceiveMaximum != nil {
			l.window = min(l.window, int(*p.ReceiveMaximum-*p.ReceiveMaximum/25))
		}
		if p.TopicAliasMaximum != nil {
			l.aliases.most = *p.TopicAliasMaximum
		}
	}
}

func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = err
		close(l.told)
	}
}

// reasonTimeout bounds the wait for the reason of an end, which the client tells in a goroutine of its own.
const reasonTimeout = time.Second

// reason is why the connection ended: what the server said rather than what followed from it.
func (l *link) reason(err error) error {
	if errors.Is(err, errEnded) {
		select {
		case <-l.told:
		case <-time.After(reasonTimeout):
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return l.ended
	}
	return err
}

func (l *link) close(politely bool) {
	if politely {
		_ = l.client.Disconnect(&paho.Disconnect{}) // the server notices anyway
	}
	l.conn.Close()
	<-l.client.Done()
}

var (
	errEnded    = errors.New("the connection has ended")
	errFinished = errors.New("another connection is to follow")
)

// finish ends the connection when all that is on the way is acknowledged.
func (l *link) finish() {
	l.finishing.Store(true)
	l.poke()
}

// serve sends what is in the queue until the connection ends.
func (l *link) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		delay, err := l.send()
		if err != nil {
			return err
		}
		timer.Reset(delay)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.client.Done():
			return errEnded
		case err := <-l.refused:
			return err
		case <-l.uplink.options.Queue.Ready():
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// send sends what may be sent now, and returns when to look again at the latest.
func (l *link) send() (time.Duration, error) {
	l.uplink.mu.Lock()
	if l.uplink.changed {
		l.use(l.uplink.settings)
		l.uplink.changed = false
	}
	l.uplink.mu.Unlock()
	delay := ackTimeout
	if oldest, ok := l.session.oldest(); ok {
		if delay = ackTimeout - time.Since(oldest); delay <= 0 {
			return 0, fmt.Errorf("a message was not acknowledged within %s", ackTimeout)
		}
	}
	if l.finishing.Load() {
		if l.session.inFlight() == 0 {
			return 0, errFinished
		}
		return delay, nil // an acknowledgement wakes the loop
	}
	for {
		if err := l.fill(); err != nil {
			return 0, err
		}
		if next, ok := l.packer.flushDue(time.Now()); ok {
			delay = min(delay, next)
		}
		if len(l.packer.ready) == 0 || l.session.inFlight() >= l.window {
			return delay, nil // an acknowledgement or a new record wakes the loop
		}
		if pause := l.reserve(len(l.packer.ready[0].payload)); pause > 0 {
			return min(delay, pause), nil
		}
		p := l.packer.take()
		if err := l.publish(p.topic, p.payload, p.records); err != nil {
			return 0, err
		}
	}
}

// fill reads records from the queue.
func (l *link) fill() error {
	for !l.packer.full() {
		r, ok, err := l.uplink.options.Queue.Next()
		if err != nil {
			return fmt.Errorf("reading the queue: %w", err)
		}
		if !ok {
			return nil
		}
		l.packer.add(r, time.Now())
	}
	return nil
}

// reserve asks the rate limits for one message, and returns how long it must wait.
func (l *link) reserve(size int) time.Duration {
	now := time.Now()
	one, some := l.publishes.ReserveN(now, 1), l.bytes.ReserveN(now, min(size, l.bytes.Burst()))
	if pause := max(one.DelayFrom(now), some.DelayFrom(now)); pause > 0 {
		one.CancelAt(now)
		some.CancelAt(now)
		return pause
	}
	return 0
}

// publish writes a message, and does not wait for the acknowledgement. After an error, the connection ends: the server
// may not know the topic's alias, and would take it for another topic.
func (l *link) publish(topic string, payload []byte, records []uint64) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	p := &paho.Publish{Topic: topic, QoS: 1, Payload: payload}
	if alias, known := l.aliases.of(topic); alias > 0 {
		p.Properties = &paho.PublishProperties{TopicAlias: &alias}
		if known {
			p.Topic = ""
		}
	}
	l.session.mu.Lock()
	l.session.next = sent{topic, records, time.Now()}
	l.session.mu.Unlock()
	// The client's PacketTimeout bounds the wait for the server's receive maximum, which the window keeps away.
	_, err := l.client.PublishWithOptions(context.Background(), p,
		paho.PublishOptions{Method: paho.PublishMethod_AsyncSend})
	if err != nil {
		l.conn.Close()
		return fmt.Errorf("publishing to %s: %w", topic, err)
	}
	return nil
}

// own publishes a message of the gateway's own. It does not wait for the rate limits, but counts.
func (l *link) own(topic string, payload []byte) error {
	l.publishes.ReserveN(time.Now(), 1)
	return l.publish(topic, payload, nil)
}

// Reason codes of an acknowledgement that no repetition changes. [MQTT 5, 3.4.2.1]
const (
	topicNameInvalid     = 0x90
	packetTooLarge       = 0x95
	payloadFormatInvalid = 0x99
)

// acknowledged settles the records of a message.
func (l *link) acknowledged(s sent, code byte) {
	switch {
	case code < 0x80 && l.late[s.topic]: // it is sent again behind the one that was refused
	case code < 0x80:
		for _, n := range s.records {
			l.uplink.options.Queue.Ack(n)
		}
		if len(s.records) > 0 {
			l.uplink.mu.Lock()
			l.uplink.stats.Publishes++
			l.uplink.stats.Records += uint64(len(s.records))
			l.uplink.mu.Unlock()
		}
	case len(s.records) == 0:
		l.uplink.options.Log.Warn("AWS IoT refused a message of the gateway's own.", "topic", s.topic,
			"reason_code", code)
	case code == topicNameInvalid || code == packetTooLarge || code == payloadFormatInvalid:
		l.uplink.options.Log.Error("AWS IoT refused a message permanently: it is dropped.", "topic", s.topic,
			"reason_code", code, "records", len(s.records))
		for _, n := range s.records {
			l.uplink.options.Queue.Reject(n)
		}
	default: // not authorized, or beyond a quota: later, all again in order
		l.late[s.topic] = true
		select {
		case l.refused <- fmt.Errorf("the server refused a message on %s: reason code 0x%02X", s.topic, code):
		default:
		}
	}
	l.poke()
}
