package broker

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
)

// patience bounds what should happen at once.
const patience = 20 * time.Second

const secret = "correct horse"

// hash is that of the secret.
var hash = sync.OnceValue(func() string {
	h, err := config.HashPassword(secret)
	if err != nil {
		panic(err)
	}
	return string(h)
})

// taken are the messages that a broker took.
type taken struct {
	all chan [2]string // topic and payload
}

func (k taken) take(_, topic string, payload []byte) error {
	k.all <- [2]string{topic, string(payload)}
	return nil
}

func (k taken) next(t *testing.T) [2]string {
	t.Helper()
	select {
	case m := <-k.all:
		return m
	case <-time.After(patience):
		t.Fatal("the broker took no message")
		return [2]string{}
	}
}

// start starts a broker with these children on a plain listener.
func start(t testing.TB, children ...string) (*Broker, taken) {
	t.Helper()
	k := taken{make(chan [2]string, 1000)}
	o := Options{Listen: []config.Listen{{Address: "127.0.0.1:0", Plain: true}}, Prefix: "gh", Gateway: "gw-1",
		Children: map[string]config.Child{}, Take: k.take, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, name := range children {
		o.Children[name] = config.Child{Password: hash()}
	}
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, k
}

// client is an MQTT client that does what no decent one does.
type client struct {
	net.Conn
	t       testing.TB
	version byte
	read    *bufio.Reader
}

func dial(t testing.TB, b *Broker) *client {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{Conn: conn, t: t, version: 4, read: bufio.NewReader(conn)}
}

// write sends a packet; a connection that the broker has closed is none of its business.
func (c *client) write(pk packets.Packet) error {
	c.t.Helper()
	_, err := c.Write(c.encode(pk))
	return err
}

func (c *client) reset() { c.read = bufio.NewReader(c.Conn) }

func (c *client) encode(pk packets.Packet) []byte {
	c.t.Helper()
	pk.ProtocolVersion = c.version
	var buf bytes.Buffer
	var err error
	switch pk.FixedHeader.Type {
	case packets.Connect:
		err = pk.ConnectEncode(&buf)
	case packets.Publish:
		err = pk.PublishEncode(&buf)
	case packets.Subscribe:
		err = pk.SubscribeEncode(&buf)
	case packets.Pingreq:
		err = pk.PingreqEncode(&buf)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return buf.Bytes()
}

// next returns the type and the body of the next packet.
func (c *client) next() (kind byte, body []byte, err error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	first, err := c.read.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	length, _, err := packets.DecodeLength(c.read)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.read, body)
	return first >> 4, body, err
}

// connect returns the code of the answer, and whether there was a session.
func (c *client) connect(child, password string, change func(*packets.Packet)) (code byte, session bool, err error) {
	c.t.Helper()
	pk := connectPacket(child, password)
	if change != nil {
		change(&pk)
	}
	if err := c.write(pk); err != nil {
		return 0, false, err
	}
	kind, body, err := c.next()
	if err != nil {
		return 0, false, err
	}
	if kind != packets.Connack || len(body) < 2 {
		c.t.Fatalf("packet %d %x in place of CONNACK", kind, body)
	}
	return body[1], body[0] == 1, nil
}

func connectPacket(child, password string) packets.Packet {
	return packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect}, Connect: packets.ConnectParams{
		ProtocolName: []byte("MQTT"), ClientIdentifier: "x", Clean: true, Keepalive: 60, UsernameFlag: true,
		PasswordFlag: true, Username: []byte(child), Password: []byte(password)}}
}

func (c *client) mustConnect(child string, change func(*packets.Packet)) (session bool) {
	c.t.Helper()
	code, session, err := c.connect(child, secret, change)
	if err != nil || code != 0 {
		c.t.Fatalf("connecting %s: code %d, %v", child, code, err)
	}
	return session
}

func (c *client) subscribe() {
	c.t.Helper()
	err := c.write(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 1,
		Filters: packets.Subscriptions{{Filter: "commands", Qos: 1}}})
	if err != nil {
		c.t.Fatal(err)
	}
	if kind, body, err := c.next(); err != nil || kind != packets.Suback || body[len(body)-1] > 1 {
		c.t.Fatalf("packet %d %x, %v in place of SUBACK", kind, body, err)
	}
}

func (c *client) publish(topic, payload string, qos byte) {
	c.t.Helper()
	err := c.write(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos}, PacketID: 7,
		TopicName: topic, Payload: []byte(payload)})
	if err != nil {
		c.t.Fatal(err)
	}
}

// closed waits until the broker has ended the connection.
func (c *client) closed() {
	c.t.Helper()
	for {
		if _, _, err := c.next(); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				c.t.Fatal("the broker does not end the connection")
			}
			return
		}
	}
}

func hashOf(t testing.TB) config.PasswordHash {
	t.Helper()
	return config.PasswordHash(hash())
}

// text is a command.
func text(payload string) message.Message { return message.Message{Payload: []byte(payload)} }
