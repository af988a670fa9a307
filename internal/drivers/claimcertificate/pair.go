package claimcertificate

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// parseBundle returns nil for a text that is not a bundle. It never shows the text: it may be a key.
func parseBundle(text string) *contract.ClaimBundle {
	var b contract.ClaimBundle
	if json.Unmarshal([]byte(text), &b) != nil {
		return nil
	}
	return &b
}

// commonName is the subject's common name of a claim certificate.
func commonName(want spec.ClaimCertificate) string {
	return want.Subject + "-" + strconv.FormatInt(want.Version, 10)
}

func splitCommonName(name string) (subject string, version int64) {
	at := strings.LastIndexByte(name, '-')
	version, err := strconv.ParseInt(name[at+1:], 10, 64)
	if at < 0 || err != nil {
		return name, 0
	}
	return name[:at], version
}

// nameInCertificate is the common name of a certificate in PEM; empty if there is no certificate.
func nameInCertificate(text string) string {
	if c := certs.Parse(text); c != nil {
		return c.Subject.CommonName
	}
	return ""
}

// take completes a pair with its certificate, which makes the request superfluous.
func take(p *contract.ClaimPair, made certs.Certificate) {
	p.CertificateID, p.CertificateARN, p.CertificatePEM, p.CSRPEM = made.ID, made.ARN, made.PEM, ""
}

// publicKey identifies the pair's public key; empty if its private key cannot be read.
func publicKey(p *contract.ClaimPair) string {
	block, _ := pem.Decode([]byte(p.PrivateKey))
	if block == nil {
		return ""
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return ""
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return ""
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return ""
	}
	return certs.KeyDigest(spki)
}

// fits reports whether a certificate is for the pair's key.
func fits(p *contract.ClaimPair, certificatePEM string) bool {
	key := certs.KeyOf(certificatePEM)
	return key != "" && key == publicKey(p)
}

// usable reports whether a rotation can go on with the pair for a common name: its key can be read, and its
// certificate or request is for that key and that name.
func usable(p *contract.ClaimPair, name string) bool {
	key := publicKey(p)
	if key == "" {
		return false
	}
	request := certs.ParseRequest(p.CSRPEM)
	had := nameInCertificate(p.CertificatePEM)
	if had == "" && request != nil {
		had = request.Subject.CommonName
	}
	if had != name {
		return false
	}
	if p.CertificateID != "" {
		return fits(p, p.CertificatePEM)
	}
	return request != nil && certs.KeyDigest(request.RawSubjectPublicKeyInfo) == key
}
