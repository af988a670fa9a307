package protomessage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
)

// fields are the fields of the message All in each syntax; %s are the labels and options that differ.
const fields = `
  field { name: "sub" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".t.All" }
  field { name: "subs" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".t.All" }
  field { name: "mode" number: 3 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".t.Mode" }
  field { name: "modes" number: 4 label: LABEL_REPEATED type: TYPE_ENUM type_name: ".t.Mode" }
  field { name: "by_text" number: 5 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".t.All.ByTextEntry" }
  field { name: "by_number" number: 6 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".t.All.ByNumberEntry" }
  field { name: "a" number: 7 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
  field { name: "b" number: 8 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".t.All" oneof_index: 0 }
  field { name: "c" number: 9 label: LABEL_OPTIONAL type: TYPE_SINT32 oneof_index: 0 }
  field { name: "text" number: 10 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "texts" number: 11 label: LABEL_REPEATED type: TYPE_STRING }
  field { name: "raw" number: 12 label: LABEL_OPTIONAL type: TYPE_BYTES }
  field { name: "i32" number: 13 label: LABEL_OPTIONAL type: TYPE_INT32 }
  field { name: "i64" number: 14 label: LABEL_OPTIONAL type: TYPE_INT64 }
  field { name: "u32" number: 15 label: LABEL_OPTIONAL type: TYPE_UINT32 }
  field { name: "u64" number: 16 label: LABEL_OPTIONAL type: TYPE_UINT64 }
  field { name: "s32" number: 17 label: LABEL_OPTIONAL type: TYPE_SINT32 }
  field { name: "s64" number: 18 label: LABEL_OPTIONAL type: TYPE_SINT64 }
  field { name: "f32" number: 19 label: LABEL_OPTIONAL type: TYPE_FIXED32 }
  field { name: "f64" number: 20 label: LABEL_OPTIONAL type: TYPE_FIXED64 }
  field { name: "sf32" number: 21 label: LABEL_OPTIONAL type: TYPE_SFIXED32 }
  field { name: "sf64" number: 22 label: LABEL_OPTIONAL type: TYPE_SFIXED64 }
  field { name: "float" number: 23 label: LABEL_OPTIONAL type: TYPE_FLOAT }
  field { name: "double" number: 24 label: LABEL_OPTIONAL type: TYPE_DOUBLE }
  field { name: "bool" number: 25 label: LABEL_OPTIONAL type: TYPE_BOOL }
  field { name: "doubles" number: 26 label: LABEL_REPEATED type: TYPE_DOUBLE }
  field { name: "s32s" number: 27 label: LABEL_REPEATED type: TYPE_SINT32 }
  field { name: "bools" number: 2000 label: LABEL_REPEATED type: TYPE_BOOL }
  oneof_decl { name: "pick" }
  nested_type { name: "ByTextEntry" options { map_entry: true }
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".t.Mode" } }
  nested_type { name: "ByNumberEntry" options { map_entry: true }
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_SFIXED64 }
    field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".t.All" } }
  `

const rest = `enum_type { name: "Mode" value { name: "OFF" number: 0 } value { name: "ECO" number: 1 } value { name: "NEG" number: -3 } }`

// syntaxes describe t.All in each version of the language.
var syntaxes = map[string]string{
	"proto2": `name: "t.proto" package: "t" syntax: "proto2" message_type { name: "All"` + fields + `
	  field { name: "must" number: 28 label: LABEL_REQUIRED type: TYPE_INT32 }
	  field { name: "box" number: 29 label: LABEL_OPTIONAL type: TYPE_GROUP type_name: ".t.All.Box" }
	  field { name: "crate" number: 30 label: LABEL_REPEATED type: TYPE_GROUP type_name: ".t.All.Crate" }
	  nested_type { name: "Crate" field { name: "n" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 } }
	  nested_type { name: "Box" field { name: "note" number: 10 label: LABEL_OPTIONAL type: TYPE_STRING } } }` + rest,
	"proto3": `name: "t.proto" package: "t" syntax: "proto3" message_type { name: "All"` + fields + `
	  field { name: "may" number: 28 label: LABEL_OPTIONAL type: TYPE_INT32 oneof_index: 1 proto3_optional: true }
	  oneof_decl { name: "_may" } }` + rest,
	"2023": `name: "t.proto" package: "t" syntax: "editions" edition: EDITION_2023
	  options { features { utf8_validation: NONE } } message_type { name: "All"` + fields + `
	  field { name: "must" number: 28 label: LABEL_OPTIONAL type: TYPE_INT32
	    options { features { field_presence: LEGACY_REQUIRED } } }
	  field { name: "box" number: 29 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".t.All"
	    options { features { message_encoding: DELIMITED } } }
	  field { name: "zero" number: 30 label: LABEL_OPTIONAL type: TYPE_STRING
	    options { features { field_presence: IMPLICIT utf8_validation: VERIFY } } } }` + rest,
	"2023, all delimited and implicit": `name: "t.proto" package: "t" syntax: "editions" edition: EDITION_2023
	  options { features { field_presence: IMPLICIT } }
	  message_type { name: "All" options { features { message_encoding: DELIMITED } }` + fields + `
	  field { name: "box" number: 29 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".t.All"
	    options { features { message_encoding: LENGTH_PREFIXED } } }
	  field { name: "may" number: 30 label: LABEL_OPTIONAL type: TYPE_BOOL
	    options { features { field_presence: EXPLICIT } } } }` + rest,
}

func described(t testing.TB, text string) (*Message, protoreflect.MessageDescriptor) {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(text), file); err != nil {
		t.Fatal(err)
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := protoset.Pack(set, "t.All")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Unpack(packed, "t.All")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := protoset.Unpack(packed, "t.All")
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

const deepest = 12

// TestLikeTheLibrary reads random messages, valid and damaged, and compares with what Google's library reads.
func TestLikeTheLibrary(t *testing.T) {
	for name, text := range syntaxes {
		ours, theirs := described(t, text)
		good, bad, unknown := 0, 0, 0
		for seed := range uint64(20000) {
			g := generator{r: rand.New(rand.NewPCG(1, seed)), of: theirs}
			payload := g.message(theirs, 4)
			if seed%5 == 0 && len(payload) > 0 { // damaged
				payload[g.r.IntN(len(payload))] ^= 1 << g.r.IntN(8)
			}
			read := compare(t, name, payload, ours, theirs)
			switch {
			case read == "":
				bad++
			case strings.Contains(read, "unknown"):
				unknown++
			default:
				good++
			}
		}
		if good < 2000 || bad < 500 || unknown < 500 {
			t.Errorf("%s: %d read, %d with unknown fields, %d refused: not every case is covered", name, good, unknown, bad)
		}
	}
}

// compare reads a payload in both ways and returns what was read; "" if it was refused.
func compare(t *testing.T, name string, payload []byte, ours *Message, theirs protoreflect.MessageDescriptor) string {
	t.Helper()
	got, err := Parse(string(payload), ours, deepest)
	want := dynamicpb.NewMessage(theirs)
	wantErr, panicked := unmarshal(payload, want)
	if panicked {
		return ""
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: %x: error %v, the library's %v", name, payload, err, wantErr)
	}
	if err != nil {
		return ""
	}
	a, b := renderOurs(got), renderTheirs(want)
	if a != b {
		t.Fatalf("%s: %x:\nread     %s\nlibrary: %s", name, payload, a, b)
	}
	return a
}

// unmarshal reads with the library. It panics at an entry of a map whose key appears twice, the second time as another
// type.
func unmarshal(payload []byte, m proto.Message) (err error, panicked bool) {
	defer func() { panicked = recover() != nil }()
	return proto.UnmarshalOptions{RecursionLimit: deepest}.Unmarshal(payload, m), false
}

func FuzzLikeTheLibrary(f *testing.F) {
	type pair struct {
		ours   *Message
		theirs protoreflect.MessageDescriptor
	}
	all := map[string]pair{}
	for name, text := range syntaxes {
		ours, theirs := described(f, text)
		all[name] = pair{ours, theirs}
		for seed := range uint64(20) {
			g := generator{r: rand.New(rand.NewPCG(2, seed)), of: theirs}
			f.Add(g.message(theirs, 3))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for name, p := range all {
			compare(t, name, payload, p.ours, p.theirs)
		}
	})
}

func renderOurs(m *Parsed) string {
	var b strings.Builder
	b.WriteString("{")
	if m.Unknown != 0 {
		fmt.Fprintf(&b, "unknown %d ", m.Unknown)
	}
	value := func(f *Field, v Value) string {
		switch {
		case f.Message != nil:
			return renderOurs(v.Message())
		case f.Enum != nil:
			return fmt.Sprint(v.Number(), f.Enum.ValueName(v.Number()))
		}
		return fmt.Sprintf("%T %v", v.Scalar(f), v.Scalar(f))
	}
	for _, f := range m.Of.Fields {
		switch {
		case f.Optional() && !m.Has(f):
		case f.IsMap():
			var entries []string
			for _, e := range m.Entries(f) {
				entries = append(entries, fmt.Sprintf("%v:%s", e.Key, value(f.Value(), e.Value)))
			}
			slices.Sort(entries)
			fmt.Fprintf(&b, "%s=%q ", f.Name, entries)
		case f.IsList():
			for _, v := range m.List(f) {
				fmt.Fprintf(&b, "%s+=%s ", f.Name, value(f, v))
			}
		default:
			fmt.Fprintf(&b, "%s=%s ", f.Name, value(f, m.Get(f)))
		}
	}
	return b.String() + "}"
}

func renderTheirs(m protoreflect.Message) string {
	var b strings.Builder
	b.WriteString("{")
	if rest := m.GetUnknown(); len(rest) > 0 {
		number, _, _ := protowire.ConsumeTag(rest)
		fmt.Fprintf(&b, "unknown %d ", number)
	}
	value := func(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
		switch {
		case f.Message() != nil:
			return renderTheirs(v.Message())
		case f.Enum() != nil:
			name := ""
			if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
				name = string(d.Name())
			}
			return fmt.Sprint(int32(v.Enum()), name)
		}
		return fmt.Sprintf("%T %v", v.Interface(), v.Interface())
	}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case (f.HasPresence() || f.IsList() || f.IsMap()) && !m.Has(f):
		case f.IsMap():
			var entries []string
			m.Get(f).Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
				entries = append(entries, fmt.Sprintf("%v:%s", key.Interface(), value(f.MapValue(), v)))
				return true
			})
			slices.Sort(entries)
			fmt.Fprintf(&b, "%s=%q ", f.Name(), entries)
		case f.IsList():
			for n := range m.Get(f).List().Len() {
				fmt.Fprintf(&b, "%s+=%s ", f.Name(), value(f, m.Get(f).List().Get(n)))
			}
		default:
			fmt.Fprintf(&b, "%s=%s ", f.Name(), value(f, m.Get(f)))
		}
	}
	return b.String() + "}"
}

// generator writes random messages, mostly of the types that the description asks for.
type generator struct {
	r  *rand.Rand
	of protoreflect.MessageDescriptor
}

func (g generator) message(of protoreflect.MessageDescriptor, depth int) []byte {
	b := []byte{}
	for range g.r.IntN(6) {
		fields := of.Fields()
		b = g.field(b, fields.Get(g.r.IntN(fields.Len())), depth)
	}
	if must := of.Fields().ByName("must"); must != nil && g.r.IntN(20) > 0 {
		b = g.field(b, must, depth)
	}
	return b
}

func (g generator) field(b []byte, f protoreflect.FieldDescriptor, depth int) []byte {
	number, kind := f.Number(), f.Kind()
	if g.r.IntN(60) == 0 {
		number = protowire.Number(1 + g.r.IntN(40))
	}
	packed := f.IsList() && g.r.IntN(2) == 0
	switch wire := Kind(kind).wire(); wire {
	case protowire.BytesType:
		content := []byte(nil)
		if f.Message() != nil && depth > 0 {
			content = g.message(f.Message(), depth-1)
		} else if f.Message() == nil {
			content = g.text()
		}
		return protowire.AppendBytes(protowire.AppendTag(b, number, wire), content)
	case protowire.StartGroupType:
		b = protowire.AppendTag(b, number, wire)
		if depth > 0 {
			b = append(b, g.message(f.Message(), depth-1)...)
		}
		return protowire.AppendTag(b, number, protowire.EndGroupType)
	default:
		if packed {
			var content []byte
			for range g.r.IntN(3) {
				content = g.scalar(content, wire)
			}
			return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
		}
		return g.scalar(protowire.AppendTag(b, number, wire), wire)
	}
}

func (g generator) scalar(b []byte, wire protowire.Type) []byte {
	v := []uint64{0, 1, 2, 127, g.r.Uint64(), uint64(1<<64 - 3), uint64(g.r.Uint32())}[g.r.IntN(7)]
	switch wire {
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(b, uint32(v))
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(b, v)
	}
	return protowire.AppendVarint(b, v)
}

func (g generator) text() []byte {
	return []byte([]string{"", "a", "b", "südlich", "\xff\xfe", "a long text"}[g.r.IntN(6)])
}
