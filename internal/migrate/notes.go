package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// advice says what to do about a type of resource that the pipeline does not take over.
var advice = map[string]string{
	"aws_iot_policy": "stays. Compare it with the pipeline's policy (part \"policy\"), and destroy it after the " +
		"cut-over",
	"aws_iot_thing_group": "stays. Things keep their groups; destroy it when nothing needs it. A policy that is " +
		"attached to it is effective until then",
	"aws_iot_thing_type": "stays. The things get the pipeline's type; destroy it after the cut-over, or keep it to " +
		"be able to go back",
	kindRule: "stays, and reads beside the pipeline's rules. Destroy it after the cut-over, with " +
		"what it writes to",
	"aws_iot_topic_rule_destination": "stays. Routes with http or kafka can use it",
	"aws_iot_role_alias":             "stays. Devices use it as long as a policy of their certificates allows it",
	"aws_iot_logging_options":        "is a setting of the account and stays",
	"aws_iot_indexing_configuration": "is a setting of the account and stays",
	"aws_iot_event_configurations":   "is a setting of the account and stays",
	"aws_iot_billing_group":          "stays. Things keep their billing group",
	"aws_iot_ca_certificate": "stays. Certificates that it has signed stay valid; destroy it only when no device " +
		"registers with it",
	"aws_iot_provisioning_template": "stays, and its devices do not belong to the pipeline. See provisioning in the " +
		"reference",
	"aws_iot_authorizer":           "stays. The pipeline's devices use certificates",
	"aws_iot_domain_configuration": "stays. Devices keep their endpoint",
}

// noteOthers says what becomes of everything else in the state.
func (m *migration) noteOthers(objects []*object) {
	others := map[string]int{}
	keys := 0
	for _, object := range objects {
		if m.taken[object] && object.kind == kindCertificate && object.text("private_key") != "" {
			keys++
		}
		if text := m.whatOf(object); text != "" {
			m.note(object.address, "%s", text)
		} else if !strings.HasPrefix(object.kind, wanted) {
			others[object.kind]++
		}
	}
	if keys > 0 {
		m.note(kindCertificate, "the state holds private keys: %d. They are not here; they leave the state with the "+
			"removed blocks, and stay in its earlier versions", keys)
	}
	var counts []string
	for _, kind := range slices.Sorted(maps.Keys(others)) {
		counts = append(counts, fmt.Sprintf("%d %s", others[kind], kind))
	}
	if len(counts) > 0 {
		m.note("other resources", "not looked at: %s", strings.Join(counts, ", "))
	}
}

// whatOf says what becomes of an object of AWS IoT; nothing if the configuration shows it.
func (m *migration) whatOf(o *object) string {
	taken, considered := m.taken[o]
	switch {
	case taken, slices.Contains(m.policies, o):
		return ""
	case considered:
		return m.whyLeft(o)
	case o.kind == kindPolicyAttachment:
		return "stays: it is for " + o.text("target")
	case o.kind == kindRule:
		return advice[kindRule] + ". It runs: " + strings.Join(strings.Fields(o.text("sql")), " ")
	case advice[o.kind] == "" && strings.HasPrefix(o.kind, wanted):
		return "not understood, and left as it is"
	}
	return advice[o.kind]
}

// whyLeft says why an object of a type that is taken over is left.
func (m *migration) whyLeft(o *object) string {
	switch o.kind {
	case kindThing:
		return "the thing " + o.text("name") + " is not taken over"
	case kindCertificate:
		return "the certificate is attached to none of the devices. If a device uses it, add its ARN to " +
			"certificate_arns of that device: " + o.text("arn")
	case kindAttachment:
		if m.devices[o.text("thing")] != nil {
			return "the principal is not a certificate; it loses the thing if the thing is deleted"
		}
	}
	return "it belongs to a thing that is not taken over"
}
