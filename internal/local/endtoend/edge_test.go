package endtoend_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/uplink"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

// edgePipeline has a gateway, a store whose rows tell duplicates, and alerts that command devices.
const edgePipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "gw-1" = { gateway = {} } }
  edge          = {}
  timestream    = {}
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0 }
  monitoring    = { silence_minutes = 60, alarms = { enabled = false }, dashboard = false }
  device_state  = { refresh_seconds = 0 } # devices become older than they are
  alerts        = { rules = { hot = { when = "data.t > 100000", command = jsonencode({ cool = true }) } } }
  force_destroy = true
}
`

// TestEdge is the life of a gateway and its children between the sensors and the stores.
func TestEdge(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(edgePipeline, "NAME", name))
	e := &edgeSite{w: w, line: startLine(t, w.runtime.MQTTAddr()), sent: map[string]int{}}
	e.gateway = newEdge(t, w, e.line.listener.Addr(), "own-1", "own-2", "bare-1", "bare-2")
	e.gateway.config.Settings.Batch = &uplink.Batch{MaxReadings: 100, LingerMS: 50}
	e.gateway.config.Settings.StatusTelemetry = true
	e.gateway.clock.Wall = -simulatedSeconds
	e.begin = time.Now().Add(-simulatedSeconds * time.Second).Truncate(time.Second)
	e.gateway.run(t)
	t.Run("twenty minutes without uplink", func(t *testing.T) { twentyMinutes(t, e) })
	t.Run("the oldest is dropped", func(t *testing.T) { dropped(t, e, "oldest") })
	t.Run("the lowest priority is dropped", func(t *testing.T) { dropped(t, e, "lowest_priority") })
	t.Run("a new certificate", func(t *testing.T) { newCertificate(t, e) })
	t.Run("a command", func(t *testing.T) { commandToChild(t, e) })
	t.Run("silence", func(t *testing.T) { silentChild(t, e) })
	if letters := w.takeLetters(t); len(letters) > 0 {
		t.Errorf("dead letters %s", letters)
	}
}

// simulatedSeconds are more than the seconds that pass on the gateway, so that nothing has a time in the future.
const simulatedSeconds = 1500

// edgeSite is a gateway with its children. Those whose names begin with "own" send times of their own, one second apart;
// the others have the gateway's.
type edgeSite struct {
	w       *deployment
	line    *uplinkLine
	gateway *gatewayProgram
	begin   time.Time
	mu      sync.Mutex
	sent    map[string]int // messages that were acknowledged, per child: their numbers begin at 0
}

var edgeChildren = []string{"bare-1", "bare-2", "own-1", "own-2"}

// message is the n-th of a child.
func (e *edgeSite) message(child string, n int) string {
	if strings.HasPrefix(child, "own") {
		return fmt.Sprintf(`{"timestamp":%d,"data":{"t":%d}}`, e.begin.Add(time.Duration(n)*time.Second).UnixMilli(), n)
	}
	return fmt.Sprintf(`{"data":{"t":%d}}`, n)
}

// send sends so many messages of each child, at the same time.
func (e *edgeSite) send(t *testing.T, count int) {
	t.Helper()
	var sending sync.WaitGroup
	for _, child := range edgeChildren {
		d, from := e.gateway.children(t, child), e.sent[child]
		e.sent[child] += count
		sending.Go(func() {
			for n := from; n < from+count; n++ {
				token := d.Publish("telemetry", 1, false, e.message(child, n))
				if !token.WaitTimeout(patience) || token.Error() != nil {
					t.Errorf("%s, message %d: %v", child, n, token.Error())
					return
				}
			}
		})
	}
	sending.Wait()
}

// sendUntilKilled kills the gateway while children with times of their own send. What it has not acknowledged, they
// send again later.
func (e *edgeSite) sendUntilKilled(t *testing.T) {
	t.Helper()
	var sending sync.WaitGroup
	underLoad := make(chan struct{}, 1000)
	for _, child := range edgeChildren {
		if !strings.HasPrefix(child, "own") {
			continue
		}
		d := e.gateway.children(t, child)
		sending.Go(func() {
			for n := e.number(child); ; n++ {
				token := d.Publish("telemetry", 1, false, e.message(child, n))
				if !token.WaitTimeout(patience) || token.Error() != nil {
					return
				}
				e.mu.Lock()
				e.sent[child]++
				e.mu.Unlock()
				select {
				case underLoad <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 {
		<-underLoad
	}
	e.gateway.kill()
	sending.Wait()
}

func (e *edgeSite) number(child string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sent[child]
}

// twentyMinutes: a reading each second of four children, while the uplink is cut, the gateway is killed under load, its
// clock is set wrong and right again, and one byte of its queue changes. One record is lost, which the gateway counts;
// every other reading is stored once, and has arrived in order.
func twentyMinutes(t *testing.T, e *edgeSite) {
	e.send(t, 20)
	e.gateway.forwards(t)
	e.line.cut(true)
	for minute := range 20 {
		switch minute {
		case 4:
			e.sendUntilKilled(t)
			e.gateway.run(t)
		case 8:
			e.gateway.passes(t, 0, -600)
		case 13:
			e.gateway.passes(t, 0, +600)
		case 16:
			e.gateway.kill()
			damageQueue(t, filepath.Join(e.gateway.dir, "state", "queue"))
			e.gateway.run(t)
			if s := e.gateway.status(t); s.Queue.Lost != 1 || s.Queue.Records == 0 {
				t.Errorf("one byte is damaged: %+v", s.Queue)
			}
		}
		for range 6 {
			e.send(t, 10)
			e.gateway.passes(t, 10, 0)
		}
	}
	if s := e.gateway.status(t); s.Uplink.Connected || s.Queue.OldestSeconds < 1200-60 {
		t.Errorf("after twenty minutes without uplink: %+v", s)
	}
	e.line.cut(false)
	end := e.gateway.forwards(t)
	e.w.drain(t)
	missing := 0
	for _, child := range edgeChildren {
		missing += e.checkStored(t, child)
		e.checkArrivals(t, child)
	}
	if missing != 1 || end.Queue.Lost != 1 || len(end.Queue.Dropped) > 0 && end.Queue.Dropped["normal"] > 0 {
		t.Errorf("%d readings are missing, want one; %+v", missing, end.Queue)
	}
}

// checkStored compares the stored readings of a child with those that it sent, and returns how many are missing. Times
// rise with the numbers.
func (e *edgeSite) checkStored(t *testing.T, child string) (missing int) {
	t.Helper()
	stored := e.w.stored(t, "gw-1:"+child)
	var times []int64
	for text := range maps.Keys(stored) {
		times = append(times, must(strconv.ParseInt(text, 10, 64))(t))
	}
	slices.Sort(times)
	next := 0
	for _, at := range times {
		text, _, _ := strings.Cut(stored[strconv.FormatInt(at, 10)]["t"], " ")
		n := int(must(strconv.ParseFloat(text, 64))(t))
		if n < next {
			t.Errorf("%s: reading %d has the time %d, which is later than that of reading %d", child, n, at, next-1)
		}
		if strings.HasPrefix(child, "own") && at != e.begin.UnixMilli()+int64(n)*1000 {
			t.Errorf("%s: reading %d has the time %d", child, n, at)
		}
		next = n + 1
	}
	if next != e.sent[child] {
		t.Errorf("%s: the last reading is %d, want %d", child, next-1, e.sent[child]-1)
	}
	return e.sent[child] - len(stored)
}

// checkArrivals: the messages of a child have reached the cloud in order.
func (e *edgeSite) checkArrivals(t *testing.T, child string) {
	t.Helper()
	next := 0
	for _, n := range e.arrivals(t, child) {
		if n < next { // no connection has ended with messages on their way
			t.Errorf("%s: reading %d has arrived behind %d", child, n, next-1)
		}
		next = n
	}
}

// arrivals are the numbers of a child's readings in the order in which the cloud has got them.
func (e *edgeSite) arrivals(t *testing.T, child string) (numbers []int) {
	t.Helper()
	e.w.mu.Lock()
	defer e.w.mu.Unlock()
	for _, event := range e.w.events {
		if event.Kind != runlog.Received || event.Topic != name+"/gw-1:"+child+"/telemetry" {
			continue
		}
		type reading struct{ Data struct{ T int } }
		var one reading
		many := []reading{}
		if json.Unmarshal(event.Payload, &many) != nil {
			if err := json.Unmarshal(event.Payload, &one); err != nil {
				t.Fatalf("%s: %v", event.Payload, err)
			}
			many = append(many, one)
		}
		for _, r := range many {
			numbers = append(numbers, r.Data.T)
		}
	}
	return numbers
}

// damageQueue changes a byte in the middle of the newest segment.
func damageQueue(t *testing.T, dir string) {
	t.Helper()
	segments := must(filepath.Glob(filepath.Join(dir, "normal-*.seg")))(t)
	if len(segments) == 0 {
		t.Fatal("the queue is empty")
	}
	content := must(os.ReadFile(segments[len(segments)-1]))(t)
	content[len(content)/2] ^= 0xFF
	if err := os.WriteFile(segments[len(segments)-1], content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dropped fills the disk budget while there is no uplink. What is stored, and what the gateway counts as dropped, is
// what was sent; the policy says what is missing.
func dropped(t *testing.T, e *edgeSite, policy string) {
	g := e.gateway
	g.kill()
	g.config.Queue.MaxMiB, g.config.Queue.Drop = 1, policy
	g.config.Settings.Rules = map[string]rules.Rule{"minor": {
		SQL: "SELECT * FROM '" + name + "/+/telemetry' WHERE topic(2) = 'gw-1:own-2'", Priority: "low"}}
	g.run(t)
	g.forwards(t)
	e.line.cut(true)
	before, from := g.status(t), map[string]int{"own-1": e.sent["own-1"], "own-2": e.sent["own-2"]}
	pad := strings.Repeat("x", 4000)
	sum := func(s map[string]uint64) (n uint64) {
		for _, of := range s {
			n += of
		}
		return n
	}
	for sum(g.status(t).Queue.Dropped) == sum(before.Queue.Dropped) {
		for range 20 {
			for child := range from {
				message := strings.TrimSuffix(e.message(child, e.sent[child]), "}") + `,"pad":"` + pad + `"}`
				g.children(t, child).send(t, message)
				e.sent[child]++
			}
		}
	}
	full := g.status(t)
	if full.Queue.Bytes > full.Queue.MaxBytes {
		t.Errorf("the queue has %d bytes, and may have %d", full.Queue.Bytes, full.Queue.MaxBytes)
	}
	e.line.cut(false)
	end := g.forwards(t)
	e.w.drain(t)
	missing := map[string]int{}
	for child, first := range from {
		stored := e.w.stored(t, "gw-1:"+child)
		for n := first; n < e.sent[child]; n++ {
			if stored[strconv.FormatInt(e.begin.UnixMilli()+int64(n)*1000, 10)] != nil {
				continue
			}
			if n != first+missing[child] {
				t.Errorf("%s: reading %d is missing, and an older one is stored", child, n)
			}
			missing[child]++
		}
	}
	low, normal := end.Queue.Dropped["low"]-before.Queue.Dropped["low"],
		end.Queue.Dropped["normal"]-before.Queue.Dropped["normal"]
	if missing["own-2"] != int(low) || missing["own-1"] != int(normal) || end.Queue.Lost != before.Queue.Lost {
		t.Errorf("missing: %v; counted: %d low, %d normal, %+v", missing, low, normal, end.Queue)
	}
	e.w.await(t, 1, func(event runlog.Event) bool {
		return event.Kind == runlog.Received && event.Topic == name+"/gw-1/telemetry" &&
			strings.Contains(string(event.Payload), fmt.Sprintf(`"queue_dropped":%d,`, low+normal))
	})
	if low+normal == 0 || policy == "lowest_priority" && normal > 0 {
		t.Errorf("%s: %d low, %d normal", policy, low, normal)
	}
}

// newCertificate rotates the gateway's certificate while children send.
func newCertificate(t *testing.T, e *edgeSite) {
	rotate := func(step string) {
		t.Helper()
		if err := operate.Rotate(t.Context(), e.w.operated(t), operate.Rotation{Step: step, Devices: []string{"gw-1"}},
			func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	g := e.gateway
	old := e.w.devices["gw-1"].CertificateID
	rotate(operate.StepIssue)
	e.send(t, 10)
	after := must(e.w.operated(t).Credentials(t.Context(), "gw-1"))(t)
	g.write(t, "bundle.json", after)
	g.hangup(t)
	e.send(t, 10)
	s := g.forwards(t)
	if s.Uplink.CertificateID != after.CertificateID || after.CertificateID == old {
		t.Errorf("the gateway uses %q, want %q", s.Uplink.CertificateID, after.CertificateID)
	}
	rotate(operate.StepRetire)
	e.send(t, 10)
	if end := g.forwards(t); end.Uplink.Reconnects != s.Uplink.Reconnects {
		t.Errorf("the retirement of the earlier certificate has ended the connection: %+v", end.Uplink)
	}
	e.w.drain(t)
	for _, child := range []string{"bare-1", "bare-2"} { // nothing of them was dropped
		e.checkStored(t, child)
		e.checkArrivals(t, child)
	}
}

// commandToChild: an alert's command reaches the child that it is about.
func commandToChild(t *testing.T, e *edgeSite) {
	child := e.gateway.children(t, "own-2")
	child.send(t, `{"data":{"t":200000}}`)
	if got := child.command(t); got != `{"cool":true}` {
		t.Errorf("command %s", got)
	}
	e.w.drain(t)
}

// silentChild: people hear of a child that is silent, and the pipeline knows that the gateway's connection has ended.
func silentChild(t *testing.T, e *edgeSite) {
	inbox := e.w.subscribe(t)
	e.w.age(t, "gw-1:own-1", 61*time.Minute)
	if n := e.w.receive(t, inbox); n.State != "alert" || n.Thing != "gw-1:own-1" || n.Rule != "silent" {
		t.Errorf("the notice is %+v", n)
	}
	e.send(t, 1)
	if n := e.w.receive(t, inbox); n.State != "resolved" || n.Thing != "gw-1:own-1" {
		t.Errorf("the second notice is %+v", n)
	}
	ended := func(event runlog.Event) bool { return event.Kind == runlog.Disconnected && event.Thing == "gw-1" }
	before := e.w.count(ended)
	e.gateway.kill()
	e.w.await(t, before+1, ended)
	e.w.drain(t)
	if item := e.w.item(t, "gw-1"); item["status"] != "offline" || item["disconnect_reason"] != "CONNECTION_LOST" {
		t.Errorf("after its connection has ended, the gateway is %v", item)
	}
	dropped := 0.0
	for _, measures := range e.w.stored(t, "gw-1") {
		text, _, _ := strings.Cut(measures["queue_dropped"], " ")
		dropped += must(strconv.ParseFloat(text, 64))(t)
	}
	if dropped == 0 {
		t.Error("the stored states of the gateway have nothing dropped")
	}
}
