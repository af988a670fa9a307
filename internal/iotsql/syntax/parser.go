package syntax

import "strings"

// Limits on what is parsed. AWS has one limit only: 128 KB for the whole rule. [IoT-SQL 17 Limits]
const (
	MaxBytes = 128 << 10
	MaxDepth = 200
	MaxNodes = 20_000
)

// parser reads tokens by recursive descent. After a mistake it continues, so that one pass reports them all.
type parser struct {
	tokens []token
	next   int
	report *Report
	depth  int
	nodes  int
	failed int // index of the token of the last error, -1 before the first
}

func newParser(tokens []token, report *Report) *parser {
	return &parser{tokens: tokens, report: report, failed: -1}
}

// ParseStatement reads a rule's SQL. The statement is complete if the report has no error, and usable up to its errors
// otherwise.
func ParseStatement(text string) (*Statement, *Report) {
	report := NewReport(text)
	if len(text) > MaxBytes {
		report.Error(0, tooLarge, MaxBytes)
		return &Statement{Select: &Select{}}, report
	}
	tokens, _ := scan(text, 0, false, report)
	p := newParser(tokens, report)
	s := p.statement()
	p.expectEnd()
	return s, report
}

// ParseSelectList reads what a rule has between SELECT and FROM.
func ParseSelectList(text string) (*Select, *Report) {
	report := NewReport(text)
	if len(text) > MaxBytes {
		report.Error(0, tooLarge, MaxBytes)
		return &Select{}, report
	}
	tokens, _ := scan(text, 0, false, report)
	return newParser(tokens, report).selectList(), report
}

// ParseCondition reads a bare WHERE expression.
func ParseCondition(text string) (Expr, *Report) {
	report := NewReport(text)
	if len(text) > MaxBytes {
		report.Error(0, tooLarge, MaxBytes)
		return &Bad{}, report
	}
	tokens, _ := scan(text, 0, false, report)
	p := newParser(tokens, report)
	x := p.expr()
	p.expectEnd()
	return x, report
}

// ParseTemplate reads a text with ${expression} parts. [IoT-SQL 16]
func ParseTemplate(text string) ([]Part, *Report) {
	report := NewReport(text)
	if len(text) > MaxBytes {
		report.Error(0, tooLarge, MaxBytes)
		return nil, report
	}
	var parts []Part
	pos := 0
	for {
		i := strings.Index(text[pos:], "${")
		if i < 0 {
			break
		}
		open := pos + i
		if i > 0 {
			parts = append(parts, Part{At: At(pos), Text: text[pos:open]})
		}
		tokens, closed := scan(text, open+2, true, report)
		if !closed {
			report.Error(Pos(open), unclosedTemplate)
			return parts, report
		}
		end := tokens[len(tokens)-1]
		pos = int(end.pos) + 1
		if len(tokens) == 1 {
			report.Error(Pos(open), emptyTemplate)
			continue
		}
		p := newParser(tokens, report)
		parts = append(parts, Part{At: At(open), X: p.expr()})
		p.expectEnd()
	}
	if pos < len(text) {
		parts = append(parts, Part{At: At(pos), Text: text[pos:]})
	}
	return parts, report
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) peekAt(n int) token {
	return p.tokens[min(p.next+n, len(p.tokens)-1)]
}

func (p *parser) take() token {
	t := p.tokens[p.next]
	if p.next < len(p.tokens)-1 {
		p.next++
	}
	return t
}

// is reports whether the next token is this operator or, case ignored, this keyword.
func (p *parser) is(text string) bool { return matches(p.peek(), text) }

func matches(t token, text string) bool {
	switch t.kind {
	case tokOperator:
		return t.text == text
	case tokWord:
		return len(t.text) == len(text) && strings.EqualFold(t.text, text)
	}
	return false
}

func (p *parser) isAny(texts ...string) bool {
	for _, text := range texts {
		if p.is(text) {
			return true
		}
	}
	return false
}

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.take()
		return true
	}
	return false
}

// expect accepts a token that must be present.
func (p *parser) expect(text string) bool {
	if p.accept(text) {
		return true
	}
	p.unexpected(text)
	if p.isMisspelt(text) {
		p.take()
		return true
	}
	return false
}

// isMisspelt reports whether the next token is a word that most likely means this keyword. Reading on as if it did
// spares the user the errors that would follow.
func (p *parser) isMisspelt(keyword string) bool {
	t := p.peek()
	return t.kind == tokWord && !isReserved(t.text) && Suggest(t.text, keywords) == keyword
}

// fail reports a mistake at the next token, unless one was already reported there.
func (p *parser) fail(m Message, args ...any) {
	if p.failed != p.next {
		p.failed = p.next
		p.report.Error(p.peek().pos, m, args...)
	}
}

// unexpected reports that another token was expected, in the words that help most.
func (p *parser) unexpected(what string) {
	t := p.peek()
	if t.kind == tokString && p.next > 0 && p.tokens[p.next-1].kind == tokString {
		p.fail(adjacentStrings)
		return
	}
	if t.kind == tokOperator && t.text == "[" && p.next > 0 {
		p.fail(noIndex)
		return
	}
	if t.kind != tokWord {
		p.fail(expected, what, t.describe())
		return
	}
	upper := strings.ToUpper(t.text)
	if instead, ok := foreign[upper]; ok {
		p.fail(foreignKeyword, upper, instead)
		return
	}
	if upper == "NOT" && matches(p.peekAt(1), "IN") {
		p.fail(foreignKeyword, "NOT IN", "write NOT (x IN array)")
		return
	}
	if !reserved[upper] && !p.report.Crowded() {
		if s := Suggest(t.text, keywords); s != "" {
			p.fail(expectedInstead, what, t.describe(), s)
			return
		}
	}
	p.fail(expected, what, t.describe())
}

// skipTo moves to the next of the given tokens outside brackets opened on the way, or to the end.
func (p *parser) skipTo(texts ...string) {
	depth := 0
	for p.peek().kind != tokEOF {
		if depth == 0 && p.isAny(texts...) {
			return
		}
		switch {
		case p.isAny("(", "[", "{"):
			depth++
		case p.isAny(")", "]", "}"):
			depth--
			if depth < 0 {
				return
			}
		}
		p.take()
	}
}

func (p *parser) expectEnd() {
	if p.peek().kind != tokEOF {
		p.unexpected("the end")
	}
}
