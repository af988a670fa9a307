// Package value holds the types of AWS IoT SQL and their operations: numbers of 34 digits, ordered objects, Undefined,
// conversions, comparison, arithmetic, and JSON in both directions. It follows [IoT-SQL 6, 7, 8]. It must not know
// expressions, functions or messages.
package value

// Version is a dialect of the SQL. The zero value is the recommended one.
type Version uint8

const (
	V2 Version = iota // 2016-03-23: a whole Decimal is an Int
	V1                // 2015-10-08: 10.0 stays a Decimal
)

// Kind is a type of AWS IoT SQL. [IoT-SQL 6]
type Kind uint8

const (
	Undefined Kind = iota
	Null
	Bool
	Int
	Decimal
	String
	Array
	Object
	Binary // the raw payload, which only encode and decode can read
)

var kindNames = [...]string{
	"Undefined",
	"Null",
	"a Boolean",
	"an Int",
	"a Decimal",
	"a String",
	"an Array",
	"an Object",
	"binary data",
}

// String returns the kind with its article, for diagnostics.
func (k Kind) String() string { return kindNames[k] }

// Value is one value. The zero Value is Undefined. Values are immutable, so they can be shared.
type Value struct {
	kind Kind
	exp  int32 // of a small number: its value is n × 10^exp, with -18 ≤ exp ≤ 0 and no trailing zeros after the point
	n    int64 // of a Bool: 0 or 1
	s    string
	ref  any // *apd.Decimal of a number that is not small, []Value of an Array, *Members of an Object
}

// NullValue is JSON's null, which is a value.
var NullValue = Value{kind: Null}

// OfBool returns a Boolean.
func OfBool(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.n = 1
	}
	return v
}

// OfInt returns an Int.
func OfInt(n int64) Value { return Value{kind: Int, n: n} }

// OfString returns a String.
func OfString(s string) Value { return Value{kind: String, s: s} }

// OfBinary returns raw bytes that are not to be read as JSON.
func OfBinary(s string) Value { return Value{kind: Binary, s: s} }

// OfArray returns an Array of items, which the caller must not use any more. Undefined items must be left out.
func OfArray(items []Value) Value { return Value{kind: Array, ref: items} }

// OfObject returns an Object with members, which the caller must not use any more.
func OfObject(m *Members) Value { return Value{kind: Object, ref: m} }

// Kind returns the type.
func (v Value) Kind() Kind { return v.kind }

// IsUndefined reports the absence of a value.
func (v Value) IsUndefined() bool { return v.kind == Undefined }

// IsNumber reports whether v is an Int or a Decimal.
func (v Value) IsNumber() bool { return v.kind == Int || v.kind == Decimal }

// IsTrue reports whether v is the Boolean true.
func (v Value) IsTrue() bool { return v.kind == Bool && v.n != 0 }

// Text returns the content of a String or Binary, and "" for others.
func (v Value) Text() string { return v.s }

// Items returns the elements of an Array, and nil for others. They must not be changed.
func (v Value) Items() []Value {
	items, _ := v.ref.([]Value)
	return items
}

// Members returns the members of an Object, and nil for others. They must not be changed.
func (v Value) Members() *Members {
	m, _ := v.ref.(*Members)
	return m
}

// Member returns a member of an Object; Undefined when there is none or v is something else. [IoT-SQL 10]
func (v Value) Member(name string) Value {
	if v.kind != Object {
		return Value{}
	}
	return v.Members().Get(name)
}

// Members are the members of an Object in the order of their first appearance.
type Members struct {
	list  []entry
	index map[string]int // only when there are many
}

type entry struct {
	key   string
	value Value
}

const (
	linearMembers = 12 // up to how many members a search compares keys one by one
	firstMembers  = 4  // how many members the first allocation holds
)

func (m *Members) find(key string) int {
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range m.list {
		if m.list[i].key == key {
			return i
		}
	}
	return -1
}

// Set adds or replaces a member. An Undefined value is left out: a new key is not added, an old one is kept. [IoT-SQL
// 6]
func (m *Members) Set(key string, v Value) {
	if v.IsUndefined() {
		return
	}
	if i := m.find(key); i >= 0 {
		m.list[i].value = v
		return
	}
	if m.list == nil {
		m.list = make([]entry, 0, firstMembers)
	}
	m.list = append(m.list, entry{key, v})
	switch {
	case m.index != nil:
		m.index[key] = len(m.list) - 1
	case len(m.list) > linearMembers:
		m.index = make(map[string]int, 2*len(m.list))
		for i := range m.list {
			m.index[m.list[i].key] = i
		}
	}
}

// Get returns the value of a member, Undefined when there is none.
func (m *Members) Get(key string) Value {
	if i := m.find(key); i >= 0 {
		return m.list[i].value
	}
	return Value{}
}

// Len is the number of members.
func (m *Members) Len() int { return len(m.list) }

// At returns the i-th member.
func (m *Members) At(i int) (string, Value) { return m.list[i].key, m.list[i].value }

// Merge sets every member of other.
func (m *Members) Merge(other *Members) {
	for i := range other.list {
		m.Set(other.list[i].key, other.list[i].value)
	}
}
