// Package ca is the local runtime's certificate authority. It signs the broker's server certificate; device
// certificates come from AWS IoT.
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	certificateFile = "ca.pem"
	keyFile         = "ca-key.pem"
	// Every start makes a new server certificate, so it need not last.
	serverLife = 30 * 24 * time.Hour
	caLife     = 10 * 365 * 24 * time.Hour
)

// An Authority signs server certificates.
type Authority struct {
	// Path is the file with the authority's certificate, for devices to trust.
	Path string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Open reads the authority in the directory, or creates it on first use. Only the owner can read its key.
func Open(dir string) (*Authority, error) {
	a, err := load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		a, err = create(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the local certificate authority in %q: %w", dir, err)
	}
	return a, nil
}

func load(dir string) (*Authority, error) {
	a := &Authority{Path: filepath.Join(dir, certificateFile)}
	pair, err := tls.LoadX509KeyPair(a.Path, filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("its key is a %T, not an ECDSA key; remove the directory to create a new authority",
			pair.PrivateKey)
	}
	a.key, a.certificate = key, pair.Leaf
	if time.Now().After(a.certificate.NotAfter) {
		return nil, fmt.Errorf("it expired on %s; remove the directory to create a new authority",
			a.certificate.NotAfter.Format(time.DateOnly))
	}
	return a, nil
}

func create(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial(now),
		Subject:               pkix.Name{CommonName: "iot-local"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if err := os.WriteFile(filepath.Join(dir, keyFile), keyPEM, 0o600); err != nil {
		return nil, err
	}
	certificatePEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, certificateFile), certificatePEM, 0o644); err != nil {
		return nil, err
	}
	return load(dir)
}

func serial(now time.Time) *big.Int { return big.NewInt(now.UnixNano()) }

// Pool holds the authority's certificate, for clients that trust it.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Server issues a server certificate for the host names and addresses.
func (a *Authority) Server(hosts ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issuing a server certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(now),
		Subject:      pkix.Name{CommonName: "iot-local broker"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(serverLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issuing a server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}, nil
}
