package pipeline

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// DevicesFromSpec is a fleet that is written in a file. The IoT registry is its record: neither the manifest nor
// Terraform's state holds its devices.
type DevicesFromSpec struct {
	File   string  `json:"file"`            // CSV or NDJSON
	Report *string `json:"report,omitzero"` // where a plan writes which devices it touches; nil: nowhere
}

// CheckDevices gives a function that says what is wrong with a device of a file, in the words of Validate. One function
// serves one file, since no two devices may share a certificate.
func CheckDevices() func(name string, d object.Device) []error {
	identities := map[string]string{}
	return func(name string, d object.Device) []error {
		c := &checker{}
		spec := DeviceSpec{Attributes: d.Attributes}
		if d.CSRPEM != "" {
			spec.CSRPEM = &d.CSRPEM
		}
		if d.CertificatePEM != "" {
			spec.CertificatePEM = &d.CertificatePEM
		}
		c.checkDevice(at("devices", name), name, spec, identities)
		var errs []error
		for _, p := range c.problems {
			if !p.Warning {
				errs = append(errs, errors.New(p.Summary+". "+p.Detail))
			}
		}
		return errs
	}
}

func (c *checker) checkDevicesFrom(spec Spec) {
	const path = "devices_from"
	from := spec.DevicesFrom
	if from == nil || !c.known(path) {
		return
	}
	if len(spec.Devices) > 0 {
		c.fail(path, "devices and devices_from exclude each other",
			"Devices come from the map or from the file. Move those of the map into the file, or remove devices_from.")
	}
	if !c.known(path + ".file") {
		return
	}
	switch strings.ToLower(filepath.Ext(from.File)) {
	case ".csv", ".ndjson", ".jsonl":
	default:
		c.fail(path+".file", "The file of devices_from is of no known kind", "The name %s must end in .csv, .ndjson or .jsonl.", excerpt(from.File))
	}
	if r := from.Report; r != nil && c.known(path+".report") && filepath.Clean(*r) == filepath.Clean(from.File) {
		c.fail(path+".report", "The report would overwrite the devices", "report and file are the same file. Choose another name for the report.")
	}
}
