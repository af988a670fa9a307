package eval

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// column is one item of a SELECT.
type column struct {
	x     node
	path  []string // where the value goes; several names build nested objects
	merge bool     // the members of the value go into the output: * and object literals without alias
	star  bool
}

// selection is a compiled SELECT, of a rule or nested.
type selection struct {
	columns []column
	bare    bool // SELECT VALUE
	flat    bool // every column has one key of its own: the output can be written without building it
	where   node
}

// binaryKey is where SELECT *, … puts a payload that is not an object. The page about this form does not say.
// [IoT-SQL 13]
const binaryKey = "payload"

// project evaluates the columns.
func (s *selection) project(f *frame) value.Value {
	if s.bare {
		return s.columns[0].x.eval(f)
	}
	if len(s.columns) == 1 && s.columns[0].star {
		return s.columns[0].x.eval(f)
	}
	m := &value.Members{}
	for i := range s.columns {
		c := &s.columns[i]
		v := c.x.eval(f)
		switch {
		case !c.merge:
			put(m, c.path, v)
		case v.Kind() == value.Object:
			m.Merge(v.Members())
		case c.star && len(f.elements) == 0:
			m.Set(binaryKey, v)
		}
	}
	return value.OfObject(m)
}

// put sets the member at path, creating objects on the way. [IoT-SQL 4 SELECT]
func put(m *value.Members, path []string, v value.Value) {
	if len(path) == 1 || v.IsUndefined() {
		m.Set(path[0], v)
		return
	}
	inner := &value.Members{}
	if old := m.Get(path[0]); old.Kind() == value.Object {
		inner.Merge(old.Members())
	}
	put(inner, path[1:], v)
	m.Set(path[0], value.OfObject(inner))
}

// nested is a query over an array or object of the message. [IoT-SQL 12]
type nested struct {
	selection
	source node
	star   bool // FROM *
	depth  int
}

// perElement is the work counted for visiting one element.
const perElement = 16

func (n *nested) eval(f *frame) value.Value {
	source := n.source.eval(f)
	if n.star && source.Kind() == value.Object {
		source = value.OfArray([]value.Value{source})
	}
	switch source.Kind() {
	case value.Array:
		results := []value.Value{}
		n.each(f, source.Items(), func(v value.Value) bool {
			if !v.IsUndefined() {
				results = append(results, v)
			}
			return true
		})
		return value.OfArray(results)
	case value.Object:
		var result value.Value
		n.each(f, []value.Value{source}, func(v value.Value) bool {
			result = v
			return false
		})
		return result
	}
	return value.Value{}
}

// each calls visit with the projection of every element that passes WHERE, until visit says to stop.
func (n *nested) each(f *frame, items []value.Value, visit func(value.Value) bool) {
	for _, item := range items {
		if !f.env.Spend(perElement) {
			return
		}
		f.elements = append(f.elements, item)
		var result value.Value
		pass := n.where == nil || n.where.eval(f).IsTrue()
		if pass {
			result = n.project(f)
		}
		f.elements = f.elements[:n.depth]
		if pass && !visit(result) {
			return
		}
	}
}

// exists is EXISTS (query): it stops at the first element that passes. [IoT-SQL 8 EXISTS]
type exists struct{ query *nested }

func (n exists) eval(f *frame) value.Value {
	source := n.query.source.eval(f)
	items := source.Items()
	if source.Kind() == value.Object {
		items = []value.Value{source}
	}
	found := false
	n.query.each(f, items, func(v value.Value) bool {
		found = !v.IsUndefined()
		return !found
	})
	return value.OfBool(found)
}

// write appends the output of a rule to f.out. [IoT-SQL 4 SELECT]
func (s *selection) write(f *frame) error {
	if !s.flat {
		return f.append(s.project(f))
	}
	f.out = append(f.out, '{')
	for i := range s.columns {
		c := &s.columns[i]
		v := c.x.eval(f)
		if v.IsUndefined() {
			continue
		}
		if len(f.out) > 1 {
			f.out = append(f.out, ',')
		}
		f.out = jsontext.AppendString(f.out, c.path[0])
		f.out = append(f.out, ':')
		if err := f.append(v); err != nil {
			return err
		}
	}
	f.out = append(f.out, '}')
	return f.env.Err()
}

// MaxOutput is the maximum size of a rule's output in bytes.
const MaxOutput = 1 << 20

func (f *frame) append(v value.Value) error {
	if err := f.env.Err(); err != nil {
		return err
	}
	if len(f.out)+value.Size(v, MaxOutput) > MaxOutput {
		return funcs.ErrTooMuch
	}
	f.out = value.AppendJSON(f.out, v)
	return nil
}
