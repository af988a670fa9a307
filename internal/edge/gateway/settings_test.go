package gateway_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
)

// TestWithoutShadow: with shadow = "off", neither the shadow nor what it once said counts, and the gateway says nothing
// to it. When the shadow counts again, what it once said is forgotten.
func TestWithoutShadow(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	c.desired = `{"version":7,"status_seconds":77}`
	line := startProxy(t, c.address)
	s := newSite(t, a, line.listener.Addr().String(), []string{"soil-1"})
	s.config.Settings.Version = 1
	s.save(t)
	program := build(t)
	p := s.run(t, program)
	p.await(t, "the shadow's settings", func(s gateway.Status) bool { return s.Settings == 7 })
	p.kill()

	s.config.Shadow = config.Off
	s.config.Settings.Version = 2
	s.save(t)
	begin := len(c.all())
	p = s.run(t, program)
	if _, err := os.Stat(filepath.Join(s.dir, "state", "desired.json")); !os.IsNotExist(err) {
		t.Errorf("the shadow's last settings are still there: %v", err)
	}
	child := s.mustConnect(t, p.children, "soil-1")
	if err := child.subscribe(t, "commands"); err != nil {
		t.Fatal(err)
	}
	p.await(t, "connected", func(s gateway.Status) bool { return s.Uplink.Connected })
	for topic, payload := range map[string]string{
		"$aws/things/gw-1/shadow/name/edge/update/documents": `{"current":{"state":{"desired":{"version":8}}}}`,
		"$aws/things/gw-1/shadow/name/edge/get/accepted":     `{"state":{"desired":{"version":9}}}`,
	} {
		if err := c.server.Publish(topic, []byte(payload), false, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.server.Publish("gh/gw-1/children/gw-1:soil-1/commands", []byte("open"), false, 1); err != nil {
		t.Fatal(err)
	}
	child.command(t) // behind what the shadow would have sent
	if got := p.status(t).Settings; got != 2 {
		t.Errorf("version %d of the settings holds, want the file's", got)
	}
	c.await(t, begin, "the gateway's state", func(m message) bool { return m.topic == "gh/gw-1/status" })
	for _, m := range c.all()[begin:] {
		if strings.HasPrefix(m.topic, "$aws/") {
			t.Errorf("the gateway published %s on %s", m.payload, m.topic)
		}
	}
	p.kill()

	line.set(true)
	s.config.Shadow = config.On
	s.save(t)
	p = s.run(t, program)
	if got := p.status(t).Settings; got != 2 {
		t.Errorf("without uplink, version %d holds, want the file's", got)
	}
}
