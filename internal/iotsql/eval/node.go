package eval

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

type (
	constant struct{ v value.Value }
	field    struct{ reference int }
	whole    struct{}            // * outside nested queries
	original struct{}            // * as a column
	raw      struct{}            // * as the argument of encode and decode
	element  struct{ depth int } // of the nested query at that depth
	member   struct {
		x    node
		name string
	}
	variable struct{ index int }
	cast     struct {
		x node
		t value.Type
	}
	call struct {
		impl funcs.Impl
		args []node
	}
	guarded struct{ x, fallback node } // get_or_default
	choice  struct {
		x     node
		tests []node
		then  []node
		other node
	}
	list   struct{ items []node }
	object struct {
		keys   []string
		values []node
	}
)

func (n constant) eval(*frame) value.Value { return n.v }

func (n field) eval(f *frame) value.Value { return f.field(n.reference) }

func (whole) eval(f *frame) value.Value { return f.message() }

// eval returns the payload as a column: as it is if it is JSON, otherwise its bytes; nothing if there are none.
func (original) eval(f *frame) value.Value {
	if !f.scan() && len(f.env.Message.Payload) > 0 {
		return value.OfBinary(string(f.env.Message.Payload))
	}
	return f.message()
}

func (raw) eval(f *frame) value.Value { return value.OfBinary(string(f.env.Message.Payload)) }

func (n element) eval(f *frame) value.Value { return f.elements[n.depth] }

func (n member) eval(f *frame) value.Value { return n.x.eval(f).Member(n.name) }

func (n variable) eval(f *frame) value.Value { return f.vars[n.index] }

func (n cast) eval(f *frame) value.Value { return f.plan.version.Cast(n.x.eval(f), n.t) }

// bytesPerWork is how many bytes of text a function can read for one unit of work.
const bytesPerWork = 8

// eval puts the arguments on the frame's stack, so that a call needs no memory of its own.
func (n call) eval(f *frame) value.Value {
	base := len(f.stack)
	work := 1
	for _, arg := range n.args {
		v := arg.eval(f)
		work += len(v.Text())/bytesPerWork + len(v.Items())
		f.stack = append(f.stack, v)
	}
	args := f.stack[base:len(f.stack):len(f.stack)]
	if !f.env.Spend(work) {
		f.stack = f.stack[:base]
		return value.Value{}
	}
	result := n.impl(&f.env, args)
	f.stack = f.stack[:base]
	if !f.env.Spend(len(result.Text()) + len(result.Items())) {
		return value.Value{}
	}
	return result
}

// eval turns a failure of an external function into the fallback. [IoT-SQL 14.3 get_or_default]
func (n guarded) eval(f *frame) value.Value {
	if f.env.Err() != nil {
		return value.Value{} // a failure elsewhere, which is not for this call to catch
	}
	v := n.x.eval(f)
	if f.env.Recover() || v.IsUndefined() || v.Kind() == value.Null {
		if n.fallback == nil {
			return value.Value{}
		}
		return n.fallback.eval(f)
	}
	return v
}

// eval compares in order; an Undefined value makes all of CASE Undefined, ELSE included. [IoT-SQL 9]
func (n choice) eval(f *frame) value.Value {
	v := n.x.eval(f)
	if v.IsUndefined() {
		return v
	}
	for i, test := range n.tests {
		if value.Equal(v, test.eval(f)) {
			return n.then[i].eval(f)
		}
	}
	if n.other == nil {
		return value.Value{}
	}
	return n.other.eval(f)
}

// eval leaves Undefined items out, as objects do.
func (n list) eval(f *frame) value.Value {
	items := make([]value.Value, 0, len(n.items))
	for _, x := range n.items {
		if v := x.eval(f); !v.IsUndefined() {
			items = append(items, v)
		}
	}
	if !f.env.Spend(16 * len(items)) {
		return value.Value{}
	}
	return value.OfArray(items)
}

func (n object) eval(f *frame) value.Value {
	m := &value.Members{}
	for i, x := range n.values {
		m.Set(n.keys[i], x.eval(f))
	}
	if !f.env.Spend(16 * m.Len()) {
		return value.Value{}
	}
	return value.OfObject(m)
}
