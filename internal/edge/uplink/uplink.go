package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// Limits bound what is sent.
type Limits struct {
	// PublishesPerSecond and BytesPerSecond are AWS IoT's quotas per connection by default. [AWS 1.3 broker]
	PublishesPerSecond int `json:"publishes_per_second,omitzero"`
	BytesPerSecond     int `json:"bytes_per_second,omitzero"`
	// Window is how many messages may be on the way. The server may allow fewer.
	Window int `json:"window,omitzero"`
}

// DefaultLimits are AWS IoT's quotas.
var DefaultLimits = Limits{PublishesPerSecond: 100, BytesPerSecond: 512 << 10, Window: 100}

// A Batch says how readings of one topic become one message: a JSON array of their payloads.
type Batch struct {
	MaxReadings int `json:"max_readings"`
	MaxBytes    int `json:"max_bytes"`
	LingerMS    int `json:"linger_ms"` // how long a message waits for others
}

// Settings can change while the uplink runs.
type Settings struct {
	Limits Limits
	Batch  *Batch // nil sends each record as it is
}

// Options configure an uplink.
type Options struct {
	Endpoint string // host:port
	TLS      *tls.Config
	ClientID string
	Queue    *queue.Queue
	Settings Settings
	// Subscriptions are the topic filters whose messages Receive gets, in order. The uplink does its work without those
	// that the server refuses.
	Subscriptions []string
	Receive       func(message.Message)
	// Connected is called after each connection is ready. It must not block; it may call Publish.
	Connected func()
	Log       *slog.Logger
	// Dial replaces the network in tests.
	Dial func(context.Context) (net.Conn, error)
}

// Stats describe an uplink.
type Stats struct {
	Connected  bool
	Since      time.Time // of the state
	Reconnects uint64
	Publishes  uint64 // messages that AWS IoT has acknowledged
	Records    uint64 // records in them
	InFlight   int
	LastError  string // why the last connection ended or failed
}

// An Uplink sends what is in a queue. Run does it.
type Uplink struct {
	options Options

	mu       sync.Mutex
	settings Settings
	changed  bool // settings differ from those that the link uses
	endpoint string
	tls      *tls.Config
	uses     int // how often these were changed
	stats    Stats
	link     *link // nil while there is no connection

	retry chan struct{} // ends the pause between attempts
}

// New returns an uplink.
func New(o Options) *Uplink {
	u := &Uplink{options: o, settings: o.Settings, endpoint: o.Endpoint, tls: o.TLS, stats: Stats{Since: time.Now()},
		retry: make(chan struct{}, 1)}
	if u.options.Dial == nil {
		u.options.Dial = func(ctx context.Context) (net.Conn, error) {
			u.mu.Lock()
			d := tls.Dialer{NetDialer: &net.Dialer{KeepAlive: 30 * time.Second}, Config: u.tls}
			endpoint := u.endpoint
			u.mu.Unlock()
			return d.DialContext(ctx, "tcp", endpoint)
		}
	}
	return u
}

const (
	connectTimeout = 20 * time.Second
	ackTimeout     = 30 * time.Second // of a message: after that, the connection is closed
	steadyAfter    = 30 * time.Second // after a connection that lasted so long, the pauses begin again
	keepAlive      = 60               // seconds
	sessionExpiry  = 3600             // seconds: how long AWS IoT keeps commands, its default
)

// Run connects, sends and reconnects until the context ends. Then it disconnects: records that were not acknowledged
// stay in the queue.
func (u *Uplink) Run(ctx context.Context) {
	backoff := autopaho.NewExponentialBackoff(time.Second, 2*time.Minute, 4*time.Second, 2)
	for failures := 0; ; {
		if failures > 0 && !u.wait(ctx, backoff(failures)) || ctx.Err() != nil {
			return
		}
		start := time.Now()
		err := u.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errFinished) {
			failures = 0
			continue
		}
		if time.Since(start) >= steadyAfter {
			failures = 0
		}
		failures++
		u.options.Log.Warn("The uplink is down.", "error", err, "failures", failures)
	}
}

func (u *Uplink) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-u.retry:
		return true
	}
}

// Retry ends the pause before the next attempt to connect, if there is one.
func (u *Uplink) Retry() {
	select {
	case u.retry <- struct{}{}:
	default:
	}
}

// Use connects with other credentials, or elsewhere. A connection ends when all that is on its way is acknowledged.
func (u *Uplink) Use(endpoint string, config *tls.Config) {
	u.mu.Lock()
	u.endpoint, u.tls = endpoint, config
	u.uses++
	l := u.link
	u.mu.Unlock()
	if l != nil {
		l.finish()
	}
	u.Retry()
}

// connection is the life of one connection.
func (u *Uplink) connection(ctx context.Context) error {
	l, err := u.connect(ctx)
	if err == nil {
		u.up(l)
		u.options.Log.Info("The uplink is up.", "endpoint", l.endpoint, "window", l.window)
		if u.options.Connected != nil {
			u.options.Connected()
		}
		err = l.serve(ctx)
		finished := errors.Is(err, errFinished)
		if !finished {
			err = l.reason(err) // before close, which ends the connection too
		}
		l.close(ctx.Err() != nil || finished)
		u.options.Queue.Rewind()
	}
	u.down(err)
	return err
}

func (u *Uplink) up(l *link) {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-u.retry: // it was for this connection
	default:
	}
	if l.uses != u.uses {
		l.finish() // the credentials have changed in the meantime
	}
	u.link = l
	u.stats.Connected, u.stats.Since = true, time.Now()
}

func (u *Uplink) down(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stats.Connected {
		u.stats.Reconnects++
		u.stats.Since = time.Now()
	}
	u.link, u.stats.Connected, u.stats.InFlight = nil, false, 0
	if err != nil && !errors.Is(err, errFinished) {
		u.stats.LastError = err.Error()
	}
}

// connect returns a connection that has its subscriptions.
func (u *Uplink) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	u.mu.Lock()
	endpoint, uses := u.endpoint, u.uses
	u.mu.Unlock()
	conn, err := u.options.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", endpoint, err)
	}
	l := newLink(u, packets.NewThreadSafeConn(conn))
	l.endpoint, l.uses = endpoint, uses
	expiry, receiveMaximum := uint32(sessionExpiry), uint16(100)
	answer, err := l.client.Connect(ctx, &paho.Connect{
		ClientID: u.options.ClientID, KeepAlive: keepAlive,
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry, ReceiveMaximum: &receiveMaximum},
	})
	if err != nil {
		conn.Close()
		if answer != nil {
			err = fmt.Errorf("%w (reason code 0x%02X)", err, answer.ReasonCode)
		}
		return nil, fmt.Errorf("connecting to %s: %w", endpoint, err)
	}
	l.adopt(answer)
	if err := u.subscribe(ctx, l); err != nil {
		l.close(false)
		return nil, err
	}
	return l, nil
}

// Reason codes of a subscription that no repetition changes. [MQTT 5, 3.9.3]
const (
	notAuthorized      = 0x87
	topicFilterInvalid = 0x8F
)

// subscribe asks for the subscriptions. Telemetry does not wait for one that the server refuses permanently.
func (u *Uplink) subscribe(ctx context.Context, l *link) error {
	filters := u.options.Subscriptions
	if len(filters) == 0 {
		return nil
	}
	subscribe := &paho.Subscribe{}
	for _, filter := range filters {
		subscribe.Subscriptions = append(subscribe.Subscriptions, paho.SubscribeOptions{Topic: filter, QoS: 1})
	}
	answer, err := l.client.Subscribe(ctx, subscribe)
	if err == nil && len(answer.Reasons) != len(filters) {
		err = errors.New("the answer is for others")
	}
	if answer == nil || len(answer.Reasons) != len(filters) {
		return fmt.Errorf("subscribing to %v: %w", filters, l.reason(err))
	}
	for i, code := range answer.Reasons {
		switch {
		case code == notAuthorized || code == topicFilterInvalid:
			err := fmt.Errorf("the server refused the subscription to %s: reason code 0x%02X", filters[i], code)
			u.options.Log.Error("What is published there does not arrive.", "error", err)
			u.mu.Lock()
			u.stats.LastError = err.Error()
			u.mu.Unlock()
		case code >= 0x80:
			return fmt.Errorf("the server refused the subscription to %s for now: reason code 0x%02X", filters[i], code)
		}
	}
	return nil
}

// Set changes the settings from the next message on.
func (u *Uplink) Set(s Settings) {
	u.mu.Lock()
	u.settings, u.changed = s, true
	l := u.link
	u.mu.Unlock()
	if l != nil {
		l.poke()
	}
}

// received is a message from AWS IoT, which says how long it still has until it expires [MQTT 5, 3.3.2.3.3].
func received(p *paho.Publish, now time.Time) message.Message {
	m := message.Message{Topic: p.Topic, Payload: p.Payload}
	v := p.Properties
	if v == nil {
		return m
	}
	m.UTF8 = v.PayloadFormat != nil && *v.PayloadFormat == 1
	m.ContentType, m.ResponseTopic, m.CorrelationData = v.ContentType, v.ResponseTopic, v.CorrelationData
	for _, u := range v.User {
		m.User = append(m.User, message.UserProperty{Name: u.Key, Value: u.Value})
	}
	if v.MessageExpiry != nil {
		m.Deadline = now.Add(time.Duration(*v.MessageExpiry) * time.Second)
	}
	return m
}

// ErrDown is returned by Publish while there is no connection.
var ErrDown = errors.New("the uplink is down")

// Publish sends a message of the gateway's own past the queue, with QoS 1. It does not wait for the acknowledgement:
// the message is lost with the connection.
func (u *Uplink) Publish(topic string, payload []byte) error {
	u.mu.Lock()
	l := u.link
	u.mu.Unlock()
	if l == nil {
		return ErrDown
	}
	return l.own(topic, payload)
}

// Stats returns the state of the uplink.
func (u *Uplink) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.stats
	if u.link != nil {
		s.InFlight = u.link.session.inFlight()
	}
	return s
}
