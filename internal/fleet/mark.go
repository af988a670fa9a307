package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// mark is the value of a thing's certificate attribute: "<source>:<id>", then ",<id>" for each certificate that is
// retired and not yet removed, then "#" while another certificate is being made. It is written when the certificate is
// attached and its bundle stored, just before activation: a thing without one is not finished.
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

// readMark reads a mark; text that is none gives the zero mark, so that the device is finished anew.
func readMark(text string) mark {
	text, pending := strings.CutSuffix(text, "#")
	source, ids, ok := strings.Cut(text, ":")
	if !ok {
		return mark{}
	}
	all := strings.Split(ids, ",")
	if slices.ContainsFunc(all, func(id string) bool { return !isCertificateID(id) }) {
		return mark{}
	}
	m := mark{source: source, id: all[0], pending: pending}
	if len(all) > 1 {
		m.retired = all[1:]
	}
	return m
}

// isCertificateID reports whether id is 64 hex digits [AWS 1.3 certificate id].
func isCertificateID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == 2*sha256.Size
}

// Sources of a certificate.
const (
	sourceGenerated = "generated" // from a key that the provider made
	sourceCSR       = "csr-"      // and a digest of the request
	sourceOwn       = "own-"      // and the ID of the given certificate
)

// SourceOf says what a device's certificate is to be made from, in the words of object.DeviceState.CertificateSource.
func SourceOf(d object.Device) string {
	switch {
	case d.CertificatePEM != "":
		return sourceOwn + digest(d.CertificatePEM) // the ID of a certificate is the SHA-256 of its DER form
	case d.CSRPEM != "":
		return sourceCSR + digest(d.CSRPEM)[:32]
	}
	return sourceGenerated
}

// digest is the SHA-256 of what a PEM block holds, so that line ends and text around it make no difference.
func digest(text string) string {
	content := []byte(text)
	if block, _ := pem.Decode(content); block != nil {
		content = block.Bytes
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// attributesOf is the whole attribute map of a thing.
func attributesOf(d object.Device, owner string, m mark) map[string]string {
	attributes := make(map[string]string, len(d.Attributes)+2)
	maps.Copy(attributes, d.Attributes)
	attributes[object.ThingOwnerAttribute] = owner
	if m.id != "" {
		attributes[object.ThingCertificateAttribute] = m.String()
	}
	return attributes
}

// thing is a thing as listed or described.
type thing struct {
	arn, owner, thingType string
	registered            string            // how it registered itself, empty when the pipeline's description made it
	attributes            map[string]string // without ours
	mark                  mark
}

// newThing takes our attributes out of a thing's map, which it keeps.
func newThing(arn, thingType string, attributes map[string]string) *thing {
	t := &thing{arn: arn, thingType: thingType, attributes: attributes,
		owner: attributes[object.ThingOwnerAttribute], mark: readMark(attributes[object.ThingCertificateAttribute]),
		registered: attributes[object.ThingRegisteredAttribute]}
	for _, ours := range []string{object.ThingOwnerAttribute, object.ThingCertificateAttribute, object.ThingRegisteredAttribute} {
		delete(attributes, ours)
	}
	return t
}

// device is the thing in the terms of what is wanted; whether its certificate is active is not known yet.
func (t *thing) device(inGroup bool) object.Device {
	return object.Device{Attributes: t.attributes, Found: &object.DeviceState{
		ThingType: t.thingType, InGroup: inGroup,
		CertificateID: t.mark.id, CertificateSource: t.mark.source, Retired: t.mark.retired,
		Interrupted: t.mark.pending,
	}}
}

// markOf is the mark that an observed device carries.
func markOf(d object.Device) mark {
	if d.Found == nil {
		return mark{}
	}
	return mark{source: d.Found.CertificateSource, id: d.Found.CertificateID, retired: d.Found.Retired, pending: d.Found.Interrupted}
}
