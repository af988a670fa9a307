// Package protomessage reads Protobuf messages by their description.
//
// It does what Google's protobuf library does with a dynamic message, and uses the library's reader of the wire format
// only. The library itself looks for methods by name, so the linker keeps all methods of all types, and the functions
// are twice as large. It must not know what a message means.
package protomessage

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Kind is the type of a field, by its number in descriptor.proto.
type Kind int

// Kinds of fields.
const (
	KindDouble Kind = iota + 1
	KindFloat
	KindInt64
	KindUint64
	KindInt32
	KindFixed64
	KindFixed32
	KindBool
	KindString
	KindGroup
	KindMessage
	KindBytes
	KindUint32
	KindEnum
	KindSfixed32
	KindSfixed64
	KindSint32
	KindSint64
)

// wire returns how a kind is written.
func (k Kind) wire() protowire.Type {
	switch k {
	case KindDouble, KindFixed64, KindSfixed64:
		return protowire.Fixed64Type
	case KindFloat, KindFixed32, KindSfixed32:
		return protowire.Fixed32Type
	case KindString, KindMessage, KindBytes:
		return protowire.BytesType
	case KindGroup:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}

// holds reports whether a value of the kind is a message.
func (k Kind) holds() bool { return k == KindMessage || k == KindGroup }

// Message describes a message.
type Message struct {
	Name   string   // full
	Fields []*Field // in the order of the .proto file

	entry    bool // of a map
	byNumber map[protowire.Number]*Field
	low      [16]*Field // those with the lowest numbers
	requires bool       // it has required fields
}

// Field describes a field of a message.
type Field struct {
	Name     string
	Kind     Kind
	Message  *Message // nil: no message or group
	Enum     *Enum    // nil: no enum
	Repeated bool     // a list or a map

	number   protowire.Number
	presence bool // it may be absent
	required bool
	checked  bool // its text must be UTF-8
	oneof    int  // counted from 1; 0: of none
}

// IsMap reports whether the field is a map: a list of entries with a key and a value.
func (f *Field) IsMap() bool { return f.Repeated && f.Message != nil && f.Message.entry }

// IsList reports whether the field is a list.
func (f *Field) IsList() bool { return f.Repeated && !f.IsMap() }

// Optional reports whether the field may be absent. One that may not is zero where the sender left it out.
func (f *Field) Optional() bool { return f.Repeated || f.presence }

// Value describes the values of a map.
func (f *Field) Value() *Field { return f.Message.field(2) }

// Enum describes an enum.
type Enum struct {
	Name  string // full
	names map[int32]string
}

// ValueName returns the name of a value; "" if it has none.
func (e *Enum) ValueName(number int32) string { return e.names[number] }

func (m *Message) prepare() error {
	m.byNumber = make(map[protowire.Number]*Field, len(m.Fields))
	for _, f := range m.Fields {
		if err := f.check(); err != nil {
			return fmt.Errorf("message %s: %w", m.Name, err)
		}
		m.byNumber[f.number] = f
		if int(f.number) < len(m.low) {
			m.low[f.number] = f
		}
		m.requires = m.requires || f.required
	}
	if m.entry && (m.field(1) == nil || m.field(2) == nil) {
		return fmt.Errorf("message %s: an entry of a map needs a key and a value", m.Name)
	}
	return nil
}

func (f *Field) check() error {
	switch {
	case !f.number.IsValid():
		return fmt.Errorf("field %s has the number %d", f.Name, f.number)
	case f.Kind < KindDouble || f.Kind > KindSint64:
		return fmt.Errorf("field %s has the unknown type %d", f.Name, f.Kind)
	case f.Kind.holds() != (f.Message != nil) || (f.Kind == KindEnum) != (f.Enum != nil):
		return fmt.Errorf("field %s has a type without a name, or a name without a type", f.Name)
	}
	return nil
}

// field returns the field with a number; nil: there is none.
func (m *Message) field(number protowire.Number) *Field {
	if number >= 0 && int(number) < len(m.low) {
		return m.low[number]
	}
	return m.byNumber[number]
}
