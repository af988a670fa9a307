package telemetry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
)

// maxProtobuf bounds a Protobuf payload after decompression. An empty message takes two bytes, and a hundred times
// that in memory.
const maxProtobuf = 512 << 10

// Protobuf is the message that payloads hold.
type Protobuf struct {
	// Descriptor describes the message and all that it refers to: a gzip-compressed FileDescriptorSet in Base64,
	// without padding.
	Descriptor string `json:"descriptor"`
	// Message is the full name of the message.
	Message string `json:"message"`
}

func (p Protobuf) descriptor() (protoreflect.MessageDescriptor, error) {
	m, err := protoset.Unpack(p.Descriptor, p.Message)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	return m, nil
}

// parseProtobuf builds the tree of a Protobuf message.
func parseProtobuf(payload string, of protoreflect.MessageDescriptor) (*node, error) {
	m, err := unmarshal(payload, of, NotProtobuf)
	if err != nil {
		return nil, err
	}
	p := protobufTree{left: maxNodes}
	var root node
	return &root, p.message(&root, m, maxNesting)
}

func unmarshal(payload string, of protoreflect.MessageDescriptor, bad Reason) (protoreflect.Message, error) {
	if len(payload) > maxProtobuf {
		return nil, &Error{Reason: TooLarge, Detail: fmt.Sprintf("the message has more than %d bytes", maxProtobuf)}
	}
	m := dynamicpb.NewMessage(of)
	options := proto.UnmarshalOptions{RecursionLimit: maxNesting}
	if err := options.Unmarshal([]byte(payload), m); err != nil {
		// The library varies its spaces, so that nobody relies on its messages.
		text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
		return nil, &Error{Reason: bad, Detail: fmt.Sprintf("the payload is not a message %s: %s", of.FullName(), text)}
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
func (p *protobufTree) message(n *node, m protoreflect.Message, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	if err := known(m); err != nil {
		return err
	}
	if done, err := p.wellKnown(n, m, depth); done || err != nil {
		return err
	}
	fields := m.Descriptor().Fields()
	n.kind, n.items = jsontext.Object, make([]node, 0, fields.Len())
	for i := range fields.Len() {
		f := fields.Get(i)
		if (f.HasPresence() || f.IsList() || f.IsMap()) && !m.Has(f) {
			continue
		}
		n.items = append(n.items, node{key: string(f.Name())})
		if err := p.field(&n.items[len(n.items)-1], f, m.Get(f), depth); err != nil {
			return err
		}
	}
	return nil
}

// known refuses a message with fields that the descriptor does not have: they would be dropped silently.
func known(m protoreflect.Message) error {
	rest := m.GetUnknown()
	if len(rest) == 0 {
		return nil
	}
	return &Error{Reason: UnknownField, Detail: fmt.Sprintf("message %s has a field with number %d, which its "+
		"descriptor does not have", m.Descriptor().FullName(), fieldNumber(rest))}
}

// fieldNumber reads the number of the first field.
func fieldNumber(fields []byte) uint64 {
	var tag uint64
	for i, b := range fields {
		tag |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			break
		}
	}
	return tag >> 3
}

func (p *protobufTree) field(n *node, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) error {
	switch {
	case f.IsList():
		return p.list(n, f, v.List(), depth-1)
	case f.IsMap():
		return p.mapping(n, f, v.Map(), depth-1)
	}
	return p.value(n, f, v, depth-1)
}

func (p *protobufTree) list(n *node, f protoreflect.FieldDescriptor, list protoreflect.List, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	if list.Len() > p.left {
		p.left = 0
		return p.take(depth)
	}
	n.kind, n.items = jsontext.Array, make([]node, list.Len())
	for i := range n.items {
		if err := p.value(&n.items[i], f, list.Get(i), depth-1); err != nil {
			return err
		}
	}
	return nil
}

// mapping fills a node with a map. Members are in the order of their keys, since a map has none.
func (p *protobufTree) mapping(n *node, f protoreflect.FieldDescriptor, entries protoreflect.Map, depth int) error {
	if err := p.take(depth); err != nil {
		return err
	}
	n.kind = jsontext.Object
	var failed error
	entries.Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
		item := node{key: key.String()}
		failed = p.value(&item, f.MapValue(), v, depth-1)
		n.items = append(n.items, item)
		return failed == nil
	})
	slices.SortFunc(n.items, func(a, b node) int { return strings.Compare(a.key, b.key) })
	return failed
}

func (p *protobufTree) value(n *node, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) error {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return p.message(n, v.Message(), depth)
	case protoreflect.EnumKind:
		return p.enum(n, f.Enum(), v.Enum(), depth)
	}
	if err := p.take(depth); err != nil {
		return err
	}
	return fillScalar(n, v.Interface())
}

// enum fills a node with the name of an enum's value. One without a name is its number as a string: a measure has one
// type.
func (p *protobufTree) enum(
	n *node, e protoreflect.EnumDescriptor, number protoreflect.EnumNumber, depth int,
) error {
	if err := p.take(depth); err != nil {
		return err
	}
	if e.FullName() == "google.protobuf.NullValue" {
		n.kind = jsontext.Null
		return nil
	}
	n.kind, n.text = jsontext.String, strconv.Itoa(int(number))
	if v := e.Values().ByNumber(number); v != nil {
		n.text = string(v.Name())
	}
	return nil
}

// wellKnown fills a node with a message of Google's that stands for a simpler value. It reports whether m is one.
func (p *protobufTree) wellKnown(n *node, m protoreflect.Message, depth int) (bool, error) {
	name := m.Descriptor().FullName()
	if name.Parent() != "google.protobuf" {
		return false, nil
	}
	fields := m.Descriptor().Fields()
	switch name.Name() {
	case "Timestamp":
		return true, fillTimestamp(n, secondsOf(m), nanosOf(m))
	case "Duration":
		seconds := float64(secondsOf(m)) + float64(nanosOf(m))/1e9
		n.kind, n.text = jsontext.Number, strconv.FormatFloat(seconds, 'g', -1, 64)
		return true, nil
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
		"StringValue", "BytesValue", "Struct", "ListValue":
		if fields.Len() != 1 {
			return false, nil
		}
		return true, p.field(n, fields.Get(0), m.Get(fields.Get(0)), depth)
	case "Value":
		n.kind = jsontext.Null
		for i := range fields.Len() {
			if f := fields.Get(i); m.Has(f) {
				return true, p.field(n, f, m.Get(f), depth)
			}
		}
		return true, nil
	}
	return false, nil
}

func secondsOf(m protoreflect.Message) int64 { return integer(m, "seconds") }

func nanosOf(m protoreflect.Message) int64 { return integer(m, "nanos") }

func integer(m protoreflect.Message, field protoreflect.Name) int64 {
	f := m.Descriptor().Fields().ByName(field)
	if f == nil || f.IsList() || f.Kind() != protoreflect.Int64Kind && f.Kind() != protoreflect.Int32Kind {
		return 0
	}
	return m.Get(f).Int()
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
