package protomessage

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxSet bounds a descriptor set that is read from its text.
const maxSet = 1 << 20

// Unpack returns the message that a text of protoset.Pack describes: a gzip-compressed FileDescriptorSet in Base64,
// without padding.
func Unpack(text, message string) (*Message, error) {
	r, err := gzip.NewReader(base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("reading the descriptor: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(r, maxSet+1))
	if err != nil {
		return nil, fmt.Errorf("reading the descriptor: %w", err)
	}
	if len(content) > maxSet {
		return nil, fmt.Errorf("the descriptor has more than %d bytes", maxSet)
	}
	s := set{messages: map[string]*Message{}, enums: map[string]*Enum{}}
	if err := each(content, s.file); err != nil {
		return nil, fmt.Errorf("reading the descriptor: %w", err)
	}
	if err := s.link(); err != nil {
		return nil, fmt.Errorf("linking the descriptor: %w", err)
	}
	m, ok := s.messages[message]
	if !ok {
		return nil, fmt.Errorf("the descriptor has no message %q", message)
	}
	return m, nil
}

// set is a FileDescriptorSet as far as reading messages needs it. Types are under their full names.
type set struct {
	messages map[string]*Message
	enums    map[string]*Enum
	typed    []typed
}

// typed is a field whose type has a name, and whether the message that it is in, or its type, may be delimited.
type typed struct {
	field     *Field
	in        *Message
	name      string
	delimited bool
}

// Numbers of fields in descriptor.proto. An option "features" has another number in each kind of options.
const (
	setFile = 1

	filePackage, fileMessage, fileEnum, fileOptions, fileSyntax, fileFeatures = 2, 4, 5, 8, 12, 50

	messageName, messageField, messageNested, messageEnum, messageOptions = 1, 2, 3, 4, 7
	messageMapEntry, messageFeatures                                      = 7, 12

	fieldName, fieldNumber, fieldLabel, fieldType, fieldTypeName, fieldOptions = 1, 3, 4, 5, 6, 8
	fieldOneof, fieldFeatures                                                  = 9, 21

	enumName, enumValue, valueName, valueNumber = 1, 2, 1, 2

	featurePresence, featureUTF8, featureEncoding = 1, 4, 5
)

// features are those that decide how bytes are read.
type features struct{ presence, utf8, encoding uint64 }

// Values of features.
const (
	explicit, implicit, required = 1, 2, 3
	verify, unverified           = 2, 3
	prefixed, delimited          = 1, 2
)

// Values of labels.
const labelRequired, labelRepeated = 2, 3

// syntax returns the features of a file that sets none: those of editions 2023 and later, or of the older syntaxes.
func syntax(name string) features {
	switch name {
	case "editions":
		return features{explicit, verify, prefixed}
	case "proto3":
		return features{implicit, verify, prefixed}
	}
	return features{explicit, unverified, prefixed}
}

// with reads the features in the options of a file, message or field.
func (f features) with(options []byte, number protowire.Number) (features, error) {
	return f, each(options, func(option element) error {
		if option.number != number {
			return nil
		}
		return each(option.bytes, func(e element) error {
			switch e.number {
			case featurePresence:
				f.presence = e.varint
			case featureUTF8:
				f.utf8 = e.varint
			case featureEncoding:
				f.encoding = e.varint
			}
			return nil
		})
	})
}

// element is a field of a message of descriptor.proto, which has numbers, strings and messages only.
type element struct {
	number protowire.Number
	varint uint64
	bytes  []byte
}

// each calls yield for each field of a message.
func each(b []byte, yield func(element) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		e := element{number: number}
		switch kind {
		case protowire.VarintType:
			e.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			e.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

// last returns the last field with a number, as a message's singular fields are read.
func last(b []byte, number protowire.Number) (found element, err error) {
	err = each(b, func(e element) error {
		if e.number == number {
			found = e
		}
		return nil
	})
	return found, err
}

func (s *set) file(file element) error {
	if file.number != setFile {
		return nil
	}
	scope, err := last(file.bytes, filePackage)
	if err != nil {
		return err
	}
	version, err := last(file.bytes, fileSyntax)
	if err != nil {
		return err
	}
	options, err := last(file.bytes, fileOptions)
	if err != nil {
		return err
	}
	f, err := syntax(string(version.bytes)).with(options.bytes, fileFeatures)
	if err != nil {
		return err
	}
	return each(file.bytes, func(e element) error {
		switch e.number {
		case fileMessage:
			return s.message(string(scope.bytes), e.bytes, f)
		case fileEnum:
			return s.enum(string(scope.bytes), e.bytes)
		}
		return nil
	})
}

func join(scope, name string) string { return strings.TrimPrefix(scope+"."+name, ".") }

func (s *set) message(scope string, b []byte, f features) error {
	name, err := last(b, messageName)
	if err != nil {
		return err
	}
	options, err := last(b, messageOptions)
	if err != nil {
		return err
	}
	if f, err = f.with(options.bytes, messageFeatures); err != nil {
		return err
	}
	entry, err := last(options.bytes, messageMapEntry)
	if err != nil {
		return err
	}
	m := &Message{Name: join(scope, string(name.bytes)), entry: entry.varint != 0}
	s.messages[m.Name] = m
	return each(b, func(e element) error {
		switch e.number {
		case messageField:
			return s.field(m, e.bytes, f)
		case messageNested:
			return s.message(m.Name, e.bytes, f)
		case messageEnum:
			return s.enum(m.Name, e.bytes)
		}
		return nil
	})
}

func (s *set) field(of *Message, b []byte, f features) error {
	options, err := last(b, fieldOptions)
	if err != nil {
		return err
	}
	if f, err = f.with(options.bytes, fieldFeatures); err != nil {
		return err
	}
	field := &Field{presence: f.presence != implicit, required: f.presence == required, checked: f.utf8 == verify}
	var name string
	err = each(b, func(e element) error {
		switch e.number {
		case fieldName:
			field.Name = string(e.bytes)
		case fieldNumber:
			field.number = protowire.Number(e.varint)
		case fieldLabel:
			field.Repeated = e.varint == labelRepeated
			field.required = field.required || e.varint == labelRequired
		case fieldType:
			field.Kind = Kind(e.varint)
		case fieldTypeName:
			name = strings.TrimPrefix(string(e.bytes), ".")
		case fieldOneof:
			field.oneof, field.presence = int(e.varint)+1, true
		}
		return nil
	})
	if name != "" {
		s.typed = append(s.typed, typed{field, of, name, f.encoding == delimited})
	}
	of.Fields = append(of.Fields, field)
	return err
}

func (s *set) enum(scope string, b []byte) error {
	name, err := last(b, enumName)
	if err != nil {
		return err
	}
	enum := &Enum{Name: join(scope, string(name.bytes)), names: map[int32]string{}}
	s.enums[enum.Name] = enum
	return each(b, func(e element) error {
		if e.number != enumValue {
			return nil
		}
		name, err := last(e.bytes, valueName)
		if err != nil {
			return err
		}
		number, err := last(e.bytes, valueNumber)
		if err != nil {
			return err
		}
		n := int32(number.varint)
		if _, alias := enum.names[n]; !alias {
			enum.names[n] = string(name.bytes)
		}
		return nil
	})
}

// link resolves the names of types, and prepares each message for reading.
func (s *set) link() error {
	for _, t := range s.typed {
		f := t.field
		if f.Kind == KindEnum {
			if f.Enum = s.enums[t.name]; f.Enum == nil {
				return fmt.Errorf("field %s of %s has the unknown type %s", f.Name, t.in.Name, t.name)
			}
			continue
		}
		if f.Message = s.messages[t.name]; f.Message == nil {
			return fmt.Errorf("field %s of %s has the unknown type %s", f.Name, t.in.Name, t.name)
		}
		f.presence = true
		if t.delimited && f.Kind == KindMessage && !t.in.entry && !f.Message.entry {
			f.Kind = KindGroup
		}
	}
	for _, m := range s.messages {
		if err := m.prepare(); err != nil {
			return err
		}
	}
	return nil
}

// Describe gives the message its fields, as proto2 would. They have numbers from 1 on, in their order.
func (m *Message) Describe(fields []*Field) error {
	m.Fields = fields
	for i, f := range fields {
		f.number, f.presence = protowire.Number(i+1), true
	}
	return m.prepare()
}
