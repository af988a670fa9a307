// Package tfvalue translates between Terraform values and plain Go trees of
// maps, slices, strings, booleans and numbers, and so between whole resources and
// structs with JSON tags.
//
// The framework's own reflection copies a map for every element that is looked at;
// with a thousand devices in a map that takes seconds. A tree is made in one pass.
// This package knows types and values, and no resource.
package tfvalue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type unknown struct{}

// Unknown marks a value of a tree that is known only after apply.
var Unknown any = unknown{}

// IsUnknown says whether a tree is the value Unknown. It does not look inside.
func IsUnknown(tree any) bool { _, ok := tree.(unknown); return ok }

// Tree gives v as map[string]any (objects and maps), []any (lists, sets and tuples), string, bool,
// json.Number, nil or Unknown.
func Tree(v tftypes.Value) (any, error) {
	if !v.IsKnown() {
		return Unknown, nil
	}
	if v.IsNull() {
		return nil, nil
	}
	t := v.Type()
	switch {
	case t.Is(tftypes.String):
		var s string
		err := v.As(&s)
		return s, err
	case t.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case t.Is(tftypes.Number):
		var n big.Float
		if err := v.As(&n); err != nil {
			return nil, err
		}
		return json.Number(n.Text('f', -1)), nil
	case t.Is(tftypes.Object{}), t.Is(tftypes.Map{}):
		return treeOfMap(v)
	default:
		return treeOfList(v)
	}
}

func treeOfMap(v tftypes.Value) (any, error) {
	var members map[string]tftypes.Value
	if err := v.As(&members); err != nil {
		return nil, err
	}
	tree := make(map[string]any, len(members))
	for key, member := range members {
		sub, err := Tree(member)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		tree[key] = sub
	}
	return tree, nil
}

func treeOfList(v tftypes.Value) (any, error) {
	var elements []tftypes.Value
	if err := v.As(&elements); err != nil {
		return nil, err
	}
	tree := make([]any, len(elements))
	for i, element := range elements {
		sub, err := Tree(element)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		tree[i] = sub
	}
	return tree, nil
}

// Value gives a tree as a value of type t. Members of an object that the tree does
// not have are null; members that the type does not have are an error.
func Value(t tftypes.Type, tree any) (tftypes.Value, error) {
	switch {
	case IsUnknown(tree):
		return tftypes.NewValue(t, tftypes.UnknownValue), nil
	case tree == nil:
		return tftypes.NewValue(t, nil), nil
	}
	switch t := t.(type) {
	case tftypes.Object:
		return objectValue(t, tree)
	case tftypes.Map:
		return mapValue(t, tree)
	case tftypes.List:
		return listValue(t, t.ElementType, tree)
	case tftypes.Set:
		return listValue(t, t.ElementType, tree)
	}
	return scalarValue(t, tree)
}

func scalarValue(t tftypes.Type, tree any) (tftypes.Value, error) {
	switch leaf := tree.(type) {
	case string:
		if t.Is(tftypes.String) {
			return tftypes.NewValue(t, leaf), nil
		}
	case bool:
		if t.Is(tftypes.Bool) {
			return tftypes.NewValue(t, leaf), nil
		}
	case json.Number:
		n, _, err := big.ParseFloat(leaf.String(), 10, 512, big.ToNearestEven)
		if err == nil && t.Is(tftypes.Number) {
			return tftypes.NewValue(t, n), nil
		}
	}
	return tftypes.Value{}, fmt.Errorf("a %T is not a %s", tree, t)
}

func objectValue(t tftypes.Object, tree any) (tftypes.Value, error) {
	members, ok := tree.(map[string]any)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("a %T is not an object", tree)
	}
	for key := range members {
		if _, ok := t.AttributeTypes[key]; !ok {
			return tftypes.Value{}, fmt.Errorf("there is no attribute %q", key)
		}
	}
	values := make(map[string]tftypes.Value, len(t.AttributeTypes))
	for key, memberType := range t.AttributeTypes {
		value, err := Value(memberType, members[key])
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%s: %w", key, err)
		}
		values[key] = value
	}
	return tftypes.NewValue(t, values), nil
}

func mapValue(t tftypes.Map, tree any) (tftypes.Value, error) {
	members, ok := tree.(map[string]any)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("a %T is not a map", tree)
	}
	values := make(map[string]tftypes.Value, len(members))
	for key, member := range members {
		value, err := Value(t.ElementType, member)
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%s: %w", key, err)
		}
		values[key] = value
	}
	return tftypes.NewValue(t, values), nil
}

func listValue(t, elementType tftypes.Type, tree any) (tftypes.Value, error) {
	elements, ok := tree.([]any)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("a %T is not a list", tree)
	}
	values := make([]tftypes.Value, len(elements))
	for i, element := range elements {
		value, err := Value(elementType, element)
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%d: %w", i, err)
		}
		values[i] = value
	}
	return tftypes.NewValue(t, values), nil
}

// Decode fills target, a pointer to a struct with JSON tags, from v, and returns where v is unknown.
func Decode(v tftypes.Value, target any) (Paths, error) {
	tree, err := Tree(v)
	if err != nil {
		return nil, err
	}
	rest, paths := Known(tree)
	text, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	return paths, json.Unmarshal(text, target)
}

// Of gives the tree of anything that encoding/json can marshal.
func Of(source any) (any, error) {
	text, err := json.Marshal(source)
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// Object returns the tree of a struct or map as encoding/json marshals it.
func Object(source any) (map[string]any, error) {
	tree, err := Of(source)
	if err != nil {
		return nil, err
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is not an object", source)
	}
	return object, nil
}

// Parse gives the tree of a JSON text. Numbers keep their digits.
func Parse(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	err := decoder.Decode(&tree)
	return tree, err
}
