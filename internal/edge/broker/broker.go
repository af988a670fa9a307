// Package broker is the MQTT broker of a gateway's local network. Children connect to it with a client certificate or a
// user and a password, publish as themselves only, and receive their own commands. It acknowledges a message after the
// gateway has stored it.
package broker

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

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

	addresses func(name string, port int) ([]string, error) // replaces those of the system's interfaces
}

// Stats count since the start.
type Stats struct {
	Connected int    // children, now
	Messages  uint64 // taken
	Refused   uint64 // of children that may not publish or subscribe so, or of clients that may not connect
	Failed    uint64 // that could not be stored: the child was told, or lost its connection

	Commands    uint64 // sent, or waiting for a child that has a session and is not connected
	Expired     uint64 // commands that no child got in time
	Undelivered uint64 // commands that are lost for another reason: no session, too many that wait
}

// A Broker accepts connections until it is closed.
type Broker struct {
	options   Options
	server    *mqtt.Server
	inline    *mqtt.Client // publishes commands
	strangers *strangers
	passwords *checker
	pause     time.Duration // that a refusal takes
	wills     wills
	outboxes  map[string]*outbox // of all children
	addresses func(name string, port int) ([]string, error)
	running   sync.WaitGroup // of goroutines
	done      chan struct{}

	doors    sync.Mutex
	doorways []*doorway
	shut     bool

	commandResults                 atomic.Bool
	messages, refused, failed      atomic.Uint64
	commands, expired, undelivered atomic.Uint64

	mu      sync.Mutex
	clients map[*mqtt.Client]string // names of children
	short   map[string]bool         // children that subscribed to "commands"
	closed  bool
	once    sync.Once
}

// Start starts a broker.
func Start(o Options) (*Broker, error) {
	b := &Broker{options: o, clients: map[*mqtt.Client]string{}, short: map[string]bool{}, done: make(chan struct{}),
		outboxes:  make(map[string]*outbox, len(o.Children)),
		passwords: newChecker(), pause: refusalPause, addresses: addressesOf}
	for child := range o.Children {
		b.outboxes[child] = &outbox{deadlines: map[int64]time.Time{}}
	}
	if o.addresses != nil {
		b.addresses = o.addresses
	}
	b.strangers = newStrangers(b.crowdedOut)
	b.wills.waiting, b.wills.newest = map[string]*will{}, map[string]beginning{}
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: capabilities(), SysTopicResendInterval: 24 * 60 * 60, // nobody may read them
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), // the hook logs what matters
	})
	// Its name is none that a child can have.
	b.inline = b.server.NewClient(nil, mqtt.LocalListener, o.Gateway+":", true)
	if err := b.server.AddHook(&hook{broker: b}, nil); err != nil {
		return nil, fmt.Errorf("preparing the MQTT broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		return nil, fmt.Errorf("starting the MQTT broker: %w", err)
	}
	if err := b.listen(); err != nil {
		b.Close()
		return nil, err
	}
	b.running.Go(b.watch)
	return b, nil
}

// maxPacket leaves room for the topic and the properties besides the payload.
const maxPacket = queue.MaxPayload + 4096

// maxCommands is how many commands may wait for their turn and for a child to acknowledge them.
const maxCommands = 100

func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumClients = 10_000
	c.MinimumProtocolVersion = 4 // MQTT 3.1.1
	c.MaximumQos = 1
	c.MaximumPacketSize = maxPacket
	c.ReceiveMaximum = 100
	c.MaximumInflight = maxCommands
	c.MaximumClientWritesPending = 200
	c.TopicAliasMaximum = 8
	c.MaximumSessionExpiryInterval = 24 * 60 * 60
	c.MaximumMessageExpiryInterval = 0 // no limit: see outbox
	c.RetainAvailable = 0
	c.WildcardSubAvailable = 0
	c.SharedSubAvailable = 0
	c.SubIDAvailable = 0
	return c
}

// crowdedOut counts a client that made room for others before it said who it is.
func (b *Broker) crowdedOut(c *conn) {
	b.refused.Add(1)
	b.options.Log.Warn("A client was refused.", "remote", c.RemoteAddr().String(),
		"why", "it did not say who it is, and others wait")
}

func (b *Broker) disconnectAll() {
	b.mu.Lock()
	b.closed = true
	clients := make([]*mqtt.Client, 0, len(b.clients))
	for client := range b.clients {
		clients = append(clients, client)
	}
	b.mu.Unlock()
	for _, client := range clients {
		connOf(client.Net.Conn).hurry()
	}
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() { b.disconnect(client, packets.ErrServerShuttingDown) })
	}
	all.Wait()
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

// AllowCommandResults says whether children may answer commands.
func (b *Broker) AllowCommandResults(yes bool) { b.commandResults.Store(yes) }

func (b *Broker) thing(child string) string { return b.options.Gateway + ":" + child }

// Stats returns the counts.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Connected: len(b.clients), Messages: b.messages.Load(), Refused: b.refused.Load(),
		Failed: b.failed.Load(), Commands: b.commands.Load(), Expired: b.expired.Load(),
		Undelivered: b.undelivered.Load()}
}

// Close disconnects all children and stops listening. When it returns, nobody publishes any more.
func (b *Broker) Close() {
	b.once.Do(func() {
		close(b.done)
		b.stopListening()
		b.strangers.close()
		b.disconnectAll()
		b.server.Close()
		b.running.Wait()
		b.sendWills()
	})
}
