// Package broker is a local MQTT broker for AWS IoT Core: it requires mutual TLS, checks every action of a device
// against its policies, publishes presence events, and passes on every accepted message.
//
// It does not know the AWS API, rules or shadows: an Authorizer identifies devices, and the Handle function processes
// messages.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// An Authorizer identifies certificates and decides what they may do.
type Authorizer interface {
	// Active fails unless the certificate may be used. The broker calls it during the TLS handshake.
	Active(ctx context.Context, c *x509.Certificate) (arn string, err error)
	// Authorize is called for every connection, and repeatedly while it lasts.
	Authorize(ctx context.Context, c *x509.Certificate, clientID, sourceIP string) (*registry.Grant, error)
}

// Options configure a broker.
type Options struct {
	Address     string          // to listen on, such as "127.0.0.1:8883"; port 0 lets the kernel choose
	Certificate tls.Certificate // the server certificate
	Authorizer  Authorizer
	// Handle processes every accepted message, in order per client. While it blocks, the client's next message waits. A
	// QoS 1 message is acknowledged after Handle returns.
	Handle func(message.Message)
	Events runlog.Sink
	// Refresh is how often the permissions of connected devices are reloaded; 0 means every 15 seconds.
	Refresh time.Duration
}

// A Broker accepts connections until it is closed.
type Broker struct {
	options  Options
	server   *mqtt.Server
	inline   *mqtt.Client // publishes the broker's own messages
	listener net.Listener
	sessions sessions
	stop     context.CancelFunc
	once     sync.Once
}

// Start starts a broker.
func Start(o Options) (*Broker, error) {
	if o.Refresh == 0 {
		o.Refresh = 15 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Broker{options: o, stop: cancel}
	b.sessions.all = map[*mqtt.Client]*session{}
	listener, err := tls.Listen("tcp", o.Address, b.tlsConfig(ctx))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("listening for MQTT on %q: %w", o.Address, err)
	}
	b.listener = listener
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: capabilities(),
		InlineClient: true,
		Logger:       slog.New(slog.NewTextHandler(io.Discard, nil)), // events replace its log
	})
	b.inline, _ = b.server.Clients.Get(mqtt.InlineClientId) // exists because of InlineClient
	if err := b.server.AddHook(&hook{broker: b}, nil); err != nil {
		b.Close()
		return nil, fmt.Errorf("preparing the MQTT broker: %w", err)
	}
	if err := b.server.AddListener(closer{listeners.NewNet("mqtt", listener), b.disconnectAll}); err != nil {
		b.Close()
		return nil, fmt.Errorf("preparing the MQTT broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		b.Close()
		return nil, fmt.Errorf("starting the MQTT broker: %w", err)
	}
	go b.refresh(ctx)
	return b, nil
}

// Address is where the broker listens, as host:port.
func (b *Broker) Address() string { return b.listener.Addr().String() }

// closer is a listener that disconnects its clients itself. The server's own method takes one read lock twice
// (Clients.GetByListener in mochi-mqtt 2.7.9), which deadlocks when a client disconnects in between.
type closer struct {
	*listeners.Net
	disconnectAll func()
}

// Close stops listening and disconnects the clients.
func (c closer) Close(listeners.CloseFn) { c.Net.Close(func(string) { c.disconnectAll() }) }

func (b *Broker) disconnectAll() {
	for client := range b.sessions.end() {
		b.disconnect(client, packets.ErrServerShuttingDown)
	}
}

// Close disconnects all clients and stops listening.
func (b *Broker) Close() {
	b.once.Do(func() {
		b.stop()
		b.listener.Close()
		b.server.Close()
	})
}

// tlsConfig requires a client certificate that is registered and active. Like AWS IoT, it does not care who signed it.
func (b *Broker) tlsConfig(ctx context.Context) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{b.options.Certificate},
		ClientAuth:   tls.RequireAnyClientCert,
		NextProtos:   []string{"x-amzn-mqtt-ca", "mqtt"},
		VerifyConnection: func(state tls.ConnectionState) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if _, err := b.options.Authorizer.Active(ctx, state.PeerCertificates[0]); err != nil {
				b.options.Events.Send(runlog.Event{
					Kind:   runlog.Refused,
					Action: "TLS",
					Detail: err.Error(),
					Thing:  state.PeerCertificates[0].Subject.CommonName,
				})
				return err
			}
			return nil
		},
	}
}

// Publish sends a message of AWS itself (a republish action, a command, a shadow's answer) to the subscribers and to
// Handle.
func (b *Broker) Publish(m message.Message) error {
	stamp(&m)
	b.options.Handle(m)
	return b.Deliver(m)
}

// Deliver sends a message only to the subscribers.
func (b *Broker) Deliver(m message.Message) error {
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: min(m.QoS, maxQoS), Retain: m.Retain},
		TopicName:   m.Topic,
		Payload:     m.Payload,
		PacketID:    uint16(m.QoS), // an inline client gets no acknowledgement, but QoS 1 requires an ID
	}
	if m.MQTT5 != nil {
		pk.Properties = wireProperties(m.MQTT5)
	}
	if err := b.server.InjectPacket(b.inline, pk); err != nil {
		return fmt.Errorf("publishing to %q: %w", m.Topic, err)
	}
	return nil
}

func stamp(m *message.Message) {
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	if m.TraceID == "" {
		m.TraceID = uuid.NewString()
	}
}

// refresh enforces changed permissions: AWS disconnects a device within minutes after its certificate is deactivated.
// [AWS 1.4]
func (b *Broker) refresh(ctx context.Context) {
	ticker := time.NewTicker(b.options.Refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.RefreshNow(ctx)
		}
	}
}

// RefreshNow reloads the permissions of all connected devices and disconnects those that may no longer connect.
func (b *Broker) RefreshNow(ctx context.Context) {
	for client, s := range b.sessions.snapshot() {
		grant, err := b.options.Authorizer.Authorize(ctx, s.certificate, client.ID, s.sourceIP)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = mayConnect(grant, client.ID, s.connect)
		}
		if err != nil {
			b.options.Events.Send(
				runlog.Event{Kind: runlog.Refused, Thing: client.ID, Action: "iot:Connect", Detail: err.Error()},
			)
			b.disconnect(client, packets.ErrNotAuthorized)
			continue
		}
		s.replace(grant)
	}
}

// disconnect closes the connection; only MQTT 5 lets a server send the reason. The client's reader notices the closed
// connection and cleans up. (The server's own way to stop a client loses the last will when the reader is not waiting.)
func (b *Broker) disconnect(client *mqtt.Client, code packets.Code) {
	if s := b.sessions.of(client); s != nil {
		s.end(reasonOf(code))
	}
	if client.Properties.ProtocolVersion == 5 {
		_ = client.WritePacket(packets.Packet{ // a client that has gone needs no reason
			FixedHeader: packets.FixedHeader{Type: packets.Disconnect},
			ReasonCode:  code.Code,
			Properties:  packets.Properties{ReasonString: code.Reason},
		})
	}
	client.Net.Conn.Close()
}
