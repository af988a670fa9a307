package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner cuts a text into tokens. [IoT-SQL 3]
type scanner struct {
	text   string
	pos    int
	space  bool
	report *Report
}

// scan returns the tokens from offset start on, ended by a tokEOF. In a template it stops at the } that closes the ${
// and puts the tokEOF there; closed then says whether that } exists.
func scan(text string, start int, template bool, report *Report) (tokens []token, closed bool) {
	s := &scanner{text: text, pos: start, report: report}
	depth := 0
	for {
		t := s.next()
		if template && t.kind == tokOperator {
			switch t.text {
			case "{":
				depth++
			case "}":
				depth--
			}
			if depth < 0 {
				return append(tokens, token{kind: tokEOF, pos: t.pos, end: t.end, space: t.space}), true
			}
		}
		tokens = append(tokens, t)
		if t.kind == tokEOF {
			return tokens, false
		}
	}
}

func (s *scanner) next() token {
	for {
		s.skipSpace()
		if s.pos >= len(s.text) {
			return token{kind: tokEOF, pos: Pos(s.pos), end: Pos(s.pos), space: s.space}
		}
		start := s.pos
		if t, ok := s.scanToken(); ok {
			t.pos, t.end, t.space = Pos(start), Pos(s.pos), s.space
			return t
		}
	}
}

// scanToken reads one token, or reports why there is none at this place and moves on.
func (s *scanner) scanToken() (token, bool) {
	c, size := utf8.DecodeRuneInString(s.text[s.pos:])
	switch {
	case c == '\'' || c == '"':
		return s.scanString(byte(c)), true
	case isLetter(c):
		return token{kind: tokWord, text: s.takeName()}, true
	case c >= '0' && c <= '9':
		return s.scanNumber(), true
	case c == '@':
		return s.scanVariable()
	case s.skipComment():
		return token{}, false
	}
	for _, op := range [...]string{"<>", "<=", ">=", "==", "!=", "||"} {
		if strings.HasPrefix(s.text[s.pos:], op) {
			return s.scanDouble(op)
		}
	}
	if strings.ContainsRune("<>=+-*/%.,:()[]{}", c) {
		s.pos += size
		return token{kind: tokOperator, text: string(c)}, true
	}
	s.report.Error(Pos(s.pos), unexpectedChar, c)
	s.pos += size
	return token{}, false
}

func (s *scanner) scanDouble(op string) (token, bool) {
	start := Pos(s.pos)
	s.pos += len(op)
	switch op {
	case "==":
		s.report.Warn(start, doubleEquals)
		op = "="
	case "!=":
		s.report.Error(start, notEqual)
		op = "<>"
	case "||":
		s.report.Error(start, noPipes)
		op = "+"
	}
	return token{kind: tokOperator, text: op}, true
}

func (s *scanner) skipSpace() {
	s.space = false
	for s.pos < len(s.text) {
		c, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if !unicode.IsSpace(c) {
			return
		}
		s.pos += size
		s.space = true
	}
}

// skipComment reports and skips what other dialects read as a comment. "--" is one only before white space: a--5 is a
// minus minus five.
func (s *scanner) skipComment() bool {
	rest := s.text[s.pos:]
	var end string
	switch {
	case strings.HasPrefix(rest, "/*"):
		end = "*/"
	case strings.HasPrefix(rest, "//"):
		end = "\n"
	case strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] == ' ' || rest[2] == '\t' || rest[2] == '\n'):
		end = "\n"
	default:
		return false
	}
	s.report.Error(Pos(s.pos), noComments)
	if i := strings.Index(rest, end); i >= 0 {
		s.pos += i + len(end)
	} else {
		s.pos = len(s.text)
	}
	return true
}

// scanString reads up to the same quote. A backslash is an ordinary character: AWS documents no escapes, and patterns
// such as '\d+' must reach the regular expression as they are. [IoT-SQL 3, 18.11]
func (s *scanner) scanString(quote byte) token {
	start := s.pos
	content := s.text[start+1:]
	end := strings.IndexByte(content, quote)
	if end < 0 {
		s.report.Error(Pos(start), unterminatedString, quote)
		s.pos = len(s.text)
		return token{kind: tokString, text: content, quote: quote}
	}
	s.pos = start + 1 + end + 1
	return token{kind: tokString, text: content[:end], quote: quote}
}

func (s *scanner) scanNumber() token {
	start := s.pos
	s.skipDigits()
	if s.pos+1 < len(s.text) && s.text[s.pos] == '.' && isDigit(s.text[s.pos+1]) {
		s.pos++
		s.skipDigits()
	}
	s.skipExponent()
	number := s.text[start:s.pos]
	if c, _ := utf8.DecodeRuneInString(s.text[s.pos:]); isLetter(c) {
		s.takeName()
		s.report.Error(Pos(start), badNumber, s.text[start:s.pos])
	}
	return token{kind: tokNumber, text: number}
}

func (s *scanner) skipExponent() {
	i := s.pos
	if i >= len(s.text) || s.text[i] != 'e' && s.text[i] != 'E' {
		return
	}
	i++
	if i < len(s.text) && (s.text[i] == '+' || s.text[i] == '-') {
		i++
	}
	if i < len(s.text) && isDigit(s.text[i]) {
		s.pos = i
		s.skipDigits()
	}
}

func (s *scanner) skipDigits() {
	for s.pos < len(s.text) && isDigit(s.text[s.pos]) {
		s.pos++
	}
}

func (s *scanner) scanVariable() (token, bool) {
	start := s.pos
	s.pos++
	name := s.takeName()
	if name == "" {
		s.report.Error(Pos(start), variableName)
		return token{}, false
	}
	return token{kind: tokVariable, text: name}, true
}

// takeName reads letters, digits and underscores.
func (s *scanner) takeName() string {
	start := s.pos
	for s.pos < len(s.text) {
		c, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if !isLetter(c) && !unicode.IsDigit(c) {
			break
		}
		s.pos += size
	}
	return s.text[start:s.pos]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c rune) bool { return c == '_' || c != utf8.RuneError && unicode.IsLetter(c) }
