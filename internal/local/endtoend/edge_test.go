package endtoend_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

// edgePipeline has a gateway, a store whose rows tell duplicates, and an alert that commands a device.
const edgePipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "gw-1" = {} }
  edge          = {}
  timestream    = {}
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0 }
  alerts        = { rules = { hot = { when = "data.t > 1000", command = jsonencode({ cool = true }) } } }
  force_destroy = true
}
`

// TestEdge: readings of children reach the stores through the gateway, although its uplink is cut and it is killed, each
// once. A command for a child arrives.
func TestEdge(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(edgePipeline, "NAME", name))
	line := startLine(t, w.runtime.MQTTAddr())
	g := newEdge(t, w, line.listener.Addr())
	g.run(t)
	names := []string{"soil-1", "soil-2", "soil-3"}
	begin := time.Now().Add(-5 * time.Minute).Truncate(time.Second)
	n := 0
	send := func(count int) {
		t.Helper()
		for range count {
			for _, child := range names {
				at := begin.Add(time.Duration(n) * time.Second).UnixMilli()
				g.children(t, child).send(t, fmt.Sprintf(`{"timestamp":%d,"data":{"t":%d}}`, at, n))
			}
			n++
		}
	}
	send(20)
	line.cut(true)
	send(20)
	g.kill()
	g.run(t)
	send(20)
	line.cut(false)
	g.awaitForwarded(t)
	w.drain(t)
	for _, child := range names {
		stored := w.stored(t, "gw-1:"+child)
		if len(stored) != n {
			t.Errorf("%s: %d times are stored, want %d", child, len(stored), n)
		}
		for i := range n {
			at := fmt.Sprint(begin.Add(time.Duration(i) * time.Second).UnixMilli())
			if value, _, _ := strings.Cut(stored[at]["t"], " "); value != fmt.Sprint(i) && value != fmt.Sprintf("%d.0", i) {
				t.Errorf("%s: at %s, t is %q, want %d", child, at, stored[at]["t"], i)
			}
		}
	}
	child := g.children(t, "soil-2")
	child.send(t, `{"data":{"t":2000}}`)
	if got := child.command(t); got != `{"cool":true}` {
		t.Errorf("command %s", got)
	}
	if letters := w.takeLetters(t); len(letters) > 0 {
		t.Errorf("dead letters %s", letters)
	}
}

// gatewayProgram is iot-edge with the credentials of the pipeline.
type gatewayProgram struct {
	program, file, password string
	command                 *exec.Cmd
	ended                   chan struct{}
	address, monitor        string
	connected               map[string]*device
}

func newEdge(t *testing.T, w *deployment, uplink net.Addr) *gatewayProgram {
	t.Helper()
	dir := t.TempDir()
	g := &gatewayProgram{program: filepath.Join(dir, "iot-edge"), file: filepath.Join(dir, "edge.json"),
		password: "secret"}
	if out, err := exec.Command("go", "build", "-o", g.program, "../../../cmd/iot-edge").CombinedOutput(); err != nil {
		t.Fatalf("building iot-edge: %v\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(uplink.String())
	if err != nil {
		t.Fatal(err)
	}
	hash := must(config.HashPassword(g.password))(t)
	child := config.Child{Password: string(hash)}
	c := config.Config{
		Credentials: "bundle.json", CA: w.runtime.CAPath(), Endpoint: "localhost:" + port, StateDirectory: "state",
		Monitor: "127.0.0.1:0", Log: config.Log{Format: "json"},
		Broker: config.Broker{Listen: []config.Listen{{Address: "127.0.0.1:0", Plain: true}},
			Children: map[string]config.Child{"soil-1": child, "soil-2": child, "soil-3": child}},
	}
	for name, content := range map[string]any{"bundle.json": w.devices["gw-1"], "edge.json": c} {
		if err := os.WriteFile(filepath.Join(dir, name), must(json.Marshal(content))(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *gatewayProgram) run(t *testing.T) {
	t.Helper()
	g.command, g.ended, g.connected = exec.Command(g.program, "run", g.file), make(chan struct{}), map[string]*device{}
	out := must(g.command.StderrPipe())(t)
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	addresses := make(chan string, 2)
	go func() {
		defer close(g.ended)
		defer close(addresses)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var said struct{ Address string }
			if json.Unmarshal(lines.Bytes(), &said) == nil && said.Address != "" {
				addresses <- said.Address
			}
		}
	}()
	for _, address := range []*string{&g.address, &g.monitor} {
		var ok bool
		if *address, ok = <-addresses; !ok {
			t.Fatal("iot-edge has ended")
		}
	}
}

// kill is kill -9.
func (g *gatewayProgram) kill() {
	g.command.Process.Kill()
	<-g.ended
	g.command.Wait()
}

// children returns a connected child.
func (g *gatewayProgram) children(t *testing.T, name string) *device {
	t.Helper()
	if d := g.connected[name]; d != nil {
		return d
	}
	d := &device{commands: make(chan string, 10), Client: paho.NewClient(paho.NewClientOptions().
		AddBroker("tcp://" + g.address).SetClientID(name).SetUsername(name).SetPassword(g.password).
		SetAutoReconnect(false).SetProtocolVersion(4).SetConnectTimeout(patience))}
	d.Thing, d.Topics.Telemetry = name, "telemetry"
	if token := d.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("connecting %s to the gateway: %v", name, token.Error())
	}
	t.Cleanup(func() { d.Disconnect(0) })
	token := d.Subscribe("commands", 1, func(_ paho.Client, m paho.Message) { d.commands <- string(m.Payload()) })
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribing %s to its commands: %v", name, token.Error())
	}
	g.connected[name] = d
	return d
}

// awaitForwarded waits until the gateway's queue is empty.
func (g *gatewayProgram) awaitForwarded(t *testing.T) {
	t.Helper()
	timeout, again := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer again.Stop()
	for {
		answer, err := http.Get("http://" + g.monitor + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		var status struct {
			Queue struct{ Records, Lost int }
		}
		err = json.NewDecoder(answer.Body).Decode(&status)
		answer.Body.Close()
		if err != nil || status.Queue.Lost > 0 {
			t.Fatalf("%+v, %v", status, err)
		}
		if status.Queue.Records == 0 {
			return
		}
		select {
		case <-again.C:
		case <-timeout:
			t.Fatalf("the gateway still has %d records", status.Queue.Records)
		}
	}
}

// uplinkLine is a connection that can be cut.
type uplinkLine struct {
	listener net.Listener
	mu       sync.Mutex
	down     bool
	conns    []net.Conn
}

func startLine(t *testing.T, target string) *uplinkLine {
	t.Helper()
	l := &uplinkLine{listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	t.Cleanup(func() { l.listener.Close(); l.cut(true) })
	go func() {
		for {
			from, err := l.listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", target)
			l.mu.Lock()
			if err != nil || l.down {
				from.Close()
			} else {
				l.conns = append(l.conns, from, to)
				go func() { io.Copy(to, from); to.Close() }()
				go func() { io.Copy(from, to); from.Close() }()
			}
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *uplinkLine) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	if down {
		for _, conn := range l.conns {
			conn.Close()
		}
		l.conns = nil
	}
}
