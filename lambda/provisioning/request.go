package provisioning

import (
	"encoding/json"
	"regexp"

	"github.com/aws/aws-lambda-go/events"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
)

// Parameters of every pipeline's template (docs/design/contracts.md).
const (
	serialParameter      = "SerialNumber"
	certificateParameter = "AWS::IoT::Certificate::Id"
)

const (
	maxSerial      = 64
	maxCertificate = 64  // characters of a certificate's ID [AWS SDK-iot CertificateId]
	maxClientID    = 128 // bytes; AWS IoT takes no longer client ID
	maxValue       = 800 // characters of an attribute's value [AWS 1.3 attributes per thing]
)

// registration is one device that wants to register: the data of its request, and what it will be if admitted.
type registration struct {
	serial        string
	certificateID string
	clientID      string
	thing         string            // the name of the thing it becomes
	parameters    map[string]string // the device's own
	overrides     map[string]string // what the allow list puts in their place
}

// read parses an event and checks what it can without a call. With a refusal, the registration holds what could be read
// and is safe to log.
//
// The certificate itself is not kept: nothing depends on it, and what is not kept cannot be logged.
func (c *config) read(event []byte) (registration, *refusal) {
	var request events.IoTPreProvisionHookRequest
	r := registration{}
	if err := json.Unmarshal(event, &request); err != nil {
		return r, refuse(malformedEvent, "the event is not what AWS IoT asks a hook: %s", shown(err.Error(), maxDetail))
	}
	r.clientID = cut(request.ClientID, maxClientID)
	r.parameters = request.Parameters
	serial, given := request.Parameters[serialParameter]
	valid := validSerial(serial)
	if valid {
		r.serial = serial
	}
	if !validCertificateID(request.CertificateID) {
		return r, refuse(malformedEvent, "the event has no certificate ID")
	}
	r.certificateID = request.CertificateID
	switch {
	case request.TemplateARN == "":
		return r, refuse(malformedEvent, "the event has no template")
	case request.TemplateARN != c.templateARN:
		return r, refuse(otherTemplate, "the request is for template %s, the hook belongs to %s",
			shown(request.TemplateARN, 2*maxShown), c.templateARN)
	case !given:
		return r, refuse(invalidSerial, "the device sent no parameter %s", serialParameter)
	case !valid:
		return r, refuse(invalidSerial, "the serial %s is not 1 to %d letters, digits, - and _",
			shown(serial, maxShown), maxSerial)
	}
	// AWS IoT sets this parameter itself. A device must not be able to make the template activate another certificate.
	if id, ok := request.Parameters[certificateParameter]; ok && id != request.CertificateID {
		return r, refuse(otherCertificate, "the parameter %s is %s, the request is for %s", certificateParameter,
			shown(id, maxShown), request.CertificateID)
	}
	r.thing = c.prefix + serial
	if !thing.Valid(r.thing) {
		return r, refuse(invalidThingName, "%s is not a thing's name: it has %d characters", r.thing, len(r.thing))
	}
	return r, nil
}

// validSerial reports whether text can be the key of the allow list (docs/design/contracts.md).
func validSerial(text string) bool {
	for i := 0; i < len(text); i++ {
		if !alphanumeric(text[i]) && text[i] != '-' && text[i] != '_' {
			return false
		}
	}
	return 0 < len(text) && len(text) <= maxSerial
}

func validCertificateID(text string) bool {
	for i := 0; i < len(text); i++ {
		if !alphanumeric(text[i]) {
			return false
		}
	}
	return 0 < len(text) && len(text) <= maxCertificate
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// attributeValue matches the values that AWS IoT accepts for a thing's attribute [AWS 1.3 attributes per thing], apart
// from their length.
var attributeValue = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#=\[\]-]+$`)

// fill decides the value of each attribute: the allow list's overrides the device's own. Each must have a value that
// AWS IoT accepts; otherwise the template would fail after the serial is used up.
func (c *config) fill(r *registration, e entry) *refusal {
	r.overrides = map[string]string{}
	for _, name := range c.attributes {
		value, from := r.parameters[name], "the device"
		if listed, ok := e.parameters[name]; ok {
			value, from = listed, "the allow list"
			r.overrides[name] = listed
		}
		switch {
		case value == "":
			return refuse(missingAttribute,
				"attribute %s has no value, neither from the device nor from the allow list", name)
		case len(value) > maxValue || !attributeValue.MatchString(value):
			return refuse(invalidAttribute, "AWS IoT does not take the value that attribute %s has from %s: %s", name,
				from, shown(value, maxShown))
		}
	}
	return nil
}
