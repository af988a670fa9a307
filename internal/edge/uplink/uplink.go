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
	// Subscriptions are the topic filters whose messages Receive gets, in order.
	Subscriptions []string
	Receive       func(topic string, payload []byte)
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
	stats    Stats
	link     *link // nil while there is no connection
}

// New returns an uplink.
func New(o Options) *Uplink {
	if o.Dial == nil {
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			d := tls.Dialer{NetDialer: &net.Dialer{KeepAlive: 30 * time.Second}, Config: o.TLS}
			return d.DialContext(ctx, "tcp", o.Endpoint)
		}
	}
	return &Uplink{options: o, settings: o.Settings, stats: Stats{Since: time.Now()}}
}

const (
	connectTimeout = 20 * time.Second
	ackTimeout     = 30 * time.Second // of a message: after that, the connection is closed
	steadyAfter    = 30 * time.Second // a connection that lasts so long makes the next attempt immediate
	keepAlive      = 60               // seconds
	sessionExpiry  = 3600             // seconds: how long AWS IoT keeps commands, its default
)

// Run connects, sends and reconnects until the context ends. Then it disconnects: records that were not acknowledged
// stay in the queue.
func (u *Uplink) Run(ctx context.Context) {
	backoff := autopaho.NewExponentialBackoff(time.Second, 2*time.Minute, 4*time.Second, 2)
	for failures := 0; ; {
		if failures > 0 && !wait(ctx, backoff(failures)) || ctx.Err() != nil {
			return
		}
		start := time.Now()
		err := u.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) >= steadyAfter {
			failures = 0
		}
		failures++
		u.options.Log.Warn("The uplink is down.", "error", err, "failures", failures)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// connection is the life of one connection.
func (u *Uplink) connection(ctx context.Context) error {
	l, err := u.connect(ctx)
	if err == nil {
		u.up(l)
		u.options.Log.Info("The uplink is up.", "endpoint", u.options.Endpoint, "window", l.window)
		if u.options.Connected != nil {
			u.options.Connected()
		}
		err = l.reason(l.serve(ctx)) // before close, which ends the connection too
		l.close(ctx.Err() != nil)
		u.options.Queue.Rewind()
	}
	u.down(err)
	return err
}

func (u *Uplink) up(l *link) {
	u.mu.Lock()
	defer u.mu.Unlock()
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
	if err != nil {
		u.stats.LastError = err.Error()
	}
}

// connect returns a connection that has its subscriptions.
func (u *Uplink) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := u.options.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", u.options.Endpoint, err)
	}
	l := newLink(u, packets.NewThreadSafeConn(conn))
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
		return nil, fmt.Errorf("connecting to %s: %w", u.options.Endpoint, err)
	}
	l.adopt(answer)
	if len(u.options.Subscriptions) > 0 {
		subscribe := &paho.Subscribe{}
		for _, filter := range u.options.Subscriptions {
			subscribe.Subscriptions = append(subscribe.Subscriptions, paho.SubscribeOptions{Topic: filter, QoS: 1})
		}
		if _, err := l.client.Subscribe(ctx, subscribe); err != nil {
			l.close(false)
			return nil, fmt.Errorf("subscribing to %v: %w", u.options.Subscriptions, l.reason(err))
		}
	}
	return l, nil
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
