package syntax

import "strings"

// statement = [ "SET" assign { "," assign } ] select   [IoT-SQL 2]
func (p *parser) statement() *Statement {
	s := &Statement{}
	if p.is("SET") {
		p.take()
		s.Set = p.assignments()
		for p.is("SET") {
			p.fail(oneSet)
			p.take()
			s.Set = append(s.Set, p.assignments()...)
		}
	}
	s.Select = p.selectClause(true)
	return s
}

func (p *parser) assignments() []Assignment {
	var list []Assignment
	for {
		a := Assignment{At: At(p.peek().pos)}
		if p.peek().kind == tokVariable {
			a.Name = p.take().text
			p.expect("=")
			a.Value = p.expr()
			list = append(list, a)
		} else {
			p.unexpected("a variable such as @name")
		}
		if !p.isAny(",", "SELECT", "SET") {
			p.unexpected("a comma or SELECT")
			p.skipTo(",", "SELECT", "SET")
		}
		if !p.accept(",") {
			return list
		}
	}
}

// selectClause = "SELECT" ( "VALUE" expr | item { "," item } ) [ "FROM" … ] [ "WHERE" expr ]   [IoT-SQL 2]
func (p *parser) selectClause(rule bool) *Select {
	s := &Select{At: At(p.peek().pos)}
	if !p.expect("SELECT") {
		p.skipTo("SELECT")
		if !p.accept("SELECT") {
			return s
		}
	}
	if !p.enter() {
		return s
	}
	defer p.leave()
	s.Value = p.isValueKeyword()
	if s.Value {
		p.take()
	}
	p.items(s, rule, "an operator, a comma, AS, FROM or WHERE")
	if p.acceptFrom() {
		if rule {
			s.Topic = p.topic()
		} else {
			p.source(s)
		}
		p.clauseEnd(rule, false)
	} else if !rule {
		p.unexpected("FROM")
	}
	if p.accept("WHERE") || p.isMisspelt("WHERE") && p.expect("WHERE") {
		s.Where = p.expr()
		p.clauseEnd(rule, true)
	}
	return s
}

// acceptFrom accepts FROM, or a misspelt FROM: a word before a string.
func (p *parser) acceptFrom() bool {
	if p.accept("FROM") {
		return true
	}
	if p.isMisspelt("FROM") && p.peekAt(1).kind == tokString {
		p.take()
		return true
	}
	return false
}

// clauseEnd skips what does not belong after a clause, so that the next clause is still read.
func (p *parser) clauseEnd(rule, where bool) {
	for p.peek().kind != tokEOF && (rule || !p.is(")")) {
		switch {
		case !where && p.is("WHERE"):
			return
		case where && p.is("WHERE"):
			p.fail(clauseTwice, "WHERE")
		case where && p.is("FROM"):
			p.fail(fromAfterWhere)
		case where && !rule:
			p.unexpected("an operator or a closing )")
		case where:
			p.unexpected("an operator or the end")
		case !rule:
			p.unexpected("WHERE or a closing )")
		default:
			p.unexpected("WHERE or the end")
		}
		if !where && p.isMisspelt("WHERE") {
			return
		}
		p.take()
		p.skipTo("WHERE")
	}
}

// isValueKeyword decides whether the word after SELECT is the keyword VALUE or a field of that name: it is the
// keyword when an expression follows. [IoT-SQL 2]
func (p *parser) isValueKeyword() bool {
	if !p.is("VALUE") {
		return false
	}
	t, after := p.peekAt(1), p.peekAt(2)
	switch t.kind {
	case tokNumber, tokString, tokVariable:
		return true
	case tokWord:
		switch strings.ToUpper(t.text) {
		case "FROM", "WHERE", "AS", "AND", "OR", "IN":
			return false
		}
		return true
	case tokOperator:
		switch t.text {
		case "(", "[", "{":
			return true
		case "*":
			return after.kind == tokEOF || matches(after, "FROM") || matches(after, "WHERE") || matches(after, ".") ||
				matches(after, ",") ||
				matches(after, "AS")
		case "-":
			return t.space && !after.space
		}
	}
	return false
}

// selectList = "VALUE" expr | item { "," item }, as between SELECT and FROM of a rule
func (p *parser) selectList() *Select {
	s := &Select{At: At(p.peek().pos)}
	if p.is("SELECT") {
		p.fail(listKeyword, "SELECT")
		return s
	}
	s.Value = p.isValueKeyword()
	if s.Value {
		p.take()
	}
	p.items(s, true, "an operator, a comma or AS")
	switch {
	case p.is("FROM"):
		p.fail(listKeyword, "FROM")
	case p.is("WHERE"):
		p.fail(listCondition)
	default:
		p.expectEnd()
	}
	return s
}

// items reads the columns of a SELECT. Next says what may follow a column's expression.
func (p *parser) items(s *Select, rule bool, next string) {
	for {
		item := Item{X: p.expr()}
		if p.is("AS") {
			if s.Value {
				p.fail(valueAlias)
			}
			p.take()
			item.Alias = p.alias()
		}
		s.Items = append(s.Items, item)
		if !p.isItemEnd(rule) {
			p.unexpected(next)
			if p.isMisspelt("FROM") && p.peekAt(1).kind == tokString {
				return
			}
			p.take()
			p.skipTo(",", "FROM", "WHERE", "SELECT")
		}
		if !p.is(",") {
			return
		}
		if s.Value {
			p.fail(valueAlone)
		}
		p.take()
	}
}

func (p *parser) isItemEnd(rule bool) bool {
	return p.peek().kind == tokEOF || p.isAny(",", "FROM", "WHERE") || !rule && p.is(")")
}

// isFrom reports whether the next word is the keyword FROM where a name is wanted, rather than a name that looks like
// it.
func (p *parser) isFrom() bool {
	return p.is("FROM") && p.peekAt(1).kind == tokString
}

// alias = word { "." word }; any word may be an alias, keywords included. [IoT-SQL 2]
func (p *parser) alias() []string {
	var names []string
	for {
		if p.peek().kind != tokWord || p.isFrom() {
			p.unexpected("a name after AS")
			return names
		}
		names = append(names, p.take().text)
		if !p.accept(".") {
			return names
		}
	}
}

func (p *parser) topic() *Topic {
	t := p.peek()
	if t.kind == tokString {
		p.take()
		if t.quote == '"' {
			p.report.Warn(t.pos, quotedTopic)
		}
		return &Topic{At: At(t.pos), Text: t.text}
	}
	p.fail(unquotedTopic)
	p.skipTo("WHERE")
	return nil
}

// source = "*" | expression, [ "AS" name ]   [IoT-SQL 2, 12]
func (p *parser) source(s *Select) {
	if p.peek().kind == tokString {
		p.fail(subqueryTopic)
	}
	s.Source = p.expr()
	if p.accept("AS") {
		if t := p.peek(); t.kind == tokWord {
			s.Alias = p.take().text
		} else {
			p.unexpected("a name after AS")
		}
	}
}
