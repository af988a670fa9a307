package pipeline

import "strings"

// wild turns a text with substitution templates into a pattern of an IAM
// policy: each ${…} may become anything. An expression may hold braces itself,
// in an object literal or a string.
func wild(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('*')
		text = after[templateEnd(after):]
	}
}

// templateEnd gives the index behind the brace that closes an expression.
func templateEnd(s string) int {
	depth, quote := 1, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
