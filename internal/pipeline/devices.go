package pipeline

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// MaxDevices is where the devices map becomes slow: the plugin framework's planning time grows with the square of
	// its size.
	MaxDevices = 1000
	// Limits of [AWS 1.3].
	maxThingName  = 128
	maxAttributes = 50 - 2 // two hold the owner token and the certificate; a gateway has another one
)

var (
	thingPattern          = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	attributeNamePattern  = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#-]{1,128}$`)
	attributeValuePattern = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}$`)
)

// DeviceSpec is one device. At most one of CSRPEM and CertificatePEM is set;
// with neither, the provider makes the key pair, in memory (EC P-256).
type DeviceSpec struct {
	Attributes     map[string]string `json:"attributes,omitzero"`
	CSRPEM         *string           `json:"csr_pem,omitzero"`
	CertificatePEM *string           `json:"certificate_pem,omitzero"`
	Enabled        *bool             `json:"enabled,omitzero"`
	SilenceMinutes *int64            `json:"silence_minutes,omitzero"` // nil: that of monitoring
	Gateway        *GatewaySpec      `json:"gateway,omitzero"`
	Adopt          *AdoptSpec        `json:"adopt,omitzero"` // write-only: only in a configuration
	// CertificateVersion is credentials.certificate_version for this device, if it is larger; nil: that of the fleet.
	CertificateVersion *int64 `json:"certificate_version,omitzero"`
}

// GatewaySpec says that a device is a gateway.
type GatewaySpec struct{}

// DevicesFromSpec is a fleet that is written in a file. The IoT registry is its record: neither the manifest nor
// Terraform's state holds its devices.
type DevicesFromSpec struct {
	File   string  `json:"file"`            // CSV or NDJSON
	Report *string `json:"report,omitzero"` // where a plan writes which devices it touches; nil: nowhere
}

// devices are the things, with what every device is and may do: thing group, thing type and policy.
func devices() capability {
	return capability{
		check: func(c *checker, s Spec) {
			c.checkDevices(s.Devices)
			c.checkGateways(s, gatewaysOf(s.Devices))
			c.checkOwnSilence(s)
			c.checkDevicesFrom(s)
		},
		parts: func(b *builder) []assembly.Part {
			name, tags := b.names.pipeline, b.env.Tags
			describe := "Devices of pipeline " + name
			return []assembly.Part{
				b.part("thing_group", spec.KindThingGroup, name, b.arn.thingGroup(name), nil,
					spec.ThingGroup{Description: describe, Tags: tags}),
				b.part(contract.KeyThingType, spec.KindThingType, name, b.arn.thingType(name), nil,
					spec.ThingType{Description: describe, Tags: tags}),
				b.part("policy", spec.KindIoTPolicy, name, b.arn.policy(name), []string{"thing_group"},
					spec.IoTPolicy{Document: b.devicePolicy(), TargetARN: b.arn.thingGroup(name), Tags: tags}),
				b.part(KeyFleet, spec.KindFleet, name, "", b.fleetNeeds(), b.fleet()),
			}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) { out.Naming = b.naming() },
	}
}

func (b *builder) fleetNeeds() []string {
	needs := []string{"policy", "thing_group", contract.KeyThingType}
	if b.storeKind() == contract.CredentialsInBucket {
		needs = append(needs, contract.KeyCredentialsBucket)
	}
	if b.hasEdge() {
		// Gateways act on their settings at once.
		needs = append(needs, "policy/gateway")
	}
	return needs
}

// bundleCount is how many devices have a credentials bundle: all that are not behind a gateway.
func (b *builder) bundleCount() int {
	n := 0
	for name := range b.env.Roster {
		if b.config.DevicesFrom != nil && contract.GatewayOf(name) == "" {
			n++
		}
	}
	for name := range b.config.Devices {
		if b.config.DevicesFrom == nil && contract.GatewayOf(name) == "" {
			n++
		}
	}
	return n
}

// devices are those of the map or of the file.
func (b *builder) devices() map[string]spec.Device {
	if b.config.DevicesFrom != nil {
		return b.env.Roster
	}
	devices := make(map[string]spec.Device, len(b.config.Devices))
	for name, d := range b.config.Devices {
		devices[name] = spec.Device{
			Attributes:     d.Attributes,
			CSRPEM:         deref(d.CSRPEM),
			CertificatePEM: deref(d.CertificatePEM),
			Disabled:       d.Enabled != nil && !*d.Enabled,
			SilenceMinutes: deref(d.SilenceMinutes), CertificateVersion: deref(d.CertificateVersion),
			Gateway: d.Gateway != nil,
			Adopt:   d.Adopt.adoption(),
		}
	}
	return devices
}

func (b *builder) fleet() spec.Fleet {
	return spec.Fleet{
		ThingGroup: b.names.pipeline, ThingType: b.names.pipeline, Devices: b.devices(),
		CertificateVersion: *b.config.Credentials.CertificateVersion,
		Store:              b.deviceStore(),
		Endpoint:           b.env.MQTTEndpoint, TopicPrefix: b.prefix(), Tags: b.env.Tags,
		GatewaySettings: b.shadowSettings(),
	}
}

// CheckDevices returns a function that reports what is wrong with a device of a file, as Validate would. One function
// serves one file, since no two devices may share a certificate.
func CheckDevices() func(name string, d spec.Device) []error {
	identities := map[string]string{}
	return func(name string, d spec.Device) []error {
		c := &checker{}
		config := DeviceSpec{Attributes: d.Attributes}
		if d.CSRPEM != "" {
			config.CSRPEM = &d.CSRPEM
		}
		if d.CertificatePEM != "" {
			config.CertificatePEM = &d.CertificatePEM
		}
		if d.SilenceMinutes != 0 {
			config.SilenceMinutes = &d.SilenceMinutes
		}
		if d.Gateway {
			config.Gateway = &GatewaySpec{}
		}
		if d.CertificateVersion != 0 {
			config.CertificateVersion = &d.CertificateVersion
		}
		config.Enabled = ptr(!d.Disabled)
		c.checkDevice(at("devices", name), name, config, identities)
		return c.errors()
	}
}

func (c *checker) checkDevicesFrom(config Spec) {
	const path = "devices_from"
	from := config.DevicesFrom
	if from == nil || !c.known(path) {
		return
	}
	if len(config.Devices) > 0 {
		c.fail(path, "devices and devices_from exclude each other",
			"Devices come from the map or from the file. Move those of the map into the file, or remove devices_from.")
	}
	if !c.known(path + ".file") {
		return
	}
	switch strings.ToLower(filepath.Ext(from.File)) {
	case ".csv", ".ndjson", ".jsonl":
	default:
		c.fail(path+".file", "The file of devices_from is of no known kind",
			"The name %s must end in .csv, .ndjson or .jsonl.", excerpt(from.File))
	}
	if r := from.Report; r != nil && c.known(path+".report") && filepath.Clean(*r) == filepath.Clean(from.File) {
		c.fail(path+".report", "The report would overwrite the devices",
			"report and file are the same file. Choose another name for the report.")
	}
}

func (c *checker) checkDevices(devices map[string]DeviceSpec) {
	if n := len(devices); n > MaxDevices {
		c.warn("devices", fmt.Sprintf("%d devices are many for a map", n),
			"Terraform's planning time grows with the square of a map's size: about 3 s per plan for 1000 devices, 9 "+
				"s for 2000 and a minute for 5000. Write the fleet into a file and name it in devices_from, which "+
				"takes seconds for 10000, or split it into pipelines of up to %d devices.", MaxDevices)
	}
	identities := map[string]string{} // PEM to the device that has it
	for _, name := range sortedKeys(devices) {
		c.checkDevice(at("devices", name), name, devices[name], identities)
	}
}

// checkDevice checks one device; identities collects the certificates and requests of all.
func (c *checker) checkDevice(path, name string, d DeviceSpec, identities map[string]string) {
	switch {
	case contract.GatewayOf(name) != "", strings.HasPrefix(name, contract.ChildSeparator):
		c.checkChild(path, name, d)
	case !thingPattern.MatchString(name):
		c.fail(path, fmt.Sprintf("Device name %s is not valid", excerpt(name)),
			"It is the thing's name and the MQTT client id: 1 to 128 letters, digits, hyphens and underscores.")
	}
	most := maxAttributes
	if d.Gateway != nil {
		most--
	}
	c.checkAttributes(path+".attributes", d.Attributes, most)
	c.number(path+".silence_minutes", d.SilenceMinutes, DeviceSilenceMinutes)
	c.checkCertificateVersion(path+".certificate_version", name, d)
	c.checkIdentity(path, name, d, identities)
	c.checkAdopt(path, name, d, identities)
}

func (c *checker) checkAttributes(path string, attributes map[string]string, most int) {
	if len(attributes) > most {
		c.fail(path, "Too many attributes", "There are %d and a thing holds 50, of which %d are the pipeline's own. "+
			"Keep at most %d.", len(attributes), 50-most, most)
	}
	for _, name := range sortedKeys(attributes) {
		own := at(path, name)
		switch value := attributes[name]; {
		case strings.HasPrefix(name, contract.OwnerAttribute):
			c.fail(own, fmt.Sprintf("Attribute %q is reserved", name), "The provider keeps the thing's owner and "+
				"certificate in attributes that start with %s. Choose another name.", contract.OwnerAttribute)
		case !attributeNamePattern.MatchString(name):
			c.fail(own, fmt.Sprintf("Attribute name %s is not valid", excerpt(name)),
				"AWS IoT allows 1 to 128 letters, digits and the characters _ . , @ / : # -; no spaces.")
		case c.known(own) && !attributeValuePattern.MatchString(value):
			c.fail(own, fmt.Sprintf("The value of attribute %q is not valid", name),
				"AWS IoT allows up to 800 letters, digits and the characters _ . , @ / : # = [ ] - in it, and no "+
					"spaces; this one is %s. Write a hyphen or an underscore for a space.", excerpt(value))
		}
	}
}
