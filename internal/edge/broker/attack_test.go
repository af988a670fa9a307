package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

// TestStrangersMakeRoom: those who connect and say nothing lock nobody out, however many they are.
func TestStrangersMakeRoom(t *testing.T) {
	b, k := start(t, "soil-1")
	first := dial(t, b)
	for range 3 * maxStrangers {
		dial(t, b)
	}
	c := dial(t, b)
	c.mustConnect("soil-1", nil)
	c.publish("telemetry", "{}", 1)
	k.next(t)
	first.closed()
	if got := b.Stats().Refused; got < 2*maxStrangers {
		t.Errorf("%d clients are counted as refused, of %d that made room", got, 2*maxStrangers+1)
	}
	b.strangers.mu.Lock()
	defer b.strangers.mu.Unlock()
	if n := len(b.strangers.list); n > maxStrangers {
		t.Errorf("%d strangers are connected", n)
	}
}

// TestAllAtOnce: as many children as there are come at the same moment, as after a power cut; none has to try twice.
func TestAllAtOnce(t *testing.T) {
	var names []string
	for i := range 5 * maxStrangers {
		names = append(names, fmt.Sprint("s", i))
	}
	b, _ := start(t, names...)
	for child, known := range b.options.Children { // the password is known, so this takes no time
		b.passwords.known[child] = b.passwords.sum(config.PasswordHash(known.Password), []byte(secret))
	}
	var all sync.WaitGroup
	for _, name := range names {
		c := dial(t, b)
		all.Go(func() {
			if code, _, err := c.connect(name, secret, nil); err != nil || code != 0 {
				t.Errorf("%s: code %d, %v", name, code, err)
			}
		})
	}
	all.Wait()
	// The server counts a client after it has answered it.
	await(t, "all are connected", func() bool { return b.Stats().Connected == len(names) })
	if got := b.Stats(); got.Refused > 0 {
		t.Errorf("%+v", got)
	}
}

// TestStrangersHaveADeadline: a client that sends a part of its first packet is disconnected, whatever it does.
func TestStrangersHaveADeadline(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	deadline := &deadlines{Conn: ours}
	c := newConn(deadline)
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(deadline.read); left <= 0 || left > strangerPatience {
		t.Errorf("a stranger has %s left", left)
	}
	c.establish()
	if err := c.SetDeadline(time.Time{}); err != nil || !deadline.read.IsZero() {
		t.Errorf("a child has the deadline %s, %v", deadline.read, err)
	}
}

type deadlines struct {
	net.Conn
	read time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = t
	return d.Conn.SetReadDeadline(t)
}

// TestSlowReader: a child that takes no commands holds up neither whoever sends them, nor the end of the program.
func TestSlowReader(t *testing.T) {
	b, k := start(t, "slow", "soil-1")
	slow := dial(t, b)
	slow.version = 5
	slow.mustConnect("slow", func(pk *packets.Packet) { pk.Connect.Keepalive, pk.Properties.ReceiveMaximum = 0, 50 })
	slow.subscribe()
	other := dial(t, b)
	other.mustConnect("soil-1", nil)
	other.subscribe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for full := 0; full < 2; { // the network takes nothing more, and nothing more may wait
			if err := b.Command("slow", text(strings.Repeat("x", 100<<10))); errors.Is(err, errOutbox) {
				full++
			}
			_ = slow.write(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
			other.publish("telemetry", "{}", 0)
			k.next(t)
		}
		if err := b.Command("soil-1", text("open")); err != nil {
			t.Error(err)
		}
		if kind, body, err := other.next(); err != nil || kind != packets.Publish {
			t.Errorf("the other child gets packet %d %q, %v", kind, body, err)
		}
		b.Close()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("a child that reads nothing holds up the others")
	}
}

// TestDeadlineOfWrites: it does not move while the client sends.
func TestDeadlineOfWrites(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newConn(ours)
	c.establish()
	failed := make(chan error)
	go func() {
		_, err := c.Write([]byte("x"))
		failed <- err
	}()
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	c.hurry()
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the connection goes on: %v", err)
	}
}

// flaky is a listener whose first attempts fail, as without file descriptors.
type flaky struct {
	net.Listener
	fail int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.fail > 0 {
		f.fail--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

// TestTooManyFiles: a listener survives it.
func TestTooManyFiles(t *testing.T) {
	b, _ := start(t, "soil-1")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.running.Go(func() { b.accept(&flaky{listener, 3}, "flaky", false) })
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, b)
	c.Conn, c.version = conn, 4
	c.read.Reset(conn)
	c.mustConnect("soil-1", nil)
}

// TestNames: children may be called as things of the MQTT server are.
func TestNames(t *testing.T) {
	for _, name := range []string{"inline", "local", "commands", "telemetry"} {
		b, k := start(t, name)
		c := dial(t, b)
		if c.mustConnect(name, func(pk *packets.Packet) { pk.Connect.Clean = false }) {
			t.Errorf("%s has a session before it ever connected", name)
		}
		c.subscribe()
		if err := b.Command(name, text("open")); err != nil {
			t.Error(err)
		}
		if kind, body, err := c.next(); err != nil || kind != packets.Publish || !strings.HasSuffix(string(body), "open") {
			t.Errorf("%s gets packet %d %q, %v", name, kind, body, err)
		}
		c.publish("telemetry", "{}", 0)
		if got, want := k.next(t), [2]string{"gh/gw-1:" + name + "/telemetry", "{}"}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestKeepAlive: a long one is a long one.
func TestKeepAlive(t *testing.T) {
	b, k := start(t, "soil-1")
	for _, version := range []byte{4, 5} {
		c := dial(t, b)
		c.version = version
		c.mustConnect("soil-1", func(pk *packets.Packet) { pk.Connect.Keepalive = 43_691 }) // one and a half is 0
		for range 3 {
			c.publish("telemetry", "{}", 1)
			k.next(t)
			if kind, _, err := c.next(); err != nil || kind != packets.Puback {
				t.Errorf("MQTT %d: packet %d, %v", version, kind, err)
			}
		}
	}
}

// TestUnansweredPublishes: what the broker does not take ends the connection, rather than making the child wait.
func TestUnansweredPublishes(t *testing.T) {
	for what, publish := range map[string]func(*client){
		"QoS 2":       func(c *client) { c.publish("telemetry", "{}", 2) },
		"a wildcard":  func(c *client) { c.publish("gh/+/telemetry", "{}", 1) },
		"$SYS":        func(c *client) { c.publish("$SYS/broker", "{}", 1) },
		"no topic":    func(c *client) { c.publish("", "{}", 1) },
		"a long one":  func(c *client) { c.publish(strings.Repeat("x", 60_000), "{}", 1) },
		"two levels":  func(c *client) { c.publish("commands/1/2/result", "{}", 1) },
		"odd results": func(c *client) { c.publish("commands/\x01/result", "{}", 1) },
	} {
		b, k := start(t, "soil-1")
		b.AllowCommandResults(true)
		c := dial(t, b)
		c.mustConnect("soil-1", nil)
		before := b.Stats().Refused
		publish(c)
		c.closed()
		if got := b.Stats(); what != "no topic" && got.Refused == before {
			t.Errorf("%s is not counted: %+v", what, got)
		}
		if len(k.all) > 0 {
			t.Errorf("%s is taken: %q", what, k.next(t))
		}
	}
}

// TestWills: a last will is the child's own, comes once, and after its delay unless the child is back.
func TestWills(t *testing.T) {
	b, k := start(t, "soil-1", "soil-2")
	b.AllowCommandResults(true)
	die := func(child, topic string, delay uint32) {
		t.Helper()
		c := dial(t, b)
		c.version = 5
		c.mustConnect(child, func(pk *packets.Packet) {
			pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = 3600, true
			pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload = true, topic, []byte(child)
			pk.Connect.WillProperties.WillDelayInterval = delay
			pk.Connect.Clean = false
		})
		c.Close()
	}
	for _, topic := range []string{"commands/+/result", "gh/gw-1:soil-1/status", "$SYS", "#"} {
		die("soil-2", topic, 0)
	}
	die("soil-1", "status", 3600) // takes long, so:
	die("soil-2", "status", 0)
	if got, want := k.next(t), [2]string{"gh/gw-1:soil-2/status", "soil-2"}; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	die("soil-1", "status", 1)
	if got, want := k.next(t), [2]string{"gh/gw-1:soil-1/status", "soil-1"}; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	die("soil-1", "status", 3600)
	await(t, "the will waits", func() bool { b.wills.mu.Lock(); defer b.wills.mu.Unlock(); return len(b.wills.waiting) == 1 })
	back := dial(t, b)
	back.version = 5
	back.mustConnect("soil-1", func(pk *packets.Packet) { pk.Connect.Clean = false })
	await(t, "the will is revoked", func() bool {
		b.wills.mu.Lock()
		defer b.wills.mu.Unlock()
		return len(b.wills.waiting) == 0
	})
	die("soil-2", "status", 3600)
	await(t, "the will waits", func() bool { b.wills.mu.Lock(); defer b.wills.mu.Unlock(); return len(b.wills.waiting) == 1 })
	b.Close()
	if got, want := k.next(t), [2]string{"gh/gw-1:soil-2/status", "soil-2"}; got != want {
		t.Errorf("at the end: %q, want %q", got, want)
	}
	if len(k.all) > 0 {
		t.Errorf("one more: %q", k.next(t))
	}
}

// TestWillOfAnOldConnection: one that ends after the child's new connection began, and perhaps ended, changes nothing.
func TestWillOfAnOldConnection(t *testing.T) {
	b, _ := start(t, "soil-1")
	old, young := &conn{}, &conn{}
	sent := 0
	send := func() { sent++ }
	b.back("soil-1", old, true)
	b.back("soil-1", young, false)
	if !b.later("soil-1", young, time.Hour, send) || !b.later("soil-1", old, time.Millisecond, send) {
		t.Error("a will of a session that goes on is due at once")
	}
	if w := b.wills.waiting["soil-1"]; w == nil || !w.timer.Stop() || sent > 0 {
		t.Error("the old will took the place of the new one")
	}
	b.back("soil-1", &conn{}, true)
	if b.later("soil-1", old, time.Hour, send) {
		t.Error("the will of a session that has ended waits")
	}
}

func await(t *testing.T, what string, yes func() bool) {
	t.Helper()
	timeout, again := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-timeout:
			t.Fatalf("it does not come to it: %s", what)
		}
	}
}

// TestGuesses: wrong passwords cost their sender time, not the gateway; the child itself gets in meanwhile.
func TestGuesses(t *testing.T) {
	b, _ := start(t, "soil-1", "soil-2")
	dial(t, b).mustConnect("soil-1", nil)
	var guessing sync.WaitGroup
	begin := time.Now()
	for i := range 3 * maxGuesses {
		for _, name := range []string{"soil-1", "nobody"} {
			guessing.Go(func() {
				if code, _, err := dial(t, b).connect(name, fmt.Sprint("guess ", i), nil); err != nil || code == 0 {
					t.Errorf("guess %d of %s: code %d, %v", i, name, code, err)
				}
				if took := time.Since(begin); took < refusalPause {
					t.Errorf("guess %d of %s was answered after %s", i, name, took)
				}
			})
		}
	}
	guessing.Wait()
	b.passwords.mu.Lock()
	n := b.passwords.guesses[guesser{"soil-1", "127.0.0.1"}]
	b.passwords.mu.Unlock()
	if n != maxGuesses {
		t.Errorf("%d passwords were checked; want %d", n, maxGuesses)
	}
	dial(t, b).mustConnect("soil-1", nil) // the password is known
	dial(t, b).mustConnect("soil-2", nil) // another child of the same address
}

// TestKnownPassword: hundreds of children that connect again need no hash each; a password is known for its child only.
func TestKnownPassword(t *testing.T) {
	c, done := newChecker(), make(chan struct{})
	if why := c.check("a", "10.0.0.1:1", "", []byte(secret), done); why == "" {
		t.Error("a password without a hash is good")
	}
	if why := c.check("a", "10.0.0.1:1", hashOf(t), []byte(secret), done); why != "" {
		t.Error(why)
	}
	for range cap(c.slots) {
		c.slots <- struct{}{} // no hash can be made any more
	}
	if why := c.check("a", "10.0.0.1:1", hashOf(t), []byte(secret), done); why != "" {
		t.Error(why)
	}
	close(done)
	for _, other := range []struct{ child, password string }{{"b", secret}, {"a", "x"}, {"a", ""}} {
		if why := c.check(other.child, "10.0.0.1:1", hashOf(t), []byte(other.password), done); why == "" {
			t.Errorf("%v is known", other)
		}
	}
	if a, b := addressOf("[2001:db8::1:2:3:4]:5"), addressOf("[2001:db8::9:9:9:9]:6"); a != b || a == "" {
		t.Errorf("%q and %q are the addresses of one network", a, b)
	}
}
