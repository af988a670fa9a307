package syntax

// enter counts one level of nesting; it fails, once, when there are too many.
func (p *parser) enter() bool {
	if !p.count() {
		return false
	}
	if p.depth++; p.depth > MaxDepth {
		p.depth--
		p.giveUp(tooDeep, MaxDepth)
		return false
	}
	return true
}

// count counts one part of the text; it fails, once, when there are too many.
func (p *parser) count() bool {
	if p.nodes++; p.nodes > MaxNodes {
		p.giveUp(tooMany, MaxNodes)
		return false
	}
	return true
}

// giveUp reports a limit and goes to the end, where nothing further is reported.
func (p *parser) giveUp(m Message, limit int) {
	p.fail(m, limit)
	p.next = len(p.tokens) - 1
	p.failed = p.next
}

func (p *parser) leave() { p.depth-- }

// expr = and { "OR" and }   [IoT-SQL 2; the order of precedence is the ordinary one of SQL]
func (p *parser) expr() Expr {
	start := At(p.peek().pos)
	if !p.enter() {
		return &Bad{start}
	}
	defer p.leave()
	return p.chain(p.and, "OR")
}

func (p *parser) and() Expr { return p.chain(p.not, "AND") }

func (p *parser) not() Expr {
	if !p.is("NOT") {
		return p.comparison()
	}
	t := p.take()
	if !p.enter() {
		return &Bad{At(t.pos)}
	}
	defer p.leave()
	return &Unary{At(t.pos), "NOT", p.not()}
}

func (p *parser) comparison() Expr {
	return p.chain(p.sum, "=", "<>", "<", "<=", ">", ">=", "IN")
}

func (p *parser) sum() Expr { return p.chain(p.product, "+", "-") }

func (p *parser) product() Expr { return p.chain(p.unary, "*", "/", "%") }

// chain reads operands joined by left-associative operators.
func (p *parser) chain(operand func() Expr, operators ...string) Expr {
	x := operand()
	for {
		op := ""
		for _, o := range operators {
			if p.is(o) {
				op = o
				break
			}
		}
		if op == "" {
			return x
		}
		t := p.take()
		if !p.count() {
			return x
		}
		y := operand()
		if op == "-" {
			p.warnHyphen(t, x, y)
		}
		x = &Binary{At(t.pos), op, x, y}
	}
}

// warnHyphen remarks on a-b without spaces, where a field named "a-b" was probably meant. [IoT-SQL 3]
func (p *parser) warnHyphen(minus token, x, y Expr) {
	right, ok := y.(*Name)
	if !ok || minus.space || int(right.At) != int(minus.end) {
		return
	}
	switch left := x.(type) {
	case *Name:
		p.report.Warn(x.Position(), hyphenatedName, left.Name, right.Name)
	case *Member:
		p.report.Warn(x.Position(), hyphenatedName, left.Name, right.Name)
	}
}

func (p *parser) unary() Expr {
	if !p.is("-") {
		return p.postfix()
	}
	t := p.take()
	if !p.enter() {
		return &Bad{At(t.pos)}
	}
	defer p.leave()
	return &Unary{At(t.pos), "-", p.unary()}
}

// postfix = primary { "." word }; a field may be called like a keyword.
func (p *parser) postfix() Expr {
	start := At(p.peek().pos)
	x := p.primary()
	for p.is(".") {
		p.take()
		t := p.peek()
		switch {
		case t.kind == tokWord && !p.isFrom():
			p.take()
			if !p.count() {
				return x
			}
			x = &Member{start, x, t.text}
		case t.kind == tokNumber:
			p.fail(numberedField, t.text)
			p.take()
		default:
			p.unexpected("a field name")
			return x
		}
	}
	if p.is("[") {
		p.fail(noIndex)
		p.take()
		p.skipTo("]")
		p.accept("]")
	}
	return x
}

func (p *parser) primary() Expr {
	t := p.peek()
	at := At(t.pos)
	if !p.count() {
		return &Bad{at}
	}
	switch t.kind {
	case tokNumber:
		p.take()
		return &Number{at, t.text}
	case tokString:
		p.take()
		return &String{at, t.text}
	case tokVariable:
		p.take()
		return &Variable{at, t.text}
	case tokWord:
		return p.word(t)
	case tokOperator:
		switch t.text {
		case "*":
			p.take()
			return &Star{at}
		case "(":
			return p.parenthesis()
		case "[":
			return p.array()
		case "{":
			return p.object()
		case ".":
			if n := p.peekAt(1); n.kind == tokNumber {
				p.fail(bareFraction, "."+n.text)
				p.take()
				p.take()
				return &Bad{at}
			}
		}
	}
	p.unexpected("an expression")
	return &Bad{at}
}

// word reads what starts with a name or keyword.
func (p *parser) word(t token) Expr {
	at := At(t.pos)
	called := matches(p.peekAt(1), "(")
	switch {
	case matches(t, "TRUE"), matches(t, "FALSE"):
		p.take()
		return &Bool{at, matches(t, "TRUE")}
	case matches(t, "NULL"):
		p.take()
		return &Null{at}
	case matches(t, "CASE"):
		return p.caseExpr()
	case matches(t, "SELECT"):
		return &Subquery{at, p.selectClause(false)}
	case isReserved(t.text):
		p.unexpected("an expression")
		return &Bad{at}
	case called && matches(t, "CAST"):
		return p.cast()
	case called && matches(t, "EXISTS"):
		return p.exists()
	case called:
		return p.call()
	}
	p.take()
	return &Name{at, t.text}
}

func (p *parser) parenthesis() Expr {
	at := At(p.take().pos)
	if p.is("SELECT") {
		q := p.selectClause(false)
		p.close(")")
		return &Subquery{at, q}
	}
	x := p.expr()
	p.close(")")
	return x
}

// close accepts a closing bracket, and skips to it if something else comes first.
func (p *parser) close(bracket string) {
	if p.accept(bracket) {
		return
	}
	p.unexpected("a closing " + bracket)
	p.skipTo(bracket, "FROM", "WHERE")
	p.accept(bracket)
}

// list reads expressions separated by commas up to the closing bracket.
func (p *parser) list(bracket string, element func()) {
	if p.accept(bracket) {
		return
	}
	for {
		element()
		if !p.isAny(",", bracket) {
			p.unexpected("a comma or a closing " + bracket)
			p.skipTo(",", bracket, "FROM", "WHERE")
		}
		if !p.accept(",") {
			p.close(bracket)
			return
		}
	}
}

func (p *parser) call() Expr {
	t := p.take()
	p.take()
	c := &Call{At: At(t.pos), Name: t.text}
	p.list(")", func() { c.Args = append(c.Args, p.expr()) })
	return c
}

func (p *parser) array() Expr {
	a := &Array{At: At(p.take().pos)}
	p.list("]", func() { a.Items = append(a.Items, p.expr()) })
	return a
}

func (p *parser) object() Expr {
	o := &Object{At: At(p.take().pos)}
	p.list("}", func() {
		t := p.peek()
		if t.kind != tokString {
			p.unexpected("a key in quotes")
			return
		}
		p.take()
		p.expect(":")
		o.Members = append(o.Members, ObjectMember{t.text, p.expr()})
	})
	return o
}

// cast = "CAST" "(" expr "AS" type ")"
func (p *parser) cast() Expr {
	c := &Cast{At: At(p.take().pos)}
	p.take()
	c.X = p.expr()
	if !p.is("AS") {
		p.unexpected("AS")
		p.skipTo(")", "AS", "FROM", "WHERE")
	}
	if p.accept("AS") {
		if t := p.peek(); t.kind == tokWord {
			c.Type, c.TypeAt = t.text, t.pos
			p.take()
		} else {
			p.unexpected("a type")
		}
	}
	p.close(")")
	return c
}

func (p *parser) exists() Expr {
	e := &Exists{At: At(p.take().pos)}
	p.take()
	e.Query = p.selectClause(false)
	p.close(")")
	return e
}

// caseExpr = "CASE" expr "WHEN" expr "THEN" expr { … } [ "ELSE" expr ] "END"   [IoT-SQL 9]
func (p *parser) caseExpr() Expr {
	c := &Case{At: At(p.take().pos)}
	if p.is("WHEN") {
		p.fail(noSearchedCase)
		c.X = &Bad{At(p.peek().pos)}
	} else {
		c.X = p.expr()
	}
	if !p.isAny("WHEN") {
		if p.isAny("ELSE", "END") {
			p.fail(caseNeedsWhen)
		} else {
			p.unexpected("WHEN")
			p.skipTo("WHEN", "ELSE", "END", "FROM", "WHERE")
		}
	}
	for p.accept("WHEN") {
		w := When{Test: p.expr()}
		p.expect("THEN")
		w.Result = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
	}
	if !p.accept("END") {
		p.unexpected("WHEN, ELSE or END")
		p.skipTo("END", "FROM", "WHERE", ",")
		p.accept("END")
	}
	return c
}
