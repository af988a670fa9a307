package uplink

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/queue"
)

// server is the other end of each connection, packet by packet. Everything runs in a bubble of synctest: an hour takes
// no time.
type server struct {
	t       *testing.T
	conns   chan net.Conn
	refuse  bool // connections
	maximum uint16
	aliases uint16
	granted []byte // the answer to the next subscription; nil grants it
	receive func(message.Message)

	mu    sync.Mutex
	dials []time.Time
}

func (s *server) dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	s.dials = append(s.dials, time.Now())
	refuse := s.refuse
	s.mu.Unlock()
	if refuse {
		return nil, io.ErrUnexpectedEOF
	}
	here, there := net.Pipe()
	s.conns <- there
	return here, nil
}

// A peer is one connection at the server. Packets are read as they come, so that the uplink never waits for the peer.
type peer struct {
	t         *testing.T
	conn      net.Conn
	publishes chan *packets.Publish
	names     map[uint16]string
}

func (s *server) accept() *peer {
	p := &peer{t: s.t, conn: <-s.conns, publishes: make(chan *packets.Publish, 10_000), names: map[uint16]string{}}
	go func() {
		defer close(p.publishes)
		for {
			in, err := packets.ReadPacket(p.conn)
			if err != nil {
				return
			}
			switch c := in.Content.(type) {
			case *packets.Connect:
				properties := &packets.Properties{}
				if s.maximum > 0 {
					properties.ReceiveMaximum = &s.maximum
				}
				if s.aliases > 0 {
					properties.TopicAliasMaximum = &s.aliases
				}
				p.write(&packets.Connack{Properties: properties})
			case *packets.Subscribe:
				answer := s.granted
				s.granted = nil
				if answer == nil {
					answer = []byte{1}
				}
				p.write(&packets.Suback{PacketID: c.PacketID, Reasons: answer, Properties: &packets.Properties{}})
			case *packets.Publish:
				p.publishes <- c
			}
		}
	}()
	return p
}

func (p *peer) write(packet io.WriterTo) {
	if _, err := packet.WriteTo(p.conn); err != nil {
		p.t.Logf("the peer could not write: %v", err) // the connection was closed meanwhile
	}
}

// next returns the next message, with its topic in full.
func (p *peer) next() (topic, payload string, id uint16) {
	p.t.Helper()
	select {
	case m, ok := <-p.publishes:
		if !ok {
			p.t.Fatal("the connection has ended")
		}
		topic, payload, _ = p.resolve(m)
		return topic, payload, m.PacketID
	case <-time.After(time.Hour):
		p.t.Fatal("no message within an hour")
	}
	return "", "", 0
}

// resolve returns a message with its topic in full, and whether it had an alias alone.
func (p *peer) resolve(m *packets.Publish) (topic, payload string, alone bool) {
	topic = m.Topic
	if m.Properties != nil && m.Properties.TopicAlias != nil {
		if topic != "" {
			p.names[*m.Properties.TopicAlias] = topic
		}
		topic = p.names[*m.Properties.TopicAlias]
	}
	return topic, string(m.Payload), m.Topic == ""
}

// none fails if there is a message within a time.
func (p *peer) none(d time.Duration) {
	p.t.Helper()
	select {
	case m, ok := <-p.publishes:
		if ok {
			p.t.Fatalf("unexpected message %s", m.Payload)
		}
		p.t.Fatal("the connection has ended")
	case <-time.After(d):
	}
}

func (p *peer) acknowledge(id uint16, code byte) {
	p.write(&packets.Puback{PacketID: id, ReasonCode: code, Properties: &packets.Properties{}})
}

// ended waits for the end of the connection.
func (p *peer) ended() {
	for range p.publishes { // until it is closed
		continue
	}
}

// start runs an uplink in the bubble.
func start(t *testing.T, s *server, q *queue.Queue, settings Settings) *Uplink {
	t.Helper()
	receive := s.receive
	if receive == nil {
		receive = func(message.Message) {}
	}
	s.t, s.conns = t, make(chan net.Conn)
	u := New(Options{Endpoint: "cloud:8883", ClientID: "gw", Queue: q, Settings: settings, Dial: s.dial,
		Subscriptions: []string{"gh/gw/children/+/commands"}, Receive: receive,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); u.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return u
}

// inBubble runs a test with a queue.
func inBubble(t *testing.T, test func(t *testing.T, q *queue.Queue)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q, err := queue.Open(dir, queue.Options{MaxBytes: 64 << 20, Policy: queue.DropOldest})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { q.Close() })
		test(t, q)
	})
}

func put(t *testing.T, q *queue.Queue, topic string, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		if err := q.Append(queue.Record{Time: time.Now(), Priority: queue.Normal, Topic: topic,
			Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWindowAndOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{maximum: 3}
		start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "0", "1", "2", "3", "4")
		p := s.accept()
		var ids []uint16
		for i := range 3 {
			_, payload, id := p.next()
			if payload != fmt.Sprint(i) {
				t.Fatalf("message %s, want %d", payload, i)
			}
			ids = append(ids, id)
		}
		p.none(20 * time.Second) // the server takes three at a time
		p.acknowledge(ids[1], 0)
		if _, payload, _ := p.next(); payload != "3" {
			t.Errorf("message %s, want 3", payload)
		}
		p.conn.Close()
		p = s.accept()
		for _, want := range []string{"0", "2", "3"} { // all that was not acknowledged, in order
			_, payload, id := p.next()
			if payload != want {
				t.Errorf("after the reconnect, message %s, want %s", payload, want)
			}
			p.acknowledge(id, 0)
		}
		_, payload, id := p.next()
		p.acknowledge(id, 0)
		synctest.Wait()
		if s := q.Stats(); payload != "4" || s.Records != 0 {
			t.Errorf("last message %s, %+v", payload, s)
		}
	})
}

func TestAcknowledgementsThatRefuse(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "bad", "good")
		p := s.accept()
		_, _, bad := p.next()
		_, _, good := p.next()
		p.acknowledge(bad, payloadFormatInvalid) // permanently
		p.acknowledge(good, 0x97)                // quota exceeded: for now
		p.ended()
		if s := q.Stats(); s.Rejected != 1 || s.Records != 1 {
			t.Errorf("%+v, want one rejected, and one still there", s)
		}
		p = s.accept()
		_, payload, id := p.next()
		p.acknowledge(id, 0)
		synctest.Wait()
		if payload != "good" || q.Stats().Records != 0 || !strings.Contains(u.Stats().LastError, "0x97") {
			t.Errorf("sent again: %s; %+v; %+v", payload, q.Stats(), u.Stats())
		}
	})
}

func TestMissingAcknowledgement(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		put(t, q, "gh/gw:a/telemetry", "1")
		p := s.accept()
		p.next()
		begin := time.Now()
		p.ended()
		if took := time.Since(begin); took < ackTimeout || took > ackTimeout+time.Second {
			t.Errorf("the connection was closed after %s, want %s", took, ackTimeout)
		}
		p = s.accept()
		if _, payload, _ := p.next(); payload != "1" || !strings.Contains(u.Stats().LastError, "not acknowledged") {
			t.Errorf("sent again: %s; %+v", payload, u.Stats())
		}
	})
}

// TestReconnects: attempts become rarer, up to two minutes, and are not regular.
func TestReconnects(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{refuse: true}
		start(t, s, q, Settings{Limits: DefaultLimits})
		time.AfterFunc(time.Hour, func() { s.mu.Lock(); s.refuse = false; s.mu.Unlock() })
		s.accept()
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.dials); n < 30 || n > 200 {
			t.Errorf("%d attempts in an hour", n)
		}
		distinct := map[time.Duration]bool{}
		for i := 1; i < len(s.dials); i++ {
			pause := s.dials[i].Sub(s.dials[i-1])
			if pause < time.Second || pause > 2*time.Minute {
				t.Errorf("attempt %d came after %s", i, pause)
			}
			distinct[pause] = true
		}
		if len(distinct) < len(s.dials)/2 {
			t.Error("the pauses are regular")
		}
	})
}

func TestBatches(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		start(t, s, q, Settings{Limits: DefaultLimits, Batch: &Batch{MaxReadings: 3, MaxBytes: 1000, LingerMS: 5000}})
		a, b := "gh/gw:a/telemetry", "gh/gw:b/telemetry"
		p := s.accept()
		put(t, q, a, `{"n":1}`)
		put(t, q, b, `{"n":1}`)
		put(t, q, a, `{"n":2}`)
		put(t, q, "gh/gw:a/status", "online")
		put(t, q, b, "not JSON", `{"n":2}`)
		put(t, q, a, `{"n":3}`, `{"n":4}`, `{"n":5}`, `{"n":6}`)
		begin := time.Now()
		for _, want := range []string{
			a + ` [{"n":1},{"n":2}]`, "gh/gw:a/status online", // what follows closes a batch
			b + ` {"n":1}`, b + " not JSON", // one reading is what the device sent
			a + ` [{"n":3},{"n":4},{"n":5}]`, // full
		} {
			topic, payload, id := p.next()
			if got := topic + " " + payload; got != want {
				t.Errorf("message %s, want %s", got, want)
			}
			p.acknowledge(id, 0)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("full batches waited for %s", took)
		}
		rest := map[string]bool{}
		for range 2 {
			topic, payload, id := p.next()
			rest[topic+" "+payload] = true
			p.acknowledge(id, 0)
		}
		if took := time.Since(begin); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("the others waited for %s, want 5s", took)
		}
		synctest.Wait()
		if !rest[a+` {"n":6}`] || !rest[b+` {"n":2}`] || q.Stats().Records != 0 {
			t.Errorf("at the end %v, %+v", rest, q.Stats())
		}
	})
}

// TestRateLimits: AWS IoT closes no connection and drops nothing of a gateway that keeps to its quotas.
func TestRateLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits  Limits
		size    int
		seconds float64
	}{
		"publishes": {Limits{PublishesPerSecond: 100, BytesPerSecond: 1 << 20, Window: 50}, 10, 11},
		"bytes":     {Limits{PublishesPerSecond: 10_000, BytesPerSecond: 512 << 10, Window: 50}, 10 << 10, 19},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, q *queue.Queue) {
				s := &server{}
				start(t, s, q, Settings{Limits: c.limits})
				for range 1000 {
					put(t, q, "gh/gw:a/telemetry", strings.Repeat("x", c.size))
				}
				p := s.accept()
				begin := time.Now()
				var sent []time.Time
				for range 1000 {
					_, _, id := p.next()
					p.acknowledge(id, 0)
					sent = append(sent, time.Now())
					if n := len(sent) - 1 - c.limits.PublishesPerSecond; n >= 0 && time.Since(sent[n]) < time.Second {
						t.Fatalf("more than %d messages in %s", c.limits.PublishesPerSecond, time.Since(sent[n]))
					}
				}
				if took := time.Since(begin).Seconds(); took < c.seconds*0.9 || took > c.seconds*1.1 {
					t.Errorf("a thousand messages took %.1fs, want %.1fs", took, c.seconds)
				}
			})
		})
	}
}

// TestAliases: with more topics than aliases, each message still has the right topic, and most are short.
func TestAliases(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{aliases: 2}
		start(t, s, q, Settings{Limits: Limits{PublishesPerSecond: 1000, BytesPerSecond: 1 << 20, Window: 100}})
		p := s.accept()
		for i := range 60 {
			put(t, q, fmt.Sprintf("gh/gw:%d/telemetry", []int{0, 1, 1, 1, 2}[i%5]), fmt.Sprint(i))
		}
		short := 0
		for i := range 60 {
			topic, payload, alone := p.resolve(<-p.publishes)
			want := fmt.Sprintf("gh/gw:%d/telemetry", []int{0, 1, 1, 1, 2}[i%5])
			if topic != want || payload != fmt.Sprint(i) {
				t.Errorf("message %s on %s, want %d on %s", payload, topic, i, want)
			}
			if alone {
				short++
			}
		}
		if short < 24 {
			t.Errorf("%d of 60 messages have an alias only", short)
		}
	})
}

func TestSettingsChange(t *testing.T) {
	inBubble(t, func(t *testing.T, q *queue.Queue) {
		s := &server{}
		u := start(t, s, q, Settings{Limits: DefaultLimits})
		p := s.accept()
		put(t, q, "gh/gw:a/telemetry", `{"n":1}`)
		if _, payload, _ := p.next(); payload != `{"n":1}` {
			t.Errorf("message %s", payload)
		}
		synctest.Wait()
		u.Set(Settings{Limits: DefaultLimits, Batch: &Batch{MaxReadings: 2, MaxBytes: 1000, LingerMS: 1000}})
		put(t, q, "gh/gw:a/telemetry", `{"n":2}`, `{"n":3}`)
		if _, payload, _ := p.next(); payload != `[{"n":2},{"n":3}]` {
			t.Errorf("with batches, message %s", payload)
		}
	})
}
