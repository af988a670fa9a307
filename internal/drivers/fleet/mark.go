package fleet

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// mark is the value of a thing's certificate attribute: "<source>:<id>", then ",<id>" for each certificate that is
// retired and not yet removed, then "#<time>" while another certificate is being created. It is written when the
// certificate is attached and its bundle stored. A thing that has no certificate yet carries "@<time>". The time, in
// Unix seconds, is when the creation began: a certificate that was lost is no older.
type mark struct {
	source  string
	id      string
	retired []string
	pending bool
	begun   int64 // 0 if unknown: earlier versions of the provider wrote no time
}

func (m mark) String() string {
	var begun string
	if m.begun > 0 {
		begun = strconv.FormatInt(m.begun, 10)
	}
	switch {
	case m.id == "" && begun == "":
		return ""
	case m.id == "":
		return "@" + begun
	}
	text := m.source + ":" + strings.Join(append([]string{m.id}, m.retired...), ",")
	if m.pending {
		text += "#" + begun
	}
	return text
}

// readMark reads a mark; other text gives the zero mark, so that the device gets another certificate.
func readMark(text string) mark {
	if begun, unfinished := strings.CutPrefix(text, "@"); unfinished {
		return mark{begun: seconds(begun)}
	}
	text, begun, pending := strings.Cut(text, "#")
	source, ids, ok := strings.Cut(text, ":")
	if !ok {
		return mark{}
	}
	all := strings.Split(ids, ",")
	if slices.ContainsFunc(all, func(id string) bool { return !certs.IsID(id) }) {
		return mark{}
	}
	m := mark{source: source, id: all[0], pending: pending, begun: seconds(begun)}
	if len(all) > 1 {
		m.retired = all[1:]
	}
	return m
}

// seconds reads a time of a mark; 0 stands for one that cannot be read.
func seconds(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
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
	if text := m.String(); text != "" {
		attributes[contract.CertificateAttribute] = text
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
		Interrupted: t.mark.pending, Begun: t.mark.begun,
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
		begun:   d.Found.Begun,
	}
}
