// Package policy decides what a connected device may do, from AWS IoT policy documents: statements, wildcards, policy
// variables, conditions, and Deny over Allow. [AWS 3]
//
// It is pure: it knows neither the AWS API nor the broker.
package policy

import (
	"encoding/json"
	"fmt"
)

// A Document is a parsed policy document.
type Document struct {
	statements []statement
}

type statement struct {
	deny       bool
	actions    []string
	resources  []string
	conditions []condition
}

// A condition is one operator applied to one key.
type condition struct {
	operator string
	key      string
	values   []string
}

// Parse reads a policy document. Elements that IoT policies do not have (Principal, NotAction, NotResource) are errors,
// since ignoring them would allow more than the document says.
func Parse(text string) (*Document, error) {
	var raw struct {
		Statement list[rawStatement]
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("reading policy document: %w", err)
	}
	d := &Document{statements: make([]statement, 0, len(raw.Statement))}
	for i, r := range raw.Statement {
		s, err := r.parse()
		if err != nil {
			return nil, fmt.Errorf("reading policy document: statement %d: %w", i+1, err)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

type rawStatement struct {
	Effect      string
	Action      list[string]
	Resource    list[string]
	NotAction   json.RawMessage
	NotResource json.RawMessage
	Principal   json.RawMessage
	Condition   map[string]map[string]list[scalar]
}

func (r rawStatement) parse() (statement, error) {
	for name, element := range map[string]json.RawMessage{
		"NotAction": r.NotAction, "NotResource": r.NotResource, "Principal": r.Principal,
	} {
		if element != nil {
			return statement{}, fmt.Errorf("%s is not an element of an IoT policy", name)
		}
	}
	if r.Effect != "Allow" && r.Effect != "Deny" {
		return statement{}, fmt.Errorf("effect %q is neither Allow nor Deny", r.Effect)
	}
	s := statement{deny: r.Effect == "Deny", actions: r.Action, resources: r.Resource}
	for operator, keys := range r.Condition {
		for key, values := range keys {
			c := condition{operator: operator, key: key}
			for _, v := range values {
				c.values = append(c.values, string(v))
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return s, nil
}

// list is a JSON array of T, or a single T.
type list[T any] []T

// UnmarshalJSON accepts both forms.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

// scalar is a condition value: a string, or the text of a boolean or number.
type scalar string

// UnmarshalJSON accepts any JSON scalar.
func (s *scalar) UnmarshalJSON(text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		*s = scalar(v)
	case bool, float64:
		*s = scalar(text)
	default:
		return fmt.Errorf("condition value %s is not a scalar", text)
	}
	return nil
}
