package costs

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

// Decode reads a setup from JSON. What is missing or null has its default. The error is an *ArgumentError for a member
// that does not exist or has another type, and says which.
func Decode(text []byte) (Setup, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return Setup{}, err
	}
	if _, isObject := tree.(map[string]any); !isObject {
		return Setup{}, fail("", "must be an object, such as { devices = 1000 }, not %s", kindOf(tree))
	}
	s := Default()
	if err := checkShape(tree, reflect.TypeFor[Setup](), ""); err != nil {
		return Setup{}, err
	}
	return s, json.Unmarshal(text, &s)
}

// checkShape compares a value with the type that it is decoded into.
func checkShape(value any, t reflect.Type, path string) error {
	if value == nil {
		return nil
	}
	wanted := "an object"
	switch t.Kind() {
	case reflect.Pointer:
		return checkShape(value, t.Elem(), path)
	case reflect.Struct, reflect.Map:
		if members, ok := value.(map[string]any); ok {
			return checkMembers(members, t, path)
		}
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
	return fail(path, "must be %s, not %s", wanted, kindOf(value))
}

func checkMembers(members map[string]any, t reflect.Type, path string) error {
	known, types := []string{}, map[string]reflect.Type{}
	if t.Kind() == reflect.Struct {
		for f := range t.Fields() {
			name := f.Tag.Get("json")
			known, types[name] = append(known, name), f.Type
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		member := strings.TrimPrefix(path+"."+name, ".")
		of := types[name]
		if t.Kind() == reflect.Map {
			of = t.Elem() // Check knows which keys there are
		}
		if of == nil {
			return fail(member, "there is no such member%s; there are %s", didYouMean(name, known),
				strings.Join(known, ", "))
		}
		if err := checkShape(members[name], of, member); err != nil {
			return err
		}
	}
	return nil
}

// didYouMean suggests the nearest name, if one is near.
func didYouMean(name string, known []string) string {
	best, distance := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := levenshtein.Distance(name, k, nil); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
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

// UnmarshalJSON gives what is missing its default.
func (t *Timestream) UnmarshalJSON(text []byte) error {
	type plain Timestream
	*t = *DefaultTimestream()
	return json.Unmarshal(text, (*plain)(t))
}

// UnmarshalJSON gives what is missing its default.
func (r *Recent) UnmarshalJSON(text []byte) error {
	type plain Recent
	*r = *DefaultRecent()
	return json.Unmarshal(text, (*plain)(r))
}

// UnmarshalJSON gives what is missing its default.
func (q *Queries) UnmarshalJSON(text []byte) error {
	type plain Queries
	*q = *DefaultQueries()
	return json.Unmarshal(text, (*plain)(q))
}

// UnmarshalJSON gives what is missing its default.
func (i *Instance) UnmarshalJSON(text []byte) error {
	type plain Instance
	*i = Instance{Type: "db.influx.medium"}
	return json.Unmarshal(text, (*plain)(i))
}
