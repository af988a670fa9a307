package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// DeviceSubject is the subject of a device's certificate. It says whose the certificate is, so that one whose creation
// was not answered can be recognised: CN is the thing (AWS allows 128 characters in a name, X.520 only 64 in a CN, so
// a longer one is cut), OU the owner token.
func DeviceSubject(thing, owner string) pkix.Name {
	return pkix.Name{CommonName: thing[:min(len(thing), 64)], OrganizationalUnit: []string{owner}}
}

// ClaimSubject is the subject of a claim certificate.
func ClaimSubject(commonName, owner string) pkix.Name {
	return pkix.Name{CommonName: commonName, OrganizationalUnit: []string{owner, contract.ClaimUnit}}
}

// IsDevice reports whether a certificate has the subject of a device's certificate of an owner.
func IsDevice(c *x509.Certificate, owner string) bool {
	return slices.Contains(c.Subject.OrganizationalUnit, owner) && !IsClaim(c)
}

// IsClaim reports whether a certificate has the subject of a claim certificate.
func IsClaim(c *x509.Certificate) bool {
	return slices.Contains(c.Subject.OrganizationalUnit, contract.ClaimUnit)
}

// NewPair generates a P-256 key in memory and the request for a certificate with a subject. The key goes to the
// credentials store and nowhere else.
func NewPair(subject pkix.Name) (keyPEM, csrPEM string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("generating a key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return "", "", fmt.Errorf("creating a certificate request: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("encoding a key: %w", err)
	}
	return encode("PRIVATE KEY", der), encode("CERTIFICATE REQUEST", csr), nil
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Parse returns the certificate in a PEM text, or nil if there is none.
func Parse(text string) *x509.Certificate {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return c
}

// ParseRequest returns the certificate request in a PEM text, or nil if there is none.
func ParseRequest(text string) *x509.CertificateRequest {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil
	}
	return csr
}

// KeyDigest identifies a public key by its DER form.
func KeyDigest(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// KeyOf identifies the public key of a certificate in PEM; empty if there is no certificate.
func KeyOf(certificatePEM string) string {
	c := Parse(certificatePEM)
	if c == nil {
		return ""
	}
	return KeyDigest(c.RawSubjectPublicKeyInfo)
}

// Digest is the SHA-256 of what a PEM block holds, so that line ends and text around it make no difference. For a
// certificate it is the ID that AWS gives it.
func Digest(text string) string {
	content := []byte(text)
	if block, _ := pem.Decode(content); block != nil {
		content = block.Bytes
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// IsID reports whether id is a certificate's ID: 64 hex digits [AWS 1.3 certificate id].
func IsID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == 2*sha256.Size
}

// ARN derives a certificate's ARN from that of a thing in the same account and region; empty if either is not known.
func ARN(thingARN, id string) string {
	prefix, _, ok := strings.Cut(thingARN, ":thing/")
	if !ok || id == "" {
		return ""
	}
	return prefix + ":cert/" + id
}

// IDIn returns the ID in a principal's ARN if the principal is a certificate.
func IDIn(principal string) (string, bool) {
	_, id, ok := strings.Cut(principal, ":cert/")
	return id, ok
}
