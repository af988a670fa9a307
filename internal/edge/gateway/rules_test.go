package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
)

const allTelemetry = "SELECT * FROM 'gh/+/telemetry'"

// reading is telemetry of now.
func reading(data string) string {
	return fmt.Sprintf(`{"timestamp":%d,"data":%s}`, time.Now().UnixMilli(), data)
}

func mustPublish(t *testing.T, c *child, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		if err := c.publish("telemetry", payload); err != nil {
			t.Fatal(err)
		}
	}
}

// from returns the payloads of a child's telemetry, in the order of arrival.
func (c *cloud) from(child string) (payloads []string) {
	for _, m := range c.all() {
		if m.topic == "gh/gw-1:"+child+"/telemetry" {
			payloads = append(payloads, m.payload)
		}
	}
	return payloads
}

// TestRulesWithoutUplink has a dead band, a window and an alert with a command while the uplink is cut, with a kill and
// a restart in between.
func TestRulesWithoutUplink(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	line := startProxy(t, c.address)
	s := newSite(t, a, line.listener.Addr().String(), []string{"soil", "fan", "meter", "plain"})
	distance := 0.5
	s.config.Settings.Rules = map[string]rules.Rule{
		"changes": {SQL: "SELECT * FROM 'gh/gw-1:soil/telemetry'", Report: &rules.Report{
			DeadBand: map[string]rules.DeadBand{"t": {Absolute: &distance}}}},
		"sums": {SQL: "SELECT * FROM 'gh/gw-1:meter/telemetry'", Priority: "low",
			Window: &rules.Window{Seconds: 3600, Aggregates: []string{rules.Count, rules.Maximum}}},
		"hot": {SQL: "SELECT timestamp, data.t AS t FROM 'gh/gw-1:soil/telemetry' WHERE data.t > 30",
			Action: rules.ActionAlert, Command: &rules.Command{Child: "gw-1:fan", Payload: `{"speed":${data.t * 2}}`,
				ClearedPayload: `{"speed":0}`}},
	}
	s.save(t)
	program := build(t)
	line.set(true)

	p := s.run(t, program)
	soil, fan := s.mustConnect(t, p.children, "soil"), s.mustConnect(t, p.children, "fan")
	if err := fan.subscribe(t, "commands"); err != nil {
		t.Fatal(err)
	}
	sent := []string{reading(`{"t":20}`), reading(`{"t":20.4}`), reading(`{"t":21}`), reading(`{"t":31}`)}
	mustPublish(t, soil, sent...)
	if got := fan.command(t); got != `commands {"speed":62}` {
		t.Errorf("without uplink, the fan got %s", got)
	}
	mustPublish(t, s.mustConnect(t, p.children, "meter"), reading(`{"kwh":1}`), reading(`{"kwh":3}`))
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil { // the window is open
		t.Fatal(err)
	}
	<-p.ended

	p = s.run(t, program)
	soil, fan = s.mustConnect(t, p.children, "soil"), s.mustConnect(t, p.children, "fan")
	if err := fan.subscribe(t, "commands"); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, soil, reading(`{"t":31.2}`)) // within the dead band from before the restart; the alert is known
	mustPublish(t, soil, reading(`{"t":24}`))
	if got := fan.command(t); got != `commands {"speed":0}` {
		t.Errorf("after a restart, the fan got %s", got)
	}
	mustPublish(t, s.mustConnect(t, p.children, "meter"), reading(`{"kwh":2}`))
	mustPublish(t, s.mustConnect(t, p.children, "plain"), `{"x":1}`)
	if got := len(c.from("soil")) + len(c.from("meter")); got > 0 {
		t.Errorf("%d messages arrived without uplink", got)
	}
	status := p.status(t)
	if r := status.Rules.Rules["changes"]; r.Matched != 6 || r.Forwarded != 4 || r.Suppressed != 2 {
		t.Errorf("the counters of the dead band are %+v", r)
	}
	c.desired = `{"version":3,"rules":{}}` // closes the window
	line.set(false)
	c.await(t, 0, "the window", func(m message) bool { return strings.HasPrefix(m.topic, "gh/gw-1:meter") })
	p.await(t, "all forwarded", func(s gateway.Status) bool { return s.Queue.Records == 0 })
	meter := c.from("meter")
	if len(meter) != 1 || !strings.Contains(meter[0], `"data":{"kwh":{"count":3,"max":3}}}`) {
		t.Errorf("the meter's telemetry is %v", meter)
	}
	states, values := []string{}, []string{}
	for _, payload := range c.from("soil") {
		var m struct {
			Data struct {
				T      float64
				Alerts struct{ Hot string }
			}
		}
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatal(err)
		}
		if m.Data.Alerts.Hot != "" {
			states = append(states, m.Data.Alerts.Hot)
		} else {
			values = append(values, fmt.Sprint(m.Data.T))
		}
	}
	if got := fmt.Sprint(states, values); got != "[raised cleared] [20 21 31 24]" {
		t.Errorf("alerts and values are %s", got)
	}
	if plain := c.from("plain"); len(plain) != 1 || !strings.HasPrefix(plain[0], `{"timestamp":`) {
		t.Errorf("the message without a time arrived as %v", plain)
	}
}

// TestRulesFromShadow: rules that are wrong are rejected with the rule's name and field, and those before hold on.
func TestRulesFromShadow(t *testing.T) {
	a := newAuthority(t)
	c := startCloud(t, a)
	c.desired = `{"version":1,"unmatched":"drop","rules":{"all":{"sql":"` + allTelemetry +
		`","window":{"seconds":1,"aggregates":["average"]}}}}`
	s := newSite(t, a, c.address, []string{"soil"})
	p := s.run(t, build(t))
	update := func(m message) bool { return m.topic == "$aws/things/gw-1/shadow/name/edge/update" }
	_, i := c.await(t, 0, "the report of the settings", update)
	if err := c.server.Publish("$aws/things/gw-1/shadow/name/edge/update/documents", []byte(
		`{"current":{"state":{"desired":{"version":2,"rules":{"all":{"sql":"`+allTelemetry+` WHERE"}}}}}}`), false, 1); err != nil {
		t.Fatal(err)
	}
	m, _ := c.await(t, i+1, "the report of the settings", update)
	if !strings.Contains(m.payload, `"version":2,"status":"rejected"`) ||
		!strings.Contains(m.payload, `rule \"all\", sql: 1:`) {
		t.Errorf("reported %s", m.payload)
	}
	soil := s.mustConnect(t, p.children, "soil")
	mustPublish(t, soil, reading(`{"t":20}`), reading(`{"t":22}`))
	m, _ = c.await(t, 0, "the window of a second", func(m message) bool {
		return m.topic == "gh/gw-1:soil/telemetry"
	})
	if !strings.Contains(m.payload, `"data":{"t":2`) { // of both, unless a second lies between them
		t.Errorf("the window is %s", m.payload)
	}
	if err := soil.publish("status", `{"status":"offline"}`); err != nil {
		t.Fatal(err)
	}
	if got := p.status(t); got.Rules.UnmatchedDropped != 1 || got.Rules.Rules["all"].Gathered != 2 {
		t.Errorf("the status is %+v", got.Rules)
	}
	answer, err := http.Get("http://" + p.monitor + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), `iot_edge_rule_total{rule="all",what="gathered"} 2`) {
		t.Errorf("the metrics, %v, are %s", err, text)
	}
}

// TestCheckNamesTheRule runs "iot-edge check" with rules that are good, and with one that is not.
func TestCheckNamesTheRule(t *testing.T) {
	a := newAuthority(t)
	s := newSite(t, a, "127.0.0.1:1", []string{"soil"})
	program := build(t)
	for _, c := range []struct{ sql, want string }{
		{allTelemetry, "is good"},
		{"SELECT * FROM 'other/+/telemetry'", `rule "r", sql: FROM 'other/+/telemetry' is not below the topic prefix`},
	} {
		s.config.Settings.Rules = map[string]rules.Rule{"r": {SQL: c.sql}}
		s.save(t)
		out, err := exec.Command(program, "check", s.file).CombinedOutput()
		if (err == nil) != (c.want == "is good") || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, %s; want %s", c.sql, err, out, c.want)
		}
	}
}
