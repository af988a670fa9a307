// Package argument checks the object that a provider function takes: that its members exist and have the types of the
// struct that it is decoded into. It must not know what the members mean.
package argument

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Error is about one member of an argument.
type Error struct {
	Path   string // such as stream.shards; empty for the argument itself
	Detail string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Detail
	}
	return e.Path + ": " + e.Detail
}

// Fail returns an *Error.
func Fail(path, format string, values ...any) error {
	return &Error{Path: path, Detail: fmt.Sprintf(format, values...)}
}

// Decode reads an object from JSON into target, a pointer to a struct with JSON tags. What is missing or null keeps its
// value. The error is an *Error for a member that does not exist or has another type, and says which. A field with the
// tag argument:"open" takes members that its type does not have, at any depth. example completes "must be an object,
// such as".
func Decode(text []byte, target any, example string) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return err
	}
	if _, isObject := tree.(map[string]any); !isObject {
		return Fail("", "must be an object, such as %s, not %s", example, kindOf(tree))
	}
	if err := check(tree, reflect.TypeOf(target), place{}); err != nil {
		return err
	}
	return json.Unmarshal(text, target)
}

// place is where in the argument a value is.
type place struct {
	path string
	open bool // members that are not known may be there
}

func (p place) member(name string) place {
	p.path = strings.TrimPrefix(p.path+"."+name, ".")
	return p
}

// check compares a value with the type that it is decoded into.
func check(value any, t reflect.Type, at place) error {
	if value == nil {
		return nil
	}
	wanted := "an object"
	switch t.Kind() {
	case reflect.Pointer:
		return check(value, t.Elem(), at)
	case reflect.Interface:
		return nil
	case reflect.Struct, reflect.Map:
		if members, ok := value.(map[string]any); ok {
			return checkMembers(members, t, at)
		}
	case reflect.Slice:
		if elements, ok := value.([]any); ok {
			return checkElements(elements, t.Elem(), at)
		}
		wanted = "a list"
	case reflect.Float64:
		if _, ok := value.(json.Number); ok {
			return nil
		}
		wanted = "a number"
	case reflect.Bool:
		if _, ok := value.(bool); ok {
			return nil
		}
		wanted = "true or false"
	default:
		if _, ok := value.(string); ok {
			return nil
		}
		wanted = "a string"
	}
	return Fail(at.path, "must be %s, not %s", wanted, kindOf(value))
}

func checkElements(elements []any, t reflect.Type, at place) error {
	for i, element := range elements {
		in := at
		in.path = fmt.Sprintf("%s[%d]", at.path, i)
		if element == nil {
			return Fail(in.path, "must not be null")
		}
		if err := check(element, t, in); err != nil {
			return err
		}
	}
	return nil
}

func checkMembers(members map[string]any, t reflect.Type, at place) error {
	known, fields := []string{}, map[string]reflect.StructField{}
	if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			name := f.Tag.Get("json")
			known, fields[name] = append(known, name), f
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		in := at.member(name)
		field, isField := fields[name]
		of := field.Type
		switch {
		case t.Kind() == reflect.Map:
			of = t.Elem() // whoever decodes it knows which keys there are
		case isField:
			in.open = at.open || field.Tag.Get("argument") == "open"
		case at.open:
			continue
		default:
			return Fail(in.path, "there is no such member%s; there are %s", didYouMean(name, known),
				strings.Join(known, ", "))
		}
		if err := check(members[name], of, in); err != nil {
			return err
		}
	}
	return nil
}

// didYouMean suggests the nearest name, if one is near.
func didYouMean(name string, known []string) string {
	best := Nearest(name, known)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// Nearest is the known name that somebody may have meant, or empty: of three letters, one may be wrong.
func Nearest(name string, known []string) string {
	best, distance := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := levenshtein.Distance(name, k, nil); d < distance {
			best, distance = k, d
		}
	}
	return best
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	}
	return "a string"
}

// Uses is whether Decode would read the value at a place of the argument, or something in it: false for what is not a
// field of an open one. source is a struct as for Decode.
func Uses(source any, steps []string) bool {
	t, open := reflect.TypeOf(source), false
	for _, step := range steps {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return true
		}
		found := false
		for f := range t.Fields() {
			if f.Tag.Get("json") == step {
				found, t, open = true, f.Type, open || f.Tag.Get("argument") == "open"
				break
			}
		}
		if !found {
			return !open
		}
	}
	return true
}
