package iotsql

import (
	"context"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/eval"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

// Options say how to interpret a text.
type Options struct {
	Version  string   // "2016-03-23" when empty, "2015-10-08", "beta"
	RuleName string   // for Basic Ingest
	Names    []string // extra root names that Message.Bindings supplies; the payload never supplies them
	// NoServices says why functions that call other services, such as get_dynamodb, are errors. If it is empty, they
	// are allowed.
	NoServices string
}

func (o Options) internal() eval.Options {
	return eval.Options{Version: o.Version, Rule: o.RuleName, Names: o.Names, NoServices: o.NoServices}
}

// Message is one published message; see the fields.
type Message = message.Message

// Properties are the MQTT 5 properties of a message.
type Properties = message.Properties

// UserProperty is one MQTT 5 user property.
type UserProperty = message.UserProperty

// External calls the services behind aws_lambda, get_dynamodb and the like.
type External = message.External

// ItemKey names one DynamoDB item for External.
type ItemKey = message.ItemKey

// ProtobufType names a protobuf message type for External.
type ProtobufType = message.ProtobufType

// Result is the outcome of a query for a message: whether it matched, and the input of the rule's actions.
type Result = eval.Result

// Diagnostic is one remark about a text: line and column from 1 (columns in characters), the message, and the line
// with a caret below it.
type Diagnostic = syntax.Diagnostic

// ErrorList lists the errors in a text, in source order, ten at most.
type ErrorList []Diagnostic

// Error returns one line per error, each followed by its excerpt.
func (l ErrorList) Error() string {
	var b strings.Builder
	for i, d := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.String())
		b.WriteByte('\n')
		b.WriteString(d.Excerpt)
	}
	return b.String()
}

// Query is a compiled rule, immutable and safe for concurrent use.
type Query struct{ q *eval.Query }

// Compile compiles a whole rule. The error is an ErrorList if the text is wrong.
func Compile(text string, o Options) (*Query, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	q, report := eval.CompileQuery(text, o.internal())
	if report.Failed() {
		return nil, ErrorList(report.Errors())
	}
	return &Query{q}, nil
}

// Eval runs the query against a message. The error is a failed external function or a rule that takes too much work.
// For SELECT *, Result.Payload shares memory with m.Payload.
func (q *Query) Eval(ctx context.Context, m *Message) (Result, error) { return q.q.Eval(ctx, m) }

// EvalTemplate fills in a template, with the rule's SET variables.
func (q *Query) EvalTemplate(ctx context.Context, t *Template, m *Message) (string, error) {
	return q.q.EvalTemplate(ctx, t.t, m)
}

// Topic is the filter after FROM, "" without FROM.
func (q *Query) Topic() string { return q.q.Topic() }

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (q *Query) Warnings() []Diagnostic { return q.q.Warnings() }

// Variables are the names of the SET variables, without @.
func (q *Query) Variables() []string { return q.q.Variables() }

// UsesName reports whether the query refers to a root name.
func (q *Query) UsesName(name string) bool { return q.q.UsesName(name) }

// Paths are the payload paths that the query reads, sorted; "*" is the whole payload.
func (q *Query) Paths() []string { return q.q.Paths() }

// String is the query in canonical form.
func (q *Query) String() string { return q.q.String() }

// Where is the condition after WHERE in canonical form, "" without one.
func (q *Query) Where() string { return q.q.Where() }

// WithWhere returns the same query with another condition, which may read the query's SET variables. The error is an
// ErrorList if the condition is wrong; what is wrong with its meaning has a place in the whole query's canonical form.
func (q *Query) WithWhere(condition string, o Options) (*Query, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	changed, report := q.q.WithWhere(condition, o.internal())
	if report.Failed() {
		return nil, ErrorList(report.Errors())
	}
	return &Query{changed}, nil
}

// SelectList is a compiled list of what a rule selects, without SELECT and the clauses. It is immutable and safe for
// concurrent use.
type SelectList struct{ l *eval.SelectList }

// CompileSelectList compiles what a rule has between SELECT and FROM. The error is an ErrorList if the text is wrong.
func CompileSelectList(text string, o Options) (*SelectList, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l, report := eval.CompileSelectList(text, o.internal())
	if report.Failed() {
		return nil, ErrorList(report.Errors())
	}
	return &SelectList{l}, nil
}

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (l *SelectList) Warnings() []Diagnostic { return l.l.Warnings() }

// Output returns the paths in the output that the list writes. More reports whether the output may have others, which
// come from the message.
func (l *SelectList) Output() (paths []string, more bool) { return l.l.Output() }

// IsScalar reports whether the output can be neither an object nor an array.
func (l *SelectList) IsScalar() bool { return l.l.IsScalar() }

// Condition is a compiled bare WHERE expression, immutable and safe for concurrent use.
type Condition struct{ c *eval.Condition }

// CompileCondition compiles a bare WHERE expression. The error is an ErrorList when the text is wrong.
func CompileCondition(text string, o Options) (*Condition, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, report := eval.CompileCondition(text, o.internal())
	if report.Failed() {
		return nil, ErrorList(report.Errors())
	}
	return &Condition{c}, nil
}

// Eval reports whether the condition is true for a message: Undefined, Null and non-Booleans are not.
func (c *Condition) Eval(ctx context.Context, m *Message) (bool, error) { return c.c.Eval(ctx, m) }

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (c *Condition) Warnings() []Diagnostic { return c.c.Warnings() }

// UsesName reports whether the condition refers to a root name.
func (c *Condition) UsesName(name string) bool { return c.c.UsesName(name) }

// Paths are the payload paths that the condition reads, sorted; "*" is the whole payload.
func (c *Condition) Paths() []string { return c.c.Paths() }

// String is the condition in canonical form, ready to be put in parentheses into a rule's WHERE.
func (c *Condition) String() string { return c.c.String() }

// Template is a compiled text with ${…} parts, immutable and safe for concurrent use.
type Template struct{ t *eval.Template }

// CompileTemplate compiles a text with ${…} parts. The error is an ErrorList when the text is wrong.
func CompileTemplate(text string, o Options) (*Template, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t, report := eval.CompileTemplate(text, o.internal())
	if report.Failed() {
		return nil, ErrorList(report.Errors())
	}
	return &Template{t}, nil
}

// Eval fills in the template for a message; @variables are empty, use Query.EvalTemplate for them.
func (t *Template) Eval(ctx context.Context, m *Message) (string, error) { return t.t.Eval(ctx, m) }

// EvalMap fills in the template as Eval does, with the text that mapping makes of each value's.
func (t *Template) EvalMap(ctx context.Context, m *Message, mapping func(string) string) (string, error) {
	return t.t.EvalMap(ctx, m, mapping)
}

// JSON returns the template as one that remains JSON for every message. The error is an ErrorList if the text is not
// a JSON document, or if an expression is all of it.
func (t *Template) JSON() (*JSONTemplate, error) {
	j, report := t.t.JSON()
	if report.Failed() {
		return nil, ErrorList(report.Errors())
	}
	return &JSONTemplate{j}, nil
}

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (t *Template) Warnings() []Diagnostic { return t.t.Warnings() }

// Variables are the names of the variables that the template reads, without @; the rule has to SET them.
func (t *Template) Variables() []string { return t.t.Variables() }

// UsesName reports whether the template refers to a root name.
func (t *Template) UsesName(name string) bool { return t.t.UsesName(name) }

// Paths are the payload paths that the template reads, sorted; "*" is the whole payload.
func (t *Template) Paths() []string { return t.t.Paths() }

// JSONTemplate is a compiled template that is a JSON document, immutable and safe for concurrent use.
type JSONTemplate struct{ t *eval.JSONTemplate }

// Eval fills in the template for a message. Inside a JSON string, the text of a value is inserted and escaped;
// elsewhere, the value is written as JSON, Undefined as null. No value changes the structure of the document: if one
// repeats a key of its object, that is an error.
func (t *JSONTemplate) Eval(ctx context.Context, m *Message) (string, error) { return t.t.Eval(ctx, m) }

// Warnings are remarks about keys that a message can choose, and about keys that are repeated.
func (t *JSONTemplate) Warnings() []Diagnostic { return t.t.Warnings() }
