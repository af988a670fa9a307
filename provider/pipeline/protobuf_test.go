package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// writeSet writes a descriptor set with one file.
func writeSet(t *testing.T, path string, file *descriptorpb.FileDescriptorProto) {
	t.Helper()
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}})
	if err == nil {
		err = os.WriteFile(path, set, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func protobufOf(path, message string) string {
	return fmt.Sprintf(`telemetry = { format = "protobuf", protobuf = { descriptor_file = %q, message = %q } }`, path,
		message)
}

// New content of the descriptor set is a change of the function and of nothing else. A refresh does not need the file.
func TestProtobufDescriptor(t *testing.T) {
	w := newLocalAWS(t)
	path := filepath.Join(t.TempDir(), "fleet.desc")
	moved := path + ".v2"
	config := w.config(pipeline(minimal + protobufOf(path, "google.protobuf.Struct")))
	file := protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto)
	update := resource.ConfigPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
	}
	w.run(
		resource.TestStep{Config: w.config(pipeline(minimal))},
		resource.TestStep{
			PreConfig: func() { writeSet(t, path, file); w.mark() },
			Config:    config, ConfigPlanChecks: update,
			Check: w.wrote("awslambda:UpdateFunctionConfiguration", manifest),
		},
		resource.TestStep{
			PreConfig: func() {
				file.MessageType[1].Field[1].Name = proto.String("numeric_value")
				writeSet(t, path, file)
				w.mark()
			},
			Config: config, ConfigPlanChecks: update, Check: w.wrote("awslambda:UpdateFunctionConfiguration"),
		},
		resource.TestStep{
			PreConfig: func() {
				if err := os.Rename(path, moved); err != nil {
					t.Error(err)
				}
				w.mark()
			},
			Config:           w.config(pipeline(minimal + protobufOf(moved, "google.protobuf.Struct"))),
			ConfigPlanChecks: update, Check: w.wrote(manifest),
		},
	)
}

// Without the descriptor set, a pipeline can be imported, planned, changed where the functions' settings stay, and
// destroyed. Nothing writes settings without the descriptor.
func TestProtobufDescriptorThatIsGone(t *testing.T) {
	w := newLocalAWS(t)
	path := filepath.Join(t.TempDir(), "fleet.desc")
	of := func(message, more string) string {
		return w.config(pipeline(minimal + protobufOf(path, message) + "\n" + more))
	}
	const message, memory = "google.protobuf.Struct", "processor = { memory_mb = 512 }"
	settings := func() string {
		return w.Environment(t, "greenhouse-processor")["IOT_TELEMETRY"]
	}
	before := ""
	w.run(
		resource.TestStep{
			PreConfig: func() { writeSet(t, path, protodesc.ToFileDescriptorProto(structpb.File_google_protobuf_struct_proto)) },
			Config:    of(message, ""),
		},
		resource.TestStep{
			PreConfig:    func() { before = settings(); remove(t, path); w.mark() },
			ResourceName: address, ImportState: true, ImportStateId: "greenhouse", ImportStateVerify: true,
		},
		resource.TestStep{RefreshState: true, Check: w.wrote()},
		resource.TestStep{Config: of(message, ""), PlanOnly: true},
		resource.TestStep{
			Config: of(message, memory), Check: w.wrote("awslambda:UpdateFunctionConfiguration", manifest),
		},
		resource.TestStep{
			Config: of("google.protobuf.Value", memory), ExpectError: words("The descriptor set cannot be read"),
		},
		resource.TestStep{
			PreConfig: func() {
				if now := settings(); now != before || now == "" {
					t.Errorf("the settings became %q, and were %q", now, before)
				}
			},
			Config: of(message, memory), Destroy: true,
		},
	)
}

func TestProtobufPlanErrors(t *testing.T) {
	w := newLocalAWS(t)
	dir := t.TempDir()
	known, text, alone := filepath.Join(dir, "known"), filepath.Join(dir, "text"), filepath.Join(dir, "alone")
	writeSet(t, known, protodesc.ToFileDescriptorProto(durationpb.File_google_protobuf_duration_proto))
	needy := protodesc.ToFileDescriptorProto(timestamppb.File_google_protobuf_timestamp_proto)
	needy.MessageType[0].Field[0].Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	needy.MessageType[0].Field[0].TypeName = proto.String(".fleet.Clock")
	writeSet(t, alone, needy)
	if err := os.WriteFile(text, []byte("syntax = \"proto3\";"), 0o600); err != nil {
		t.Fatal(err)
	}
	var steps []resource.TestStep
	for _, c := range []struct{ path, message, want string }{
		{filepath.Join(dir, "none"), "a.B", "The descriptor set cannot be read"},
		{text, "a.B", "The file is not a descriptor set"},
		{known, "fleet.duration", `Did you mean "google.protobuf.Duration"?`},
		{alone, "google.protobuf.Timestamp", "has no type fleet.Clock"},
	} {
		steps = append(steps, resource.TestStep{Config: w.config(pipeline(minimal + protobufOf(c.path, c.message))),
			PlanOnly: true, ExpectError: words(c.want)})
	}
	w.run(steps...)
}
