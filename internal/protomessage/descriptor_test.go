package protomessage

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// packed is a set as a function gets it, without the checks of protoset.Pack.
func packed(t *testing.T, file string) string {
	t.Helper()
	f := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(file), f); err != nil {
		t.Fatal(err)
	}
	content, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{f}})
	if err != nil {
		t.Fatal(err)
	}
	return zipped(content)
}

func zipped(content []byte) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	w.Close()
	return base64.RawStdEncoding.EncodeToString(b.Bytes())
}

func TestUnpackSaysWhatIsWrong(t *testing.T) {
	field := func(text string) string {
		return packed(t, `package: "t" message_type { name: "M" field { name: "f" `+text+` } }`)
	}
	for _, c := range []struct{ why, text, want string }{
		{"no Base64", "?", "reading the descriptor"},
		{"no gzip", "eA", "reading the descriptor"},
		{"no set", zipped([]byte{0xff}), "reading the descriptor"},
		{"too large", zipped(make([]byte, maxSet+1)), "more than 1048576 bytes"},
		{"another message", packed(t, `package: "t" message_type { name: "N" }`), `no message "t.M"`},
		{"a type that is missing", field(`number: 1 type: TYPE_MESSAGE type_name: ".t.X"`), "field f of t.M has the unknown type t.X"},
		{"an enum that is missing", field(`number: 1 type: TYPE_ENUM type_name: ".t.X"`), "field f of t.M has the unknown type t.X"},
		{"no type name", field(`number: 1 type: TYPE_MESSAGE`), "without a name"},
		{"a name of no type", field(`number: 1 type: TYPE_BOOL type_name: ".t.M"`), "a name without a type"},
		{"no type", field(`number: 1`), "unknown type 0"},
		{"no number", field(`type: TYPE_BOOL`), "has the number 0"},
		{"an entry without a value", packed(t, `package: "t" message_type { name: "M" options { map_entry: true }
			field { name: "key" number: 1 type: TYPE_BOOL } }`), "a key and a value"},
	} {
		if _, err := Unpack(c.text, "t.M"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	ours, _ := described(t, syntaxes["proto2"])
	checked, _ := described(t, syntaxes["proto3"])
	deep := []byte(nil)
	for range 20 {
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), deep)
	}
	for _, c := range []struct {
		why     string
		of      *Message
		payload []byte
		want    string
	}{
		{"cut off", ours, []byte{8}, "wire format"},
		{"a required field", ours, nil, "the required field must of t.All is missing"},
		{"nested", checked, deep, "recursion"},
		{"text", checked, protowire.AppendBytes(protowire.AppendTag(nil, 10, protowire.BytesType), []byte("\xff")), "text is not UTF-8"},
	} {
		if _, err := Parse(string(c.payload), c.of, deepest); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.why, err, c.want)
		}
	}
}

// TestManyEntries reads a map with as many keys as a payload can have. Finding a key must not take longer with each.
func TestManyEntries(t *testing.T) {
	ours, _ := described(t, syntaxes["proto3"])
	var payload []byte
	const n = 60000
	for i := range n {
		key := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), uint64(i))
		payload = protowire.AppendBytes(protowire.AppendTag(payload, 6, protowire.BytesType), key)
	}
	m, err := Parse(string(payload), ours, deepest)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(m.Entries(ours.field(6))); got != n {
		t.Errorf("%d entries, want %d", got, n)
	}
}

// TestKeysOfAnEntry reads an entry whose key appears twice, the second time as another type. Google's library panics.
func TestKeysOfAnEntry(t *testing.T) {
	ours, _ := described(t, syntaxes["proto3"])
	entry := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), 7)
	entry = protowire.AppendVarint(protowire.AppendTag(entry, 1, protowire.VarintType), 8)
	payload := protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), entry)
	m, err := Parse(string(payload), ours, deepest)
	if err != nil {
		t.Fatal(err)
	}
	if entries := m.Entries(ours.field(6)); len(entries) != 1 || entries[0].Key != int64(7) {
		t.Errorf("entries %v, want one with the key 7", entries)
	}
}
