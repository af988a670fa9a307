package pipeline

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// AdoptSpec names a thing, and all certificates that are attached to it, which somebody has made without a pipeline and
// which a device takes over. It is write-only: it has an effect once, and a plan does not change with it.
type AdoptSpec struct {
	ThingARN        string   `json:"thing_arn"`
	CertificateARNs []string `json:"certificate_arns,omitzero"`
}

// maxAdopted bounds the certificates of a device: their IDs must have room in an attribute of the thing.
const maxAdopted = 10

var (
	thingARN       = regexp.MustCompile(`^(arn:[a-z-]+:iot:([a-z0-9-]+):([0-9]{12})):thing/(.+)$`)
	certificateARN = regexp.MustCompile(`^(arn:[a-z-]+:iot:[a-z0-9-]+:[0-9]{12}):cert/([0-9a-f]{64})$`)
)

// adoption is what the driver needs. It takes ARNs that were checked.
func (a *AdoptSpec) adoption() *spec.Adoption {
	if a == nil {
		return nil
	}
	adoption := &spec.Adoption{ThingARN: a.ThingARN}
	for _, arn := range a.CertificateARNs {
		adoption.CertificateIDs = append(adoption.CertificateIDs, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	return adoption
}

// takeAdoptions completes a description with what the configuration that it comes from adopts.
func (s *Spec) takeAdoptions(config Spec) {
	for name, device := range s.Devices {
		device.Adopt = config.Devices[name].Adopt
		s.Devices[name] = device
	}
}

// Adoptees are the chosen devices of a configuration that adopt something. It returns a *ProblemError if one names an
// object of another account or region.
func Adoptees(config Spec, env Env, chosen func(name string) bool) (map[string]spec.Device, error) {
	adoptees := map[string]spec.Device{}
	for _, name := range sortedKeys(config.Devices) {
		d := config.Devices[name]
		if d.Adopt == nil || !chosen(name) {
			continue
		}
		found := thingARN.FindStringSubmatch(d.Adopt.ThingARN)
		if found == nil || found[2] != env.Region || found[3] != env.AccountID {
			return nil, &ProblemError{Problem: Problem{Path: at("devices", name) + ".adopt.thing_arn",
				Summary: fmt.Sprintf("Device %q adopts a thing of another account or region", name),
				Detail: fmt.Sprintf("The pipeline is in account %s and region %s, and the thing is %s. Nothing was "+
					"changed. Correct the ARN, or the provider's region and credentials.", env.AccountID, env.Region,
					excerpt(d.Adopt.ThingARN))}}
		}
		adoptees[name] = spec.Device{Adopt: d.Adopt.adoption(), Disabled: d.Enabled != nil && !*d.Enabled,
			Attributes: d.Attributes}
	}
	return adoptees, nil
}

// AdoptedVersion is the problem of a device that was adopted and has a version.
func AdoptedVersion(name string) Problem {
	return Problem{Path: at("devices", name) + ".certificate_version",
		Summary: fmt.Sprintf("Device %q was adopted and has a certificate_version", name),
		Detail: "A higher version lets the provider make another key, and an adopted device keeps its own. Leave out " +
			"certificate_version; csr_pem gives an adopted device another certificate."}
}

// checkAdopt checks what a device adopts; seen collects the certificates of all devices.
func (c *checker) checkAdopt(path, name string, d DeviceSpec, seen map[string]string) {
	a := d.Adopt
	if a == nil {
		return
	}
	if d.CSRPEM != nil || d.CertificatePEM != nil {
		c.fail(path, fmt.Sprintf("Device %q adopts certificates and names another", name),
			"An adopted device keeps the certificates that it has. Adopt it first; then remove adopt, and set csr_pem "+
				"or certificate_pem to replace them.")
	}
	if contract.GatewayOf(name) != "" {
		c.fail(path, fmt.Sprintf("Device %q is behind a gateway and adopts something", name),
			"It has no certificate of its own. Remove adopt.")
	}
	account := ""
	if own := path + ".adopt.thing_arn"; c.known(own) {
		found := thingARN.FindStringSubmatch(a.ThingARN)
		switch {
		case found == nil:
			c.fail(own, fmt.Sprintf("Device %q adopts no thing", name), "%s is not the ARN of a thing, such as "+
				"arn:aws:iot:eu-central-1:123456789012:thing/%s.", excerpt(a.ThingARN), name)
		case found[4] != name:
			c.fail(own, fmt.Sprintf("Device %q adopts a thing of another name", name), "The thing is %q. A device has "+
				"the name of its thing, which cannot be changed: name the device %[1]q.", found[4])
		default:
			account = found[1]
		}
	}
	c.checkAdoptedCertificates(path+".adopt.certificate_arns", name, account, a.CertificateARNs, seen)
}

func (c *checker) checkAdoptedCertificates(path, name, account string, arns []string, seen map[string]string) {
	if len(arns) > maxAdopted && c.known(path) {
		c.fail(path, fmt.Sprintf("Device %q adopts too many certificates", name),
			"There are %d, and a device can adopt %d. Detach from its thing those that are not used any more.",
			len(arns), maxAdopted)
	}
	for i, arn := range arns {
		own := item(path, i)
		if !c.known(path) || !c.known(own) {
			continue
		}
		found := certificateARN.FindStringSubmatch(arn)
		switch other, twice := seen[arn]; {
		case found == nil:
			c.fail(own, fmt.Sprintf("Device %q adopts no certificate", name), "%s is not the ARN of a certificate, "+
				"such as arn:aws:iot:eu-central-1:123456789012:cert/ and 64 hexadecimal digits.", excerpt(arn))
		case account != "" && found[1] != account:
			c.fail(own, fmt.Sprintf("Device %q adopts a certificate of another account or region than its thing", name),
				"The certificate is %s.", excerpt(arn))
		case twice && other == name:
			c.fail(own, fmt.Sprintf("Device %q adopts a certificate twice", name), "Name it once.")
		case twice:
			c.fail(own, fmt.Sprintf("Devices %q and %q adopt the same certificate", other, name),
				"A certificate tells devices apart, and these two would share their private key. Give each its own.")
		}
		seen[arn] = name
	}
}
