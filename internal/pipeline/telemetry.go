package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Arguments of the telemetry block. lambda/telemetry defines what they mean; a test compares the values.
var (
	TelemetryFormats = Choice{Values: []string{"json", "senml", "cbor", "msgpack", "protobuf", "sparkplug"},
		Default: "json"}
	TelemetryCompressions = Choice{Values: []string{"gzip"}}
	// TelemetryTimeFormats are the formats of a time besides layouts.
	TelemetryTimeFormats = Choice{Values: []string{"auto", "seconds", "milliseconds", "microseconds", "nanoseconds"},
		Default: "auto"}
)

// TelemetrySpec says what the telemetry rule selects, and how a payload is read. The functions read all but the rule's
// arguments and the two fields as JSON, under these names; in place of Protobuf, they read protobufOptions.
type TelemetrySpec struct {
	Select         *string           `json:"select,omitzero"`
	Where          *string           `json:"where,omitzero"`
	DataField      *string           `json:"data_field,omitzero"`
	TimeField      *string           `json:"time_field,omitzero"`
	DataPath       *string           `json:"data_path,omitzero"`
	TimePath       *string           `json:"time_path,omitzero"`
	TimeFormat     *string           `json:"time_format,omitzero"`
	ReadingsPath   *string           `json:"readings_path,omitzero"`
	Pairs          *PairsSpec        `json:"pairs,omitzero"`
	ConvertStrings *bool             `json:"convert_strings,omitzero"`
	Ignore         []string          `json:"ignore,omitzero"`
	Rename         map[string]string `json:"rename,omitzero"`
	Format         *string           `json:"format,omitzero"`
	Compression    *string           `json:"compression,omitzero"`
	Protobuf       *ProtobufSpec     `json:"protobuf,omitzero"`
}

// ProtobufSpec names the message that devices send, and the file that describes it. The file's content reaches the
// function only: neither state nor manifest hold it.
type ProtobufSpec struct {
	DescriptorFile string `json:"descriptor_file"`
	Message        string `json:"message"`
}

// protobufOptions are what the functions get of a ProtobufSpec.
type protobufOptions struct {
	Descriptor string `json:"descriptor"`
	Message    string `json:"message"`
}

// PairsSpec names the members of an object that hold a measure's name and its value.
type PairsSpec struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Defaults of the telemetry block.
const (
	DefaultDataField = "data"
	DefaultTimeField = "timestamp"
)

// maxTelemetryOptions bounds the options in the environment of a function, of which Lambda allows 4 KB in all.
const maxTelemetryOptions = 2048

// telemetry is how the functions read payloads.
func telemetry() capability {
	return capability{
		defaults: func(s *Spec) {
			t := block(s.Telemetry)
			t.DataField = or(t.DataField, DefaultDataField)
			t.TimeField = or(t.TimeField, DefaultTimeField)
			s.Telemetry = t
		},
		check: func(c *checker, s Spec) {
			if t := s.Telemetry; t != nil {
				c.checkTelemetry(*t)
			}
		},
	}
}

// telemetryOptions returns the options as a function reads them; "" if there are none. It reads the file that describes
// the Protobuf message, if its name is known.
func (b *builder) telemetryOptions() (string, error) {
	t := b.config.Telemetry
	p := t.Protobuf
	if p == nil || p.DescriptorFile == "" || p.Message == "" {
		return t.options(nil), nil
	}
	descriptor, err := b.env.Descriptor(p.DescriptorFile, p.Message)
	if errors.As(err, new(*KeepError)) {
		b.keepTelemetry = true
		return t.options(&protobufOptions{"", p.Message}), nil
	}
	if err != nil {
		return "", err
	}
	text := t.options(&protobufOptions{descriptor, p.Message})
	if over := len(text) - maxTelemetryOptions; over > 0 {
		return "", &ProblemError{Problem: Problem{Path: "telemetry.protobuf",
			Summary: "The Protobuf message is too large",
			Detail: fmt.Sprintf("The functions get the description of %s and of all that it refers to in their "+
				"environment, which Lambda limits. The telemetry settings have %d bytes with it, and may have %d. "+
				"Name a smaller message, or split this one.", p.Message, len(text), maxTelemetryOptions)}}
	}
	return text, nil
}

func (t TelemetrySpec) options(p *protobufOptions) string {
	selected := t.Select != nil
	t.DataField, t.TimeField, t.Select, t.Where = nil, nil, nil, nil
	text := encode(struct {
		TelemetrySpec
		Protobuf *protobufOptions `json:"protobuf,omitzero"`
		Selected bool             `json:"selected,omitzero"`
	}{t, p, selected})
	if text != "{}" {
		return text
	}
	return ""
}

func (c *checker) checkTelemetry(t TelemetrySpec) {
	c.checkField("telemetry.data_field", t.DataField)
	c.checkField("telemetry.time_field", t.TimeField)
	both := t.DataField != nil && t.TimeField != nil && c.known("telemetry.data_field") &&
		c.known("telemetry.time_field")
	if both && *t.DataField == *t.TimeField && *t.DataField != "" {
		c.fail("telemetry.time_field", "time_field and data_field are the same",
			"Both are %s; the time of a message cannot be the object that holds its measurements.",
			excerpt(*t.TimeField))
	}
	for name, path := range map[string]*string{"data_path": t.DataPath, "time_path": t.TimePath,
		"readings_path": t.ReadingsPath} {
		c.checkPath("telemetry."+name, path)
	}
	c.exclusive("telemetry.data_path", t.DataPath, "data_field", t.DataField)
	c.choice("telemetry.format", t.Format, TelemetryFormats)
	c.choice("telemetry.compression", t.Compression, TelemetryCompressions)
	c.checkTimeFormat(t)
	if p := t.Pairs; p != nil {
		c.checkField("telemetry.pairs.name", &p.Name)
		c.checkField("telemetry.pairs.value", &p.Value)
	}
	for i, path := range t.Ignore {
		c.checkPath(item("telemetry.ignore", i), &path)
	}
	c.checkRename(t.Rename)
	c.checkTelemetryRule(t)
	c.checkProtobuf(t)
	if text := t.options(nil); len(text) > maxTelemetryOptions && c.known("telemetry") {
		c.fail("telemetry", "The telemetry settings are too long", "They have %d bytes as JSON. The functions get "+
			"them in their environment, which Lambda limits: use at most %d bytes, with fewer or shorter names in "+
			"ignore and rename.", len(text), maxTelemetryOptions)
	}
}

func (c *checker) checkProtobuf(t TelemetrySpec) {
	const path = "telemetry.protobuf"
	if !c.known("telemetry.format") || !c.known(path) {
		return
	}
	switch wanted := deref(t.Format) == "protobuf"; {
	case wanted && t.Protobuf == nil:
		c.fail("telemetry.format", "The Protobuf message is not described", "Name the message in protobuf, and the "+
			"file that describes it: protobuf = { descriptor_file = \"fleet.desc\", message = \"fleet.Reading\" }.")
	case !wanted && t.Protobuf != nil:
		c.fail(path, "protobuf is for the format protobuf only", "Set format = \"protobuf\", or remove protobuf.")
	}
	if p := t.Protobuf; p != nil {
		if p.DescriptorFile == "" && c.known(path+".descriptor_file") {
			c.fail(path+".descriptor_file", "descriptor_file is empty", "Write the path of a descriptor set, which "+
				"protoc --include_imports --descriptor_set_out=fleet.desc fleet.proto makes.")
		}
		c.checkField(path+".message", &p.Message)
	}
}

func (c *checker) checkField(path string, field *string) {
	if field != nil && c.known(path) && (*field == "" || len(*field) > 256) {
		c.fail(path, lastName(path)+" is not valid", "It names a member of the device's payload and has 1 to 256 "+
			"characters. Leave it out for the documented shapes.")
	}
}

// checkPath checks the names of members, joined by dots.
func (c *checker) checkPath(path string, p *string) {
	if p == nil || !c.known(path) {
		return
	}
	if slices.Contains(strings.Split(*p, "."), "") || len(*p) > 256 {
		c.fail(path, lastName(path)+" is not a path", "Write the names of members of the payload with dots between "+
			"them, such as uplink_message.decoded_payload, with at most 256 characters.")
	}
}

func (c *checker) exclusive(path string, a *string, other string, b *string) {
	if a != nil && b != nil && c.known(path) {
		c.fail(path, fmt.Sprintf("%s and %s are both set", lastName(path), other), "Use %s for a member at the top "+
			"of the payload, or %s for one further down.", other, lastName(path))
	}
}

func (c *checker) checkTimeFormat(t TelemetrySpec) {
	const path = "telemetry.time_format"
	switch f := t.TimeFormat; {
	case f == nil || !c.known(path):
	case !slices.Contains(TelemetryTimeFormats.Values, *f) && !strings.Contains(*f, "2006") &&
		!strings.Contains(*f, "06"):
		c.fail(path, "time_format is not valid", "Use one of %s, or write how the device would send 15:04:05 on "+
			"2 January 2006, such as 02.01.2006 15:04:05.", strings.Join(TelemetryTimeFormats.Values, ", "))
	}
}

func (c *checker) checkRename(rename map[string]string) {
	to := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(rename)) {
		path, name := at("telemetry.rename", from), rename[from]
		c.checkField(path, &name)
		if other, taken := to[name]; taken && c.known(path) {
			c.fail(path, "Two measures get the same name",
				"Both %s and %s become %s; only one of them would be stored.",
				excerpt(other), excerpt(from), excerpt(name))
		}
		to[name] = from
	}
}
