package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

// TestGateway: what children publish arrives under their things' names, commands reach them, and SIGTERM ends the
// program in order.
func TestGateway(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	s := newSite(t, a, c.address, []string{"soil-1", "soil-2"})
	p := s.run(t, build(t))
	one, two := s.mustConnect(t, p.children, "soil-1"), s.mustConnect(t, p.children, "soil-2")
	for _, m := range []struct {
		from           *child
		topic, arrives string
	}{
		{one, "telemetry", "gh/gw-1:soil-1/telemetry"},
		{two, "gh/gw-1:soil-2/telemetry", "gh/gw-1:soil-2/telemetry"},
		{one, "status", "gh/gw-1:soil-1/status"},
	} {
		payload := `{"timestamp":1767225600000,"from":"` + m.topic + `"}`
		if err := m.from.publish(m.topic, payload); err != nil {
			t.Fatal(err)
		}
		c.await(t, 0, payload+" on "+m.arrives, func(got message) bool { return got == message{m.arrives, payload} })
	}
	for _, topic := range []string{"gh/gw-1:soil-2/telemetry", "commands/7/result", "elsewhere",
		"$aws/things/gw-1/shadow/update"} {
		if err := one.publish(topic, "{}"); err == nil {
			t.Errorf("soil-1 may publish on %s", topic)
		}
	}
	for _, filter := range []string{"gh/gw-1:soil-2/commands", "#", "gh/+/commands"} {
		if err := one.subscribe(t, filter); err == nil {
			t.Errorf("soil-1 may subscribe to %s", filter)
		}
	}
	if err := one.subscribe(t, "commands"); err != nil {
		t.Fatal(err)
	}
	if err := two.subscribe(t, "gh/gw-1:soil-2/commands"); err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		to      *child
		arrives string
	}{{one, "commands"}, {two, "gh/gw-1:soil-2/commands"}} {
		topic := "gh/gw-1/children/gw-1:" + m.to.name + "/commands"
		if err := c.server.Publish(topic, []byte("open "+m.to.name), false, 1); err != nil {
			t.Fatal(err)
		}
		if got, want := m.to.command(t), m.arrives+" open "+m.to.name; got != want {
			t.Errorf("command %q, want %q", got, want)
		}
	}
	status, _ := c.await(t, 0, "the gateway's status", func(m message) bool { return m.topic == "gh/gw-1/status" })
	if !strings.HasPrefix(status.payload, `{"status":"online"`) {
		t.Errorf("the gateway's status is %s", status.payload)
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if err := p.command.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// TestGuidesNameMetrics: the metrics that the guides name exist.
func TestGuidesNameMetrics(t *testing.T) {
	s := newSite(t, newAuthority(t), "127.0.0.1:1", []string{"soil-1"})
	s.config.Settings.Rules = map[string]rules.Rule{"all": {SQL: "SELECT * FROM 'gh/+/telemetry'"}}
	s.save(t)
	p := s.run(t, build(t))
	answer, err := http.Get("http://" + p.monitor + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	served, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, guide := range []string{"iot-edge", "gateway-runbooks", "edge"} {
		text, err := os.ReadFile("../../../templates/guides/" + guide + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`iot_edge_[a-z_]+`).FindAllString(string(text), -1) {
			named++
			if !regexp.MustCompile(`(?m)^` + name + `[ {]`).Match(served) {
				t.Errorf("%s names %s, which there is not", guide, name)
			}
		}
	}
	if named < 5 {
		t.Errorf("the guides name %d metrics", named)
	}
}

// TestSettingsFromShadow: good settings hold, also after a restart without uplink; bad ones do not, and both are reported.
func TestSettingsFromShadow(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	c.desired = `{"version":7,"status_seconds":77,"command_results":true}`
	line := startProxy(t, c.address)
	s := newSite(t, a, line.listener.Addr().String(), []string{"soil-1"})
	program := build(t)
	p := s.run(t, program)
	reported := func(i int) (message, int) {
		return c.await(t, i, "the report of the settings",
			func(m message) bool { return m.topic == "$aws/things/gw-1/shadow/name/edge/update" })
	}
	m, i := reported(0)
	if want := `{"state":{"reported":{"version":7,"status":"applied","error":null}}}`; m.payload != want {
		t.Errorf("reported %s, want %s", m.payload, want)
	}
	change := func(desired string) {
		t.Helper()
		if err := c.server.Publish("$aws/things/gw-1/shadow/name/edge/update/documents",
			[]byte(`{"current":{"state":{"desired":`+desired+`}}}`), false, 1); err != nil {
			t.Fatal(err)
		}
	}
	change(`{"version":8,"status_seconds":1,"colour":"red"}`)
	m, i = reported(i + 1)
	if !strings.Contains(m.payload, `"version":8,"status":"rejected","error":"not a configuration: json: unknown field`) {
		t.Errorf("reported %s", m.payload)
	}
	change(`{"version":9,"status_seconds":1}`)
	m, _ = reported(i + 1)
	if !strings.Contains(m.payload, "settings.status_seconds is 1: want 10 to 86400") {
		t.Errorf("reported %s", m.payload)
	}
	line.set(true)
	p.kill()
	p = s.run(t, program)
	if got := p.status(t); got.Settings != 7 || got.Uplink.Connected {
		t.Errorf("after a restart without uplink: %+v", got)
	}
	if err := s.mustConnect(t, p.children, "soil-1").publish("commands/7/result", `{"status":"succeeded"}`); err != nil {
		t.Errorf("after a restart without uplink: %v", err)
	}
}

// TestOrderOfSettings: a version of the shadow that arrives behind a later one changes nothing; a new shadow begins again.
func TestOrderOfSettings(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	s := newSite(t, a, c.address, []string{"soil-1"})
	p := s.run(t, build(t))
	p.await(t, "connected", func(s gateway.Status) bool { return s.Uplink.Connected })
	for _, d := range []struct {
		shadow   int
		settings int64
	}{{7, 70}, {6, 60}, {8, 80}, {1, 10}, {2, 20}} {
		document := fmt.Sprintf(`{"current":{"version":%d,"state":{"desired":{"version":%d}}}}`, d.shadow, d.settings)
		err := c.server.Publish("$aws/things/gw-1/shadow/name/edge/update/documents", []byte(document), false, 1)
		if err != nil {
			t.Fatal(err)
		}
	}
	i := -1
	for _, want := range []int64{70, 80, 10, 20} {
		var m message
		m, i = c.await(t, i+1, "the report of the settings",
			func(m message) bool { return m.topic == "$aws/things/gw-1/shadow/name/edge/update" })
		if !strings.Contains(m.payload, fmt.Sprintf(`"version":%d,`, want)) {
			t.Errorf("reported %s, want version %d", m.payload, want)
		}
	}
}

// TestStartsOnAFullDisk: a state of rules that cannot be written is no reason not to work.
func TestStartsOnAFullDisk(t *testing.T) {
	s := newSite(t, newAuthority(t), "127.0.0.1:1", []string{"soil-1"})
	s.config.Settings.Rules = map[string]rules.Rule{"mean": {SQL: "SELECT * FROM 'gh/+/telemetry'",
		Window: &rules.Window{Seconds: 3600, Aggregates: []string{rules.Average}}}}
	s.save(t)
	program := build(t)
	p := s.run(t, program)
	mustPublish(t, s.mustConnect(t, p.children, "soil-1"), reading(`{"t":1}`))
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if err := os.Mkdir(filepath.Join(s.dir, "state", "rules.json.new"), 0o700); err != nil { // so it cannot be replaced
		t.Fatal(err)
	}
	p = s.run(t, program)
	mustPublish(t, s.mustConnect(t, p.children, "soil-1"), reading(`{"t":2}`))
	if got := p.status(t).Rules.Rules["mean"]; got.Gathered != 2 {
		t.Errorf("counters %+v", got)
	}
}

// TestStoresAndForwards sends from ten children while the uplink is cut, the process is killed, the budget of the disk is
// used up and a segment is damaged. Each message arrives or is counted, in order per child.
func TestStoresAndForwards(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	line := startProxy(t, c.address)
	load := &load{acknowledged: map[string]int{}}
	for i := range 10 {
		load.names = append(load.names, fmt.Sprintf("s%d", i))
	}
	s := newSite(t, a, line.listener.Addr().String(), load.names)
	s.config.Queue.MaxMiB = 1
	s.config.Settings.Limits.PublishesPerSecond, s.config.Settings.Limits.BytesPerSecond = 5000, 1<<24
	s.save(t)
	program := build(t)

	p := s.run(t, program)
	load.send(t, s, p.children, 40)
	p.await(t, "all forwarded", func(s gateway.Status) bool { return s.Queue.Records == 0 && s.Uplink.Connected })

	line.set(true)
	load.send(t, s, p.children, 20)
	if s := p.status(t); s.Queue.Records < 200 {
		t.Errorf("without uplink, %d records are in the queue, want 200", s.Queue.Records)
	}
	killed := make(chan struct{})
	go func() { // under load
		defer close(killed)
		for load.total.Load() < 800 {
			load.sent.wait()
		}
		p.kill()
	}()
	load.sendUntilLost(t, s, p.children)
	<-killed
	damage(t, filepath.Join(s.dir, "state", "queue"))

	p = s.run(t, program)
	lost := p.status(t).Queue.Lost
	if lost == 0 {
		t.Error("the damage was not counted")
	}
	load.send(t, s, p.children, 250)
	full := p.await(t, "dropped", func(s gateway.Status) bool { return s.Queue.Dropped["normal"] > 0 })
	if full.Queue.Bytes > full.Queue.MaxBytes {
		t.Errorf("the queue has %d bytes, and may have %d", full.Queue.Bytes, full.Queue.MaxBytes)
	}
	line.set(false)
	end := p.await(t, "all forwarded", func(s gateway.Status) bool { return s.Queue.Records == 0 })
	load.check(t, c.all(), int(end.Queue.Dropped["normal"]+end.Queue.Lost))
}

// damage changes a byte in the middle of the newest segment but one. The newest may hold nothing but a record that was
// on its way when the process was killed, which nobody misses.
func damage(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "normal-*.seg"))
	if err != nil || len(names) < 2 {
		t.Fatalf("the queue has %d segments, %v", len(names), err)
	}
	name := names[len(names)-2]
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 0xFF
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// load is what children send: numbers that count up, each with a kilobyte.
type load struct {
	names        []string
	mu           sync.Mutex
	acknowledged map[string]int // how many, per child
	again        int            // messages that were sent again
	total        atomic.Int64
	sent         signal
}

// signal wakes whoever waits, at each call of raise.
type signal struct {
	mu sync.Mutex
	on chan struct{}
}

func (s *signal) wait() {
	s.mu.Lock()
	if s.on == nil {
		s.on = make(chan struct{})
	}
	on := s.on
	s.mu.Unlock()
	<-on
}

func (s *signal) raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on != nil {
		close(s.on)
		s.on = nil
	}
}

func (l *load) each(t *testing.T, s *site, address string, work func(c *child) error) {
	t.Helper()
	var connected []*child
	for _, name := range l.names {
		connected = append(connected, s.mustConnect(t, address, name))
	}
	var running sync.WaitGroup
	for _, c := range connected {
		running.Go(func() {
			if err := work(c); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
	running.Wait()
}

func (l *load) one(c *child) error {
	l.mu.Lock()
	n := l.acknowledged[c.name]
	l.mu.Unlock()
	err := c.publish("telemetry", fmt.Sprintf(`{"n":%d,"pad":"%s"}`, n, strings.Repeat("x", 1000)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.again++
		return err
	}
	l.acknowledged[c.name]++
	l.total.Add(1)
	l.sent.raise()
	return nil
}

// send sends count messages from each child.
func (l *load) send(t *testing.T, s *site, address string, count int) {
	t.Helper()
	l.each(t, s, address, func(c *child) error {
		for range count {
			if err := l.one(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendUntilLost sends until the connections are lost.
func (l *load) sendUntilLost(t *testing.T, s *site, address string) {
	t.Helper()
	l.each(t, s, address, func(c *child) error {
		for {
			if err := l.one(c); err != nil {
				return nil
			}
		}
	})
}

func (l *load) check(t *testing.T, arrived []message, counted int) {
	t.Helper()
	first := map[string]int{} // the next number that may arrive first
	distinct := 0
	for _, m := range arrived {
		name, ok := strings.CutPrefix(m.topic, "gh/gw-1:")
		name, telemetry := strings.CutSuffix(name, "/telemetry")
		if !ok || !telemetry {
			continue
		}
		var reading struct{ N int }
		if err := json.Unmarshal([]byte(m.payload), &reading); err != nil {
			t.Fatalf("%s: %v", m.payload, err)
		}
		if reading.N >= first[name] {
			first[name] = reading.N + 1
			distinct++
		}
	}
	missing := int(l.total.Load()) - distinct
	// A message that was not acknowledged when the process was killed may be in the queue twice.
	if missing <= 0 || counted < missing || counted > missing+l.again {
		t.Errorf("%d were acknowledged, %d arrived, %d were sent again; counted as dropped or lost: %d",
			l.total.Load(), distinct, l.again, counted)
	}
	for _, name := range l.names {
		if first[name] != l.acknowledged[name] {
			t.Errorf("the last of %s that arrived is %d, the last that was sent %d", name, first[name]-1,
				l.acknowledged[name]-1)
		}
	}
}

// TestIdentities: a child is who its certificate or password says, whatever its client ID is; nobody else gets in.
func TestIdentities(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	s := newSite(t, a, c.address, []string{"soil-1", "soil-2"})
	p := s.run(t, build(t))
	certified := func(by *authority, name string) *tls.Certificate {
		certificate, key := by.pair(t, name)
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return &pair
	}
	one, err := s.connect(p.children, "ignored", certified(a, "soil-1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := one.publish("gh/gw-1:soil-2/telemetry", "{}"); err == nil {
		t.Error("soil-1 may publish as soil-2")
	}
	if err := one.publish("telemetry", `{"timestamp":1767225600000,"n":1}`); err != nil {
		t.Fatal(err)
	}
	c.await(t, 0, "the reading", func(m message) bool { return m.topic == "gh/gw-1:soil-1/telemetry" })
	if _, err := s.connect(p.children, "", certified(a, "soil-3")); err == nil {
		t.Error("a certificate of a child that the gateway does not have is accepted")
	}
	if _, err := s.connect(p.children, "", certified(newAuthority(t), "soil-1")); err == nil {
		t.Error("a certificate of another authority is accepted")
	}
	if _, err := s.connect(p.children, "soil-3", nil); err == nil {
		t.Error("an unknown user is accepted")
	}
	s.password = "wrong"
	if _, err := s.connect(p.children, "soil-1", nil); err == nil {
		t.Error("a wrong password is accepted")
	}
}
