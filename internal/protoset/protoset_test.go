package protoset

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// farm is a set in which a message needs types of its own file, of another file, and of itself.
func farm() *descriptorpb.FileDescriptorSet {
	field := func(name string, number int32, of string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, JsonName: proto.String("json" + name),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			Type:  descriptorpb.FieldDescriptorProto_TYPE_DOUBLE.Enum()}
		switch {
		case strings.HasSuffix(of, "Mode"):
			f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), &of
		case of != "":
			f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), &of
		}
		return f
	}
	return &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(timestamppb.File_google_protobuf_timestamp_proto),
		protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto),
		{
			Name: proto.String("farm.proto"), Package: proto.String("farm"), Syntax: proto.String("proto3"),
			Dependency: []string{"google/protobuf/timestamp.proto", "google/protobuf/struct.proto"},
			MessageType: []*descriptorpb.DescriptorProto{
				{Name: proto.String("Reading"), Field: []*descriptorpb.FieldDescriptorProto{
					field("temperature", 1, ""), field("at", 2, ".google.protobuf.Timestamp"),
					field("mode", 3, ".farm.Outer.Mode"), field("previous", 4, ".farm.Reading"),
				}},
				{Name: proto.String("Outer"),
					Field: []*descriptorpb.FieldDescriptorProto{field("any", 1, ".google.protobuf.Struct")},
					EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("Mode"),
						Value: []*descriptorpb.EnumValueDescriptorProto{
							{Name: proto.String("OFF"), Number: proto.Int32(0)}}}}},
			},
			SourceCodeInfo: &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{
				{LeadingComments: proto.String("a comment")}}},
		},
	}}
}

func encode(t *testing.T, set *descriptorpb.FileDescriptorSet) []byte {
	t.Helper()
	content, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestPack(t *testing.T) {
	set := encode(t, farm())
	text, err := Pack(set, "farm.Reading")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Unpack(text, "farm.Reading")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"temperature", "at", "mode", "previous"} {
		if !slices.ContainsFunc(names(m.Fields().Len(), func(i int) string { return string(m.Fields().Get(i).Name()) }),
			func(n string) bool { return n == name }) {
			t.Errorf("the message has no field %q", name)
		}
	}
	small, err := prune(farm(), "farm.Reading")
	if err != nil {
		t.Fatal(err)
	}
	if got := names(len(small.File), func(i int) string { return small.File[i].GetName() }); !slices.Equal(got,
		[]string{"google/protobuf/timestamp.proto", "farm.proto"}) {
		t.Errorf("the files %v", got)
	}
	if strings.Contains(small.String(), "comment") || strings.Contains(small.String(), "json_name") ||
		strings.Contains(small.String(), "Struct") {
		t.Errorf("it holds more than the message needs: %v", small)
	}
	if again, err := Pack(set, "farm.Reading"); err != nil || again != text {
		t.Errorf("packed again: %v, %v", again, err)
	}
}

func names(n int, of func(int) string) []string {
	var list []string
	for i := range n {
		list = append(list, of(i))
	}
	return list
}

// TestPackOfEverything packs descriptors as compilers write them: with groups, extensions, oneofs and options.
func TestPackOfEverything(t *testing.T) {
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto),
		protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto)}}
	for _, message := range []string{"google.protobuf.FileDescriptorSet", "google.protobuf.Value",
		"google.protobuf.DescriptorProto.ExtensionRange"} {
		text, err := Pack(encode(t, set), message)
		if err != nil {
			t.Fatalf("%s: %v", message, err)
		}
		if _, err := Unpack(text, message); err != nil {
			t.Errorf("%s: %v", message, err)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	set := encode(t, farm())
	var unknown *UnknownMessageError
	if _, err := Pack(set, "farm.Redding"); !errors.As(err, &unknown) ||
		!slices.Contains(unknown.Messages, "farm.Reading") ||
		slices.Contains(unknown.Messages, "google.protobuf.Struct.FieldsEntry") {
		t.Errorf("an unknown message: %v, %+v", err, unknown)
	}
	if _, err := Pack(set, "farm.Outer.Mode"); !errors.As(err, &unknown) {
		t.Errorf("an enum: %v", err)
	}
	for _, text := range []string{"", "syntax = \"proto3\";", "\x00"} {
		if _, err := Pack([]byte(text), "x"); !errors.Is(err, ErrNotASet) {
			t.Errorf("%q: %v", text, err)
		}
	}
	alone := &descriptorpb.FileDescriptorSet{File: farm().File[2:]}
	var missing *MissingTypeError
	if _, err := Pack(encode(t, alone), "farm.Reading"); !errors.As(err, &missing) ||
		missing.Type != "google.protobuf.Timestamp" || missing.NeededBy != "farm.Reading" {
		t.Errorf("a set without imports: %v", err)
	}
}

func TestUnpackRefuses(t *testing.T) {
	text, err := Pack(encode(t, farm()), "farm.Reading")
	if err != nil {
		t.Fatal(err)
	}
	for why, c := range map[string][2]string{
		"nothing":          {"", "farm.Reading"},
		"not Base64":       {"%", "farm.Reading"},
		"cut short":        {text[:len(text)/2], "farm.Reading"},
		"another message":  {text, "farm.Other"},
		"not the message":  {text, "farm.Outer.Mode"},
		"no set in the gz": {"H4sIAAAAAAAA", "farm.Reading"},
	} {
		if _, err := Unpack(c[0], c[1]); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

func FuzzPack(f *testing.F) {
	set, err := proto.Marshal(farm())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(set, "farm.Reading")
	f.Fuzz(func(t *testing.T, set []byte, message string) {
		text, err := Pack(set, message)
		if err != nil {
			return
		}
		if m, err := Unpack(text, message); err != nil || string(m.FullName()) != message {
			t.Fatalf("%v, %v", m, err)
		}
	})
}
