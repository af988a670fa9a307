package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Arguments of the edge block. internal/edge/rules defines what they mean; a test compares the values.
var (
	EdgeUnmatched  = Choice{Values: rules.Unmatched, Default: rules.Unmatched[0]}
	EdgeActions    = Choice{Values: rules.Actions, Default: rules.Actions[0]}
	EdgePriorities = Choice{Values: rules.Priorities, Default: rules.Priorities[0]}
	EdgeLate       = Choice{Values: rules.LateReadings, Default: rules.LateReadings[0]}
	EdgeAggregates = Choice{Values: rules.Aggregates}

	EdgeWindowSeconds = Limit{Min: 1, Max: rules.MaxWindowSeconds, Source: "iot-edge"}
	EdgeReportSeconds = Limit{Min: 0, Max: rules.MaxWindowSeconds, Default: value(0), Source: "iot-edge"}
	EdgeRateMessages  = Limit{Min: 1, Max: rules.MaxRateMessages, Source: "iot-edge"}
	EdgeRateSeconds   = Limit{Min: 1, Max: rules.MaxRateSeconds, Source: "iot-edge"}
)

// childrenRule is the key of the topic rule that brings commands for children to their gateways. What the pipeline
// itself sends goes there directly, with its MQTT 5 properties, which a rule cannot pass on: see contract.CommandTopic.
const childrenRule = "children"

// EdgeSpec lets devices be gateways: they speak for children, whose names begin with the gateway's name and a colon.
type EdgeSpec struct {
	Unmatched *string               `json:"unmatched,omitzero"`
	Rules     map[string]rules.Rule `json:"rules,omitzero"` // by name
	// Greengrass deploys iot-edge to gateways; nil: somebody else installs it.
	Greengrass *GreengrassSpec `json:"greengrass,omitzero"`
}

// edge is what gateways need: a second policy lets a device speak for its children and receive their commands, and a
// topic rule sends it those that others publish. AWS IoT allows 50 subscriptions per connection, so a gateway cannot
// subscribe for each child.
func edge() capability {
	return capability{
		shapes: []shape{
			{arguments: []string{"edge"}, parts: true, outputs: []string{"edge_settings_json", "rule_arns"}},
			{arguments: []string{"edge.**"}, outputs: []string{"edge_settings_json"}},
			{arguments: []string{"api", "telemetry", "telemetry.data_field", "telemetry.time_field"},
				outputs: []string{"edge_settings_json"}},
		},
		check: func(c *checker, s Spec) { c.checkEdge(s) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasEdge() {
				return nil
			}
			name := b.names.gatewayPolicy()
			return []assembly.Part{b.part("policy/gateway", spec.KindIoTPolicy, name, b.arn.policy(name),
				[]string{"thing_group"}, spec.IoTPolicy{Document: b.gatewayPolicy(),
					TargetARN: b.arn.thingGroup(b.names.pipeline), Tags: b.env.Tags})}
		},
		rules: func(b *builder) []ownRule {
			if !b.hasEdge() {
				return nil
			}
			return []ownRule{b.childrenRule()}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			if b.hasEdge() {
				out.EdgeSettingsJSON = ptr(b.edgeSettings())
			}
		},
	}
}

func (b *builder) hasEdge() bool { return b.config.Edge != nil }

// gatewayPolicy lets a device speak for its children, and receive their commands. No described device has a colon in
// its name, so what begins with a device's name and a colon is its child, and nobody else's. The policy of all devices
// has no room for it: AWS IoT allows 2048 characters.
func (b *builder) gatewayPolicy() string {
	own := b.prefix() + "/" + thisThing
	publish := []string{b.arn.iotTopic(own + ":*/telemetry"), b.arn.iotTopic(own + ":*/status")}
	if b.hasAPI() {
		publish = append(publish, b.arn.iotTopic(own+":*/"+commandResults))
	}
	return policy(allow([]string{"iot:Publish"}, publish...),
		allow([]string{"iot:Subscribe"}, b.arn.iotFilter(own+"/children/+/commands")),
		allow([]string{"iot:Receive"}, b.arn.iotTopic(own+"/children/*/commands")))
}

// childrenRule sends what is published for a child to its gateway.
func (b *builder) childrenRule() ownRule {
	thing := b.thingCall()
	to := b.prefix() + "/${substring(" + thing + ", 0, indexof(" + thing + ", ':'))}/children/" + b.thingTemplate() +
		"/commands"
	return ownRule{
		key:         childrenRule,
		description: "Commands for devices behind gateways of pipeline " + b.config.Name + ", to the gateways",
		sql:         constant("SELECT * FROM " + b.from("commands") + " WHERE indexof(" + thing + ", ':') > 0"),
		actions: constantAction(spec.Action{Republish: &spec.RepublishAction{RoleARN: b.rulesRoleARN(), Topic: to,
			QoS: 1}}),
		grants: []statement{allow([]string{"iot:Publish"}, b.arn.iotTopic(b.prefix()+"/*/children/*/commands"))},
	}
}

// shadowSettings are the desired state of the shadows of gateways. With Greengrass they have none: a gateway that is
// connected would take it at once, whatever the deployment's limits are, and keep it when the deployment rolls back.
func (b *builder) shadowSettings() string {
	if !b.hasEdge() || b.hasGreengrass() {
		return ""
	}
	settings, _ := b.gatewaySettings()
	return settings
}

// gatewaySettings are the settings of gateways with a version, a number that follows from them and that the gateway
// reports.
func (b *builder) gatewaySettings() (settings string, version uint64) {
	settings = b.edgeSettings()
	sum := sha256.Sum256([]byte(settings))
	version = binary.BigEndian.Uint64(sum[:]) >> 16 // JSON numbers are exact up to 2^53
	head := fmt.Sprintf(`{"version":%d`, version)
	if settings != "{}" {
		head += ","
	}
	return head + settings[1:], version
}

// edgeSettings are the settings of iot-edge: the member "settings" of its file.
func (b *builder) edgeSettings() string {
	e, t := b.config.Edge, block(b.config.Telemetry)
	settings := struct {
		Rules          map[string]rules.Rule `json:"rules,omitzero"`
		Unmatched      *string               `json:"unmatched,omitzero"`
		DataField      string                `json:"data_field,omitzero"`
		TimeField      string                `json:"time_field,omitzero"`
		CommandResults bool                  `json:"command_results,omitzero"`
	}{Rules: e.Rules, Unmatched: e.Unmatched, CommandResults: b.hasAPI()}
	if f := deref(t.DataField); f != DefaultDataField {
		settings.DataField = f
	}
	if f := deref(t.TimeField); f != DefaultTimeField {
		settings.TimeField = f
	}
	return encode(settings)
}

// checkEdge checks the rules as a gateway does, which would refuse them only later.
func (c *checker) checkEdge(s Spec) {
	e := s.Edge
	if e == nil || !c.known("edge") {
		return
	}
	c.choice("edge.unmatched", e.Unmatched, EdgeUnmatched)
	if len(e.Rules) == 0 || !c.known("edge.rules") {
		return
	}
	c.checkEdgeTelemetry(s.Telemetry)
	for name := range e.Rules {
		if !c.known(at("edge.rules", name)) {
			return // the whole rule
		}
	}
	if !c.known("topic_prefix") || s.TopicPrefix == nil && !c.known("name") {
		return // FROM cannot be judged
	}
	config := rules.Config{Prefix: *or(s.TopicPrefix, s.Name), Gateway: "gateway", Rules: e.Rules}
	for _, p := range config.Problems() {
		path := "edge.rules"
		if p.Rule != "" {
			path = at(path, p.Rule)
			if p.Field != "" {
				path += "." + p.Field
			}
		} else if p.Field != "rules" {
			continue // checked where it is written
		}
		if c.known(path) {
			c.fail(path, fmt.Sprintf("%s of a rule for gateways is not valid", lastName(path)), "%s.",
				upperFirst(strings.TrimSuffix(p.Message, ".")))
		}
	}
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// checkEdgeTelemetry: rules read JSON, and write the shape that telemetry has without paths.
func (c *checker) checkEdgeTelemetry(t *TelemetrySpec) {
	if t == nil || !c.known("telemetry") {
		return
	}
	for name, set := range map[string]bool{
		"format":      deref(t.Format) != "" && *t.Format != TelemetryFormats.Default,
		"compression": t.Compression != nil, "data_path": t.DataPath != nil, "time_path": t.TimePath != nil,
	} {
		if path := "telemetry." + name; set && c.known(path) {
			c.fail("edge.rules", "Rules for gateways do not go together with "+path, "Windows and alerts of a gateway "+
				"read JSON, with the measures in telemetry.data_field and the time in telemetry.time_field, and write "+
				"the same. Remove %s, or the rules.", path)
		}
	}
}
