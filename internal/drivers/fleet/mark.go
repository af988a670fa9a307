package fleet

import (
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// mark is the value of a thing's certificate attribute: "<source>:<id>", then ",<id>" for each certificate that is
// retired and not yet removed, then "#" while another certificate is being created. It is written when the certificate
// is attached and its bundle stored, just before activation: a thing without one is not finished.
type mark struct {
	source  string
	id      string
	retired []string
	pending bool
}

func (m mark) String() string {
	if m.id == "" {
		return ""
	}
	text := m.source + ":" + strings.Join(append([]string{m.id}, m.retired...), ",")
	if m.pending {
		text += "#"
	}
	return text
}

// readMark reads a mark; other text gives the zero mark, so that the device gets another certificate.
func readMark(text string) mark {
	text, pending := strings.CutSuffix(text, "#")
	source, ids, ok := strings.Cut(text, ":")
	if !ok {
		return mark{}
	}
	all := strings.Split(ids, ",")
	if slices.ContainsFunc(all, func(id string) bool { return !certs.IsID(id) }) {
		return mark{}
	}
	m := mark{source: source, id: all[0], pending: pending}
	if len(all) > 1 {
		m.retired = all[1:]
	}
	return m
}

// Sources of a certificate.
const (
	sourceGenerated = "generated" // from a key that the provider made
	sourceCSR       = "csr-"      // and a digest of the request
	sourceOwn       = "own-"      // and the ID of the given certificate
)

// SourceOf says what a device's certificate is to be made from, in the words of spec.DeviceState.CertificateSource.
func SourceOf(d spec.Device) string {
	switch {
	case d.CertificatePEM != "":
		return sourceOwn + certs.Digest(d.CertificatePEM) // the ID of a certificate is the SHA-256 of its DER form
	case d.CSRPEM != "":
		return sourceCSR + certs.Digest(d.CSRPEM)[:32]
	}
	return sourceGenerated
}

// attributesOf is the whole attribute map of a thing.
func attributesOf(d spec.Device, owner string, m mark) map[string]string {
	attributes := make(map[string]string, len(d.Attributes)+2)
	maps.Copy(attributes, d.Attributes)
	attributes[contract.OwnerAttribute] = owner
	if m.id != "" {
		attributes[contract.CertificateAttribute] = m.String()
	}
	return attributes
}

// thing is a thing as listed or described.
type thing struct {
	arn, owner, thingType string
	registered            string            // how it registered itself; empty if the provider created it
	attributes            map[string]string // without ours
	mark                  mark
}

// newThing takes our attributes out of a thing's map, which it keeps.
func newThing(arn, thingType string, attributes map[string]string) *thing {
	t := &thing{arn: arn, thingType: thingType, attributes: attributes,
		owner: attributes[contract.OwnerAttribute], mark: readMark(attributes[contract.CertificateAttribute]),
		registered: attributes[contract.RegisteredAttribute]}
	for _, ours := range []string{
		contract.OwnerAttribute, contract.CertificateAttribute, contract.RegisteredAttribute,
	} {
		delete(attributes, ours)
	}
	return t
}

// device is the thing in terms of the configuration; whether its certificate is active is not known yet.
func (t *thing) device(inGroup bool) spec.Device {
	return spec.Device{Attributes: t.attributes, Found: &spec.DeviceState{
		ThingType: t.thingType, InGroup: inGroup,
		CertificateID: t.mark.id, CertificateSource: t.mark.source, Retired: t.mark.retired,
		Interrupted: t.mark.pending,
	}}
}

// markOf is the mark that an observed device carries.
func markOf(d spec.Device) mark {
	if d.Found == nil {
		return mark{}
	}
	return mark{
		source:  d.Found.CertificateSource,
		id:      d.Found.CertificateID,
		retired: d.Found.Retired,
		pending: d.Found.Interrupted,
	}
}
