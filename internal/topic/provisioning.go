package topic

import "strings"

// The operations of AWS IoT's device provisioning MQTT API, as its topics name them. [AWS 4 MQTT topics]
const (
	CreateKeys    = "create"          // a key pair and its certificate
	CreateFromCSR = "create-from-csr" // a certificate for the device's own key
	Provision     = "provision"       // a thing, by a template
)

// A Provisioning is a parsed topic of the device provisioning MQTT API.
type Provisioning struct {
	Operation string // one of the constants above
	Template  string // the provisioning template's name; "" except with Provision
	Format    string // of the payloads: "json" or "cbor"
	Answer    string // "accepted" or "rejected"; "" for the topic of a request
}

// ParseProvisioning parses a topic of the device provisioning MQTT API; ok is false for every other topic, including
// filters with wildcards. [AWS 4 MQTT topics]
func ParseProvisioning(name string) (p Provisioning, ok bool) {
	rest, ok := strings.CutPrefix(name, "$aws/certificates/")
	if ok {
		p.Operation, rest, ok = strings.Cut(rest, "/")
		ok = ok && (p.Operation == CreateKeys || p.Operation == CreateFromCSR)
	} else if rest, ok = strings.CutPrefix(name, "$aws/provisioning-templates/"); ok {
		p.Template, rest, _ = strings.Cut(rest, "/")
		p.Operation, rest, ok = strings.Cut(rest, "/")
		ok = ok && p.Operation == Provision && p.Template != "" && !strings.ContainsAny(p.Template, "+#")
	}
	if !ok {
		return Provisioning{}, false
	}
	answered := false
	p.Format, p.Answer, answered = strings.Cut(rest, "/")
	if p.Format != "json" && p.Format != "cbor" || answered && p.Answer != "accepted" && p.Answer != "rejected" {
		return Provisioning{}, false
	}
	return p, true
}
