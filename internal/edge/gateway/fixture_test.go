package gateway_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
)

// patience bounds what should happen at once.
const patience = 60 * time.Second

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	a.certificate, a.key, a.pem = sign(t, nil, "authority")
	return a
}

func sign(t testing.TB, by *authority, name string) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true, IsCA: by == nil,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// pair returns certificate and key in PEM.
func (a *authority) pair(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	_, private, certificate := sign(t, a, name)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// cloud stands for AWS IoT: a broker that wants the gateway's certificate.
type cloud struct {
	mqtt.HookBase
	server  *mqtt.Server
	address string

	mu       sync.Mutex
	messages []message
	changed  chan struct{} // closed and replaced with each message
	desired  string        // of the shadow "edge"
	serials  []string      // of the certificates that connected
}

type message struct{ topic, payload string }

func startCloud(t testing.TB, a *authority) *cloud {
	t.Helper()
	certificate, key := a.pair(t, "cloud")
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool()})
	if err != nil {
		t.Fatal(err)
	}
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.ReceiveMaximum, capabilities.TopicAliasMaximum = 100, 8
	c := &cloud{address: listener.Addr().String(), changed: make(chan struct{})}
	c.server = mqtt.New(&mqtt.Options{Capabilities: capabilities, InlineClient: true,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := c.server.AddHook(c, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.server.AddListener(listeners.NewNet("cloud", listener)); err != nil {
		t.Fatal(err)
	}
	if err := c.server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.server.Close() })
	return c
}

func (c *cloud) ID() string { return "cloud" }

func (c *cloud) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck || b == mqtt.OnPublish
}

func (c *cloud) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	conn, ok := cl.Net.Conn.(*tls.Conn)
	if !ok {
		return false
	}
	peer := conn.ConnectionState().PeerCertificates[0]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serials = append(c.serials, peer.SerialNumber.String())
	return peer.Subject.CommonName == cl.ID
}

// OnACLCheck allows what the policy of a gateway allows.
func (c *cloud) OnACLCheck(cl *mqtt.Client, name string, write bool) bool {
	if cl.Net.Inline {
		return true
	}
	if strings.HasPrefix(name, "$aws/things/"+cl.ID+"/shadow/") {
		return true
	}
	if write && name == "gh/"+cl.ID+"/telemetry" {
		return true
	}
	if !write {
		return strings.HasPrefix(name, "gh/"+cl.ID+"/children/")
	}
	return name == "" || name == "gh/"+cl.ID+"/status" || strings.HasPrefix(name, "gh/"+cl.ID+":")
}

func (c *cloud) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	c.mu.Lock()
	c.messages = append(c.messages, message{pk.TopicName, string(pk.Payload)})
	close(c.changed)
	c.changed = make(chan struct{})
	desired := c.desired
	c.mu.Unlock()
	if shadow, ok := strings.CutSuffix(pk.TopicName, "/get"); ok && desired != "" {
		go func() {
			_ = c.server.Publish(shadow+"/get/accepted", []byte(`{"state":{"desired":`+desired+`}}`), false, 1)
		}()
	}
	return pk, nil
}

// await returns the first message from the i-th on for which yes is true, and its index.
func (c *cloud) await(t testing.TB, i int, what string, yes func(message) bool) (message, int) {
	t.Helper()
	timeout := time.After(patience)
	for {
		c.mu.Lock()
		for ; i < len(c.messages); i++ {
			if yes(c.messages[i]) {
				m := c.messages[i]
				c.mu.Unlock()
				return m, i
			}
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("AWS IoT did not get %s", what)
		}
	}
}

func (c *cloud) all() []message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messages[:len(c.messages):len(c.messages)]
}

// proxy is the uplink: a connection that can be cut.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	conns    map[net.Conn]bool
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { listener.Close(); p.set(true) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *proxy) serve(from net.Conn) {
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		from.Close()
		return
	}
	p.mu.Lock()
	if p.cut {
		p.mu.Unlock()
		from.Close()
		to.Close()
		return
	}
	p.conns[from], p.conns[to] = true, true
	p.mu.Unlock()
	go func() { io.Copy(to, from); to.Close(); from.Close() }()
	io.Copy(from, to)
	to.Close()
	from.Close()
}

// set cuts the uplink, or repairs it.
func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for conn := range p.conns {
			conn.Close()
		}
		clear(p.conns)
	}
}

// site is where a gateway stands: its files, its children's network.
type site struct {
	dir       string
	file      string
	config    config.Config
	authority *authority
	password  string
}

const gatewayName = "gw-1"

// newSite writes the credentials and the configuration of a gateway.
func newSite(t testing.TB, a *authority, endpoint string, children []string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), authority: a, password: "correct horse"}
	s.issue(t, endpoint, "first")
	brokerCertificate, brokerKey := a.pair(t, "broker")
	for name, content := range map[string][]byte{"ca.pem": a.pem, "broker.pem": brokerCertificate,
		"broker.key": brokerKey} {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hash, err := config.HashPassword(s.password)
	if err != nil {
		t.Fatal(err)
	}
	s.file = filepath.Join(s.dir, "edge.json")
	s.config = config.Config{
		Credentials: "bundle.json", CA: "ca.pem", StateDirectory: "state", Monitor: "127.0.0.1:0",
		Log: config.Log{Format: "json", Level: "debug"},
		Broker: config.Broker{Certificate: "broker.pem", Key: "broker.key", ClientCA: "ca.pem",
			Listen: []config.Listen{{Address: "127.0.0.1:0"}}, Children: map[string]config.Child{}},
		Settings: config.Settings{},
	}
	for _, name := range children {
		s.config.Broker.Children[name] = config.Child{Password: string(hash)}
	}
	s.save(t)
	return s
}

// issue writes new credentials of the gateway.
func (s *site) issue(t testing.TB, endpoint, id string) {
	t.Helper()
	certificate, key := s.authority.pair(t, gatewayName)
	bundle, err := json.Marshal(contract.Bundle{Thing: gatewayName, CertificatePEM: string(certificate), CertificateID: id,
		PrivateKey: string(key), Endpoint: endpoint, Topics: contract.TopicsOf("gh", gatewayName)})
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "bundle.json"), bundle, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) save(t testing.TB) {
	t.Helper()
	text, err := json.Marshal(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// programs is the directory of the program; TestMain removes it.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "iot-edge"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

// released builds the program as it is released, once for all tests.
var released = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programs, "iot-edge")
	command := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "../../../cmd/iot-edge")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building iot-edge: %w\n%s", err, out)
	}
	return program, nil
})

func build(t testing.TB) string {
	t.Helper()
	program, err := released()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// process is a running iot-edge.
type process struct {
	command  *exec.Cmd
	children string // address
	monitor  string
	mu       sync.Mutex
	logs     strings.Builder
	ended    chan struct{}
}

func (s *site) run(t testing.TB, program string) *process {
	t.Helper()
	p := &process{command: exec.Command(program, "run", s.file), ended: make(chan struct{})}
	out, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("log of iot-edge:\n%s", p.logs.String())
		}
	})
	addresses := make(chan [2]string, 10)
	go func() {
		defer close(p.ended)
		defer close(addresses)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line struct{ Msg, Address string }
			_ = json.Unmarshal(lines.Bytes(), &line) // an error of the program is not JSON
			p.mu.Lock()
			p.logs.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if line.Address != "" {
				addresses <- [2]string{line.Msg, line.Address}
			}
		}
	}()
	for p.children == "" || p.monitor == "" {
		a, ok := <-addresses
		if !ok {
			t.Fatal("iot-edge has ended")
		}
		if strings.HasPrefix(a[0], "Children") {
			p.children = a[1]
		} else {
			p.monitor = a[1]
		}
	}
	return p
}

// kill is kill -9.
func (p *process) kill() {
	p.command.Process.Kill()
	<-p.ended
	p.command.Wait()
}

func (p *process) status(t testing.TB) (s gateway.Status) {
	t.Helper()
	answer, err := http.Get("http://" + p.monitor + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// await asks for the status until yes is true.
func (p *process) await(t testing.TB, what string, yes func(gateway.Status) bool) gateway.Status {
	t.Helper()
	timeout, again := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for {
		s := p.status(t)
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
