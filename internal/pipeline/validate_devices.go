package pipeline

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// Limits of [AWS 1.3].
const (
	maxAttributes     = 50 - 2 // two hold the owner token and the certificate
	maxCSR            = 4_096  // characters
	maxCertificatePEM = 65_536
	minRSABits        = 2048
)

var (
	thingPattern          = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	attributeNamePattern  = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#-]{1,128}$`)
	attributeValuePattern = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}$`)
)

func (c *checker) checkDevices(spec Spec) {
	if n := len(spec.Devices); n > MaxDevices {
		c.warn("devices", fmt.Sprintf("%d devices are many for a map", n),
			"Terraform takes time with the square of a map's size: about 3 s per plan for 1000 devices, 9 s for 2000 and a minute for 5000. "+
				"Write the fleet into a file and name it in devices_from, which takes seconds for 10000, or split it into pipelines of up to %d devices.", MaxDevices)
	}
	identities := map[string]string{} // PEM to the device that has it
	for _, name := range sortedKeys(spec.Devices) {
		c.checkDevice(at("devices", name), name, spec.Devices[name], identities)
	}
}

// checkDevice checks one device; identities collects the certificates and requests of all.
func (c *checker) checkDevice(path, name string, d DeviceSpec, identities map[string]string) {
	switch {
	case strings.Contains(name, ":"):
		c.fail(path, fmt.Sprintf("Device name %q holds a colon", name),
			"The device's bundle is kept under its name, and neither Parameter Store nor Secrets Manager allows a colon; AWS IoT itself advises against it. Write a hyphen.")
	case !thingPattern.MatchString(name):
		c.fail(path, fmt.Sprintf("Device name %s is not valid", excerpt(name)),
			"It is the thing's name and the MQTT client id: 1 to 128 letters, digits, hyphens and underscores.")
	}
	c.checkAttributes(path+".attributes", d.Attributes)
	c.checkIdentity(path, name, d, identities)
}

func (c *checker) checkAttributes(path string, attributes map[string]string) {
	if len(attributes) > maxAttributes {
		c.fail(path, "Too many attributes", "There are %d and a thing holds 50, of which two are the pipeline's own. Keep at most %d.", len(attributes), maxAttributes)
	}
	for _, name := range sortedKeys(attributes) {
		own := at(path, name)
		switch value := attributes[name]; {
		case strings.HasPrefix(name, object.ThingOwnerAttribute):
			c.fail(own, fmt.Sprintf("Attribute %q is reserved", name), "The provider keeps the thing's owner and certificate in attributes that start with %s. Choose another name.", object.ThingOwnerAttribute)
		case !attributeNamePattern.MatchString(name):
			c.fail(own, fmt.Sprintf("Attribute name %s is not valid", excerpt(name)), "AWS IoT allows 1 to 128 letters, digits and the characters _ . , @ / : # -; no spaces.")
		case c.known(own) && !attributeValuePattern.MatchString(value):
			c.fail(own, fmt.Sprintf("The value of attribute %q is not valid", name),
				"AWS IoT allows up to 800 letters, digits and the characters _ . , @ / : # = [ ] - in it, and no spaces; this one is %s. Write a hyphen or an underscore for a space.", excerpt(value))
		}
	}
}

// checkIdentity checks what a device proves itself with. A private key that got
// into the wrong attribute is refused and never repeated.
func (c *checker) checkIdentity(path, name string, d DeviceSpec, seen map[string]string) {
	if d.CSRPEM != nil && d.CertificatePEM != nil {
		c.fail(path, fmt.Sprintf("Device %q has both csr_pem and certificate_pem", name),
			"A signing request asks AWS for a certificate, and certificate_pem is one that exists. Keep the one that is meant.")
	}
	for _, kind := range []struct {
		attribute, noun, other string
		text                   *string
		check                  func(string) error
	}{
		{"csr_pem", "certificate signing request", "certificate_pem", d.CSRPEM, checkCSR},
		{"certificate_pem", "certificate", "csr_pem", d.CertificatePEM, checkCertificate},
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
		c.checkExpiry(path+".certificate_pem", fmt.Sprintf("The certificate of device %q", name), "The device will not be able to connect", *d.CertificatePEM)
	}
}

// checkExpiry warns of a certificate whose time is over: what it is, and what follows.
func (c *checker) checkExpiry(path, what, follows, text string) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil && cert.NotAfter.Before(now()) {
		c.warn(path, what+" has expired", "It was valid until %s. %s.", cert.NotAfter.UTC().Format(time.DateOnly), follows)
	}
}

// now is the clock; tests set it.
var now = time.Now

func checkCSR(text string) error {
	if len(text) > maxCSR {
		return fmt.Errorf("it has %d characters and AWS IoT takes %d", len(text), maxCSR)
	}
	der, err := onlyBlock(text, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return errors.New("its content is not a certificate signing request; make it with: openssl req -new -key device.key -out device.csr -subj /CN=device")
	}
	if err := csr.CheckSignature(); err != nil {
		return errors.New("its signature does not fit its key; make it again")
	}
	return checkKey(csr.PublicKey)
}

func checkCertificate(text string) error {
	if len(text) > maxCertificatePEM {
		return fmt.Errorf("it has %d characters and AWS IoT takes %d", len(text), maxCertificatePEM)
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

// onlyBlock gives the content of the one PEM block that text holds. Its errors
// never repeat the text.
func onlyBlock(text string, types ...string) ([]byte, error) {
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, errors.New("it holds a private key, which must never leave the device and now stands in your configuration: " +
			"treat the key as disclosed and make a new one")
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("it holds no PEM block; it should start with -----BEGIN %s-----, for example file(\"device.pem\")", types[0])
	}
	ok := false
	for _, t := range types {
		ok = ok || block.Type == t
	}
	if !ok {
		return nil, fmt.Errorf("it is a PEM block of type %s and should be %s", excerpt(block.Type), types[0])
	}
	if strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("there is more behind the first PEM block; give the device's own one alone, without its chain")
	}
	return block.Bytes, nil
}

// checkKey refuses keys that AWS IoT refuses.
func checkKey(key any) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("its RSA key has %d bits and AWS IoT takes %d or more", k.N.BitLen(), minRSABits)
		}
	case *ecdsa.PublicKey:
		switch name := k.Curve.Params().Name; name {
		case "P-256", "P-384", "P-521":
		default:
			return fmt.Errorf("its key is on the curve %s and AWS IoT takes P-256, P-384 and P-521", name)
		}
	default:
		return errors.New("its key is neither RSA nor ECDSA, which is what AWS IoT takes")
	}
	return nil
}
