package syntax

import "strings"

// Print writes a statement in canonical form: one line, upper-case keywords, as few parentheses as possible. Parsing
// the result gives the same tree.
func Print(s *Statement) string {
	var p printer
	if len(s.Set) > 0 {
		p.text("SET ")
		for i, a := range s.Set {
			p.comma(i)
			p.text("@", a.Name, " = ")
			p.expr(a.Value, orLevel)
		}
		p.text(" ")
	}
	p.query(s.Select)
	return p.b.String()
}

// PrintExpr writes an expression in canonical form.
func PrintExpr(x Expr) string {
	var p printer
	p.expr(x, orLevel)
	return p.b.String()
}

// How tightly a form binds; a weaker form inside a tighter place needs parentheses.
const (
	orLevel = iota
	andLevel
	notLevel
	comparisonLevel
	sumLevel
	productLevel
	unaryLevel
	postfixLevel
)

type printer struct{ b strings.Builder }

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

func (p *printer) comma(i int) {
	if i > 0 {
		p.text(", ")
	}
}

func (p *printer) query(s *Select) {
	p.text("SELECT ")
	if s.Value {
		p.text("VALUE ")
	}
	for i, item := range s.Items {
		p.comma(i)
		if i == 0 && isAmbiguous(item.X, s.Value) {
			p.text("(")
			p.expr(item.X, orLevel)
			p.text(")")
		} else {
			p.expr(item.X, orLevel)
		}
		if len(item.Alias) > 0 {
			p.text(" AS ", strings.Join(item.Alias, "."))
		}
	}
	switch {
	case s.Topic != nil:
		p.text(" FROM ", quote(s.Topic.Text))
	case s.Source != nil:
		p.text(" FROM ")
		p.expr(s.Source, orLevel)
		if s.Alias != "" {
			p.text(" AS ", s.Alias)
		}
	}
	if s.Where != nil {
		p.text(" WHERE ")
		p.expr(s.Where, orLevel)
	}
}

// isAmbiguous reports whether the text of the first item could make SELECT take a field called value for the keyword,
// or the keyword, before a *, for a factor.
func isAmbiguous(x Expr, value bool) bool {
	_, product := x.(*Binary)
	for {
		switch y := x.(type) {
		case *Binary:
			x = y.X
		case *Member:
			x = y.X
		case *Name:
			return !value && strings.EqualFold(y.Name, "VALUE")
		case *Call:
			return !value && strings.EqualFold(y.Name, "VALUE")
		case *Star:
			return value && product
		default:
			return false
		}
	}
}

// quote uses single quotes where it can; no string holds both kinds, as there are no escapes.
func quote(s string) string {
	if strings.Contains(s, "'") {
		return `"` + s + `"`
	}
	return "'" + s + "'"
}

func binaryLevel(op string) int {
	switch op {
	case "OR":
		return orLevel
	case "AND":
		return andLevel
	case "+", "-":
		return sumLevel
	case "*", "/", "%":
		return productLevel
	default:
		return comparisonLevel
	}
}

func level(x Expr) int {
	switch x := x.(type) {
	case *Binary:
		return binaryLevel(x.Op)
	case *Unary:
		if x.Op == "NOT" {
			return notLevel
		}
		return unaryLevel
	default:
		return postfixLevel
	}
}

func (p *printer) expr(x Expr, least int) {
	if level(x) < least {
		p.text("(")
		defer p.text(")")
	}
	switch x := x.(type) {
	case *Binary:
		l := binaryLevel(x.Op)
		p.expr(x.X, l)
		p.text(" ", x.Op, " ")
		p.expr(x.Y, l+1)
	case *Unary:
		p.unary(x)
	case *Member:
		p.expr(x.X, postfixLevel)
		p.text(".", x.Name)
	case *Number:
		p.text(x.Text)
	case *String:
		p.text(quote(x.Text))
	case *Bool:
		p.text(map[bool]string{true: "TRUE", false: "FALSE"}[x.Value])
	case *Null:
		p.text("NULL")
	case *Name:
		p.text(x.Name)
	case *Variable:
		p.text("@", x.Name)
	case *Star:
		p.text("*")
	default:
		p.compound(x)
	}
}

// unary writes a minus without a space behind it: "-- " would read as a comment.
func (p *printer) unary(x *Unary) {
	if x.Op == "NOT" {
		p.text("NOT ")
		p.expr(x.X, notLevel)
		return
	}
	p.text("-")
	p.expr(x.X, unaryLevel)
}

func (p *printer) compound(x Expr) {
	switch x := x.(type) {
	case *Call:
		p.text(x.Name, "(")
		p.list(x.Args)
		p.text(")")
	case *Cast:
		p.text("CAST(")
		p.expr(x.X, orLevel)
		p.text(" AS ", x.Type, ")")
	case *Case:
		p.text("CASE ")
		p.expr(x.X, orLevel)
		for _, w := range x.Whens {
			p.text(" WHEN ")
			p.expr(w.Test, orLevel)
			p.text(" THEN ")
			p.expr(w.Result, orLevel)
		}
		if x.Else != nil {
			p.text(" ELSE ")
			p.expr(x.Else, orLevel)
		}
		p.text(" END")
	case *Exists:
		p.text("EXISTS (")
		p.query(x.Query)
		p.text(")")
	case *Subquery:
		p.text("(")
		p.query(x.Query)
		p.text(")")
	case *Array:
		p.text("[")
		p.list(x.Items)
		p.text("]")
	case *Object:
		p.text("{")
		for i, m := range x.Members {
			p.comma(i)
			p.text(quote(m.Key), ": ")
			p.expr(m.Value, orLevel)
		}
		p.text("}")
	}
}

func (p *printer) list(items []Expr) {
	for i, x := range items {
		p.comma(i)
		p.expr(x, orLevel)
	}
}
