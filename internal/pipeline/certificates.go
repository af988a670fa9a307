package pipeline

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Limits of [AWS 1.3].
const (
	maxCSR            = 4_096 // characters
	maxCertificatePEM = 65_536
	minRSABits        = 2048
)

// checkIdentity checks what a device authenticates with. A private key in the wrong attribute is rejected and never
// repeated.
func (c *checker) checkIdentity(path, name string, d DeviceSpec, seen map[string]string) {
	if d.CSRPEM != nil && d.CertificatePEM != nil {
		c.fail(path, fmt.Sprintf("Device %q has both csr_pem and certificate_pem", name),
			"A signing request asks AWS for a certificate, and certificate_pem is one that exists. Keep one of them.")
	}
	for _, kind := range []struct {
		attribute, noun string
		text            *string
		check           func(string) error
	}{
		{"csr_pem", "certificate signing request", d.CSRPEM, checkCSR},
		{"certificate_pem", "certificate", d.CertificatePEM, checkCertificate},
	} {
		own := path + "." + kind.attribute
		if kind.text == nil || !c.known(own) {
			continue
		}
		if err := kind.check(*kind.text); err != nil {
			c.fail(own, fmt.Sprintf("%s of device %q is not a %s", kind.attribute, name, kind.noun), "%s.", err)
			continue
		}
		text := strings.TrimSpace(*kind.text)
		if other, twice := seen[text]; twice {
			c.fail(own, fmt.Sprintf("Devices %q and %q have the same %s", other, name, kind.attribute),
				"A certificate tells devices apart, and these two would share their private key. Give each its own.")
		}
		seen[text] = name
	}
	if d.CertificatePEM != nil && c.known(path+".certificate_pem") {
		c.checkExpiry(path+".certificate_pem", fmt.Sprintf("The certificate of device %q", name),
			"the device cannot connect", renewDevice, *d.CertificatePEM)
	}
}

// checkCertificateVersion refuses a version where the provider cannot make another key.
func (c *checker) checkCertificateVersion(path, name string, d DeviceSpec) {
	c.number(path, d.CertificateVersion, DeviceCertificateVersion)
	if d.CertificateVersion == nil || !c.known(path) {
		return
	}
	own := ""
	switch {
	case contract.GatewayOf(name) != "":
		c.fail(path, fmt.Sprintf("Device %q is behind a gateway and has a certificate_version", name),
			"It has no certificate of its own. Leave out certificate_version.")
		return
	case d.Adopt != nil && len(d.Adopt.CertificateARNs) > 0:
		c.fail(path, fmt.Sprintf("Device %q has both certificate_version and adopted certificates", name),
			"A higher version lets the provider make another key, and an adopted device keeps its own. Leave out "+
				"certificate_version; csr_pem gives an adopted device another certificate.")
		return
	case d.CertificatePEM != nil:
		own = "certificate_pem"
	case d.CSRPEM != nil:
		own = "csr_pem"
	default:
		return
	}
	c.fail(path, fmt.Sprintf("Device %q has both certificate_version and %s", name, own),
		"A higher version lets the provider make another key, and the key of this device is its own. Leave out "+
			"certificate_version; another %s rotates the certificate.", own)
}

func checkCSR(text string) error {
	if len(text) > maxCSR {
		return fmt.Errorf("it has %d characters and AWS IoT allows %d", len(text), maxCSR)
	}
	der, err := onlyBlock(text, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return errors.New("its content is not a certificate signing request; make it with: " +
			"openssl req -new -key device.key -out device.csr -subj /CN=device")
	}
	if err := csr.CheckSignature(); err != nil {
		return errors.New("its signature does not fit its key; make it again")
	}
	return checkKey(csr.PublicKey)
}

func checkCertificate(text string) error {
	if len(text) > maxCertificatePEM {
		return fmt.Errorf("it has %d characters and AWS IoT allows %d", len(text), maxCertificatePEM)
	}
	der, err := onlyBlock(text, "CERTIFICATE")
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return errors.New("its content is not an X.509 certificate")
	}
	return checkKey(cert.PublicKey)
}

// onlyBlock returns the content of the only PEM block in text. Its errors never repeat the text.
func onlyBlock(text string, types ...string) ([]byte, error) {
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, errors.New("it holds a private key, which must never leave the device and is now in your " +
			"configuration: consider the key disclosed and make a new one")
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("it holds no PEM block; it should start with -----BEGIN %s-----, "+
			"for example file(\"device.pem\")", types[0])
	}
	if !slices.Contains(types, block.Type) {
		return nil, fmt.Errorf("it is a PEM block of type %s and should be %s", excerpt(block.Type), types[0])
	}
	if strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("there is more text after the first PEM block; give only the device's certificate, " +
			"without its chain")
	}
	return block.Bytes, nil
}

// checkKey rejects keys that AWS IoT rejects.
func checkKey(key any) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("its RSA key has %d bits and AWS IoT requires %d or more", k.N.BitLen(), minRSABits)
		}
	case *ecdsa.PublicKey:
		switch name := k.Curve.Params().Name; name {
		case "P-256", "P-384", "P-521":
		default:
			return fmt.Errorf("its key is on the curve %s and AWS IoT supports P-256, P-384 and P-521", name)
		}
	default:
		return errors.New("its key is neither RSA nor ECDSA, and AWS IoT supports no other")
	}
	return nil
}
