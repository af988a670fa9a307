// Package policyjson compares AWS policy documents by meaning. It knows JSON
// and how AWS rewrites a policy, and nothing of where policies are used.
package policyjson

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Equal reports whether two policy documents mean the same: white space, the order of object keys and an array of one
// in place of its element do not count, and neither does the order within lists of actions, resources and the like. The
// order of statements counts. Texts that are not JSON are equal only when they are the same text.
func Equal(a, b string) bool {
	if a == b {
		return true
	}
	left, err := parse(a)
	if err != nil {
		return false
	}
	right, err := parse(b)
	if err != nil {
		return false
	}
	return reflect.DeepEqual(left, right)
}

func parse(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // keeps account numbers that are written as numbers exact
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the policy document")
	}
	return canonical(value), nil
}

func canonical(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = canonical(member)
		}
		return v
	case []any:
		if len(v) == 1 {
			return canonical(v[0])
		}
		for i := range v {
			v[i] = canonical(v[i])
		}
		if texts, ok := allTexts(v); ok {
			return texts
		}
		return v
	default:
		return v
	}
}

// allTexts gives a list of strings (actions, resources, condition values) in sorted order: AWS gives those back in any.
func allTexts(list []any) ([]string, bool) {
	texts := make([]string, len(list))
	for i, element := range list {
		text, ok := element.(string)
		if !ok {
			return nil, false
		}
		texts[i] = text
	}
	slices.Sort(texts)
	return texts, true
}
