package config

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// An Identity is who the gateway is to AWS IoT.
type Identity struct {
	Gateway  string // the thing's name
	ClientID string
	Prefix   string // the pipeline's topic prefix
	Endpoint string // host:port
	TLS      *tls.Config
	// CertificateID is AWS's name of the certificate.
	CertificateID string
}

// Same reports whether a connection with the other credentials would be one with these.
func (i *Identity) Same(other *Identity) bool {
	return i.Endpoint == other.Endpoint && slices.EqualFunc(i.TLS.Certificates[0].Certificate,
		other.TLS.Certificates[0].Certificate, bytes.Equal)
}

// The files of a directory of credentials.
const (
	bundleFile      = "bundle.json"
	certificateFile = "certificate.pem"
	keyFile         = "private.key"
)

// Identity reads the credentials.
func (c *Config) Identity() (*Identity, error) {
	b, err := readBundle(c.Credentials)
	if err != nil {
		return nil, err
	}
	if b.PrivateKey == "" {
		return nil, fmt.Errorf("the credentials of %q in %s have no private key: put it into %s of a directory, with "+
			"the bundle as %s", b.Thing, c.Credentials, keyFile, bundleFile)
	}
	pair, err := tls.X509KeyPair([]byte(b.CertificatePEM), []byte(b.PrivateKey))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %q in %s: %w", b.Thing, c.Credentials, err)
	}
	prefix, ok := strings.CutSuffix(b.Topics.Telemetry, "/"+b.Thing+"/telemetry")
	if !ok {
		return nil, fmt.Errorf("the credentials in %s have the telemetry topic %q, not <prefix>/%s/telemetry: "+
			"fetch the bundle again", c.Credentials, b.Topics.Telemetry, b.Thing)
	}
	client := cmp.Or(c.ClientID, b.Thing)
	if client != b.Thing && !strings.HasPrefix(client, b.Thing+"#") {
		return nil, fmt.Errorf("the credentials in %s are those of %q, and the client ID is %q: AWS IoT would refuse "+
			"it. Fetch the bundle of this gateway", c.Credentials, b.Thing, client)
	}
	endpoint := c.Endpoint
	if endpoint == "" {
		endpoint = b.Endpoint
	}
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		endpoint = net.JoinHostPort(endpoint, "8883")
	}
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil || host == "" {
		return nil, fmt.Errorf("the endpoint is %q: want a host, or a host and a port", endpoint)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ServerName: host}
	if c.CA != "" {
		if config.RootCAs, err = readPool(c.CA); err != nil {
			return nil, err
		}
	}
	return &Identity{Gateway: b.Thing, ClientID: client, Prefix: prefix, Endpoint: endpoint, TLS: config,
		CertificateID: b.CertificateID}, nil
}

func readBundle(name string) (b contract.Bundle, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return b, fmt.Errorf("reading the credentials: %w", err)
	}
	dir := ""
	if info.IsDir() {
		dir, name = name, filepath.Join(name, bundleFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return b, fmt.Errorf("reading the credentials: %w", err)
	}
	if json.Unmarshal(text, &b) != nil || b.Thing == "" {
		return b, fmt.Errorf("%s is not a credentials bundle of a pipeline", name)
	}
	for file, member := range map[string]*string{certificateFile: &b.CertificatePEM, keyFile: &b.PrivateKey} {
		if dir == "" {
			break
		}
		switch text, err := os.ReadFile(filepath.Join(dir, file)); {
		case err == nil:
			*member = string(text)
		case !os.IsNotExist(err):
			return b, fmt.Errorf("reading the credentials: %w", err)
		}
	}
	return b, nil
}

func readPool(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", name)
	}
	return pool, nil
}

// ChildTLS is what a broker shows to its children and asks of them.
type ChildTLS struct {
	Config *tls.Config
	// Expires is when the first certificate of the chain ends.
	Expires time.Time
}

// Same reports whether other has the same certificates.
func (c *ChildTLS) Same(other *ChildTLS) bool {
	return c.Config.ClientCAs.Equal(other.Config.ClientCAs) && slices.EqualFunc(c.Config.Certificates[0].Certificate,
		other.Config.Certificates[0].Certificate, bytes.Equal)
}

// TLS reads the broker's certificate, its key, and the authority of the children; nil if it has no certificate.
func (b *Broker) TLS() (*ChildTLS, error) {
	if b.Certificate == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(b.Certificate, b.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the broker's certificate: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if b.ClientCA != "" {
		if config.ClientCAs, err = readPool(b.ClientCA); err != nil {
			return nil, err
		}
		config.ClientAuth = tls.VerifyClientCertIfGiven
		config.SessionTicketsDisabled = true // a ticket would outlive a change of the authority
	}
	expires := pair.Leaf.NotAfter
	for _, der := range pair.Certificate[1:] {
		further, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("reading the broker's certificate: %w", err)
		}
		if further.NotAfter.Before(expires) {
			expires = further.NotAfter
		}
	}
	return &ChildTLS{config, expires}, nil
}
