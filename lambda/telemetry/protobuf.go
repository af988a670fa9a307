package telemetry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/internal/protomessage"
)

// maxProtobuf bounds a Protobuf payload after decompression. An empty message takes two bytes, and fifty times that in
// memory.
const maxProtobuf = 512 << 10

// Protobuf is the message that payloads hold.
type Protobuf struct {
	// Descriptor describes the message and all that it refers to: a gzip-compressed FileDescriptorSet in Base64,
	// without padding.
	Descriptor string `json:"descriptor"`
	// Message is the full name of the message.
	Message string `json:"message"`
}

func (p Protobuf) descriptor() (*protomessage.Message, error) {
	m, err := protomessage.Unpack(p.Descriptor, p.Message)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	return m, nil
}

// parseProtobuf builds the tree of a Protobuf message.
func parseProtobuf(payload string, of *protomessage.Message) (*node, error) {
	m, err := unmarshal(payload, of, NotProtobuf)
	if err != nil {
		return nil, err
	}
	p := protobufTree{left: maxNodes}
	var root node
	return &root, p.message(&root, m, maxNesting)
}

func unmarshal(payload string, of *protomessage.Message, bad Reason) (*protomessage.Parsed, error) {
	if len(payload) > maxProtobuf {
		return nil, &Error{Reason: TooLarge, Detail: fmt.Sprintf("the message has more than %d bytes", maxProtobuf)}
	}
	m, err := protomessage.Parse(payload, of, maxNesting)
	if err != nil {
		return nil, &Error{Reason: bad, Detail: fmt.Sprintf("the payload is not a message %s: %v", of.Name, err)}
	}
	return m, nil
}

// protobufTree builds trees with a bound on their size.
type protobufTree struct{ left int }

func (p *protobufTree) take(depth int) error {
	if p.left--; p.left < 0 {
		return &Error{Reason: TooLarge, Detail: fmt.Sprintf("the payload holds more than %d values", maxNodes)}
	}
	if depth == 0 {
		return &Error{Reason: TooDeep, Detail: fmt.Sprintf("values are nested more than %d deep", maxNesting)}
	}
	return nil
}

// message fills a node with a message. Its members are the fields by their names in the .proto file, in their order.
// A field without presence is always there: the sender leaves it out when it is zero.
func (p *protobufTree) message(n *node, m *protomessage.Parsed, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	if err := known(m); err != nil {
		return err
	}
	if done, err := p.wellKnown(n, m, depth); done || err != nil {
		return err
	}
	fields := m.Of.Fields
	n.kind, n.items = jsontext.Object, make([]node, 0, len(fields))
	for _, f := range fields {
		if f.Optional() && !m.Has(f) {
			continue
		}
		n.items = append(n.items, node{key: f.Name})
		if err := p.field(&n.items[len(n.items)-1], m, f, depth); err != nil {
			return err
		}
	}
	return nil
}

// known refuses a message with fields that the descriptor does not have: they would be dropped silently.
func known(m *protomessage.Parsed) error {
	if m.Unknown == 0 {
		return nil
	}
	return &Error{Reason: UnknownField, Detail: fmt.Sprintf("message %s has a field with number %d, which its "+
		"descriptor does not have", m.Of.Name, m.Unknown)}
}

func (p *protobufTree) field(n *node, m *protomessage.Parsed, f *protomessage.Field, depth int) error {
	switch {
	case f.IsList():
		return p.list(n, f, m.List(f), depth-1)
	case f.IsMap():
		return p.mapping(n, f, m.Entries(f), depth-1)
	}
	return p.value(n, f, m.Get(f), depth-1)
}

func (p *protobufTree) list(n *node, f *protomessage.Field, list []protomessage.Value, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	if len(list) > p.left {
		p.left = 0
		return p.take(depth)
	}
	n.kind, n.items = jsontext.Array, make([]node, len(list))
	for i := range n.items {
		if err := p.value(&n.items[i], f, list[i], depth-1); err != nil {
			return err
		}
	}
	return nil
}

// mapping fills a node with a map. Members are in the order of their keys, since a map has none.
func (p *protobufTree) mapping(n *node, f *protomessage.Field, entries []protomessage.Entry, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	n.kind, n.items = jsontext.Object, make([]node, 0, min(len(entries), p.left))
	for _, e := range entries {
		item := node{key: fmt.Sprint(e.Key)}
		if err := p.value(&item, f.Value(), e.Value, depth-1); err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	slices.SortFunc(n.items, func(a, b node) int { return strings.Compare(a.key, b.key) })
	return nil
}

func (p *protobufTree) value(n *node, f *protomessage.Field, v protomessage.Value, depth int) error {
	switch {
	case f.Message != nil:
		return p.message(n, v.Message(), depth)
	case f.Enum != nil:
		return p.enum(n, f.Enum, v.Number(), depth)
	}
	if err := p.take(depth); err != nil {
		return err
	}
	return fillScalar(n, v.Scalar(f))
}

// enum fills a node with the name of an enum's value. One without a name is its number as a string: a measure has one
// type.
func (p *protobufTree) enum(n *node, e *protomessage.Enum, number int32, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	if e.Name == "google.protobuf.NullValue" {
		n.kind = jsontext.Null
		return nil
	}
	n.kind, n.text = jsontext.String, e.ValueName(number)
	if n.text == "" {
		n.text = strconv.Itoa(int(number))
	}
	return nil
}

// wellKnown fills a node with a message of Google's that stands for a simpler value. It reports whether m is one.
func (p *protobufTree) wellKnown(n *node, m *protomessage.Parsed, depth int) (bool, error) {
	name, ok := strings.CutPrefix(m.Of.Name, "google.protobuf.")
	if !ok {
		return false, nil
	}
	fields := m.Of.Fields
	switch name {
	case "Timestamp":
		return true, fillTimestamp(n, secondsOf(m), nanosOf(m))
	case "Duration":
		seconds := float64(secondsOf(m)) + float64(nanosOf(m))/1e9
		n.kind, n.text = jsontext.Number, strconv.FormatFloat(seconds, 'g', -1, 64)
		return true, nil
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
		"StringValue", "BytesValue", "Struct", "ListValue":
		if len(fields) != 1 {
			return false, nil
		}
		return true, p.field(n, m, fields[0], depth)
	case "Value":
		n.kind = jsontext.Null
		for _, f := range fields {
			if m.Has(f) {
				return true, p.field(n, m, f, depth)
			}
		}
		return true, nil
	}
	return false, nil
}

func secondsOf(m *protomessage.Parsed) int64 { return integer(m, "seconds") }

func nanosOf(m *protomessage.Parsed) int64 { return integer(m, "nanos") }

func integer(m *protomessage.Parsed, name string) int64 {
	for _, f := range m.Of.Fields {
		if f.Name != name || f.IsList() {
			continue
		}
		switch v := m.Get(f).Scalar(f).(type) {
		case int64:
			return v
		case int32:
			return int64(v)
		}
	}
	return 0
}

// Bounds of a Timestamp: years 1 to 9999.
const (
	minTimestamp = -62135596800
	maxTimestamp = 253402300799
)

func fillTimestamp(n *node, seconds, nanos int64) error {
	if seconds < minTimestamp || seconds > maxTimestamp || nanos < 0 || nanos >= 1e9 {
		return &Error{Reason: NotProtobuf, Detail: "a Timestamp is out of range"}
	}
	n.kind, n.text = jsontext.String, time.Unix(seconds, nanos).UTC().Format(time.RFC3339Nano)
	return nil
}
