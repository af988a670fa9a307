package telemetry

import (
	"encoding/json"
	"maps"
	"strings"
)

// Form writes the reading as the JSON that alert conditions see: its measures, the same below data, and its time as
// timestamp, in epoch milliseconds. A dotted name is a member of nested objects again.
func (r *Reading) Form() ([]byte, error) {
	data := map[string]any{}
	for _, m := range r.Measures {
		put(data, m.Name, valueOf(m), maxDepth)
	}
	form := maps.Clone(data)
	form["data"], form["timestamp"] = data, r.Time.UnixMilli()
	return json.Marshal(form)
}

// put sets a member of nested objects. Where a scalar is in the way, or the name is too deep, the rest of it stays
// together: a device can write a name with thousands of dots, which take hundreds of megabytes as objects.
func put(object map[string]any, name string, value any, levels int) {
	first, rest, nested := strings.Cut(name, ".")
	if !nested || first == "" || rest == "" || levels == 0 {
		object[name] = value
		return
	}
	inner, ok := object[first].(map[string]any)
	if !ok {
		if _, taken := object[first]; taken {
			object[name] = value
			return
		}
		inner = map[string]any{}
		object[first] = inner
	}
	put(inner, rest, value, levels-1)
}

func valueOf(m Measure) any {
	switch m.Kind {
	case Number:
		return json.Number(m.Text)
	case Bool:
		return m.Text == "true"
	}
	return m.Text
}
