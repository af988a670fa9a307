// Package template is the language of AWS IoT fleet provisioning templates: a body is parsed, and with a device's
// parameters resolved to a plan of what shall be registered. [AWS 4 Template sections]
//
// It is pure: it knows neither the AWS API nor MQTT, and whether the plan's objects exist is none of its business.
// What the documentation does not allow is an error here, so that a template that works here works at AWS.
package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxBody is the longest template body in bytes. [AWS 1.3]
const maxBody = 10240

// CertificateID is the parameter that every template has: the ID of the certificate that the device has been given.
const CertificateID = "AWS::IoT::Certificate::Id"

// A Template is a parsed template body.
type Template struct {
	parameters    map[string]*string // declared name → default; nil without one
	mappings      map[string]map[string]map[string]any
	thing         *thing // nil: the template makes none
	certificate   certificate
	policies      []policy // by logical name
	configuration map[string]expression
}

type thing struct {
	name         expression
	attributes   map[string]expression // nil: the template says nothing, as with the others
	kind         expression
	groups       expression
	billingGroup expression
	override     Overrides
}

type certificate struct {
	id       expression
	inactive bool
}

type policy struct {
	name     expression // either of the two
	document expression
}

// Parse reads a template body. The error names the place and says what AWS IoT does not know or allow there.
func Parse(body string) (*Template, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("the template body is longer than %d bytes", maxBody)
	}
	sections, err := members("the template", []byte(body), "Parameters", "Mappings", "Resources", "DeviceConfiguration")
	if err != nil {
		return nil, err
	}
	t := &Template{}
	if t.parameters, err = parseParameters(sections["Parameters"]); err != nil {
		return nil, err
	}
	if t.mappings, err = parseMappings(sections["Mappings"]); err != nil {
		return nil, err
	}
	if err := t.parseResources(sections["Resources"]); err != nil {
		return nil, err
	}
	t.configuration, err = parseConfiguration(sections["DeviceConfiguration"])
	return t, err
}

func parseParameters(raw json.RawMessage) (map[string]*string, error) {
	all := map[string]*string{}
	declared, err := members("Parameters", raw)
	if err != nil {
		return nil, err
	}
	for name, raw := range declared {
		place := "Parameters." + name
		if _, err := members(place, raw, "Type", "Default"); err != nil {
			return nil, err
		}
		var p struct {
			Type    string
			Default *string
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, fmt.Errorf("%s: Type and Default are strings", place)
		}
		if p.Type != "String" {
			return nil, fmt.Errorf("%s: the only type is String", place)
		}
		all[name] = p.Default
	}
	return all, nil
}

// parseMappings reads map → key → key → string or list of strings; functions are not evaluated in it. [AWS 4 Functions]
func parseMappings(raw json.RawMessage) (map[string]map[string]map[string]any, error) {
	all := map[string]map[string]map[string]any{}
	tables, err := members("Mappings", raw)
	for table, raw := range tables {
		var rows, values map[string]json.RawMessage
		place := "Mappings." + table
		if rows, err = members(place, raw); err != nil {
			return nil, err
		}
		all[table] = map[string]map[string]any{}
		for row, raw := range rows {
			if values, err = members(place+"."+row, raw); err != nil {
				return nil, err
			}
			all[table][row] = map[string]any{}
			for key, raw := range values {
				if all[table][row][key], err = mapped(raw); err != nil {
					return nil, fmt.Errorf("%s.%s.%s: %w", place, row, key, err)
				}
			}
		}
	}
	return all, err
}

func mapped(raw json.RawMessage) (any, error) {
	var text *string
	if json.Unmarshal(raw, &text) == nil && text != nil {
		return *text, nil
	}
	var texts []*string
	if json.Unmarshal(raw, &texts) != nil || texts == nil || slices.Contains(texts, nil) {
		return nil, errors.New("a mapped value is a string or a list of strings, without functions")
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = *text
	}
	return list, nil
}

func parseConfiguration(raw json.RawMessage) (map[string]expression, error) {
	all := map[string]expression{}
	settings, err := members("DeviceConfiguration", raw)
	for name, raw := range settings {
		if all[name], err = compile("DeviceConfiguration."+name, raw); err != nil {
			return nil, err
		}
		if _, nested := all[name].(object); nested {
			return nil, fmt.Errorf("DeviceConfiguration.%s: the configuration is flat, without objects in it", name)
		}
	}
	return all, err
}

// parseResources reads one certificate, at most one thing, and any number of policies.
func (t *Template) parseResources(raw json.RawMessage) error {
	resources, err := members("Resources", raw)
	if err != nil {
		return err
	}
	certified := false
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		place := "Resources." + name
		parts, err := members(place, resources[name], "Type", "Properties", "OverrideSettings")
		if err != nil {
			return err
		}
		var kind string
		if json.Unmarshal(parts["Type"], &kind) != nil {
			return fmt.Errorf("%s: it has no Type", place)
		}
		switch kind {
		case "AWS::IoT::Thing":
			if t.thing != nil {
				return fmt.Errorf("%s: a template makes one thing only", place)
			}
			t.thing, err = parseThing(place, parts)
		case "AWS::IoT::Certificate":
			if certified {
				return fmt.Errorf("%s: a template names one certificate only", place)
			}
			certified = true
			t.certificate, err = parseCertificate(place, parts)
		case "AWS::IoT::Policy":
			var p policy
			p, err = parsePolicy(place, parts)
			t.policies = append(t.policies, p)
		default:
			err = fmt.Errorf("%s: unknown resource type %q", place, kind)
		}
		if err != nil {
			return err
		}
	}
	if !certified {
		return errors.New("Resources: there is no AWS::IoT::Certificate")
	}
	return nil
}

func parseThing(place string, parts map[string]json.RawMessage) (*thing, error) {
	properties, err := members(place+".Properties", parts["Properties"], "ThingName", "AttributePayload",
		"ThingTypeName", "ThingGroups", "BillingGroup")
	if err != nil {
		return nil, err
	}
	t := &thing{}
	if properties["ThingName"] == nil {
		return nil, fmt.Errorf("%s: it has no ThingName", place)
	}
	for name, to := range map[string]*expression{"ThingName": &t.name, "ThingTypeName": &t.kind,
		"ThingGroups": &t.groups, "BillingGroup": &t.billingGroup} {
		if properties[name] == nil {
			continue
		}
		if *to, err = compile(place+".Properties."+name, properties[name]); err != nil {
			return nil, err
		}
	}
	if raw := properties["AttributePayload"]; raw != nil {
		attributes, err := members(place+".Properties.AttributePayload", raw)
		if err != nil {
			return nil, err
		}
		t.attributes = map[string]expression{}
		for name, raw := range attributes {
			if t.attributes[name], err = compile(place+".Properties.AttributePayload."+name, raw); err != nil {
				return nil, err
			}
		}
	}
	t.override, err = parseOverrides(place, parts["OverrideSettings"])
	return t, err
}

func parseOverrides(place string, raw json.RawMessage) (o Overrides, err error) {
	place += ".OverrideSettings"
	settings, err := members(place, raw, "AttributePayload", "ThingTypeName", "ThingGroups")
	if err != nil {
		return o, err
	}
	for name, to := range map[string]*Override{"AttributePayload": &o.Attributes, "ThingTypeName": &o.Type,
		"ThingGroups": &o.Groups} {
		if raw := settings[name]; raw != nil {
			// [AWS 4 Thing props] MERGE only where there is more than one value to merge.
			if *to, err = parseOverride(raw, name != "ThingTypeName"); err != nil {
				return o, fmt.Errorf("%s.%s: %w", place, name, err)
			}
		}
	}
	return o, nil
}

func parseOverride(raw json.RawMessage, merges bool) (Override, error) {
	var o Override
	switch err := json.Unmarshal(raw, &o); {
	case err == nil && (o == DoNothing || o == Replace || o == Fail || o == Merge && merges):
		return o, nil
	case o == Merge:
		return "", errors.New("there is nothing to MERGE")
	}
	return "", errors.New("the settings are DO_NOTHING, REPLACE, FAIL and MERGE")
}

// parseCertificate takes a certificate by its ID only: fleet provisioning knows no other way. [AWS 4 Certificate
// props] A setting for Status is checked and has no effect: the certificate is new, and its status is always the
// template's to set.
func parseCertificate(place string, parts map[string]json.RawMessage) (c certificate, err error) {
	properties, err := members(place+".Properties", parts["Properties"], "CertificateId", "Status")
	if err != nil {
		return c, err
	}
	if properties["CertificateId"] == nil {
		return c, fmt.Errorf("%s: it has no CertificateId, by which alone fleet provisioning takes a certificate",
			place)
	}
	if c.id, err = compile(place+".Properties.CertificateId", properties["CertificateId"]); err != nil {
		return c, err
	}
	if raw := properties["Status"]; raw != nil {
		var status string
		err := json.Unmarshal(raw, &status)
		c.inactive = strings.EqualFold(status, "INACTIVE") // AWS's own samples write Active
		if err != nil || !c.inactive && !strings.EqualFold(status, "ACTIVE") {
			return c, fmt.Errorf("%s.Properties.Status: it is ACTIVE or INACTIVE", place)
		}
	}
	settings, err := members(place+".OverrideSettings", parts["OverrideSettings"], "Status")
	if raw := settings["Status"]; err == nil && raw != nil {
		if _, err := parseOverride(raw, false); err != nil {
			return c, fmt.Errorf("%s.OverrideSettings.Status: %w", place, err)
		}
	}
	return c, err
}

// parsePolicy takes a policy that exists or a document, not both. [AWS 4 Policy props]
func parsePolicy(place string, parts map[string]json.RawMessage) (p policy, err error) {
	if parts["OverrideSettings"] != nil {
		return p, fmt.Errorf("%s: a policy has no OverrideSettings", place)
	}
	properties, err := members(place+".Properties", parts["Properties"], "PolicyName", "PolicyDocument")
	if err != nil {
		return p, err
	}
	if (properties["PolicyName"] == nil) == (properties["PolicyDocument"] == nil) {
		return p, fmt.Errorf("%s: it has either a PolicyName or a PolicyDocument", place)
	}
	if raw := properties["PolicyName"]; raw != nil {
		p.name, err = compile(place+".Properties.PolicyName", raw)
	} else {
		p.document, err = compile(place+".Properties.PolicyDocument", properties["PolicyDocument"])
	}
	return p, err
}

// members takes a JSON object apart, of which nil is an empty one. With known names, others are errors.
func members(place string, raw json.RawMessage, known ...string) (map[string]json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil || all == nil {
		return nil, fmt.Errorf("%s: it is not a JSON object", place)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if known != nil && !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s: unknown member %q; it has %s", place, name, strings.Join(known, ", "))
		}
		if bytes.Equal(all[name], []byte("null")) {
			return nil, fmt.Errorf("%s.%s: null is not a value", place, name)
		}
	}
	return all, nil
}
