package pipeline

import (
	"maps"
	"slices"
)

func claim(c ClaimSpec) func(*Spec) {
	return func(s *Spec) { s.Provisioning = &ProvisioningSpec{Claim: &c} }
}

func jitp(j JITPSpec) func(*Spec) {
	return func(s *Spec) { s.Provisioning = &ProvisioningSpec{JITP: &j} }
}

var provisioningMistakes = []mistake{
	{
		"no way to register",
		func(s *Spec) { s.Provisioning = &ProvisioningSpec{} },
		"provisioning",
		[]string{"names no way", "Write claim"},
	},
	{
		"a prefix with a space",
		claim(ClaimSpec{ThingNamePrefix: ptr("a b")}),
		"provisioning.claim.thing_name_prefix",
		[]string{"begins the names of things"},
	},
	{
		"a prefix with a star would widen a role",
		claim(ClaimSpec{ThingNamePrefix: ptr("a*")}),
		"provisioning.claim.thing_name_prefix",
		[]string{"up to 64 letters"},
	},
	{
		"the serial is not an attribute",
		claim(ClaimSpec{Attributes: []string{"site", "SerialNumber"}}),
		"provisioning.claim.attributes[1]",
		[]string{"name of the serial"},
	},
	{
		"a name that no parameter has",
		claim(ClaimSpec{Attributes: []string{"iot-pipeline"}}),
		"provisioning.claim.attributes[0]",
		[]string{"parameter of the template"},
	},
	{
		"an attribute twice",
		claim(ClaimSpec{Attributes: []string{"site", "site"}}),
		"provisioning.claim.attributes[1]",
		[]string{"appears twice"},
	},
	{
		"too many attributes",
		claim(ClaimSpec{Attributes: slices.Sorted(maps.Keys(many(48)))}),
		"provisioning.claim.attributes",
		[]string{"There are 48", "at most 47"},
	},
	{
		"version 0",
		claim(ClaimSpec{CertificateVersion: ptr(int64(0))}),
		"provisioning.claim.certificate_version",
		[]string{"not between 1"},
	},
	{
		"no authority at all",
		jitp(JITPSpec{CACertificatePEM: "CA"}),
		"provisioning.jitp.ca_certificate_pem",
		[]string{"no PEM block"},
	},
	{
		"a device's certificate",
		jitp(JITPSpec{CACertificatePEM: certificatePEM(longValid)}),
		"provisioning.jitp.ca_certificate_pem",
		[]string{"CA:TRUE"},
	},
	{
		"the key of the authority",
		jitp(JITPSpec{CACertificatePEM: "-----BEGIN PRIVATE KEY-----"}),
		"provisioning.jitp.ca_certificate_pem",
		[]string{"holds a private key", "disclosed"},
	},
	{
		"a prefix of two levels",
		jitp(JITPSpec{CACertificatePEM: authorityPEM(longValid), ThingNamePrefix: ptr("a/b")}),
		"provisioning.jitp.thing_name_prefix",
		[]string{"begins the names of things"},
	},
}
