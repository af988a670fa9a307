// Package broker is the MQTT broker of a gateway's local network. Children connect to it with a client certificate or a
// user and a password, publish as themselves only, and receive their own commands. It acknowledges a message after the
// gateway has stored it.
package broker

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// Options configure a broker.
type Options struct {
	Listen   []config.Listen
	TLS      *tls.Config // of the listeners that are not plain
	Prefix   string
	Gateway  string
	Children map[string]config.Child
	// Take stores a message that a child published; topic is <prefix>/<gateway>:<child>/…. The child gets its
	// acknowledgement after Take returns nil.
	Take func(child, topic string, payload []byte) error
	Log  *slog.Logger
}

// Stats count since the start.
type Stats struct {
	Connected int    // children, now
	Messages  uint64 // taken
	Refused   uint64 // of children that may not publish or subscribe so, or of clients that may not connect
	Failed    uint64 // that could not be stored: the child was told, or lost its connection
}

// A Broker accepts connections until it is closed.
type Broker struct {
	options   Options
	server    *mqtt.Server
	inline    *mqtt.Client
	listeners []net.Listener

	commandResults            atomic.Bool
	messages, refused, failed atomic.Uint64

	mu      sync.Mutex
	clients map[*mqtt.Client]string // names of children
	short   map[string]bool         // children that subscribed to "commands"
	closed  bool
	once    sync.Once
}

// Start starts a broker.
func Start(o Options) (*Broker, error) {
	b := &Broker{options: o, clients: map[*mqtt.Client]string{}, short: map[string]bool{}}
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: capabilities(), InlineClient: true,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), // the hook logs what matters
	})
	b.inline, _ = b.server.Clients.Get(mqtt.InlineClientId) // exists because of InlineClient
	if err := b.server.AddHook(&hook{broker: b}, nil); err != nil {
		return nil, fmt.Errorf("preparing the MQTT broker: %w", err)
	}
	for _, l := range o.Listen {
		if err := b.listen(l); err != nil {
			b.Close()
			return nil, err
		}
	}
	if err := b.server.Serve(); err != nil {
		b.Close()
		return nil, fmt.Errorf("starting the MQTT broker: %w", err)
	}
	return b, nil
}

// maxPacket leaves room for the topic and the properties besides the payload.
const maxPacket = queue.MaxPayload + 4096

func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumClients = 10_000
	c.MinimumProtocolVersion = 4 // MQTT 3.1.1
	c.MaximumQos = 1
	c.MaximumPacketSize = maxPacket
	c.ReceiveMaximum = 100
	c.MaximumInflight = 100 // commands that wait for one child
	c.MaximumClientWritesPending = 200
	c.TopicAliasMaximum = 8
	c.MaximumSessionExpiryInterval = 24 * 60 * 60
	c.RetainAvailable = 0
	c.WildcardSubAvailable = 0
	c.SharedSubAvailable = 0
	c.SubIDAvailable = 0
	return c
}

func (b *Broker) listen(l config.Listen) error {
	addresses := []string{l.Address}
	if l.Interface != "" {
		var err error
		if addresses, err = addressesOf(l.Interface, l.Port); err != nil {
			return err
		}
	}
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listening for children on %s: %w", address, err)
		}
		if !l.Plain {
			listener = tls.NewListener(listener, b.options.TLS)
		}
		b.listeners = append(b.listeners, listener)
		if err := b.server.AddListener(closer{listeners.NewNet(address, listener), b}); err != nil {
			listener.Close()
			return fmt.Errorf("preparing the MQTT broker on %s: %w", address, err)
		}
		b.options.Log.Info("Children can connect.", "address", listener.Addr().String(), "tls", !l.Plain)
	}
	return nil
}

// addressesOf returns the addresses of an interface with a port.
func addressesOf(name string, port int) ([]string, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("listening on the interface %q: %w", name, err)
	}
	known, err := i.Addrs()
	if err != nil {
		return nil, fmt.Errorf("listening on the interface %q: %w", name, err)
	}
	var addresses []string
	for _, a := range known {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil {
			continue
		}
		host := ip.String()
		if ip.To4() == nil && ip.IsLinkLocalUnicast() {
			host += "%" + name
		}
		addresses = append(addresses, net.JoinHostPort(host, fmt.Sprint(port)))
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("the interface %q has no address: bring it up first, or name an address", name)
	}
	return addresses, nil
}

// closer is a listener that disconnects its clients itself. The server's own method takes one read lock twice
// (Clients.GetByListener in mochi-mqtt 2.7.9), which deadlocks when a client disconnects in between.
type closer struct {
	*listeners.Net
	broker *Broker
}

// Close stops listening and disconnects the clients.
func (c closer) Close(listeners.CloseFn) { c.Net.Close(func(string) { c.broker.disconnectAll() }) }

func (b *Broker) disconnectAll() {
	b.mu.Lock()
	b.closed = true
	clients := make([]*mqtt.Client, 0, len(b.clients))
	for client := range b.clients {
		clients = append(clients, client)
	}
	b.mu.Unlock()
	for _, client := range clients {
		b.disconnect(client, packets.ErrServerShuttingDown)
	}
}

// disconnect closes a connection; only MQTT 5 lets a server send the reason.
func (b *Broker) disconnect(client *mqtt.Client, code packets.Code) {
	if client.Properties.ProtocolVersion == 5 {
		_ = client.WritePacket(packets.Packet{ // a client that has gone needs no reason
			FixedHeader: packets.FixedHeader{Type: packets.Disconnect}, ReasonCode: code.Code,
			Properties: packets.Properties{ReasonString: code.Reason},
		})
	}
	client.Net.Conn.Close()
}

// Addresses are where the broker listens, as host:port.
func (b *Broker) Addresses() []string {
	var all []string
	for _, l := range b.listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

// AllowCommandResults says whether children may answer commands.
func (b *Broker) AllowCommandResults(yes bool) { b.commandResults.Store(yes) }

// Command sends a command to a child with QoS 1. The broker keeps up to a hundred for a child that has a session and is
// not connected. It fails for a child that the gateway does not have.
func (b *Broker) Command(child string, payload []byte) error {
	if _, ok := b.options.Children[child]; !ok {
		return fmt.Errorf("the gateway has no child %q", child)
	}
	err := b.server.InjectPacket(b.inline, packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1},
		TopicName:   contract.TopicsOf(b.options.Prefix, b.thing(child)).Commands, Payload: payload,
		PacketID: 1, // an inline client gets no acknowledgement, but QoS 1 requires an ID
	})
	if err != nil {
		return fmt.Errorf("sending a command to %q: %w", child, err)
	}
	return nil
}

func (b *Broker) thing(child string) string { return b.options.Gateway + ":" + child }

// Stats returns the counts.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Connected: len(b.clients), Messages: b.messages.Load(), Refused: b.refused.Load(),
		Failed: b.failed.Load()}
}

// Close disconnects all children and stops listening.
func (b *Broker) Close() {
	b.once.Do(func() {
		for _, l := range b.listeners {
			l.Close()
		}
		b.server.Close()
	})
}
