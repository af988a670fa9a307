package broker

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
)

// Versions of MQTT.
const (
	mqtt311 = 4
	mqtt5   = 5
)

// site is a broker with the children a and b. Everything runs in a bubble of synctest: an hour takes no time.
type site struct {
	*Broker
	t        *testing.T
	log      bytes.Buffer
	children []*child
}

// inBubble runs a test with a broker.
func inBubble(t *testing.T, test func(*site)) {
	t.Helper()
	password := hash()
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		var err error
		s.Broker, err = Start(Options{Prefix: "gh", Gateway: "gw",
			Children: map[string]config.Child{"a": {Password: password}, "b": {Password: password}},
			Log:      slog.New(slog.NewTextHandler(&s.log, nil)),
			Take:     func(string, string, []byte) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		test(s)
		for _, c := range s.children {
			c.leave()
		}
		s.Close()
	})
}

// child is a client, packet by packet.
type child struct {
	s         *site
	conn      net.Conn
	version   byte
	outgoing  chan []byte         // a pipe has no buffer: both ends would wait for each other
	answers   chan packets.Packet // CONNACK and SUBACK
	publishes chan packets.Packet
	// silent clients acknowledge nothing.
	silent bool
}

// A connection is how a child connects.
type connection struct {
	version byte
	clean   bool
	qos     byte // of its subscription
	silent  bool
}

// connect connects a child, which subscribes.
func (s *site) connect(name string, c connection) *child {
	s.t.Helper()
	synctest.Wait() // for commands that are on their way to the server
	here, there := net.Pipe()
	conn := newConn(there)
	s.strangers.enter(conn)
	go func() {
		defer s.strangers.leave(conn)
		_ = s.server.EstablishConnection("test", conn) // it ends with the test
	}()
	ch := &child{s: s, conn: here, version: c.version, silent: c.silent, outgoing: make(chan []byte, 1000),
		answers: make(chan packets.Packet, 10), publishes: make(chan packets.Packet, 200)}
	s.children = append(s.children, ch)
	go ch.read()
	go func() {
		for packet := range ch.outgoing {
			_, _ = here.Write(packet) // after a disconnection, nobody reads it
		}
	}()
	hour := packets.Properties{SessionExpiryInterval: 3600, SessionExpiryIntervalFlag: true}
	ch.write(&packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect}, Properties: hour,
		Connect: packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: c.clean, ClientIdentifier: name,
			UsernameFlag: true, Username: []byte(name), PasswordFlag: true, Password: []byte(secret)}})
	<-ch.answers
	ch.write(&packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, PacketID: 9999,
		Filters: packets.Subscriptions{{Filter: "commands", Qos: c.qos}}})
	<-ch.answers
	synctest.Wait()
	return ch
}

func (c *child) write(pk *packets.Packet) {
	var buf bytes.Buffer
	pk.ProtocolVersion = c.version
	encode := map[byte]func(*bytes.Buffer) error{packets.Connect: pk.ConnectEncode, packets.Subscribe: pk.SubscribeEncode,
		packets.Puback: pk.PubackEncode}[pk.FixedHeader.Type]
	if err := encode(&buf); err != nil {
		c.s.t.Errorf("encoding a packet: %v", err)
	}
	c.outgoing <- buf.Bytes()
}

// read takes what the broker sends.
func (c *child) read() {
	for in := bufio.NewReader(c.conn); ; {
		pk := packets.Packet{ProtocolVersion: c.version}
		first, err := in.ReadByte()
		if err != nil {
			return
		}
		if err = pk.FixedHeader.Decode(first); err == nil {
			pk.FixedHeader.Remaining, _, err = packets.DecodeLength(in)
		}
		body := make([]byte, pk.FixedHeader.Remaining)
		if _, failed := io.ReadFull(in, body); failed != nil {
			return
		}
		switch {
		case err != nil:
		case pk.FixedHeader.Type == packets.Publish:
			if err = pk.PublishDecode(body); err == nil && pk.FixedHeader.Qos > 0 && !c.silent {
				c.acknowledge(pk.PacketID)
			}
			c.publishes <- pk
		default:
			c.answers <- pk
		}
		if err != nil {
			c.s.t.Errorf("the broker sent what cannot be read: %v", err)
		}
	}
}

func (c *child) acknowledge(id uint16) {
	c.write(&packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: id})
}

// leave ends the connection without a word.
func (c *child) leave() {
	c.conn.Close()
	synctest.Wait() // also for read, which writes
	if c.outgoing != nil {
		close(c.outgoing)
		c.outgoing = nil
	}
}

// got are the commands that have arrived, each with the seconds that are left.
func (c *child) got() []string {
	synctest.Wait()
	got := []string{}
	for {
		select {
		case pk := <-c.publishes:
			got = append(got, fmt.Sprintf("%s %s %d", pk.TopicName, pk.Payload, pk.Properties.MessageExpiryInterval))
		default:
			return got
		}
	}
}

func (c *child) want(why string, want ...string) {
	c.s.t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, c.got()); diff != "" {
		c.s.t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

// command sends a command that expires after seconds; 0 stands for never.
func (s *site) command(name, payload string, seconds int) error {
	m := message.Message{Payload: []byte(payload), CorrelationData: []byte("id-of-" + payload)}
	if seconds != 0 {
		m.Deadline = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	return s.Command(name, m)
}

// passes lets time pass in the bubble.
func passes(d time.Duration) { <-time.After(d) }

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// counts compares what the broker has counted.
func (s *site) counts(why string, commands, expired, undelivered uint64) {
	s.t.Helper()
	if got := s.Stats(); got.Commands != commands || got.Expired != expired || got.Undelivered != undelivered {
		s.t.Errorf("%s: %d commands, %d expired, %d undelivered; want %d, %d, %d", why, got.Commands, got.Expired,
			got.Undelivered, commands, expired, undelivered)
	}
}

// TestPropertiesReachTheChild: those of MQTT 5, as AWS IoT has sent them.
func TestPropertiesReachTheChild(t *testing.T) {
	inBubble(t, func(s *site) {
		c := s.connect("a", connection{version: mqtt5, clean: true, qos: 1})
		s.must(s.Command("a", message.Message{Topic: "gh/gw/children/gw:a/commands", Payload: []byte("{}"), UTF8: true,
			ContentType: "application/json", ResponseTopic: "gh/gw:a/commands/7/result", CorrelationData: []byte{0, 7},
			User:     []message.UserProperty{{Name: "k", Value: "2"}, {Name: "k", Value: "1"}},
			Deadline: time.Now().Add(time.Minute)}))
		synctest.Wait()
		got := (<-c.publishes).Properties
		want := packets.Properties{PayloadFormat: 1, PayloadFormatFlag: true, ContentType: "application/json",
			ResponseTopic: "gh/gw:a/commands/7/result", CorrelationData: []byte{0, 7}, MessageExpiryInterval: 60,
			User: []packets.UserProperty{{Key: "k", Val: "2"}, {Key: "k", Val: "1"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.must(s.Command("a", message.Message{Payload: []byte("{}")}))
		synctest.Wait()
		if diff := cmp.Diff(packets.Properties{}, (<-c.publishes).Properties); diff != "" {
			t.Errorf("a command without properties has some:\n%s", diff)
		}
		b := s.connect("b", connection{version: mqtt5, clean: true})
		s.must(s.command("b", "x", 10))
		s.must(s.command("b", "y", 20))
		s.must(s.command("b", "z", 0))
		b.want("QoS 0", "commands x 10", "commands y 20", "commands z 0")
	})
}

// TestCommandsExpire: what has expired when a child is there again is not delivered, whatever it speaks; the rest is, in
// order and with the time that is left.
func TestCommandsExpire(t *testing.T) {
	for _, c := range []struct {
		why     string
		version byte
		want    []string
	}{
		{"MQTT 5", mqtt5, []string{"commands forever 0", "commands an hour 3589", "commands 12 s 1"}},
		{"MQTT 3.1.1 has no properties", mqtt311, []string{"commands forever 0", "commands an hour 0",
			"commands 12 s 0"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			inBubble(t, func(s *site) {
				first := s.connect("a", connection{version: c.version, qos: 1})
				s.must(s.command("a", "at once", 10))
				if got := first.got(); len(got) != 1 || !strings.HasPrefix(got[0], "commands at once ") {
					t.Errorf("a child that is connected has got %q", got)
				}
				first.leave()
				s.must(s.command("a", "forever", 0))
				s.must(s.command("a", "10 s", 10))
				s.must(s.command("a", "an hour", 3600))
				s.must(s.command("a", "12 s", 12))
				passes(11*time.Second + time.Millisecond)
				s.counts("nobody has looked", 5, 0, 0)
				again := s.connect("a", connection{version: c.version, qos: 1})
				again.want("after eleven seconds", c.want...)
				s.counts("one was too late", 5, 1, 0)
				if log := s.log.String(); strings.Count(log, "expired") != 1 || !strings.Contains(log, `correlation="id-of-10 s"`) {
					t.Errorf("the log is %s", log)
				}
			})
		})
	}
}

// TestExpiryIsExact: a command is delivered until its very last moment, and not at it.
func TestExpiryIsExact(t *testing.T) {
	for _, c := range []struct {
		why  string
		away time.Duration
		want []string
	}{
		{"just in time", 10*time.Second - time.Millisecond, []string{"commands x 1"}},
		{"in the same moment", 10 * time.Second, nil},
		{"too late", 10*time.Second + time.Millisecond, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			inBubble(t, func(s *site) {
				passes(700 * time.Millisecond) // the server counts whole seconds
				s.connect("a", connection{version: mqtt5, qos: 1}).leave()
				s.must(s.command("a", "x", 10))
				passes(c.away)
				s.connect("a", connection{version: mqtt5, qos: 1}).want(c.why, c.want...)
			})
		})
	}
}

// TestExpire: commands that expire make room for others, without the child.
func TestExpire(t *testing.T) {
	inBubble(t, func(s *site) {
		s.connect("a", connection{version: mqtt311, qos: 1}).leave()
		for i := range maxCommands {
			s.must(s.command("a", fmt.Sprint(i), 10+i))
		}
		synctest.Wait()
		err := s.command("a", "one more", 60)
		if err == nil || !strings.Contains(err.Error(), "too many commands wait") {
			t.Errorf("one more: %v", err)
		}
		passes(15 * time.Second)
		s.Expire()
		s.counts("after fifteen seconds", maxCommands, 6, 1)
		s.must(s.command("a", "one more", 600))
		passes(104 * time.Second)
		s.connect("a", connection{version: mqtt5, qos: 1}).want("the others have expired, too", "commands one more 496")
		s.counts("at the end", maxCommands+1, maxCommands, 1)
	})
}

// TestTooMany: however fast commands come, each that is too many is counted, and the others arrive.
func TestTooMany(t *testing.T) {
	inBubble(t, func(s *site) {
		s.connect("a", connection{version: mqtt5, qos: 1}).leave()
		for i := range maxCommands + 50 {
			_ = s.command("a", fmt.Sprint(i), 0) // whether the broker knows at once, or when it sends, is chance
		}
		got := s.connect("a", connection{version: mqtt5, qos: 1}).got()
		if len(got) != maxCommands || got[0] != "commands 0 0" {
			t.Errorf("%d commands arrive: %q", len(got), got)
		}
		if n := s.Stats().Undelivered; n != 50 {
			t.Errorf("%d are counted as undelivered, want 50", n)
		}
	})
}

// TestOrder: commands that wait arrive in the order in which they were sent, all in one second and after many others.
func TestOrder(t *testing.T) {
	inBubble(t, func(s *site) {
		c := s.connect("a", connection{version: mqtt311, qos: 1})
		s.must(s.command("a", "x", 0))
		c.want("a child that is connected", "commands x 0")
		c.leave()
		s.outboxes["a"].last = 1<<16 - maxCommands/2 // the server compares 16 bits
		var want []string
		for i := range maxCommands {
			payload := fmt.Sprint("c", i)
			s.must(s.command("a", payload, 0))
			want = append(want, "commands "+payload+" 0")
		}
		s.connect("a", connection{version: mqtt311, qos: 1}).want("what has waited", want...)
	})
}

// TestCommandsThatNobodyGets are errors, or counted.
func TestCommandsThatNobodyGets(t *testing.T) {
	for _, c := range []struct {
		why, to, says string
		before        func(*site)
	}{
		{"a child that there is not", "c", "no such child", nil},
		{"a child that was never here", "a", "has no session", nil},
		{"a child whose session ended with its connection", "a", "has no session", func(s *site) {
			s.connect("a", connection{version: mqtt311, clean: true, qos: 1}).leave()
		}},
		{"a child that is not there and wants no QoS 1", "a", "QoS 0", func(s *site) {
			s.connect("a", connection{version: mqtt5}).leave()
		}},
		{"a session that has ended", "a", "has no session", func(s *site) {
			s.connect("a", connection{version: mqtt5, qos: 1}).leave()
			passes(61 * time.Minute)
		}},
	} {
		t.Run(c.why, func(t *testing.T) {
			inBubble(t, func(s *site) {
				if c.before != nil {
					c.before(s)
				}
				if err := s.command(c.to, "x", 10); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want %q", err, c.says)
				}
				s.counts("it is counted", 0, 0, 1)
			})
		})
	}
	inBubble(t, func(s *site) {
		c := s.connect("a", connection{version: mqtt5, qos: 1})
		s.must(s.command("a", "late", -1))
		c.want("a command that was too late when it came")
		s.counts("too late", 0, 1, 0)
		c.leave()
		s.must(s.command("a", "x", 0))
		s.must(s.command("a", "y", 0))
		s.connect("a", connection{version: mqtt5, clean: true, qos: 1}).want("a new session has none")
		s.counts("a new session", 2, 1, 2)
	})
	inBubble(t, func(s *site) {
		s.connect("a", connection{version: mqtt5, qos: 1}).leave()
		s.must(s.command("a", "x", 0))
		passes(61 * time.Minute)
		s.counts("with the session", 1, 0, 1)
	})
}

// TestWhatWasSentDoesNotExpire: a child that acknowledges late has the command. If it comes back without having
// acknowledged, it may not have it, and gets it while there is time.
func TestWhatWasSentDoesNotExpire(t *testing.T) {
	inBubble(t, func(s *site) {
		c := s.connect("a", connection{version: mqtt5, qos: 1, silent: true})
		s.must(s.command("a", "x", 10))
		synctest.Wait()
		x := <-c.publishes
		passes(11 * time.Second)
		s.Expire()
		s.counts("it was sent", 1, 0, 0)
		c.acknowledge(x.PacketID)
		s.must(s.command("a", "y", 10))
		c.want("a second", "commands y 10")
		c.leave()
		passes(time.Second)
		again := s.connect("a", connection{version: mqtt5, qos: 1, silent: true})
		again.want("it was not acknowledged", "commands y 9")
		again.leave()
		passes(10 * time.Second)
		s.connect("a", connection{version: mqtt5, qos: 1}).want("it is too late now")
		s.counts("at the end", 2, 1, 0)
		if o := s.outboxes["a"]; len(o.deadlines) != 0 {
			t.Errorf("deadlines of nothing: %v", o.deadlines)
		}
	})
}
