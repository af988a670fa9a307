// Package protoset makes the description of one Protobuf message small enough for a function's environment, and reads
// it there. It must not know what the message means.
package protoset

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// maxSet bounds a set that is read from its text.
const maxSet = 1 << 20

// ErrNotASet is a file that is not a FileDescriptorSet.
var ErrNotASet = errors.New("it is not a descriptor set")

// Pack returns the part of a FileDescriptorSet that a message needs, as text. The text is the same for the same set.
// The error may be ErrNotASet, an *UnknownMessageError or a *MissingTypeError.
func Pack(set []byte, message string) (string, error) {
	all := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(set, all); err != nil || len(all.File) == 0 {
		return "", ErrNotASet
	}
	small, err := prune(all, message)
	if err != nil {
		return "", err
	}
	if _, err := find(small, message); err != nil {
		return "", err
	}
	return compress(small)
}

func compress(set *descriptorpb.FileDescriptorSet) (string, error) {
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return "", err
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(content); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(zipped.Bytes()), nil
}

// Unpack returns the message that a text of Pack describes.
func Unpack(text, message string) (protoreflect.MessageDescriptor, error) {
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
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(content, set); err != nil {
		return nil, fmt.Errorf("reading the descriptor: %w", err)
	}
	return find(set, message)
}

func find(set *descriptorpb.FileDescriptorSet, message string) (protoreflect.MessageDescriptor, error) {
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("linking the descriptor: %w", err)
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(message))
	if err != nil {
		return nil, fmt.Errorf("finding message %q: %w", message, err)
	}
	m, ok := found.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, fmt.Errorf("%q is not a message", message)
	}
	return m, nil
}
