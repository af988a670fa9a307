package pipeline

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/protoset"
)

// described returns the description of a Protobuf message from the user's own descriptor set.
func described(path, message string) (string, error) {
	set, err := os.ReadFile(path)
	if err != nil {
		return "", unusable(err, "descriptor_file", "The descriptor set cannot be read", "%v. Make it with "+
			"protoc --include_imports --descriptor_set_out=%s and the .proto file.", err, path)
	}
	text, err := protoset.Pack(set, message)
	var unknown *protoset.UnknownMessageError
	var missing *protoset.MissingTypeError
	switch {
	case errors.As(err, &unknown):
		return "", unusable(nil, "message", fmt.Sprintf("Protobuf message %q does not exist", message),
			"%q has %s.%s", path, listed(unknown.Messages), nearest(message, unknown.Messages))
	case errors.As(err, &missing):
		return "", unusable(nil, "descriptor_file", "The descriptor set lacks an import", "%q has no type %s, which "+
			"%s needs. Make it with protoc --include_imports.", path, missing.Type, missing.NeededBy)
	case err != nil:
		return "", unusable(nil, "descriptor_file", "The file is not a descriptor set", "%q: %v. It must be what "+
			"protoc --include_imports --descriptor_set_out writes, not the .proto file.", path, err)
	}
	return text, nil
}

func unusable(reading error, argument, summary, detail string, args ...any) error {
	return &pipeline.ProblemError{Err: reading, Problem: pipeline.Problem{Path: "telemetry.protobuf." + argument,
		Summary: summary, Detail: fmt.Sprintf(detail, args...)}}
}

// maxListed is how many messages an error lists.
const maxListed = 20

func listed(messages []string) string {
	switch more := len(messages) - maxListed; {
	case len(messages) == 0:
		return "no messages"
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(messages[:maxListed], ", "), more)
	}
	return strings.Join(messages, ", ")
}

// nearest suggests the message of that name in another package or letter case.
func nearest(message string, messages []string) string {
	last := message[strings.LastIndex(message, ".")+1:]
	for _, m := range messages {
		if strings.EqualFold(m[strings.LastIndex(m, ".")+1:], last) {
			return fmt.Sprintf(" Did you mean %q?", m)
		}
	}
	return ""
}
