package eval

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sort"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// Limits on variables. [IoT-SQL 4 SET]
const (
	maxVariables     = 10
	maxVariableName  = 64
	maxVariableBytes = 128 << 10
)

// text is what queries, conditions and templates have in common. It never changes after compilation.
type text struct {
	plan  *plan
	reads []string
	roots map[string]bool
}

// Paths returns the payload paths that the text reads, sorted; "*" stands for the whole payload.
func (t *text) Paths() []string { return append([]string(nil), t.reads...) }

// UsesName reports whether the text refers to a root name.
func (t *text) UsesName(name string) bool { return t.roots[name] }

func (c *compiler) text() text {
	t := text{plan: c.plan, roots: c.roots}
	for path := range c.reads {
		t.reads = append(t.reads, path)
	}
	sort.Strings(t.reads)
	return t
}

// Query is a compiled rule.
type Query struct {
	text
	tree     *syntax.Statement
	topic    string
	set      []node
	body     selection
	pass     bool // SELECT *: the payload is the output
	warnings []syntax.Diagnostic
}

// CompileQuery compiles a whole rule; the report tells whether the query may be used.
func CompileQuery(sql string, o Options) (*Query, *syntax.Report) {
	tree, report := syntax.ParseStatement(sql)
	c := newCompiler(o, report)
	q := &Query{tree: tree}
	c.checkAssignments(tree.Set)
	for _, a := range tree.Set {
		x := c.expr(a.Value)
		index := c.declare(a.Name)
		c.assigned = len(c.variables)
		if index == len(q.set) {
			q.set = append(q.set, x)
		}
	}
	if t := tree.Select.Topic; t != nil {
		q.topic = t.Text
		c.checkTopic(t)
	} else if !report.Failed() {
		report.Warn(tree.Select.Position(), syntax.NoFrom)
	}
	q.body = c.selection(tree.Select)
	if cols := q.body.columns; len(cols) == 1 && len(tree.Select.Items) == 1 {
		_, star := tree.Select.Items[0].X.(*syntax.Star)
		q.pass = star && len(tree.Select.Items[0].Alias) == 0
	}
	q.text = c.text()
	q.warnings = report.Warnings()
	return q, report
}

func (c *compiler) checkTopic(t *syntax.Topic) {
	err := topic.ValidateFilter(t.Text)
	switch {
	case errors.Is(err, topic.ErrTooDeep):
		c.report.Warn(t.Position(), syntax.DeepTopic, err)
	case err != nil:
		c.report.Error(t.Position(), syntax.BadTopic, err)
	}
}

// Topic is the filter after FROM, "" without one.
func (q *Query) Topic() string { return q.topic }

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (q *Query) Warnings() []syntax.Diagnostic { return q.warnings }

// Variables are the names of the SET variables.
func (q *Query) Variables() []string { return append([]string(nil), q.plan.variables...) }

// String is the rule in canonical form.
func (q *Query) String() string { return syntax.Print(q.tree) }

// Where is the condition in canonical form, "" without one.
func (q *Query) Where() string {
	if q.tree.Select.Where == nil {
		return ""
	}
	return syntax.PrintExpr(q.tree.Select.Where)
}

// WithWhere compiles the query with another condition.
func (q *Query) WithWhere(condition string, o Options) (*Query, *syntax.Report) {
	where, report := syntax.ParseCondition(condition)
	if report.Failed() {
		return nil, report
	}
	tree := *q.tree
	body := *tree.Select
	body.Where, tree.Select = where, &body
	return CompileQuery(syntax.Print(&tree), o)
}

// Result is the outcome of a query for a message.
type Result struct {
	Matched bool   // the topic matches FROM and WHERE is true
	Payload []byte // the input of the rule's actions; the message's own bytes for SELECT *
	JSON    bool   // Payload is a JSON document
}

// Eval runs the query: FROM, then SET, then WHERE, then SELECT. [IoT-SQL 4]
func (q *Query) Eval(ctx context.Context, m *message.Message) (Result, error) {
	if !q.sees(m.Topic) {
		return Result{}, nil
	}
	f := newFrame(ctx, m, q.plan)
	defer f.release()
	if err := q.assign(f, f.vars); err != nil {
		return Result{}, err
	}
	if q.body.where != nil {
		matched := q.body.where.eval(f).IsTrue()
		if err := f.env.Err(); err != nil || !matched {
			return Result{}, err
		}
	}
	if q.pass {
		return Result{Matched: true, Payload: m.Payload, JSON: f.scan()}, nil
	}
	if err := q.body.write(f); err != nil {
		return Result{}, err
	}
	return Result{Matched: true, Payload: append([]byte{}, f.out...), JSON: len(f.out) > 0}, nil
}

// sees decides by topic. A Basic Ingest publish goes to the rule that it names, whatever FROM says. If the rule's name
// is unknown here, the rest of the topic must match. [IoT-SQL 5]
func (q *Query) sees(name string) bool {
	rule, rest, ingest := topic.TrimBasicIngest(name)
	switch {
	case ingest && q.plan.rule != "":
		return rule == q.plan.rule
	case q.topic == "":
		return true
	}
	return topic.Match(q.topic, name) || ingest && topic.Match(q.topic, rest)
}

// assign evaluates SET into vars.
func (q *Query) assign(f *frame, vars []value.Value) error {
	total := 0
	for i, x := range q.set {
		v := x.eval(f)
		if err := f.env.Err(); err != nil {
			return fmt.Errorf("setting variable @%s: %w", q.plan.variables[i], err)
		}
		size := value.Size(v, maxVariableBytes)
		if total += size; total > maxVariableBytes {
			return fmt.Errorf("setting variable @%s: %w", q.plan.variables[i], funcs.ErrTooMuch)
		}
		vars[i] = v
	}
	return nil
}

// Condition is a compiled bare WHERE expression.
type Condition struct {
	text
	tree     syntax.Expr
	where    node
	warnings []syntax.Diagnostic
}

// CompileCondition compiles a bare WHERE expression.
func CompileCondition(sql string, o Options) (*Condition, *syntax.Report) {
	tree, report := syntax.ParseCondition(sql)
	c := newCompiler(o, report)
	c.checkCondition(tree)
	cond := &Condition{tree: tree, where: c.expr(tree)}
	cond.text, cond.warnings = c.text(), report.Warnings()
	return cond, report
}

// String is the condition in canonical form.
func (c *Condition) String() string { return syntax.PrintExpr(c.tree) }

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (c *Condition) Warnings() []syntax.Diagnostic { return c.warnings }

// Eval reports whether the condition is true; Undefined, Null and non-Booleans are not.
func (c *Condition) Eval(ctx context.Context, m *message.Message) (bool, error) {
	f := newFrame(ctx, m, c.plan)
	defer f.release()
	matched := c.where.eval(f).IsTrue()
	if err := f.env.Err(); err != nil {
		return false, err
	}
	return matched, nil
}

// Template is a compiled text with ${…} parts.
type Template struct {
	text
	source   string
	parts    []part
	warnings []syntax.Diagnostic
}

type part struct {
	pos  syntax.Pos
	text string
	x    node // nil for literal text

	reads bool // x depends on the payload
}

// CompileTemplate compiles a text with ${…} parts. [IoT-SQL 16]
func CompileTemplate(s string, o Options) (*Template, *syntax.Report) {
	parts, report := syntax.ParseTemplate(s)
	c := newCompiler(o, report)
	c.template = true
	t := &Template{source: s}
	for _, p := range parts {
		compiled := part{pos: p.Position(), text: p.Text}
		if p.X != nil {
			compiled.x, compiled.reads = c.templateExpr(p.X)
		}
		t.parts = append(t.parts, compiled)
	}
	t.text, t.warnings = c.text(), report.Warnings()
	return t, report
}

// templateExpr compiles one expression of a template, and says whether it reads the payload.
func (c *compiler) templateExpr(x syntax.Expr) (n node, reads bool) {
	all := c.reads
	c.reads = map[string]bool{}
	n = c.expr(x)
	reads = len(c.reads) > 0
	maps.Copy(all, c.reads)
	c.reads = all
	return n, reads
}

// Variables are the names of the variables that the template reads.
func (t *Template) Variables() []string { return append([]string(nil), t.plan.variables...) }

// Warnings are remarks about what AWS accepts but can hardly be meant.
func (t *Template) Warnings() []syntax.Diagnostic { return t.warnings }

// Eval fills the template in; variables are Undefined, which is empty text.
func (t *Template) Eval(ctx context.Context, m *message.Message) (string, error) {
	return t.eval(ctx, m, nil, nil)
}

// EvalMap fills the template in as Eval does, with the text that mapping makes of each value's.
func (t *Template) EvalMap(ctx context.Context, m *message.Message, mapping func(string) string) (string, error) {
	return t.eval(ctx, m, nil, mapping)
}

// EvalTemplate fills the template in with the variables of the query.
func (q *Query) EvalTemplate(ctx context.Context, t *Template, m *message.Message) (string, error) {
	return t.eval(ctx, m, q, nil)
}

func (t *Template) eval(
	ctx context.Context,
	m *message.Message,
	q *Query,
	mapping func(string) string,
) (string, error) {
	f := newFrame(ctx, m, t.plan)
	defer f.release()
	if q != nil && len(t.plan.variables) > 0 {
		if err := t.bind(ctx, m, q, f); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.x == nil {
			b.WriteString(p.text)
			continue
		}
		s, _ := value.ToString(p.x.eval(f))
		if err := f.env.Err(); err != nil {
			return "", err
		}
		if mapping != nil {
			s = mapping(s)
		}
		if b.Len()+len(s) > MaxOutput {
			return "", funcs.ErrTooMuch
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// bind gives the template's frame the variables of the query.
func (t *Template) bind(ctx context.Context, m *message.Message, q *Query, f *frame) error {
	qf := newFrame(ctx, m, q.plan)
	defer qf.release()
	qf.env.SetNow(f.env.Now())
	if err := q.assign(qf, qf.vars); err != nil {
		return err
	}
	for i, name := range t.plan.variables {
		for j, assigned := range q.plan.variables {
			if name == assigned {
				f.vars[i] = qf.vars[j]
			}
		}
	}
	return nil
}
