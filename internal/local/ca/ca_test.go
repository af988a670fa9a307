package ca

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenKeepsTheAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !first.certificate.Equal(second.certificate) {
		t.Error("opening the directory again made another authority")
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the key has mode %o, want 600", mode)
	}
}

func TestServerCertificateIsTrusted(t *testing.T) {
	a, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Server("localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for host, trusted := range map[string]bool{"localhost": true, "127.0.0.1": true, "example.com": false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: host})
		if (err == nil) != trusted {
			t.Errorf("%s: got error %v, want trusted %v", host, err, trusted)
		}
	}
}

func TestOpenRefusesABrokenDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{certificateFile, keyFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no PEM"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got error %v, want one that names the directory", err)
	}
}
