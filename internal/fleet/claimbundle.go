package fleet

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
)

// ClaimBundle is everything that a device needs to ask for a certificate of its own, as it stands in the credentials store.
type ClaimBundle struct {
	ClaimPair
	Endpoint string `json:"endpoint,omitempty"`
	Template string `json:"template,omitempty"` // name of the provisioning template
	// Next is the pair that is to follow, while it is being made.
	Next *ClaimPair `json:"next,omitempty"`
	// Retired are the IDs of certificates that have been replaced and still have to be removed.
	Retired []string `json:"retired,omitempty"`
}

// ClaimPair is a key with its certificate, or with the request for it while there is none.
type ClaimPair struct {
	CertificatePEM string `json:"certificate_pem,omitempty"`
	PrivateKey     string `json:"private_key,omitempty"` // PKCS #8 in PEM
	CSRPEM         string `json:"csr_pem,omitempty"`
	CertificateID  string `json:"certificate_id,omitempty"`
	CertificateARN string `json:"certificate_arn,omitempty"`
}

// Format keeps the private keys out of anything printed.
func (b ClaimBundle) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "claim credentials of certificate %q", b.CertificateID)
}

// Format keeps the private key out of anything printed.
func (p ClaimPair) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "key pair of certificate %q", p.CertificateID)
}

// readClaimBundle gives nil for a text that holds no bundle. What it holds in its place is not shown: it may be a key.
func readClaimBundle(text string) *ClaimBundle {
	var b ClaimBundle
	if json.Unmarshal([]byte(text), &b) != nil {
		return nil
	}
	return &b
}

// commonName is the one that the pair was made for.
func (p *ClaimPair) commonName() string {
	if name := nameInCertificate(p.CertificatePEM); name != "" {
		return name
	}
	if r := parseRequest(p.CSRPEM); r != nil {
		return r.Subject.CommonName
	}
	return ""
}

// publicKey is the digest of the pair's public key; empty when its private key cannot be read.
func (p *ClaimPair) publicKey() string {
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
	return digestOfKey(spki)
}

// fits reports whether a certificate is for the pair's key.
func (p *ClaimPair) fits(certificatePEM string) bool {
	c := parseCertificate(certificatePEM)
	return c != nil && digestOfKey(c.RawSubjectPublicKeyInfo) == p.publicKey()
}

// usable reports whether the pair can be gone on with for a common name: its key can be read, and what is there beside it is
// for that key and that name.
func (p *ClaimPair) usable(name string) bool {
	if p.publicKey() == "" || p.commonName() != name {
		return false
	}
	if p.CertificateID != "" {
		return p.fits(p.CertificatePEM)
	}
	r := parseRequest(p.CSRPEM)
	return r != nil && digestOfKey(r.RawSubjectPublicKeyInfo) == p.publicKey()
}

// parameterARN is the ARN of a parameter in the account and region of a certificate.
func parameterARN(certificateARN, name string) string {
	account, _, ok := strings.Cut(certificateARN, ":cert/")
	if !ok {
		return ""
	}
	return strings.Replace(account, ":iot:", ":ssm:", 1) + ":parameter/" + strings.TrimPrefix(name, "/")
}
