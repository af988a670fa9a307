package policy

import "strings"

// A glob is a pattern in which '*' matches any text and '?' any one character. In a compiled pattern the wildcards are
// bytes that never occur in UTF-8, so that the value of a variable stays literal (a client ID may be "*"). [AWS 3]
type glob string

const (
	anyText = '\xff'
	anyChar = '\xfe'
)

// match is a two-pointer search: on a mismatch it returns to the last star and extends it by one byte.
func (g glob) match(s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(g) && g[p] == anyText:
			star, mark = p, i
			p++
		case p < len(g) && g[p] == anyChar:
			p++
			i++
			for i < len(s) && s[i]&0xC0 == 0x80 { // the rest of a multi-byte character
				i++
			}
		case p < len(g) && g[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(g) && g[p] == anyText {
		p++
	}
	return p == len(g)
}

// compile replaces wildcards and ${variables}. ok is false if a variable has no value; such a pattern matches nothing.
func compile(pattern string, value func(name string) (string, bool)) (g glob, ok bool) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '*':
			b.WriteByte(anyText)
		case c == '?':
			b.WriteByte(anyChar)
		case c == '$' && i+1 < len(pattern) && pattern[i+1] == '{':
			end := strings.IndexByte(pattern[i:], '}')
			if end < 0 {
				return "", false
			}
			text, found := variable(pattern[i+2:i+end], value)
			if !found {
				return "", false
			}
			b.WriteString(text)
			i += end
		default:
			b.WriteByte(c)
		}
	}
	return glob(b.String()), true
}

// variable resolves the text between ${ and }; ${*}, ${?} and ${$} are those characters.
func variable(name string, value func(string) (string, bool)) (string, bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	return value(name)
}
