package pipeline

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
)

var (
	thingPrefixPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{0,64}$`)
	// The names of parameters in AWS's own examples are letters and digits; an underscore is legal in both worlds.
	parameterPattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,63}$`)
)

// checkProvisioning checks how devices register themselves.
func (c *checker) checkProvisioning(s *ProvisioningSpec) {
	const path = "provisioning"
	if s == nil || !c.known(path) {
		return
	}
	if s.Claim == nil && s.JITP == nil && c.known(path+".claim") && c.known(path+".jitp") {
		c.fail(path, "provisioning names no way",
			"Write claim for devices that leave the factory with one claim certificate, jitp for devices with "+
				"certificates of your own authority, or both.")
	}
	if s.Claim != nil {
		c.checkPrefixOf(path+".claim.thing_name_prefix", s.Claim.ThingNamePrefix)
		c.checkClaimAttributes(path+".claim.attributes", s.Claim.Attributes)
		c.number(path+".claim.certificate_version", s.Claim.CertificateVersion, ClaimCertificateVersion)
	}
	if s.JITP != nil {
		c.checkPrefixOf(path+".jitp.thing_name_prefix", s.JITP.ThingNamePrefix)
		c.checkCA(path+".jitp.ca_certificate_pem", s.JITP.CACertificatePEM)
	}
}

func (c *checker) checkPrefixOf(path string, prefix *string) {
	if prefix != nil {
		c.text(path, *prefix, thingPrefixPattern,
			"it begins the names of things: up to 64 letters, digits, hyphens and underscores")
	}
}

func (c *checker) checkClaimAttributes(path string, names []string) {
	if n := len(names); n > maxAttributes-1 {
		c.fail(path, "Too many attributes",
			"There are %d and a thing holds 50, of which three are the pipeline's own. Keep at most %d.", n,
			maxAttributes-1)
	}
	for i, name := range names {
		own := item(path, i)
		switch {
		case !c.known(own):
		case slices.Contains(names[:i], name):
			c.fail(own, fmt.Sprintf("Attribute %q appears twice", name), "A thing has one value of it. Write it once.")
		case name == parameterSerial:
			c.fail(own, "An attribute has the name of the serial",
				"%s is the parameter with which a device names itself, and part of its thing's name. Choose another "+
					"name.", parameterSerial)
		case !parameterPattern.MatchString(name):
			c.fail(own, fmt.Sprintf("Attribute name %s is not valid", excerpt(name)),
				"It is also the name of a parameter of the template: a letter, then letters, digits and underscores, "+
					"64 at most.")
		}
	}
}

func (c *checker) checkCA(path, text string) {
	if !c.known(path) {
		return
	}
	if err := checkCertificate(text); err != nil {
		c.fail(path, "ca_certificate_pem is not a certificate", "%s.", err)
		return
	}
	if block, _ := pem.Decode([]byte(text)); !isAuthority(block.Bytes) {
		c.fail(path, "ca_certificate_pem is not a certificate of an authority",
			"It does not say CA:TRUE in its basic constraints, so AWS IoT takes no certificate that it has signed. "+
				"Give the certificate with which the devices' certificates are signed.")
	}
	c.checkExpiry(path, "The certificate of the authority",
		"no device that has one of its certificates can connect", renewAuthority, text)
}

// isAuthority reports whether a certificate may sign others.
func isAuthority(der []byte) bool {
	cert, err := x509.ParseCertificate(der)
	return err == nil && cert.BasicConstraintsValid && cert.IsCA
}
