// Package eval checks the tree of a statement, condition or template, compiles it into nodes, and evaluates these
// against messages. It contains the order of work, scopes, operators and projections, but not the meaning of values and
// functions, and nothing about rules' actions.
package eval

import (
	"context"
	"sync"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// node is a compiled expression. Nodes are immutable; all state of an evaluation is in the frame.
type node interface {
	eval(f *frame) value.Value
}

// plan is what the nodes of one text need from a frame.
type plan struct {
	version   value.Version
	sql       string // the version's name
	rule      string
	names     map[string]bool
	paths     value.Paths
	refs      []reference
	variables []string
}

// reference is one path from a root name that the text reads.
type reference struct {
	path []string
	slot int // in plan.paths; -1 for a declared extra name, which the payload can never supply
}

// frame is the state of one evaluation.
type frame struct {
	env  funcs.Env
	plan *plan

	isJSON  bool // the payload is a JSON object or array
	scanned bool
	spans   []value.Span

	values   []value.Value // by reference
	known    []bool
	root     value.Value
	hasRoot  bool
	vars     []value.Value
	elements []value.Value // of the nested queries that are under way, outermost first
	stack    []value.Value // arguments of the calls that are under way
	out      []byte
}

var frames sync.Pool // of *frame

func newFrame(ctx context.Context, m *message.Message, p *plan) *frame {
	f, reused := frames.Get().(*frame)
	if !reused {
		f = new(frame)
	}
	f.plan = p
	f.env = funcs.Env{Context: ctx, Message: m, Version: p.version, SQL: p.sql, Topic: m.Topic}
	if _, rest, ok := topic.TrimBasicIngest(m.Topic); ok {
		f.env.Topic = rest
	}
	f.spans = resize(f.spans, p.paths.Len())
	f.values = resize(f.values, len(p.refs))
	f.known = resize(f.known, len(p.refs))
	f.vars = resize(f.vars, len(p.variables))
	return f
}

// release returns the frame to the pool, without anything that would keep the message alive.
func (f *frame) release() {
	if cap(f.stack) > 1024 || cap(f.out) > 64<<10 {
		return
	}
	clear(f.values)
	clear(f.vars)
	clear(f.stack[:cap(f.stack)])
	clear(f.elements[:cap(f.elements)])
	f.env = funcs.Env{}
	f.plan = nil
	f.root = value.Value{}
	f.isJSON, f.scanned, f.hasRoot = false, false, false
	f.elements, f.stack, f.out = f.elements[:0], f.stack[:0], f.out[:0]
	frames.Put(f)
}

// resize returns a zeroed slice of length n, in s's memory if it fits.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// scan checks whether the payload is JSON and locates the fields that the text reads.
func (f *frame) scan() bool {
	if !f.scanned {
		f.isJSON = f.plan.paths.Find(f.env.Message.Payload, f.spans)
		f.scanned = true
	}
	return f.isJSON
}

// message returns the whole payload as a value; Undefined when it is not a JSON object or array. [IoT-SQL 10, 13]
func (f *frame) message() value.Value {
	if !f.hasRoot {
		f.hasRoot = true
		if f.scan() {
			f.root, _ = f.plan.version.ParseJSON(string(f.env.Message.Payload))
		}
	}
	return f.root
}

// field returns the value of the plan's i-th reference.
func (f *frame) field(i int) value.Value {
	if !f.known[i] {
		f.known[i] = true
		f.values[i] = f.resolve(&f.plan.refs[i])
	}
	return f.values[i]
}

func (f *frame) resolve(r *reference) value.Value {
	if raw, ok := f.env.Message.Bindings[r.path[0]]; ok {
		v, _ := f.plan.version.ParseJSON(string(raw))
		for _, name := range r.path[1:] {
			v = v.Member(name)
		}
		return v
	}
	if r.slot < 0 || !f.scan() {
		return value.Value{}
	}
	return f.plan.version.Decode(f.env.Message.Payload, f.spans[r.slot])
}
