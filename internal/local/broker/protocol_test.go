package broker

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	v5 "github.com/eclipse/paho.golang/paho"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// raw is a client that sends bytes as they are: no library sends what these tests need.
type raw struct {
	t *testing.T
	net.Conn
}

// dial connects as the thing with MQTT 3.1.1, or with the CONNECT packet given.
func (r *fixture) dial(t *testing.T, thing string, connect ...byte) raw {
	t.Helper()
	conn, err := tls.Dial("tcp", r.Address(), r.tls(t, thing))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := raw{t, conn}
	if len(connect) == 0 {
		connect = packet(0x10, text("MQTT"), []byte{4, 2, 0, 30}, text(thing))
	}
	c.send(connect)
	return c
}

func (c raw) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next packet: the type of its fixed header, and what follows.
func (c raw) read() (kind byte, body []byte) {
	c.t.Helper()
	header := make([]byte, 2)
	if _, err := io.ReadFull(c, header); err != nil {
		c.t.Fatalf("reading a packet: %v", err)
	}
	body = make([]byte, header[1]) // the tests get no answer of 128 bytes or more
	if _, err := io.ReadFull(c, body); err != nil {
		c.t.Fatalf("reading a packet: %v", err)
	}
	return header[0] >> 4, body
}

// text is a UTF-8 string of MQTT.
func text(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }

// packet joins the parts behind a fixed header. They have less than 16 KB.
func packet(first byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	if len(body) < 128 {
		return append([]byte{first, byte(len(body))}, body...)
	}
	return append([]byte{first, byte(len(body)&0x7f | 0x80), byte(len(body) >> 7)}, body...)
}

const (
	connack  = 2
	puback   = 4
	pingresp = 13
)

var ping = []byte{0xC0, 0}

func TestOldMQTTIsRefused(t *testing.T) {
	r := start(t)
	c := r.dial(t, "soil-001", packet(0x10, text("MQIsdp"), []byte{3, 2, 0, 30}, text("soil-001"))...)
	kind, body := c.read()
	if kind != connack || body[1] != 1 {
		t.Errorf("packet %d %v, want a CONNACK with code 1 (unacceptable protocol version)", kind, body)
	}
}

// TestQoS2GetsNoAnswer sends the packet and a ping: the answer to the ping must be the only one.
func TestQoS2GetsNoAnswer(t *testing.T) {
	for why, request := range map[string][]byte{
		"a message with QoS 2 gets no PUBREC and no PUBACK": packet(0x34, text("gh/soil-001/telemetry"),
			[]byte{0, 7}, []byte("{}")),
		"a subscription with QoS 2 gets no SUBACK": packet(0x82, []byte{0, 8}, text("gh/soil-001/commands"), []byte{2}),
	} {
		r := start(t)
		c := r.dial(t, "soil-001")
		if kind, body := c.read(); kind != connack || body[1] != 0 {
			t.Fatalf("packet %d %v, want a CONNACK", kind, body)
		}
		c.send(request)
		r.told(t, runlog.Refused)
		c.send(ping)
		if kind, body := c.read(); kind != pingresp {
			t.Errorf("%s: packet %d %v", why, kind, body)
		}
		c.send(packet(0x32, text("gh/soil-001/telemetry"), []byte{0, 9}, []byte("after")))
		if kind, body := c.read(); kind != puback || body[1] != 9 {
			t.Errorf("%s: then packet %d %v, want the PUBACK of message 9", why, kind, body)
		}
		if m := r.next(t); string(m.Payload) != "after" {
			t.Errorf("%s: %q was passed on", why, m.Payload)
		}
		if err := r.Publish(message.New("gh/soil-001/commands", []byte("x"))); err != nil {
			t.Fatal(err)
		}
		c.send(ping)
		if kind, body := c.read(); kind != pingresp {
			t.Errorf("%s: the broker delivered packet %d %v", why, kind, body)
		}
	}
}

func TestPacketsThatEndTheConnection(t *testing.T) {
	for why, request := range map[string][]byte{
		"PUBREC belongs to QoS 2":              packet(0x50, []byte{0, 1}),
		"PUBREL belongs to QoS 2":              packet(0x62, []byte{0, 1}),
		"PUBCOMP belongs to QoS 2":             packet(0x70, []byte{0, 1}),
		"$SYS is reserved":                     packet(0x30, text("$SYS/x"), []byte("x")),
		"$share is reserved":                   packet(0x30, text("$share/a/b"), []byte("x")),
		"other reserved topics as well":        packet(0x32, text("$other/topic"), []byte{0, 1}, []byte("x")),
		"presence events are AWS's own":        packet(0x30, text("$aws/events/presence/connected/x"), []byte("{}")),
		"a topic contains no wildcard":         packet(0x30, text("gh/soil-001/#"), []byte("x")),
		"a second CONNECT is a protocol error": packet(0x10, text("MQTT"), []byte{4, 2, 0, 30}, text("soil-001")),
	} {
		r := start(t)
		c := r.dial(t, "soil-001")
		c.read()
		c.send(request)
		if n, err := c.Read(make([]byte, 16)); err != io.EOF {
			t.Errorf("%s: got %d bytes, %v, want the end of the connection", why, n, err)
		}
	}
}

func TestMQTT5ReasonCodes(t *testing.T) {
	large := strings.Repeat("x", 1000)
	tests := map[string]struct {
		publish *v5.Publish
		code    int
	}{
		"8 KB of user properties are the most": {code: 0x97, publish: &v5.Publish{Topic: "gh/soil-001/telemetry",
			Properties: &v5.PublishProperties{User: v5.UserProperties{
				{Key: "1", Value: large}, {Key: "2", Value: large}, {Key: "3", Value: large},
				{Key: "4", Value: large}, {Key: "5", Value: large}, {Key: "6", Value: large},
				{Key: "7", Value: large}, {Key: "8", Value: large}, {Key: "9", Value: large}}}}},
		"8 KB of correlation data are the most": {code: 0x97, publish: &v5.Publish{Topic: "gh/soil-001/telemetry",
			Properties: &v5.PublishProperties{CorrelationData: []byte(strings.Repeat("x", 8193))}}},
		"a content type has 256 bytes": {code: 0x97, publish: &v5.Publish{Topic: "gh/soil-001/telemetry",
			Properties: &v5.PublishProperties{ContentType: strings.Repeat("x", 257)}}},
		"reserved topics need no policy to be refused": {code: 0x87, publish: &v5.Publish{Topic: "$SYS/x"}},
	}
	for why, tt := range tests {
		r := start(t)
		client, _, closed := r.connect5(t, "soil-001")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		go func() { _, _ = client.Publish(ctx, tt.publish) }() // its answer never comes
		select {
		case code := <-closed:
			if code != tt.code {
				t.Errorf("%s: reason code %#x, want %#x", why, code, tt.code)
			}
		case <-ctx.Done():
			t.Errorf("%s: the connection stayed open", why)
		}
		cancel()
	}
}

// TestMQTT5QoS2 sends bytes, since a client that has read the CONNACK does not send QoS 2.
func TestMQTT5QoS2(t *testing.T) {
	const disconnect, qosNotSupported = 14, 0x9B
	will := [][]byte{{0}, text("gh/soil-001/status"), text("gone")} // no properties, topic, payload
	tests := map[string]struct {
		flags  byte // of the CONNECT packet
		will   [][]byte
		then   []byte
		kind   byte
		reason int // its place in the answer
	}{
		"a message ends the connection": {flags: 2, kind: disconnect, reason: 0,
			then: packet(0x34, text("gh/soil-001/telemetry"), []byte{0, 7, 0}, []byte("{}"))},
		"a last will prevents it": {flags: 2 | 4 | 2<<3, will: will, kind: connack, reason: 1},
	}
	for why, tt := range tests {
		r := start(t)
		parts := [][]byte{text("MQTT"), {5, tt.flags, 0, 30, 0}, text("soil-001")}
		c := r.dial(t, "soil-001", packet(0x10, append(parts, tt.will...)...)...)
		if tt.then != nil {
			c.read()
			c.send(tt.then)
		}
		if kind, body := c.read(); kind != tt.kind || body[tt.reason] != qosNotSupported {
			t.Errorf("%s: packet %d %x, want %d with reason code 0x9b", why, kind, body, tt.kind)
		}
	}
}

// TestForeignWillIsNotSent: AWS documents that a will needs iot:Publish, but not that a CONNECT with another will is
// refused. It is therefore refused when it is due.
func TestForeignWillIsNotSent(t *testing.T) {
	r := start(t)
	flags := byte(2 | 4) // clean session, will
	c := r.dial(t, "soil-001", packet(0x10, text("MQTT"), []byte{4, flags, 0, 30}, text("soil-001"),
		text("gh/soil-002/status"), text("gone"))...)
	if kind, body := c.read(); kind != connack || body[1] != 0 {
		t.Fatalf("packet %d %v, want a CONNACK", kind, body)
	}
	c.Close() // without DISCONNECT
	if e := r.told(t, runlog.Refused); e.Topic != "gh/soil-002/status" || !strings.Contains(e.Detail, "last will") {
		t.Errorf("refused %+v, want the last will", e)
	}
	r.told(t, runlog.Disconnected)
	for {
		select {
		case m := <-r.handled:
			if !strings.HasPrefix(m.Topic, "$aws/events/") {
				t.Errorf("passed on %q", m.Topic)
			}
			continue
		default:
		}
		break
	}
}

// TestMQTT5Connack compares with what AWS documents for its CONNACK.
func TestMQTT5Connack(t *testing.T) {
	r := start(t)
	conn, err := tls.Dial("tcp", r.Address(), r.tls(t, "soil-001"))
	if err != nil {
		t.Fatal(err)
	}
	client := v5.NewClient(v5.ClientConfig{Conn: packets.NewThreadSafeConn(conn)})
	expiry := uint32(7 * 24 * 60 * 60)
	ack, err := client.Connect(t.Context(), &v5.Connect{ClientID: "soil-001", CleanStart: true, KeepAlive: 30,
		Properties: &v5.ConnectProperties{SessionExpiryInterval: &expiry,
			User: v5.UserProperties{{Key: "k", Value: "v"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(&v5.Disconnect{}) })
	p := ack.Properties
	if p.MaximumQoS == nil || *p.MaximumQoS != 1 {
		t.Error("want a maximum QoS of 1")
	}
	if p.SubIDAvailable {
		t.Error("subscription identifiers are not available")
	}
	if p.TopicAliasMaximum == nil || *p.TopicAliasMaximum != 8 {
		t.Error("want 8 topic aliases")
	}
	if p.ReceiveMaximum == nil || *p.ReceiveMaximum != 100 {
		t.Error("want a receive maximum of 100")
	}
	if p.SessionExpiryInterval == nil || *p.SessionExpiryInterval != 3600 {
		t.Error("want a session of at most an hour")
	}
	if len(p.User) > 0 {
		t.Errorf("user properties come back: %v", p.User)
	}
	publish, err := client.Publish(t.Context(), &v5.Publish{Topic: "gh/soil-001/telemetry", QoS: 1,
		Properties: &v5.PublishProperties{User: v5.UserProperties{{Key: "k", Value: "v"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if publish.Properties != nil && len(publish.Properties.User) > 0 {
		t.Errorf("the PUBACK returns user properties: %v", publish.Properties.User)
	}
}

func TestWildcardSubscriptions(t *testing.T) {
	r := start(t)
	r.registry.set(func() {
		r.registry.text = `{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}`
	})
	c := r.dial(t, "soil-001")
	c.read()
	m := message.New("gh/soil-001", []byte("kept"))
	m.Retain = true
	if err := r.Deliver(m); err != nil {
		t.Fatal(err)
	}
	c.send(packet(0x82, []byte{0, 1}, text("gh/soil-001/#"), []byte{0}))
	if kind, _ := c.read(); kind != 9 {
		t.Fatalf("packet %d, want a SUBACK", kind)
	}
	if err := r.Deliver(message.New("gh/soil-001", []byte("live"))); err != nil {
		t.Fatal(err)
	}
	if err := r.Deliver(message.New("gh/soil-001/telemetry", []byte("below"))); err != nil {
		t.Fatal(err)
	}
	if _, body := c.read(); !strings.HasSuffix(string(body), "below") {
		t.Errorf("received %q: a wildcard subscription gets neither the parent topic nor retained messages", body)
	}
	c.send(packet(0x82, []byte{0, 2}, text("gh/soil-001"), []byte{0}))
	if kind, _ := c.read(); kind != 9 {
		t.Fatalf("packet %d, want a SUBACK", kind)
	}
	if _, body := c.read(); !strings.HasSuffix(string(body), "kept") {
		t.Errorf("received %q, want the retained message", body)
	}
}
