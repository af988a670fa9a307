package pipeline

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// expiryNotice is how long before the expiry of a certificate plans warn of it.
const expiryNotice = 30 * 24 * time.Hour

// ExpiresJITP is the key of the authority's certificate in [Outputs.CertificatesExpire]; no device has such a name.
const ExpiresJITP = "provisioning.jitp"

// now is the clock; tests set it.
var now = time.Now

// What to do about a certificate that has expired or will soon.
const (
	renewDevice = "Give the device another certificate, write that in certificate_pem and apply: the apply registers " +
		"it and removes this one."
	renewAuthority = "Write a certificate of the authority that is valid for longer in ca_certificate_pem and apply."
)

// expiryOf returns until when a certificate is valid; false for what is no certificate.
func expiryOf(text string) (time.Time, bool) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return time.Time{}, false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return c.NotAfter.UTC(), true
}

// expiry says of a certificate that it has expired, or when it will, if plans warn of it; else "".
func expiry(text string) (says string, end time.Time) {
	end, ok := expiryOf(text)
	left := end.Sub(now())
	switch days := int(left / (24 * time.Hour)); {
	case !ok || left > expiryNotice:
		return "", end
	case left <= 0:
		return "has expired", end
	case days == 0:
		return "expires in less than a day", end
	case days == 1:
		return "expires in a day", end
	default:
		return fmt.Sprintf("expires in %d days", days), end
	}
}

// checkExpiry warns of a certificate that has expired or soon will: what it is, what follows, and what to do.
func (c *checker) checkExpiry(path, what, follows, next, text string) {
	says, end := expiry(text)
	if says == "" {
		return
	}
	valid := "It is valid until %s. After that, %s. %s"
	if !end.After(now()) {
		valid = "It was valid until %s. Since then, %s. %s"
	}
	c.warn(path, what+" "+says, valid, end.Format(time.RFC3339), follows, next)
}

// maxExpiring is how many certificates one warning names.
const maxExpiring = 20

// ExpiringDevices returns a warning if certificates of devices from a file have expired or soon will, else nil.
func ExpiringDevices(devices map[string]spec.Device) *Problem {
	lines := map[string]string{}
	for name, d := range devices {
		if d.CertificatePEM == "" {
			continue
		}
		if says, end := expiry(d.CertificatePEM); says != "" {
			lines[name] = fmt.Sprintf("- %s %s (%s)", name, says, end.Format(time.RFC3339))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(lines))
	var text strings.Builder
	for _, name := range names[:min(len(names), maxExpiring)] {
		text.WriteString(lines[name] + "\n")
	}
	if more := len(names) - maxExpiring; more > 0 {
		fmt.Fprintf(&text, "and %d more\n", more)
	}
	summary := fmt.Sprintf("%d certificates of devices have expired or will within %d days", len(names),
		expiryNotice/(24*time.Hour))
	if len(names) == 1 {
		says, _ := expiry(devices[names[0]].CertificatePEM)
		summary = fmt.Sprintf("The certificate of device %q %s", names[0], says)
	}
	return &Problem{Path: "devices_from", Warning: true, Summary: summary,
		Detail: text.String() + "\nA device whose certificate has expired cannot connect. Give the devices other " +
			"certificates, write those in the file and apply: the apply registers them and removes the ones before."}
}

// certificatesExpire are the ends of the certificates that the configuration brings; those that AWS makes are valid
// until 2049. Those of a file are left out, as the state holds none of its devices.
func (b *builder) certificatesExpire() map[string]string {
	ends := map[string]string{}
	add := func(key, text string) {
		if end, ok := expiryOf(text); ok {
			ends[key] = end.Format(time.RFC3339)
		}
	}
	for name, d := range b.config.Devices {
		add(name, deref(d.CertificatePEM))
	}
	if b.hasJITP() {
		add(ExpiresJITP, b.config.Provisioning.JITP.CACertificatePEM)
	}
	return ends
}

// expiryShape is what the ends of certificates follow from.
var expiryShape = shape{
	arguments: []string{
		"devices", "devices.*", "devices.*.certificate_pem",
		"provisioning", "provisioning.jitp", "provisioning.jitp.ca_certificate_pem",
	},
	outputs: []string{"certificates_expire"},
}
