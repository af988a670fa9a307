package pipeline

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestPrivateKeyIsNotRepeated(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pemBlock("PRIVATE KEY", der)
	said := encode(Validate(edit(device(DeviceSpec{CSRPEM: &text})), nil)) + encode(
		Validate(edit(device(DeviceSpec{CertificatePEM: &text})), nil),
	)
	for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
		if strings.Contains(said, line) {
			t.Fatalf("the key is repeated: %s", said)
		}
	}
}

func pemBlock(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func csrPEM() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return request(key)
}

func smallCSR() string {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return request(key)
}

func edwardsCSR() string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return request(key)
}

func request(key any) string {
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "soil"}}, key)
	if err != nil {
		panic(err)
	}
	return pemBlock("CERTIFICATE REQUEST", der)
}

// longValid is longer than plans warn before.
const longValid = 2 * expiryNotice

func certificatePEM(valid time.Duration) string { return signedPEM(valid, &x509.Certificate{}) }

func authorityPEM(valid time.Duration) string {
	return signedPEM(valid, &x509.Certificate{BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
}

// signedPEM is a certificate that signs itself.
func signedPEM(valid time.Duration, template *x509.Certificate) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(valid)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return pemBlock("CERTIFICATE", der)
}
