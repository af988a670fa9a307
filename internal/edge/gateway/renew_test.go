package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
)

// TestNewCertificate: after a rotation, the gateway connects with the new certificate, while children send. Each message
// arrives once. Credentials that cannot be used change nothing.
func TestNewCertificate(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	s := newSite(t, a, c.address, []string{"soil-1"})
	p := s.run(t, build(t))
	reload := func() {
		t.Helper()
		if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	child, n := s.mustConnect(t, p.children, "soil-1"), 0
	send := func(count int) {
		t.Helper()
		for range count {
			if err := child.publish("telemetry", fmt.Sprintf(`{"timestamp":%d}`, 1767225600000+n)); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	send(20)
	p.await(t, "connected", func(s gateway.Status) bool { return s.Uplink.CertificateID == "first" && s.Uplink.Connected })

	bundle := filepath.Join(s.dir, "bundle.json")
	good, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{string(good[:100]), strings.ReplaceAll(string(good), "gw-1", "gw-2")} {
		if err := os.WriteFile(bundle, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		logged := p.count("cannot be used")
		reload()
		p.awaitLog(t, "cannot be used", logged+1)
	}
	send(20)
	s.issue(t, c.address, "second")
	reload()
	send(50)
	p.await(t, "connected again", func(s gateway.Status) bool {
		return s.Uplink.CertificateID == "second" && s.Uplink.Connected && s.Uplink.Reconnects == 1 && s.Queue.Records == 0
	})
	c.await(t, 0, "the state with the new certificate", func(m message) bool {
		return m.topic == "gh/gw-1/status" && strings.Contains(m.payload, `"certificate_id":"second"`)
	})
	c.mu.Lock()
	serials := c.serials
	c.mu.Unlock()
	if len(serials) != 2 || serials[0] == serials[1] {
		t.Errorf("certificates that connected: %v, want two", serials)
	}
	var arrived []int
	for _, m := range c.all() {
		var reading struct{ Timestamp int }
		if strings.HasSuffix(m.topic, "/telemetry") && json.Unmarshal([]byte(m.payload), &reading) == nil {
			arrived = append(arrived, reading.Timestamp-1767225600000)
		}
	}
	for i, at := range arrived {
		if at != i {
			t.Errorf("message %d has arrived as number %d", at, i)
		}
	}
	if len(arrived) != n {
		t.Errorf("%d messages have arrived, want %d", len(arrived), n)
	}
}

// TestStateAsTelemetry: the state is a reading of the gateway, with what was dropped and lost since the last one.
func TestStateAsTelemetry(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	line := startProxy(t, c.address)
	s := newSite(t, a, line.listener.Addr().String(), []string{"soil-1"})
	s.config.Queue.MaxMiB = 1
	s.config.Settings.StatusTelemetry = true
	s.config.Settings.DataField, s.config.Settings.TimeField = "values", "at"
	s.save(t)
	p := s.run(t, build(t))
	type state struct {
		At     int64
		Values struct {
			Dropped    uint64 `json:"queue_dropped"`
			Lost       uint64 `json:"queue_lost"`
			Records    *int   `json:"queue_records"`
			Reconnects int    `json:"uplink_reconnects"`
		}
	}
	next := 0
	report := func(what string) (r state) {
		t.Helper()
		m, i := c.await(t, next, what, func(m message) bool { return m.topic == "gh/gw-1/telemetry" })
		next = i + 1
		if err := json.Unmarshal([]byte(m.payload), &r); err != nil || r.At == 0 || r.Values.Records == nil {
			t.Errorf("%s: %s, %v", what, m.payload, err)
		}
		return r
	}
	if r := report("the state"); r.Values.Dropped > 0 {
		t.Errorf("%+v", r)
	}
	line.set(true)
	child := s.mustConnect(t, p.children, "soil-1")
	for p.status(t).Queue.Dropped["normal"] == 0 {
		for range 100 {
			if err := child.publish("telemetry", `{"timestamp":1767225600000,"pad":"`+strings.Repeat("x", 10_000)+`"}`); err != nil {
				t.Fatal(err)
			}
		}
	}
	dropped := p.status(t).Queue.Dropped["normal"]
	reconnect := func() {
		t.Helper()
		line.set(true)
		line.set(false)
		if err := p.command.Process.Signal(syscall.SIGHUP); err != nil { // no pause until the next attempt
			t.Fatal(err)
		}
	}
	reconnect()
	if r := report("the state after the drop"); r.Values.Dropped != dropped || r.Values.Reconnects != 1 {
		t.Errorf("%+v, want %d dropped", r.Values, dropped)
	}
	reconnect()
	if r := report("the next state"); r.Values.Dropped != 0 || r.Values.Reconnects != 1 {
		t.Errorf("%+v, want none dropped since", r.Values)
	}
}

// count is how many lines of the log contain a text.
func (p *process) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.logs.String(), text)
}

// awaitLog waits until so many lines of the log contain a text.
func (p *process) awaitLog(t *testing.T, text string, n int) {
	t.Helper()
	p.await(t, fmt.Sprintf("%q in the log", text), func(gateway.Status) bool { return p.count(text) >= n })
}
