package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
)

// pairUntil is a certificate of a broker that ends then, with its key.
func (a *authority) pairUntil(t *testing.T, end time.Time) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{CommonName: "broker"}, NotBefore: end.AddDate(-1, 0, 0), NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, a.certificate, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// write replaces files of the gateway.
func (s *site) write(t *testing.T, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *process) hangup(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// shown is the serial number of the certificate that the broker shows.
func (s *site) shown(t *testing.T, address string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: s.authority.pool(), ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// metric is whether the gateway serves this line.
func (p *process) metric(t *testing.T, line string) bool {
	t.Helper()
	answer, err := http.Get("http://" + p.monitor + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains("\n"+string(text), "\n"+line+"\n")
}

// TestBrokerCertificate: children that are connected stay so while the broker gets a new certificate. Files that cannot
// be used change nothing, and the state says so.
func TestBrokerCertificate(t *testing.T) {
	a := newAuthority(t)
	s := newSite(t, a, "127.0.0.1:1", []string{"soil-1"})
	s.config.Settings.StatusTelemetry = true
	s.save(t)
	p := s.run(t, build(t))
	child := s.mustConnect(t, p.children, "soil-1")
	first := s.shown(t, p.children)
	p.awaitLog(t, "expires soon", 1) // the fixture's ends in an hour
	certificate, key := a.pairUntil(t, time.Now().AddDate(0, 0, 90))
	old, oldKey := a.pairUntil(t, time.Now().Add(-time.Hour))
	for i, bad := range []struct {
		files map[string][]byte
		says  string
	}{
		{map[string][]byte{"broker.pem": certificate}, "private key does not match"},
		{map[string][]byte{"broker.pem": []byte("-----BEGIN")}, "failed to find any PEM data"},
		{map[string][]byte{"broker.pem": old, "broker.key": oldKey}, "has expired at"},
		{map[string][]byte{"broker.pem": certificate, "broker.key": key, "ca.pem": []byte("x")}, "has no certificate in PEM"},
	} {
		s.write(t, bad.files)
		p.hangup(t)
		p.awaitLog(t, "The broker's certificate on the disk cannot be used", i+1)
		state := p.status(t).Broker
		if !strings.Contains(state.Problem, bad.says) || state.Days != 0 || !p.metric(t, "iot_edge_broker_certificate_problem 1") {
			t.Errorf("%s: %+v", bad.says, state)
		}
		if got := s.shown(t, p.children); got != first {
			t.Errorf("%s: another certificate is shown", bad.says)
		}
	}
	s.write(t, map[string][]byte{"ca.pem": a.pem}) // and nobody tells the gateway
	p.awaitLog(t, "The broker has a new certificate", 1)
	state := p.status(t).Broker
	if got := s.shown(t, p.children); got == first || state.Problem != "" || state.Days != 89 || state.Changes != 1 ||
		!p.metric(t, "iot_edge_broker_certificate_problem 0") {
		t.Errorf("%s after %s: %+v", got, first, state)
	}
	if err := child.publish("telemetry", `{"timestamp":1767225600000}`); err != nil {
		t.Errorf("the child that was connected: %v", err)
	}
	if n := p.status(t).Children; n != 1 {
		t.Errorf("%d children are connected", n)
	}
}

// TestNewAuthorityOfChildren: children of the former authority are refused, and those of the new one are let in.
func TestNewAuthorityOfChildren(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	s := newSite(t, a, "127.0.0.1:1", []string{"soil-1"})
	s.config.Broker.ClientCA = "children.pem"
	s.save(t)
	s.write(t, map[string][]byte{"children.pem": a.pem})
	p := s.run(t, build(t))
	of := func(a *authority) *tls.Certificate {
		certificate, key := a.pair(t, "soil-1")
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return &pair
	}
	before, after := of(a), of(other)
	lets := func(certificate *tls.Certificate, want bool) {
		t.Helper()
		if _, err := s.connect(p.children, "soil-1", certificate); (err == nil) != want {
			t.Errorf("let in: %v, want %v", err, want)
		}
	}
	lets(before, true)
	lets(after, false)
	s.write(t, map[string][]byte{"children.pem": other.pem})
	p.hangup(t)
	p.awaitLog(t, "The broker has a new certificate", 1)
	lets(before, false)
	lets(after, true)
}

// TestReloadUnderSystemd: systemd before version 260 does not copy credentials again, which a reload then says.
func TestReloadUnderSystemd(t *testing.T) {
	s := newSite(t, newAuthority(t), "127.0.0.1:1", []string{"soil-1"})
	t.Setenv("CREDENTIALS_DIRECTORY", s.dir)
	p := s.run(t, build(t))
	p.hangup(t)
	p.awaitLog(t, "The reload brought nothing new", 1)
	if p.count("broker.key") != 1 || p.count("bundle.json") != 1 {
		t.Error("the log does not name the files")
	}
	certificate, _ := s.authority.pairUntil(t, time.Now().AddDate(0, 0, 90))
	s.write(t, map[string][]byte{"broker.pem": certificate})
	p.hangup(t)
	p.awaitLog(t, "systemd copied the key when the service started", 1)
	certificate, key := s.authority.pairUntil(t, time.Now().AddDate(0, 0, 90))
	s.write(t, map[string][]byte{"broker.pem": certificate, "broker.key": key})
	told := p.count("brought nothing new")
	p.hangup(t)
	p.await(t, "the new certificate", func(s gateway.Status) bool { return s.Broker.Changes == 1 })
	if p.count("brought nothing new") != told {
		t.Error("a reload that brought a certificate says that it brought nothing")
	}
}
