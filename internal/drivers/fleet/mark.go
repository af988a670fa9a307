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
// retired and not yet removed, then "/<id>" for each earlier one that stays valid until somebody retires it, then
// "#<time>" while another certificate is being created in its place, or "=<time>.<nonce>" while one is being issued
// beside it; the nonce is that of the run that issues it, and ".<version>" follows if the new one is of a higher
// version. It is written when the certificate is attached and its bundle stored. A thing that has no certificate yet
// carries "@<time>", and one that gets none "none". The time, in Unix seconds, is when the creation began: a
// certificate that was lost is no older.
type mark struct {
	source   string
	id       string
	retired  []string
	previous []string
	pending  bool
	issuing  string // the nonce
	raised   int64  // the version of what is being issued; 0: as the present one
	begun    int64  // 0 if unknown: earlier versions of the provider wrote no time
}

func (m mark) String() string {
	var begun string
	if m.begun > 0 {
		begun = strconv.FormatInt(m.begun, 10)
	}
	switch {
	case m.source == sourceNone:
		return sourceNone
	case m.id == "" && begun == "":
		return ""
	case m.id == "":
		return "@" + begun
	}
	text := m.source + ":" + strings.Join(append([]string{m.id}, m.retired...), ",")
	for _, id := range m.previous {
		text += "/" + id
	}
	switch {
	case m.pending:
		text += "#" + begun
	case m.issuing != "":
		text += "=" + begun + "." + m.issuing
		if m.raised > 0 {
			text += "." + strconv.FormatInt(m.raised, 10)
		}
	}
	return text
}

// readMark reads a mark; other text gives the zero mark, so that the device gets another certificate.
func readMark(text string) mark {
	if begun, unfinished := strings.CutPrefix(text, "@"); unfinished {
		return mark{begun: number(begun)}
	}
	if text == sourceNone {
		return mark{source: sourceNone}
	}
	text, begun, pending := strings.Cut(text, "#")
	var issuing, raised string
	if !pending {
		var claim string
		text, claim, _ = strings.Cut(text, "=")
		begun, issuing, _ = strings.Cut(claim, ".")
		issuing, raised, _ = strings.Cut(issuing, ".")
	}
	colon := strings.LastIndexByte(text, ':') // the name of a thing type can hold one
	if colon < 0 {
		return mark{}
	}
	source, ids := text[:colon], text[colon+1:]
	present, earlier, hasEarlier := strings.Cut(ids, "/")
	all := strings.Split(present, ",")
	m := mark{source: source, id: all[0], pending: pending, issuing: issuing, raised: number(raised),
		begun: number(begun)}
	if len(all) > 1 {
		m.retired = all[1:]
	}
	if hasEarlier {
		m.previous = strings.Split(earlier, "/")
	}
	if slices.ContainsFunc(slices.Concat(all, m.previous), func(id string) bool { return !certs.IsID(id) }) {
		return mark{}
	}
	return m
}

// number reads a time or version of a mark; 0 stands for one that cannot be read.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Sources of a certificate.
const (
	sourceGenerated = "generated" // from a key that the provider made; "-" and the version follow, from the second on
	sourceCSR       = "csr-"      // and a digest of the request
	sourceOwn       = "own-"      // and the ID of the given certificate
	sourceNone      = spec.NoCertificate
	sourceAdopted   = "adopted-" // and the thing type that the thing had before, if any
)

// behindGateway reports whether a device connects through its gateway only. It has no certificate and no bundle.
func behindGateway(name string) bool { return contract.GatewayOf(name) != "" }

// SourceOf says what a device's certificate is to be made from, in the words of spec.DeviceState.CertificateSource, but
// for the version.
func SourceOf(name string, d spec.Device) string {
	switch {
	case behindGateway(name):
		return sourceNone
	case d.CertificatePEM != "":
		return sourceOwn + certs.Digest(d.CertificatePEM) // the ID of a certificate is the SHA-256 of its DER form
	case d.CSRPEM != "":
		return sourceCSR + certs.Digest(d.CSRPEM)[:32]
	}
	return sourceGenerated
}

// fits reports whether a certificate that was made from source is the one that a device is to have. An adopted one
// stays until the description names another.
func fits(source, name string, want spec.Device) bool {
	wanted := SourceOf(name, want)
	return source == wanted || wanted == sourceGenerated && (versionOf(source) > 0 || adopted(source))
}

// attributesOf is the whole attribute map of a thing.
func attributesOf(f spec.Fleet, d spec.Device, owner string, m mark) map[string]string {
	attributes := make(map[string]string, len(d.Attributes)+3)
	maps.Copy(attributes, d.Attributes)
	attributes[contract.OwnerAttribute] = owner
	switch {
	case settledByShadow(f, d):
		attributes[contract.GatewayAttribute] = contract.GatewayByShadow
	case d.Gateway:
		attributes[contract.GatewayAttribute] = contract.GatewayDeployed
	}
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
	gateway               string // the value of contract.GatewayAttribute
	version               int64  // of the registry's entry
}

// newThing takes our attributes out of a thing's map, which it keeps.
func newThing(arn, thingType string, attributes map[string]string) *thing {
	t := &thing{arn: arn, thingType: thingType, attributes: attributes,
		owner: attributes[contract.OwnerAttribute], mark: readMark(attributes[contract.CertificateAttribute]),
		registered: attributes[contract.RegisteredAttribute],
		gateway:    attributes[contract.GatewayAttribute]}
	for _, ours := range []string{
		contract.OwnerAttribute, contract.CertificateAttribute, contract.GatewayAttribute,
		contract.RegisteredAttribute,
	} {
		delete(attributes, ours)
	}
	return t
}

// device is the thing in terms of the configuration; whether its certificate is active is not known yet.
func (t *thing) device(inGroup bool) spec.Device {
	settled := t.gateway == contract.GatewayByShadow
	gateway := settled || t.gateway == contract.GatewayDeployed
	return spec.Device{Attributes: t.attributes, Gateway: gateway, Found: &spec.DeviceState{
		Entry:     spec.ThingEntry{Version: t.version, Mark: t.mark.String()},
		ThingType: t.thingType, InGroup: inGroup, Settled: settled,
		CertificateID: t.mark.id, CertificateSource: t.mark.source, Retired: t.mark.retired, Previous: t.mark.previous,
		Interrupted: t.mark.pending, Issuing: t.mark.issuing, Raised: t.mark.raised, Begun: t.mark.begun,
	}}
}

// markFor is the mark that a device should carry whose certificate stays as it is.
func markFor(name string, d spec.Device) mark {
	if behindGateway(name) {
		return mark{source: sourceNone}
	}
	return markOf(d)
}

// markOf is the mark that an observed device carries.
func markOf(d spec.Device) mark {
	if d.Found == nil {
		return mark{}
	}
	return mark{
		source:   d.Found.CertificateSource,
		id:       d.Found.CertificateID,
		retired:  d.Found.Retired,
		previous: d.Found.Previous,
		pending:  d.Found.Interrupted,
		issuing:  d.Found.Issuing,
		raised:   d.Found.Raised,
		begun:    d.Found.Begun,
	}
}
