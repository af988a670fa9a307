package pipeline

import "strings"

// Naming says what the objects of a device are called, so that state need not say it of each: {thing} stands for the
// device's name and {certificate_id} for the ID that AWS gave its certificate. The JSON names are those of the
// attributes.
type Naming struct {
	ThingARN       string `json:"thing_arn"`
	CertificateARN string `json:"certificate_arn"`
	Credentials    string `json:"credentials"` // name of the parameter or secret, or s3:// URI, of the credentials
}

// NamingOf gives the rules by which the objects of devices are named.
func NamingOf(config Spec, env Env) Naming { return newBuilder(config, env).naming() }

func (b *builder) naming() Naming {
	return Naming{ThingARN: b.arn.in("iot", "thing/{thing}"), CertificateARN: b.arn.in("iot", "cert/{certificate_id}"),
		Credentials: b.bundleNames() + "/{thing}"}
}

// Thing is the ARN of a device's thing.
func (n Naming) Thing(name string) string { return strings.ReplaceAll(n.ThingARN, "{thing}", name) }

// Certificate is the ARN of a certificate; without an ID there is none.
func (n Naming) Certificate(id string) string {
	if id == "" {
		return ""
	}
	return strings.ReplaceAll(n.CertificateARN, "{certificate_id}", id)
}
