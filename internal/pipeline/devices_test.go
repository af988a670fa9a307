package pipeline

import (
	"fmt"
	"strings"
)

func thingOf(name string) string { return "arn:aws:iot:us-east-1:123456789012:thing/" + name }

func certificateOf(digit string) string {
	return "arn:aws:iot:us-east-1:123456789012:cert/" + strings.Repeat(digit, 64)
}

func elevenCertificates() (arns []string) {
	for n := range 11 {
		arns = append(arns, certificateOf(fmt.Sprintf("%x", n)))
	}
	return arns
}

func device(d DeviceSpec) func(*Spec) {
	return func(s *Spec) { s.Devices = map[string]DeviceSpec{"soil": d} }
}

var devicesMistakes = []mistake{
	{
		"a space in a device's name",
		func(s *Spec) { s.Devices = map[string]DeviceSpec{"soil 1": {}} },
		`devices["soil 1"]`,
		[]string{"MQTT client id"},
	},
	{
		"a space in a value",
		device(DeviceSpec{Attributes: map[string]string{"bay": "hall 3"}}),
		`devices["soil"].attributes["bay"]`,
		[]string{"no spaces", `"hall 3"`, "hyphen or an underscore"},
	},
	{
		"a space in a name",
		device(DeviceSpec{Attributes: map[string]string{"my bay": "3"}}),
		`devices["soil"].attributes["my bay"]`,
		[]string{"no spaces"},
	},
	{
		"our attribute",
		device(DeviceSpec{Attributes: map[string]string{"iot-pipeline": "3"}}),
		`devices["soil"].attributes["iot-pipeline"]`,
		[]string{"is reserved"},
	},
	{
		"an attribute that may become ours",
		device(DeviceSpec{Attributes: map[string]string{"iot-pipeline-x": "3"}}),
		`devices["soil"].attributes["iot-pipeline-x"]`,
		[]string{"is reserved", "start with iot-pipeline"},
	},
	{
		"49 attributes and ours",
		device(DeviceSpec{Attributes: many(49)}),
		`devices["soil"].attributes`,
		[]string{"Keep at most 48"},
	},
	{
		"both ways to an identity",
		device(DeviceSpec{CSRPEM: ptr(csrPEM()), CertificatePEM: ptr(certificatePEM(longValid))}),
		`devices["soil"]`,
		[]string{"both csr_pem and certificate_pem"},
	},
	{
		"a version below the first",
		device(DeviceSpec{CertificateVersion: ptr(int64(0))}),
		`devices["soil"].certificate_version`,
		[]string{"out of range", "between 1 and 999999"},
	},
	{
		"a version of the fleet below the first",
		func(s *Spec) { s.Credentials = &CredentialsSpec{CertificateVersion: ptr(int64(0))} },
		"credentials.certificate_version",
		[]string{"out of range", "between 1 and 999999"},
	},
	{
		"a version of a device's own request",
		device(DeviceSpec{CSRPEM: ptr(csrPEM()), CertificateVersion: ptr(int64(2))}),
		`devices["soil"].certificate_version`,
		[]string{`both certificate_version and csr_pem`, "another csr_pem rotates the certificate"},
	},
	{
		"a version of a device's own certificate",
		device(DeviceSpec{CertificatePEM: ptr(certificatePEM(longValid)), CertificateVersion: ptr(int64(2))}),
		`devices["soil"].certificate_version`,
		[]string{`both certificate_version and certificate_pem`, "another certificate_pem rotates"},
	},
	{
		"a version of adopted certificates",
		device(DeviceSpec{CertificateVersion: ptr(int64(2)), Adopt: &AdoptSpec{
			ThingARN:        "arn:aws:iot:eu-west-1:123456789012:thing/soil",
			CertificateARNs: []string{"arn:aws:iot:eu-west-1:123456789012:cert/" + strings.Repeat("0", 64)},
		}}),
		`devices["soil"].certificate_version`,
		[]string{"both certificate_version and adopted certificates", "csr_pem gives an adopted device another"},
	},
	{
		"a version of a device behind a gateway",
		func(s *Spec) {
			s.Edge = &EdgeSpec{}
			s.Devices = map[string]DeviceSpec{"gw": {Gateway: &GatewaySpec{}}, "gw:a": {CertificateVersion: ptr(int64(2))}}
		},
		`devices["gw:a"].certificate_version`,
		[]string{"behind a gateway and has a certificate_version", "no certificate of its own"},
	},
	{
		"not PEM",
		device(DeviceSpec{CSRPEM: ptr("soil.csr")}),
		`devices["soil"].csr_pem`,
		[]string{"no PEM block", "BEGIN CERTIFICATE REQUEST"},
	},
	{
		"a certificate for a request",
		device(DeviceSpec{CSRPEM: ptr(certificatePEM(longValid))}),
		`devices["soil"].csr_pem`,
		[]string{`type "CERTIFICATE" and should be CERTIFICATE REQUEST`},
	},
	{
		"damaged",
		device(DeviceSpec{CertificatePEM: ptr(pemBlock("CERTIFICATE", []byte("x")))}),
		`devices["soil"].certificate_pem`,
		[]string{"not an X.509 certificate"},
	},
	{
		"a damaged request",
		device(DeviceSpec{CSRPEM: ptr(pemBlock("CERTIFICATE REQUEST", []byte("x")))}),
		`devices["soil"].csr_pem`,
		[]string{"openssl req"},
	},
	{
		"a chain",
		device(DeviceSpec{CertificatePEM: ptr(certificatePEM(longValid) + certificatePEM(longValid))}),
		`devices["soil"].certificate_pem`,
		[]string{"without its chain"},
	},
	{
		"a private key",
		device(DeviceSpec{CSRPEM: ptr(csrPEM() + pemBlock("PRIVATE KEY", []byte("secret")))}),
		`devices["soil"].csr_pem`,
		[]string{"consider the key disclosed"},
	},
	{
		"a small RSA key",
		device(DeviceSpec{CSRPEM: ptr(smallCSR())}),
		`devices["soil"].csr_pem`,
		[]string{"1024 bits and AWS IoT requires 2048"},
	},
	{
		"a kind of key AWS lacks",
		device(DeviceSpec{CSRPEM: ptr(edwardsCSR())}),
		`devices["soil"].csr_pem`,
		[]string{"neither RSA nor ECDSA"},
	},
	{"one identity for two", func(s *Spec) {
		pem := ptr(certificatePEM(longValid))
		s.Devices = map[string]DeviceSpec{"a": {CertificatePEM: pem}, "b": {CertificatePEM: pem}}
	}, `devices["b"].certificate_pem`, []string{`Devices "a" and "b" have the same`}},
	{"no thing to adopt", device(DeviceSpec{Adopt: &AdoptSpec{ThingARN: "soil"}}), `devices["soil"].adopt.thing_arn`,
		[]string{"is not the ARN of a thing"}},
	{"nothing to adopt behind a gateway", func(s *Spec) {
		s.Edge = &EdgeSpec{}
		s.Devices = map[string]DeviceSpec{"gw": {Gateway: &GatewaySpec{}},
			"gw:soil": {Adopt: &AdoptSpec{ThingARN: thingOf("gw:soil")}}}
	}, `devices["gw:soil"]`, []string{"behind a gateway and adopts something"}},
	{"a thing of another name", device(DeviceSpec{Adopt: &AdoptSpec{ThingARN: thingOf("Soil")}}),
		`devices["soil"].adopt.thing_arn`, []string{`The thing is "Soil"`, `name the device "Soil"`}},
	{"the ID of a certificate", device(DeviceSpec{Adopt: &AdoptSpec{
		ThingARN: thingOf("soil"), CertificateARNs: []string{strings.Repeat("0", 64)}}}),
		`devices["soil"].adopt.certificate_arns[0]`, []string{"is not the ARN of a certificate"}},
	{"a certificate of another region", device(DeviceSpec{Adopt: &AdoptSpec{ThingARN: thingOf("soil"),
		CertificateARNs: []string{strings.Replace(certificateOf("0"), "us-east-1", "eu-west-1", 1)}}}),
		`devices["soil"].adopt.certificate_arns[0]`, []string{"another account or region than its thing"}},
	{"a certificate twice", device(DeviceSpec{Adopt: &AdoptSpec{ThingARN: thingOf("soil"),
		CertificateARNs: []string{certificateOf("0"), certificateOf("0")}}}),
		`devices["soil"].adopt.certificate_arns[1]`, []string{"adopts a certificate twice"}},
	{"a certificate for two", func(s *Spec) {
		s.Devices = map[string]DeviceSpec{
			"a": {Adopt: &AdoptSpec{ThingARN: thingOf("a"), CertificateARNs: []string{certificateOf("0")}}},
			"b": {Adopt: &AdoptSpec{ThingARN: thingOf("b"), CertificateARNs: []string{certificateOf("0")}}},
		}
	}, `devices["b"].adopt.certificate_arns[0]`, []string{`Devices "a" and "b" adopt the same certificate`}},
	{"too many certificates", device(DeviceSpec{Adopt: &AdoptSpec{ThingARN: thingOf("soil"),
		CertificateARNs: elevenCertificates()}}),
		`devices["soil"].adopt.certificate_arns`, []string{"There are 11, and a device can adopt 10"}},
	{"adopted and replaced", device(DeviceSpec{Adopt: &AdoptSpec{ThingARN: thingOf("soil")}, CSRPEM: ptr(csrPEM())}),
		`devices["soil"]`, []string{"adopts certificates and names another", "Adopt it first"}},
	{"a map and a file", func(s *Spec) {
		s.Devices, s.DevicesFrom = map[string]DeviceSpec{"soil": {}}, &DevicesFromSpec{File: "fleet.csv"}
	}, "devices_from", []string{"exclude each other"}},
	{
		"a spreadsheet",
		func(s *Spec) { s.DevicesFrom = &DevicesFromSpec{File: "fleet.xlsx"} },
		"devices_from.file",
		[]string{`"fleet.xlsx" must end in .csv`},
	},
	{
		"a report on top of the fleet",
		func(s *Spec) { s.DevicesFrom = &DevicesFromSpec{File: "fleet.csv", Report: ptr("./fleet.csv")} },
		"devices_from.report",
		[]string{"same file"},
	},
}
