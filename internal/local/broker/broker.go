// Package broker is the MQTT side of AWS IoT Core on one machine: mutual TLS, one policy decision for everything that a
// device does, presence events, and every accepted message handed on.
//
// It does not know the AWS API, rules or shadows: who a device is comes from an Authorizer, and what happens to a message
// is the business of the Handle function.
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

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
)

// The limits of AWS IoT's broker. [AWS 1.3]
const (
	maxPayload = 128 << 10
	maxQoS     = 1
	// The fixed header, a topic of 256 bytes and MQTT 5 properties of 8 KB stand beside the payload.
	maxPacket = maxPayload + 16<<10
)

// An Authorizer says who a certificate is and what it may do.
type Authorizer interface {
	// Active fails when the certificate may not be used; it is asked during the TLS handshake.
	Active(ctx context.Context, c *x509.Certificate) (arn string, err error)
	// Authorize is asked for every connection, and again while it lasts.
	Authorize(ctx context.Context, c *x509.Certificate, clientID, sourceIP string) (*registry.Grant, error)
}

// Options say where and for whom the broker works.
type Options struct {
	Address     string          // to listen on, such as "127.0.0.1:8883"; port 0 lets the kernel choose
	Certificate tls.Certificate // the server's own
	Authorizer  Authorizer
	// Handle takes every accepted message, in the order of arrival per client. While it blocks, its client's next message
	// waits, and a QoS 1 message is acknowledged only after it returns.
	Handle func(message.Message)
	Events event.Sink
	// Refresh is how often the permissions of connected devices are read anew; 0 means every 15 seconds.
	Refresh time.Duration
}

// A Broker is listening.
type Broker struct {
	options  Options
	server   *mqtt.Server
	inline   *mqtt.Client // publishes in our own name
	listener net.Listener
	sessions sessions
	stop     context.CancelFunc
	once     sync.Once
}

// Start listens and serves.
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
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumQos = maxQoS
	capabilities.MaximumPacketSize = maxPacket
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: capabilities,
		InlineClient: true,
		Logger:       slog.New(slog.NewTextHandler(io.Discard, nil)), // everything of interest is an event
	})
	b.inline, _ = b.server.Clients.Get(mqtt.InlineClientId) // there from the start, by the option above
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

// closer is a listener that disconnects its clients by itself. The server's own way takes one read lock twice (Clients.GetByListener
// in mochi-mqtt 2.7.9), which never ends when a client goes away between the two.
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

// Close disconnects everybody and stops listening.
func (b *Broker) Close() {
	b.once.Do(func() {
		b.stop()
		b.listener.Close()
		b.server.Close()
	})
}

// tlsConfig asks for a client certificate and accepts those that the registry knows as active: AWS IoT trusts what is
// registered, whoever signed it.
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
				b.options.Events.Send(event.Event{Kind: event.Refused, Action: "TLS", Detail: err.Error(), Thing: state.PeerCertificates[0].Subject.CommonName})
				return err
			}
			return nil
		},
	}
}

// Publish sends a message that comes from AWS itself (a republish action, a command, a shadow's answer) to the
// subscribers and to Handle.
func (b *Broker) Publish(m message.Message) error {
	stamp(&m)
	b.options.Handle(m)
	return b.Deliver(m)
}

// Deliver sends a message to the subscribers only.
func (b *Broker) Deliver(m message.Message) error {
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: min(m.QoS, maxQoS), Retain: m.Retain},
		TopicName:   m.Topic,
		Payload:     m.Payload,
		PacketID:    uint16(m.QoS), // an inline client awaits no acknowledgement, but a QoS above 0 needs some ID
	}
	if m.Properties != nil {
		pk.Properties = wireProperties(m.Properties)
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

// refresh keeps long connections honest: AWS cuts a device whose certificate leaves ACTIVE within minutes. [AWS 1.4]
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

// RefreshNow reads the permissions of all connected devices anew and disconnects those that may no longer connect.
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
			b.options.Events.Send(event.Event{Kind: event.Refused, Thing: client.ID, Action: "iot:Connect", Detail: err.Error()})
			b.disconnect(client, packets.ErrNotAuthorized)
			continue
		}
		s.replace(grant)
	}
}

// disconnect closes the connection; only MQTT 5 has a packet with which a server says why. The client's reader finds the
// connection closed and does the rest. (The server's own way to stop a client loses the last will when the reader is not waiting.)
func (b *Broker) disconnect(client *mqtt.Client, code packets.Code) {
	if client.Properties.ProtocolVersion == 5 {
		_ = client.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect}, ReasonCode: code.Code,
			Properties: packets.Properties{ReasonString: code.Reason}}) // a client that has gone needs no reason
	}
	client.Net.Conn.Close()
}
