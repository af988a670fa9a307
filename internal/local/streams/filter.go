package streams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A filter is the filter criteria of a mapping: a record passes when any pattern matches. [AWS 5 EF]
type filter struct {
	patterns []map[string]any
}

func parseFilter(texts []string) (*filter, error) {
	f := &filter{}
	for _, text := range texts {
		var p map[string]any
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return nil, fmt.Errorf("filter pattern %s: %w", text, err)
		}
		f.patterns = append(f.patterns, p)
	}
	return f, nil
}

// match decides about one record. Patterns on "data" see the record as JSON; data that is not JSON matches none of
// them.
func (f *filter) match(r Record) bool {
	if len(f.patterns) == 0 {
		return true
	}
	fields := map[string]any{"partitionKey": r.PartitionKey, "sequenceNumber": r.SequenceNumber}
	var data any
	decoder := json.NewDecoder(bytes.NewReader(r.Data))
	if err := decoder.Decode(&data); err == nil && !decoder.More() {
		fields["data"] = data
	}
	for _, p := range f.patterns {
		if matchObject(p, fields) {
			return true
		}
	}
	return false
}

// matchObject reports whether every member of the pattern matches: objects by their members, lists by any entry.
func matchObject(pattern map[string]any, value any) bool {
	object, _ := value.(map[string]any)
	for name, want := range pattern {
		got, exists := object[name]
		switch want := want.(type) {
		case map[string]any:
			if !matchObject(want, got) {
				return false
			}
		case []any:
			if !matchAny(want, got, exists) {
				return false
			}
		default:
			return false // not a valid pattern
		}
	}
	return true
}

// matchAny reports whether one entry of the list matches the value or, for an array, one of its elements.
func matchAny(wanted []any, got any, exists bool) bool {
	values := []any{got}
	if list, ok := got.([]any); ok {
		values = list
	}
	for _, want := range wanted {
		rule, isRule := want.(map[string]any)
		if wantExists, ok := rule["exists"].(bool); ok {
			if wantExists == exists {
				return true
			}
			continue
		}
		for _, v := range values {
			if exists && (isRule && matchRule(rule, v) || !isRule && equal(v, want)) {
				return true
			}
		}
	}
	return false
}

// equal compares scalars; objects and arrays never match.
func equal(a, b any) bool {
	switch a.(type) {
	case nil, bool, float64, string:
		return a == b
	}
	return false
}

// matchRule applies one comparison such as {"prefix": "a"} or {"numeric": [">", 1]}.
func matchRule(rule map[string]any, value any) bool {
	text, isText := value.(string)
	for name, argument := range rule {
		wanted, _ := argument.(string)
		var ok bool
		switch name {
		case "prefix":
			ok = isText && strings.HasPrefix(text, wanted)
		case "suffix":
			ok = isText && strings.HasSuffix(text, wanted)
		case "equals-ignore-case":
			ok = isText && strings.EqualFold(text, wanted)
		case "numeric":
			ok = matchNumeric(argument, value)
		case "anything-but":
			list, isList := argument.([]any)
			if !isList {
				list = []any{argument}
			}
			ok = !matchAny(list, value, true)
		}
		if !ok {
			return false
		}
	}
	return len(rule) > 0
}

// matchNumeric evaluates pairs of operator and number, all of which must hold.
func matchNumeric(argument, value any) bool {
	terms, _ := argument.([]any)
	number, isNumber := value.(float64)
	if !isNumber || len(terms) == 0 || len(terms)%2 != 0 {
		return false
	}
	for i := 0; i < len(terms); i += 2 {
		limit, ok := terms[i+1].(float64)
		operator, _ := terms[i].(string)
		holds := map[string]bool{
			"=":  number == limit,
			"<":  number < limit,
			"<=": number <= limit,
			">":  number > limit,
			">=": number >= limit,
		}
		if !ok || !holds[operator] {
			return false
		}
	}
	return true
}
