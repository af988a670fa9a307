package protoset

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

// UnknownMessageError is the name of a message that a set does not contain.
type UnknownMessageError struct {
	Message  string
	Messages []string // that the set contains, sorted
}

func (e *UnknownMessageError) Error() string {
	return fmt.Sprintf("the descriptor set has no message %q", e.Message)
}

// MissingTypeError is a type that a message needs and that the set does not contain, because it lacks an import.
type MissingTypeError struct{ Type, NeededBy string }

func (e *MissingTypeError) Error() string {
	return fmt.Sprintf("the descriptor set has no type %q, which %q needs", e.Type, e.NeededBy)
}

// definition is a message or an enum of a set.
type definition struct {
	file    int
	message *descriptorpb.DescriptorProto // nil: an enum
}

// pruner reduces a set to what a message needs.
type pruner struct {
	set   *descriptorpb.FileDescriptorSet
	known map[string]definition // by full name, without the leading dot
	kept  map[string]bool
	files map[int]map[int]bool // the files that a file refers to
}

// prune returns what a message needs of a set: no services, extensions, comments, or options that do not affect how
// bytes are read.
func prune(set *descriptorpb.FileDescriptorSet, message string) (*descriptorpb.FileDescriptorSet, error) {
	p := &pruner{set: set, known: map[string]definition{}, kept: map[string]bool{}, files: map[int]map[int]bool{}}
	for i, file := range set.File {
		p.index(i, file.GetPackage(), file.MessageType, file.EnumType)
	}
	if d, ok := p.known[message]; !ok || d.message == nil {
		return nil, &UnknownMessageError{message, p.messages()}
	}
	if err := p.keep(message); err != nil {
		return nil, err
	}
	return p.small(), nil
}

func (p *pruner) index(file int, scope string, messages []*descriptorpb.DescriptorProto,
	enums []*descriptorpb.EnumDescriptorProto,
) {
	for _, m := range messages {
		name := join(scope, m.GetName())
		p.known[name] = definition{file, m}
		p.index(file, name, m.NestedType, m.EnumType)
	}
	for _, e := range enums {
		p.known[join(scope, e.GetName())] = definition{file: file}
	}
}

func join(scope, name string) string { return strings.TrimPrefix(scope+"."+name, ".") }

// messages are the messages of the set, except the entries of maps.
func (p *pruner) messages() []string {
	var names []string
	for name, d := range p.known {
		if d.message != nil && !d.message.GetOptions().GetMapEntry() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keep marks a type and all that it needs. It uses a list instead of recursion, because types may refer to each other
// to any depth.
func (p *pruner) keep(message string) error {
	p.kept[message] = true
	for todo := []string{message}; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		from := p.known[name]
		for _, field := range from.message.GetField() {
			if field.GetTypeName() == "" {
				continue
			}
			needed := strings.TrimPrefix(field.GetTypeName(), ".")
			to, ok := p.known[needed]
			if !ok {
				return &MissingTypeError{needed, name}
			}
			if to.file != from.file {
				if p.files[from.file] == nil {
					p.files[from.file] = map[int]bool{}
				}
				p.files[from.file][to.file] = true
			}
			if !p.kept[needed] {
				p.kept[needed] = true
				todo = append(todo, needed)
			}
		}
	}
	return nil
}

func (p *pruner) small() *descriptorpb.FileDescriptorSet {
	small := &descriptorpb.FileDescriptorSet{}
	for i, file := range p.set.File {
		kept := &descriptorpb.FileDescriptorProto{Name: file.Name, Package: file.Package, Syntax: file.Syntax,
			Edition:     file.Edition,
			MessageType: p.smallMessages(file.GetPackage(), file.MessageType),
			EnumType:    p.smallEnums(file.GetPackage(), file.EnumType),
		}
		if f := file.GetOptions().GetFeatures(); f != nil {
			kept.Options = &descriptorpb.FileOptions{Features: f}
		}
		for n := range p.set.File {
			if p.files[i][n] {
				kept.Dependency = append(kept.Dependency, p.set.File[n].GetName())
			}
		}
		if len(kept.MessageType) > 0 || len(kept.EnumType) > 0 {
			small.File = append(small.File, kept)
		}
	}
	return small
}

// smallMessages returns the messages that are needed. One that only encloses others has no fields.
func (p *pruner) smallMessages(scope string, list []*descriptorpb.DescriptorProto) []*descriptorpb.DescriptorProto {
	var small []*descriptorpb.DescriptorProto
	for _, m := range list {
		name := join(scope, m.GetName())
		kept := &descriptorpb.DescriptorProto{
			Name:       m.Name,
			NestedType: p.smallMessages(name, m.NestedType),
			EnumType:   p.smallEnums(name, m.EnumType),
		}
		if p.kept[name] {
			kept.Field = smallFields(m.Field)
			for _, oneof := range m.OneofDecl {
				kept.OneofDecl = append(kept.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: oneof.Name})
			}
		}
		if o := m.GetOptions(); o.GetMapEntry() || o.GetFeatures() != nil {
			kept.Options = &descriptorpb.MessageOptions{MapEntry: o.MapEntry, Features: o.Features}
		}
		if p.kept[name] || len(kept.NestedType) > 0 || len(kept.EnumType) > 0 {
			small = append(small, kept)
		}
	}
	return small
}

// smallFields leaves out JSON names and defaults: a payload that lacks a field with a default says nothing about it.
func smallFields(list []*descriptorpb.FieldDescriptorProto) []*descriptorpb.FieldDescriptorProto {
	var small []*descriptorpb.FieldDescriptorProto
	for _, f := range list {
		kept := &descriptorpb.FieldDescriptorProto{Name: f.Name, Number: f.Number, Label: f.Label, Type: f.Type,
			TypeName: f.TypeName, OneofIndex: f.OneofIndex, Proto3Optional: f.Proto3Optional}
		if o := f.GetOptions(); o != nil && (o.Packed != nil || o.Features != nil) {
			kept.Options = &descriptorpb.FieldOptions{Packed: o.Packed, Features: o.Features}
		}
		small = append(small, kept)
	}
	return small
}

func (p *pruner) smallEnums(
	scope string, list []*descriptorpb.EnumDescriptorProto,
) []*descriptorpb.EnumDescriptorProto {
	var small []*descriptorpb.EnumDescriptorProto
	for _, e := range list {
		if !p.kept[join(scope, e.GetName())] {
			continue
		}
		kept := &descriptorpb.EnumDescriptorProto{Name: e.Name}
		for _, v := range e.Value {
			kept.Value = append(kept.Value, &descriptorpb.EnumValueDescriptorProto{Name: v.Name, Number: v.Number})
		}
		if o := e.GetOptions(); o.GetAllowAlias() || o.GetFeatures() != nil {
			kept.Options = &descriptorpb.EnumOptions{AllowAlias: o.AllowAlias, Features: o.Features}
		}
		small = append(small, kept)
	}
	return small
}
