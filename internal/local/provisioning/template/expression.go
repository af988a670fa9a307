package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxText bounds what an expression may grow to, in bytes: no message of AWS IoT is longer. [AWS 1.3 MQTT payload]
const maxText = 128 << 10

var errLong = fmt.Errorf("the result is longer than %d bytes", maxText)

// An expression is a value in which functions may stand. Evaluated it is a string, json.Number, bool, []any or
// map[string]any.
type expression interface {
	eval(s *scope) (any, error)
}

// scope is what an expression can refer to.
type scope struct {
	values   map[string]string
	mappings map[string]map[string]map[string]any
}

type (
	literal  struct{ value any } // a string, json.Number or bool
	sequence []expression
	object   map[string]expression
	ref      string
	join     struct{ delimiter, values expression }
	choice   struct{ index, values expression }
	lookup   struct{ table, row, key expression }
	split    struct{ delimiter, text expression }
	sub      struct {
		text   string
		values map[string]expression
	}
)

// compile reads a JSON value; an object whose only member is Ref or begins with Fn:: is a call of that function.
func compile(place string, raw json.RawMessage) (expression, error) {
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	e, err := build(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return e, nil
}

func build(v any) (expression, error) {
	switch v := v.(type) {
	case nil:
		return nil, errors.New("null is not a value")
	case []any:
		return buildAll(v)
	case map[string]any:
		return buildObject(v)
	}
	return literal{v}, nil
}

func buildAll(values []any) (sequence, error) {
	all := make(sequence, len(values))
	for i, v := range values {
		var err error
		if all[i], err = build(v); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func buildObject(values map[string]any) (expression, error) {
	all := object{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "Ref" || strings.HasPrefix(name, "Fn::") {
			if len(values) > 1 {
				return nil, fmt.Errorf("the function %q must be the only member of its object", name)
			}
			return buildCall(name, values[name])
		}
		var err error
		if all[name], err = build(values[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// buildCall reads a function's arguments. [AWS 4 Functions]
func buildCall(name string, argument any) (expression, error) {
	if name == "Ref" {
		parameter, ok := argument.(string)
		if !ok {
			return nil, errors.New("Ref: it takes the name of a parameter")
		}
		return ref(parameter), nil
	}
	if name == "Fn::Sub" {
		return buildSub(argument)
	}
	arguments := map[string]int{"Fn::Join": 2, "Fn::Select": 2, "Fn::Split": 2, "Fn::FindInMap": 3}[name]
	if arguments == 0 {
		return nil, fmt.Errorf("unknown function %q", name)
	}
	list, ok := argument.([]any)
	if !ok || len(list) != arguments {
		return nil, fmt.Errorf("%s: it takes a list of %d arguments", name, arguments)
	}
	a, err := buildAll(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "Fn::Join":
		return join{a[0], a[1]}, nil
	case "Fn::Select":
		return choice{a[0], a[1]}, nil
	case "Fn::Split":
		return split{a[0], a[1]}, nil
	}
	return lookup{a[0], a[1], a[2]}, nil
}

// buildSub reads a text, or a list of a text and an object of values for names other than the parameters.
func buildSub(argument any) (expression, error) {
	list, ok := argument.([]any)
	if !ok {
		list = []any{argument, map[string]any{}}
	}
	if len(list) == 2 {
		text, isText := list[0].(string)
		values, isObject := list[1].(map[string]any)
		if isText && isObject {
			s := sub{text: text, values: map[string]expression{}}
			for name, v := range values {
				var err error
				if s.values[name], err = build(v); err != nil {
					return nil, fmt.Errorf("Fn::Sub: %s: %w", name, err)
				}
			}
			return s, nil
		}
	}
	return nil, errors.New("Fn::Sub: it takes a string, or a list of a string and an object")
}

func (e literal) eval(*scope) (any, error) { return e.value, nil }

func (e sequence) eval(s *scope) (any, error) {
	all := make([]any, len(e))
	for i, one := range e {
		var err error
		if all[i], err = one.eval(s); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (e object) eval(s *scope) (any, error) {
	all := make(map[string]any, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		var err error
		if all[name], err = e[name].eval(s); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (e ref) eval(s *scope) (any, error) {
	v, ok := s.values[string(e)]
	if !ok {
		return nil, fmt.Errorf("cannot resolve the reference to %q", string(e))
	}
	return v, nil
}

func (e join) eval(s *scope) (any, error) {
	delimiter, err := evalText(e.delimiter, s)
	if err != nil {
		return nil, fmt.Errorf("Fn::Join: the delimiter: %w", err)
	}
	texts, err := evalTexts(e.values, s)
	if err != nil {
		return nil, fmt.Errorf("Fn::Join: the list: %w", err)
	}
	size := len(delimiter) * len(texts)
	for _, t := range texts {
		size += len(t)
	}
	if size > maxText {
		return nil, fmt.Errorf("Fn::Join: %w", errLong)
	}
	return strings.Join(texts, delimiter), nil
}

// eval of a choice fails for an index outside of the list, as AWS says that it would. [AWS 4 Functions]
func (e choice) eval(s *scope) (any, error) {
	v, err := e.index.eval(s)
	if err != nil {
		return nil, fmt.Errorf("Fn::Select: the index: %w", err)
	}
	index, err := strconv.Atoi(fmt.Sprint(v)) // a number, or a parameter's text
	if err != nil {
		return nil, fmt.Errorf("Fn::Select: the index %.40q is not a whole number", fmt.Sprint(v))
	}
	values, err := evalList(e.values, s)
	if err != nil {
		return nil, fmt.Errorf("Fn::Select: the list: %w", err)
	}
	if index < 0 || index >= len(values) {
		return nil, fmt.Errorf("Fn::Select: there is no element %d in a list of %d", index, len(values))
	}
	return values[index], nil
}

func (e lookup) eval(s *scope) (any, error) {
	var keys [3]string
	for i, k := range []expression{e.table, e.row, e.key} {
		var err error
		if keys[i], err = evalText(k, s); err != nil {
			return nil, fmt.Errorf("Fn::FindInMap: %w", err)
		}
	}
	v, ok := s.mappings[keys[0]][keys[1]][keys[2]]
	if !ok {
		return nil, fmt.Errorf("Fn::FindInMap: the mappings have no %s", strings.Join(keys[:], "."))
	}
	return v, nil
}

func (e split) eval(s *scope) (any, error) {
	delimiter, err := evalText(e.delimiter, s)
	if err != nil {
		return nil, fmt.Errorf("Fn::Split: the delimiter: %w", err)
	}
	if delimiter == "" {
		return nil, errors.New("Fn::Split: the delimiter is empty")
	}
	text, err := evalText(e.text, s)
	if err != nil {
		return nil, fmt.Errorf("Fn::Split: the text: %w", err)
	}
	var all []any
	for part := range strings.SplitSeq(text, delimiter) {
		all = append(all, part)
	}
	return all, nil
}

// eval of a sub replaces ${name}; ${!name} is the text ${name}.
func (e sub) eval(s *scope) (any, error) {
	values := maps.Clone(s.values)
	if values == nil {
		values = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		var err error
		if values[name], err = evalText(e.values[name], s); err != nil {
			return nil, fmt.Errorf("Fn::Sub: %s: %w", name, err)
		}
	}
	var b strings.Builder
	rest := e.text
	for {
		before, after, found := strings.Cut(rest, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return nil, errors.New("Fn::Sub: a ${ has no }")
		}
		if kept, ok := strings.CutPrefix(name, "!"); ok {
			b.WriteString("${" + kept + "}")
		} else if v, ok := values[name]; ok {
			b.WriteString(v)
		} else {
			return nil, fmt.Errorf("Fn::Sub: cannot resolve the reference to %q", name)
		}
		if b.Len() > maxText {
			return nil, fmt.Errorf("Fn::Sub: %w", errLong)
		}
		rest = tail
	}
}

func evalText(e expression, s *scope) (string, error) {
	v, err := e.eval(s)
	if err != nil {
		return "", err
	}
	text, ok := v.(string)
	if !ok {
		return "", errors.New("it is not a string")
	}
	return text, nil
}

func evalList(e expression, s *scope) ([]any, error) {
	v, err := e.eval(s)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("it is not a list")
	}
	return list, nil
}

func evalTexts(e expression, s *scope) ([]string, error) {
	values, err := evalList(e, s)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(values))
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("element %d is not a string", i)
		}
		all[i] = text
	}
	return all, nil
}
