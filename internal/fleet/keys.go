package fleet

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

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// newKey makes a P-256 key and the request for its certificate. The key never travels anywhere but to the credentials
// store. The subject says whose it is, so that a certificate whose creation was not answered can be recognised: CN is
// the thing (AWS allows 128 characters in a name, X.520 only 64 in a CN, so a longer one is cut), OU the owner token.
func newKey(thing, owner string) (keyPEM, csrPEM string, err error) {
	return newPair(pkix.Name{CommonName: thing[:min(len(thing), 64)], OrganizationalUnit: []string{owner}})
}

// newPair makes a P-256 key and the request for a certificate with a subject.
func newPair(subject pkix.Name) (keyPEM, csrPEM string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("making a key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return "", "", fmt.Errorf("making a certificate request: %w", err)
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

// madeForUs reports whether a certificate was made by newKey for a device of this pipeline, or belongs to a key that one of
// its devices brought. A claim certificate is no device's.
func (r *run) madeForUs(certificatePEM string) bool {
	c := parseCertificate(certificatePEM)
	return c != nil && !slices.Contains(c.Subject.OrganizationalUnit, claimUnit) && (slices.Contains(c.Subject.OrganizationalUnit, r.owner) || r.broughtKeys()[digestOfKey(c.RawSubjectPublicKeyInfo)])
}

// broughtKeys are the digests of the public keys in the devices' own requests and certificates.
func (r *run) broughtKeys() map[string]bool {
	r.keysOnce.Do(func() {
		r.keys = map[string]bool{}
		for _, devices := range []map[string]object.Device{r.want.Devices, r.d.opts.Known} {
			for _, device := range devices {
				if csr := parseRequest(device.CSRPEM); csr != nil {
					r.keys[digestOfKey(csr.RawSubjectPublicKeyInfo)] = true
				}
				if c := parseCertificate(device.CertificatePEM); c != nil {
					r.keys[digestOfKey(c.RawSubjectPublicKeyInfo)] = true
				}
			}
		}
	})
	return r.keys
}

// parseCertificate gives nil for text that holds none.
func parseCertificate(text string) *x509.Certificate {
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

// parseRequest gives nil for text that holds none.
func parseRequest(text string) *x509.CertificateRequest {
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

func digestOfKey(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}
