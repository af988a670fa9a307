package endtoend_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
)

// gatewayProgram is iot-edge with the credentials of the pipeline, and with a clock that the test sets.
type gatewayProgram struct {
	test                   *testing.T // with which everything ends
	dir, program, password string
	config                 config.Config
	clock                  gatewayClock
	command                *exec.Cmd
	ended                  chan struct{}
	address, monitor       string
	connected              map[string]*device
}

// gatewayClock is what IOT_EDGE_CLOCK says, in seconds: how wrong the clock is, and how much time has passed besides.
type gatewayClock struct{ Wall, Elapsed int }

func newEdge(t *testing.T, w *deployment, uplink net.Addr, children ...string) *gatewayProgram {
	t.Helper()
	dir := t.TempDir()
	g := &gatewayProgram{test: t, dir: dir, program: filepath.Join(dir, "iot-edge"), password: "secret"}
	if out, err := exec.Command("go", "build", "-tags", "moved_clock", "-o", g.program,
		"../../../cmd/iot-edge").CombinedOutput(); err != nil {
		t.Fatalf("building iot-edge: %v\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(uplink.String())
	if err != nil {
		t.Fatal(err)
	}
	drain := 0
	g.config = config.Config{
		Credentials: "bundle.json", CA: w.runtime.CAPath(), Endpoint: "localhost:" + port, StateDirectory: "state",
		Monitor: "127.0.0.1:0", Log: config.Log{Format: "json"}, DrainSeconds: &drain,
		Broker: config.Broker{Listen: []config.Listen{{Address: "127.0.0.1:0", Plain: true}},
			Children: map[string]config.Child{}},
	}
	hash := must(config.HashPassword(g.password))(t)
	for _, child := range children {
		g.config.Broker.Children[child] = config.Child{Password: string(hash)}
	}
	g.write(t, "bundle.json", w.devices["gw-1"])
	return g
}

// write replaces a file of the gateway.
func (g *gatewayProgram) write(t *testing.T, name string, content any) {
	t.Helper()
	file := filepath.Join(g.dir, name)
	err := os.WriteFile(file+".new", must(json.Marshal(content))(t), 0o600)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// passes lets time pass on the gateway, and sets its clock.
func (g *gatewayProgram) passes(t *testing.T, elapsed, wall int) {
	t.Helper()
	g.clock.Elapsed += elapsed
	g.clock.Wall += wall
	g.write(t, "clock.json", g.clock)
}

func (g *gatewayProgram) run(t *testing.T) {
	t.Helper()
	g.write(t, "edge.json", g.config)
	g.passes(t, 0, 0)
	command := exec.Command(g.program, "run", filepath.Join(g.dir, "edge.json"))
	command.Env = append(os.Environ(), "IOT_EDGE_CLOCK="+filepath.Join(g.dir, "clock.json"))
	g.start(t, command)
}

// start starts iot-edge by a command.
func (g *gatewayProgram) start(t *testing.T, command *exec.Cmd) {
	t.Helper()
	g.command, g.ended, g.connected = command, make(chan struct{}), map[string]*device{}
	out := must(g.command.StderrPipe())(t)
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	g.test.Cleanup(g.kill)
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
	g.test.Cleanup(func() { d.Disconnect(0) })
	token := d.Subscribe("commands", 1, func(_ paho.Client, m paho.Message) { d.commands <- string(m.Payload()) })
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribing %s to its commands: %v", name, token.Error())
	}
	g.connected[name] = d
	return d
}

// status is what the gateway says about itself.
func (g *gatewayProgram) status(t *testing.T) (s gateway.Status) {
	t.Helper()
	answer, err := http.Get("http://" + g.monitor + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// await waits until the state is so.
func (g *gatewayProgram) await(t *testing.T, what string, yes func(gateway.Status) bool) gateway.Status {
	t.Helper()
	timeout, again := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for {
		s := g.status(t)
		if yes(s) {
			return s
		}
		select {
		case <-again.C:
		case <-timeout:
			t.Fatalf("the gateway did not get so far: %s; %+v", what, s)
		}
	}
}

// forwards makes the gateway connect at once, and waits until its queue is empty.
func (g *gatewayProgram) forwards(t *testing.T) gateway.Status {
	t.Helper()
	g.hangup(t)
	return g.await(t, "all forwarded", func(s gateway.Status) bool { return s.Queue.Records == 0 && s.Uplink.Connected })
}

// hangup makes the gateway read its credentials again, and ends its pause between attempts to connect.
func (g *gatewayProgram) hangup(t *testing.T) {
	t.Helper()
	if err := g.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// uplinkLine is a connection that can be cut, and that can lose what the server says.
type uplinkLine struct {
	listener net.Listener
	mu       sync.Mutex
	down     bool
	mute     bool
	conns    []net.Conn
}

// toGateway is the way from the server.
type toGateway struct {
	line *uplinkLine
	net.Conn
}

func (c toGateway) Write(b []byte) (int, error) {
	c.line.mu.Lock()
	mute := c.line.mute
	c.line.mu.Unlock()
	if mute {
		return len(b), nil
	}
	return c.Conn.Write(b)
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
				go func() { io.Copy(toGateway{l, from}, to); from.Close() }()
			}
			l.mu.Unlock()
		}
	}()
	return l
}

// loseAnswers loses what the server says from now on, such as acknowledgements.
func (l *uplinkLine) loseAnswers(mute bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = mute
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
