package protomessage

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Errors of what is no message, besides those that name a field.
var (
	errWire = errors.New("the wire format is invalid")
	errDeep = errors.New("its recursion is too deep")
)

// errType is a value of another type than the field's. Such a field is one that the description does not have.
var errType = errors.New("another type")

// Parsed is a message that has been read.
type Parsed struct {
	Of *Message
	// Unknown is the number of the first field that the description does not have; 0: all are described.
	Unknown int32
	set     []content // in the order of their appearance
}

// content is what a field holds.
type content struct {
	field   *Field
	value   Value
	list    []Value
	entries []Entry
	index   map[any]int // of entries by key
}

// Value is one value: of a singular field, of an element of a list, or of a map.
type Value struct {
	bits    uint64
	text    string
	message *Parsed
}

// Entry is one entry of a map.
type Entry struct {
	Key   any
	Value Value
}

// Parse reads a message whose messages are nested at most depth deep.
func Parse(payload string, of *Message, depth int) (*Parsed, error) {
	m := &Parsed{Of: of}
	if err := m.merge([]byte(payload), depth); err != nil {
		return nil, err
	}
	return m, m.complete()
}

// Has reports whether a field is there: a list or map with an element, or a field that was set.
func (m *Parsed) Has(f *Field) bool {
	c := m.find(f)
	return c != nil && (!f.Repeated || len(c.list) > 0 || len(c.entries) > 0)
}

// Get returns the value of a singular field, or what the field is where the sender left it out.
func (m *Parsed) Get(f *Field) Value {
	if c := m.find(f); c != nil {
		return c.value
	}
	return f.zero()
}

// List returns the elements of a list.
func (m *Parsed) List(f *Field) []Value {
	if c := m.find(f); c != nil {
		return c.list
	}
	return nil
}

// Entries returns the entries of a map, in no order that means anything.
func (m *Parsed) Entries(f *Field) []Entry {
	if c := m.find(f); c != nil {
		return c.entries
	}
	return nil
}

func (m *Parsed) find(f *Field) *content {
	for i := range m.set {
		if m.set[i].field == f {
			return &m.set[i]
		}
	}
	return nil
}

// mutable returns the content of a field to change. It removes the other fields of the same oneof.
func (m *Parsed) mutable(f *Field) *content {
	if c := m.find(f); c != nil {
		return c
	}
	if f.oneof > 0 {
		for i := range m.set {
			if m.set[i].field.oneof == f.oneof {
				m.set[i] = content{field: f}
				return &m.set[i]
			}
		}
	}
	m.set = append(m.set, content{field: f})
	return &m.set[len(m.set)-1]
}

// zero is what the field is where the sender left it out.
func (f *Field) zero() Value {
	if f.Message != nil {
		return Value{message: &Parsed{Of: f.Message}}
	}
	return Value{}
}

// Message returns the message of a value of kind message or group.
func (v Value) Message() *Parsed { return v.message }

// Number returns the number of a value of kind enum.
func (v Value) Number() int32 { return int32(v.bits) }

// Scalar returns a value as the field's type in Go: bool, int32, int64, uint32, uint64, float32, float64, string or
// []byte.
func (v Value) Scalar(f *Field) any {
	switch f.Kind {
	case KindDouble:
		return math.Float64frombits(v.bits)
	case KindFloat:
		return math.Float32frombits(uint32(v.bits))
	case KindInt64, KindSfixed64:
		return int64(v.bits)
	case KindUint64, KindFixed64:
		return v.bits
	case KindInt32, KindSfixed32, KindEnum:
		return int32(v.bits)
	case KindUint32, KindFixed32:
		return uint32(v.bits)
	case KindSint32:
		return int32(protowire.DecodeZigZag(v.bits & math.MaxUint32))
	case KindSint64:
		return protowire.DecodeZigZag(v.bits)
	case KindBool:
		return protowire.DecodeBool(v.bits)
	case KindString:
		return v.text
	}
	return []byte(v.text)
}

// merge reads fields into the message. The last value of a field counts, except that messages are merged and lists
// grow.
func (m *Parsed) merge(b []byte, depth int) error {
	if depth == 0 {
		return errDeep
	}
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 || number > protowire.MaxValidNumber {
			return errWire
		}
		b = b[n:]
		f := m.Of.field(number)
		err := errType
		if f != nil {
			n, err = m.take(f, wire, b, depth)
		}
		if errors.Is(err, errType) {
			if m.Unknown == 0 {
				m.Unknown = int32(number)
			}
			if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
				return errWire
			}
			err = nil
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// take reads one field and returns how many bytes it has.
func (m *Parsed) take(f *Field, wire protowire.Type, b []byte, depth int) (int, error) {
	switch {
	case f.IsMap():
		return m.takeEntry(f, wire, b, depth)
	case f.Repeated && wire == protowire.BytesType && f.Kind.wire() != protowire.BytesType && !f.Kind.holds():
		return m.takePacked(f, b)
	}
	v, content, n, err := scalar(f, wire, b)
	if err != nil {
		return 0, err
	}
	c := m.mutable(f)
	if !f.Kind.holds() {
		if f.Repeated {
			c.list = append(c.list, v)
		} else {
			c.value = v
		}
		return n, nil
	}
	child := c.value.message
	if f.Repeated || child == nil {
		child = &Parsed{Of: f.Message}
	}
	if f.Repeated {
		c.list = append(c.list, Value{message: child})
	} else {
		c.value.message = child
	}
	return n, child.merge(content, depth-1)
}

// takePacked reads the elements of a list that are in one field.
func (m *Parsed) takePacked(f *Field, b []byte) (int, error) {
	content, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return 0, errWire
	}
	c := m.mutable(f)
	for len(content) > 0 {
		v, _, size, err := scalar(f, f.Kind.wire(), content)
		if err != nil {
			return 0, err
		}
		c.list = append(c.list, v)
		content = content[size:]
	}
	return n, nil
}

// takeEntry reads an entry of a map. Key and value need not be there.
func (m *Parsed) takeEntry(f *Field, wire protowire.Type, b []byte, depth int) (int, error) {
	if wire != protowire.BytesType {
		return 0, errType
	}
	content, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return 0, errWire
	}
	entry, err := f.entry(content, depth)
	if err != nil {
		return 0, err
	}
	c := m.mutable(f)
	if at, ok := c.index[entry.Key]; ok {
		c.entries[at] = entry
		return n, nil
	}
	if c.index == nil {
		c.index = map[any]int{}
	}
	c.index[entry.Key] = len(c.entries)
	c.entries = append(c.entries, entry)
	return n, nil
}

// entry reads the key and the value of an entry of the map.
func (f *Field) entry(b []byte, depth int) (Entry, error) {
	keyField, valueField := f.Message.field(1), f.Message.field(2)
	key, value := keyField.zero(), valueField.zero()
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 || number > protowire.MaxValidNumber {
			return Entry{}, errWire
		}
		b = b[n:]
		err := errType
		switch number {
		case 1:
			key, _, n, err = orOld(key, keyField, wire, b)
		case 2:
			var content []byte
			value, content, n, err = orOld(value, valueField, wire, b)
			if err == nil && value.message != nil {
				err = value.message.merge(content, depth-1)
			}
		}
		if errors.Is(err, errType) {
			if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
				return Entry{}, errWire
			}
			err = nil
		}
		if err != nil {
			return Entry{}, err
		}
		b = b[n:]
	}
	return Entry{Key: key.Scalar(keyField), Value: value}, nil
}

// orOld reads a value that replaces an old one, unless that is a message, or the new one has another type.
func orOld(old Value, f *Field, wire protowire.Type, b []byte) (Value, []byte, int, error) {
	v, content, n, err := scalar(f, wire, b)
	if err != nil || f.Kind.holds() {
		return old, content, n, err
	}
	return v, nil, n, nil
}

// scalar reads one value, or the content of a message, and returns how many bytes it has.
func scalar(f *Field, wire protowire.Type, b []byte) (v Value, content []byte, n int, err error) {
	if wire != f.Kind.wire() {
		return v, nil, 0, errType
	}
	switch wire {
	case protowire.VarintType:
		v.bits, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var bits uint32
		bits, n = protowire.ConsumeFixed32(b)
		v.bits = uint64(bits)
	case protowire.Fixed64Type:
		v.bits, n = protowire.ConsumeFixed64(b)
	case protowire.StartGroupType:
		content, n = protowire.ConsumeGroup(f.number, b)
	default:
		content, n = protowire.ConsumeBytes(b)
	}
	if n < 0 {
		return v, nil, 0, errWire
	}
	if wire == protowire.BytesType && f.Kind != KindMessage {
		if f.Kind == KindString && f.checked && !utf8.Valid(content) {
			return v, nil, 0, fmt.Errorf("the field %s is not UTF-8", f.Name)
		}
		v.text = string(content)
	}
	return v, content, n, nil
}

// complete checks that the required fields are there, also in the messages below.
func (m *Parsed) complete() error {
	if m.Of.requires {
		for _, f := range m.Of.Fields {
			if f.required && !m.Has(f) {
				return fmt.Errorf("the required field %s of %s is missing", f.Name, m.Of.Name)
			}
		}
	}
	for i := range m.set {
		for child := range m.set[i].messages {
			if err := child.complete(); err != nil {
				return err
			}
		}
	}
	return nil
}

// messages are the messages that a field holds.
func (c *content) messages(yield func(*Parsed) bool) {
	if !c.field.Kind.holds() {
		return
	}
	if c.value.message != nil && !yield(c.value.message) {
		return
	}
	for _, v := range c.list {
		if !yield(v.message) {
			return
		}
	}
	for _, e := range c.entries {
		if e.Value.message != nil && !yield(e.Value.message) {
			return
		}
	}
}
