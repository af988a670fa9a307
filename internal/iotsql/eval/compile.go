package eval

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

// Options say how to interpret a text.
type Options struct {
	Version string   // "2016-03-23" when empty, "2015-10-08", "beta"
	Rule    string   // whose Basic Ingest topics the query sees
	Names   []string // extra root names
	// NoServices says why functions that call other services are errors. If it is empty, they are allowed.
	NoServices string
}

// The names of the SQL versions. [IoT-SQL 1]
const (
	Version2016 = "2016-03-23"
	Version2015 = "2015-10-08"
	VersionBeta = "beta"
)

// compiler turns one text's tree into nodes and reports what is wrong with its meaning.
type compiler struct {
	*plan
	report   *syntax.Report
	template bool
	aliases  []string // of the nested queries around, outermost first
	assigned int      // how many variables have been assigned so far
	calls    map[string]int
	known    map[string]int  // references by path
	reads    map[string]bool // paths, for Paths
	roots    map[string]bool // root names, for UsesName

	noServices string // of Options
}

func newCompiler(o Options, report *syntax.Report) *compiler {
	c := &compiler{
		plan:   &plan{sql: o.Version, rule: o.Rule, names: map[string]bool{}},
		report: report,
		calls:  map[string]int{},
		known:  map[string]int{},
		reads:  map[string]bool{},
		roots:  map[string]bool{},

		noServices: o.NoServices,
	}
	if c.sql == "" {
		c.sql = Version2016
	}
	if c.sql == Version2015 {
		c.version = value.V1
	}
	for _, name := range o.Names {
		c.names[name] = true
	}
	return c
}

var undefined = constant{}

// expr compiles x. What cannot be compiled is reported and becomes Undefined.
func (c *compiler) expr(x syntax.Expr) node {
	switch x := x.(type) {
	case *syntax.Number:
		return c.number(x)
	case *syntax.String:
		return constant{value.OfString(x.Text)}
	case *syntax.Bool:
		return constant{value.OfBool(x.Value)}
	case *syntax.Null:
		return constant{value.NullValue}
	case *syntax.Name:
		return c.path([]string{x.Name})
	case *syntax.Member:
		if names := chain(x); names != nil {
			return c.path(names)
		}
		return member{c.expr(x.X), x.Name}
	case *syntax.Variable:
		return c.variable(x)
	case *syntax.Star:
		return c.star()
	case *syntax.Unary:
		return c.unary(x)
	case *syntax.Binary:
		return c.binary(x)
	case *syntax.Call:
		return c.call(x)
	case *syntax.Cast:
		return c.cast(x)
	case *syntax.Case:
		return c.choice(x)
	case *syntax.Exists:
		return exists{c.nested(x.Query)}
	case *syntax.Subquery:
		return c.nested(x.Query)
	case *syntax.Array:
		c.needsVersion2(x, "array literals")
		return list{c.exprs(x.Items)}
	case *syntax.Object:
		return c.object(x)
	}
	return undefined
}

func (c *compiler) exprs(list []syntax.Expr) []node {
	nodes := make([]node, len(list))
	for i, x := range list {
		nodes[i] = c.expr(x)
	}
	return nodes
}

func (c *compiler) needsVersion2(x syntax.Expr, what string) {
	if c.version == value.V1 {
		c.report.Error(x.Position(), syntax.NeedsVersion, what)
	}
}

func (c *compiler) number(x *syntax.Number) node {
	v, ok := c.version.Number(x.Text)
	if !ok { // JSON has no leading zeros, SQL does
		v, ok = c.version.Number(strings.TrimLeft(x.Text[:len(x.Text)-1], "0") + x.Text[len(x.Text)-1:])
	}
	if !ok || v.IsUndefined() {
		c.report.Error(x.Position(), syntax.BadNumber, x.Text)
	}
	return constant{v}
}

// path compiles a name and the members after it. Names that are looked up in the message become one reference, so
// nothing else of the payload is decoded.
func (c *compiler) path(names []string) node {
	if c.names[names[0]] && !slices.Contains(c.aliases, names[0]) || len(c.aliases) == 0 {
		c.roots[names[0]] = true
		if !c.names[names[0]] {
			c.reads[strings.Join(names, ".")] = true
		}
		return field{c.reference(names)}
	}
	var n node
	if depth := lastIndex(c.aliases, names[0]); depth >= 0 {
		n, names = element{depth}, names[1:]
	} else {
		n = element{len(c.aliases) - 1}
	}
	for _, name := range names {
		n = member{n, name}
	}
	return n
}

// chain returns the names of a.b.c, or nil when x does not start with a name.
func chain(x syntax.Expr) []string {
	var names []string
	for {
		switch y := x.(type) {
		case *syntax.Member:
			names = append(names, y.Name)
			x = y.X
			continue
		case *syntax.Name:
			names = append(names, y.Name)
			slices.Reverse(names)
			return names
		}
		return nil
	}
}

// lastIndex finds the innermost alias; queries without one have "" in the list.
func lastIndex(aliases []string, name string) int {
	for i := len(aliases) - 1; i >= 0; i-- {
		if aliases[i] == name {
			return i
		}
	}
	return -1
}

func (c *compiler) reference(path []string) int {
	key := strings.Join(path, ".")
	if i, ok := c.known[key]; ok {
		return i
	}
	r := reference{path: path, slot: -1}
	if !c.names[path[0]] {
		r.slot = c.paths.Add(path)
	}
	c.known[key] = len(c.refs)
	c.refs = append(c.refs, r)
	return len(c.refs) - 1
}

// star is the whole message, or the element of the nested query that contains it.
func (c *compiler) star() node {
	if n := len(c.aliases); n > 0 {
		return element{n - 1}
	}
	c.reads["*"] = true
	return whole{}
}

func (c *compiler) variable(x *syntax.Variable) node {
	if c.template {
		return variable{c.declare(x.Name)}
	}
	known := c.variables[:c.assigned]
	if i := slices.Index(known, x.Name); i >= 0 {
		return variable{i}
	}
	if s := c.suggest(x.Name, known[:min(len(known), maxVariables)]); s != "" {
		c.report.Error(x.Position(), syntax.UnknownVariableInstead, x.Name, s)
	} else {
		c.report.Error(x.Position(), syntax.UnknownVariable, x.Name)
	}
	return undefined
}

// declare returns the index of a variable, adding it when it is new.
func (c *compiler) declare(name string) int {
	i := slices.Index(c.variables, name)
	if i < 0 {
		i = len(c.variables)
		c.variables = append(c.variables, name)
	}
	return i
}

func (c *compiler) unary(x *syntax.Unary) node {
	operand := c.expr(x.X)
	if x.Op == "NOT" {
		return fold(negation{operand}, c.plan, operand)
	}
	zero := constant{value.OfInt(0)}
	return fold(arithmetic{zero, operand, '-'}, c.plan, operand)
}

func (c *compiler) binary(x *syntax.Binary) node {
	a, b := c.expr(x.X), c.expr(x.Y)
	var n node
	switch x.Op {
	case "AND", "OR":
		n = logic{a, b, x.Op == "AND"}
	case "=", "<>":
		c.checkEquality(x)
		n = equality{a, b, x.Op == "="}
	case "<", "<=", ">", ">=":
		c.checkOrder(x)
		n = order{a, b, x.Op}
	case "IN":
		n = contains{a, b}
	default:
		n = arithmetic{a, b, x.Op[0]}
	}
	return fold(n, c.plan, a, b)
}

// fold evaluates n at once when its operands are constants.
func fold(n node, p *plan, operands ...node) node {
	for _, o := range operands {
		if _, ok := o.(constant); !ok {
			return n
		}
	}
	return constant{n.eval(&frame{plan: p})}
}

func (c *compiler) choice(x *syntax.Case) node {
	n := choice{x: c.expr(x.X)}
	for _, w := range x.Whens {
		n.tests = append(n.tests, c.expr(w.Test))
		n.then = append(n.then, c.expr(w.Result))
	}
	if x.Else != nil {
		n.other = c.expr(x.Else)
	}
	return n
}

func (c *compiler) object(x *syntax.Object) node {
	c.needsVersion2(x, "object literals")
	var n object
	for _, m := range x.Members {
		n.keys = append(n.keys, m.Key)
		n.values = append(n.values, c.expr(m.Value))
	}
	return n
}

// nested compiles a query over an array or object. Names in it mean the element's fields; enclosing aliases,
// variables and declared extra names stay visible. [IoT-SQL 12]
func (c *compiler) nested(q *syntax.Select) *nested {
	c.needsVersion2(q, "nested queries")
	n := &nested{depth: len(c.aliases), source: undefined}
	if q.Source != nil {
		_, n.star = q.Source.(*syntax.Star)
		n.source = c.expr(q.Source)
	}
	c.aliases = append(c.aliases, q.Alias)
	n.selection = c.selection(q)
	c.aliases = c.aliases[:n.depth]
	return n
}

func (c *compiler) selection(q *syntax.Select) selection {
	s := selection{bare: q.Value}
	if q.Where != nil {
		c.checkCondition(q.Where)
		s.where = c.expr(q.Where)
	}
	for i, item := range q.Items {
		s.columns = append(s.columns, c.column(item, i))
	}
	if len(s.columns) == 0 {
		s.columns = []column{{x: undefined, path: []string{""}}}
	}
	s.flat = isFlat(s)
	return s
}

func (c *compiler) column(item syntax.Item, i int) column {
	col := column{path: item.Alias}
	_, star := item.X.(*syntax.Star)
	if star && len(c.aliases) == 0 {
		c.reads["*"] = true
		col.x = original{}
	} else {
		col.x = c.expr(item.X)
	}
	if len(item.Alias) == 0 {
		_, literal := item.X.(*syntax.Object)
		col.star, col.merge = star, star || literal
		col.path = []string{columnKey(item.X, i)}
	}
	return col
}

func isFlat(s selection) bool {
	seen := map[string]bool{}
	for _, c := range s.columns {
		if c.merge || len(c.path) != 1 || seen[c.path[0]] {
			return false
		}
		seen[c.path[0]] = true
	}
	return !s.bare
}
