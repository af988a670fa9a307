package contract

import "fmt"

// Bundle is everything a device needs to connect, as JSON in the credentials store.
type Bundle struct {
	Thing          string `json:"thing"`
	CertificatePEM string `json:"certificate_pem"`
	// PrivateKey is PKCS #8 in PEM; empty if the device brought its own request or certificate.
	PrivateKey     string `json:"private_key,omitempty"`
	CSRPEM         string `json:"csr_pem,omitempty"`
	CertificateID  string `json:"certificate_id"`
	CertificateARN string `json:"certificate_arn"`
	Endpoint       string `json:"endpoint"`
	Topics         Topics `json:"topics"`
}

// Topics are the topics of one device.
type Topics struct {
	Telemetry string `json:"telemetry"`
	Status    string `json:"status"`
	Commands  string `json:"commands"`
}

// TopicsOf returns the topics of a device below a pipeline's prefix.
func TopicsOf(prefix, thing string) Topics {
	base := prefix + "/" + thing + "/"
	return Topics{Telemetry: base + "telemetry", Status: base + "status", Commands: base + "commands"}
}

// ClaimBundle is everything a device needs to request its own certificate, as JSON in the credentials store.
// While the first certificate is being created it holds the key and the request only. Readers ignore Next and
// Retired.
type ClaimBundle struct {
	ClaimPair
	Endpoint string `json:"endpoint,omitempty"`
	Template string `json:"template,omitempty"` // name of the provisioning template
	// Next is the pair that replaces this one, while it is being created.
	Next *ClaimPair `json:"next,omitempty"`
	// Retired are the IDs of replaced certificates that still have to be removed.
	Retired []string `json:"retired,omitempty"`
}

// ClaimPair is a key with its certificate, or with the request for it until the certificate exists.
type ClaimPair struct {
	CertificatePEM string `json:"certificate_pem,omitempty"`
	PrivateKey     string `json:"private_key,omitempty"` // PKCS #8 in PEM
	CSRPEM         string `json:"csr_pem,omitempty"`
	CertificateID  string `json:"certificate_id,omitempty"`
	CertificateARN string `json:"certificate_arn,omitempty"`
}

// Format keeps the private key out of anything printed.
func (b Bundle) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "credentials of %q", b.Thing) }

// Format keeps the private keys out of anything printed.
func (b ClaimBundle) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "claim credentials of certificate %q", b.CertificateID)
}

// Format keeps the private key out of anything printed.
func (p ClaimPair) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "key pair of certificate %q", p.CertificateID)
}
