package funcs

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

var regexpFuncs = []*Func{
	{
		Name: "regexp_matches", Section: sectionStrings, Signature: "regexp_matches(text, pattern)",
		Min: 2, Max: 2, Result: Boolean,
		Doc: "Whether the text contains a match of the [regular expression](#regular-expressions). Put alternatives " +
			"between parentheses.",
		Examples: []Example{
			{SQL: "regexp_matches('aaaa', 'a{2,}')", Want: "true"},
			{SQL: "regexp_matches('aaaa', 'b')", Want: "false"},
			{SQL: "regexp_matches('bbb', '(aaa|bbb)')", Want: "true"},
			{SQL: "regexp_matches('ccc', '(aaa|bbb)')", Want: "false"},
		},
		Call:    regexpMatches.dynamic,
		Prepare: regexpMatches.prepare,
	},
	{
		Name: "regexp_replace", Section: sectionStrings, Signature: "regexp_replace(text, pattern, replacement)",
		Min: 3, Max: 3, Result: Text,
		Doc: "The text with all matches of the [regular expression](#regular-expressions) replaced. In the " +
			"replacement, `$1` is what group 1 matched, `${name}` what a named group matched, and a backslash makes " +
			"the next character an ordinary one.",
		Examples: []Example{
			{SQL: "regexp_replace('abcd', 'bc', 'x')", Want: `"axd"`},
			{SQL: "regexp_replace('abcd', 'b(.*)d', '$1')", Want: `"ac"`},
		},
		Call:    regexpReplace.dynamic,
		Prepare: regexpReplace.prepare,
	},
	{
		Name: "regexp_substr", Section: sectionStrings, Signature: "regexp_substr(text, pattern)",
		Min: 2, Max: 2, Result: Text,
		Doc: "The first match of the [regular expression](#regular-expressions) in the text; Undefined if there is " +
			"none.",
		Examples: []Example{
			{SQL: "regexp_substr('hihihello', 'hi')", Want: `"hi"`},
			{SQL: "regexp_substr('hihihello', '(hi)*')", Want: `"hihi"`},
			{SQL: "regexp_substr('a', 'b')", Want: "Undefined"},
		},
		Call:    regexpSubstr.dynamic,
		Prepare: regexpSubstr.prepare,
	},
}

// regexpFunc is a function of a text, a pattern and perhaps a third argument.
type regexpFunc func(e *Env, s string, p pattern, args []value.Value) value.Value

var (
	regexpMatches regexpFunc = func(e *Env, s string, p pattern, _ []value.Value) value.Value {
		found, ok := p.match(e, s)
		if !ok {
			return value.Value{}
		}
		return value.OfBool(found)
	}
	regexpSubstr regexpFunc = func(e *Env, s string, p pattern, _ []value.Value) value.Value {
		at, ok := p.find(e, s, 1)
		if !ok || len(at) == 0 {
			return value.Value{}
		}
		return value.OfString(s[at[0][0]:at[0][1]])
	}
	regexpReplace regexpFunc = func(e *Env, s string, p pattern, args []value.Value) value.Value {
		text, ok := value.ToString(args[2])
		if !ok {
			return value.Value{}
		}
		parts, ok := parseReplacement(text, p)
		if !ok {
			return value.Value{}
		}
		matches, ok := p.find(e, s, -1)
		if !ok {
			return value.Value{}
		}
		return replaceMatches(e, s, matches, parts)
	}
)

// maxPattern is the maximum length of a pattern that is not constant; the size of the statement limits a constant one.
const maxPattern = 1000

func (f regexpFunc) dynamic(e *Env, args []value.Value) value.Value {
	s, okS := value.ToString(args[0])
	text, okP := value.ToString(args[1])
	if !okS || !okP || len(text) > maxPattern || !e.Spend(100*len(text)) {
		return value.Value{}
	}
	p, _ := compilePattern(text)
	if p == nil {
		return value.Value{}
	}
	return f(e, s, p, args)
}

// prepare compiles a constant pattern once.
func (f regexpFunc) prepare(_ value.Version, args []*value.Value) (Impl, error) {
	if args[1] == nil {
		return nil, nil
	}
	text, ok := value.ToString(*args[1])
	if !ok {
		return nil, nil
	}
	p, caveat := compilePattern(text)
	impl := func(e *Env, args []value.Value) value.Value {
		s, ok := value.ToString(args[0])
		if !ok || p == nil {
			return value.Value{}
		}
		return f(e, s, p, args)
	}
	if caveat != nil {
		return impl, caveat
	}
	return impl, nil
}

// replacementPart is literal text or the number of a group.
type replacementPart struct {
	text  string
	group int // -1 for text
}

// parseReplacement reads a replacement as Java does: the first digit after $ is the group, further digits belong to
// it while such a group exists; ${name} is a named group; \ quotes the next character. Anything else after $ or \ is
// invalid.
func parseReplacement(s string, p pattern) (parts []replacementPart, ok bool) {
	var literal strings.Builder
	flush := func(group int) {
		if literal.Len() > 0 {
			parts = append(parts, replacementPart{literal.String(), -1})
			literal.Reset()
		}
		if group >= 0 {
			parts = append(parts, replacementPart{"", group})
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return nil, false
			}
			literal.WriteByte(s[i])
		case '$':
			group, width := groupReference(s[i+1:], p)
			if width == 0 {
				return nil, false
			}
			flush(group)
			i += width
		default:
			literal.WriteByte(s[i])
		}
	}
	flush(-1)
	return parts, true
}

// groupReference reads what follows a $; width is 0 when it names no group.
func groupReference(s string, p pattern) (group, width int) {
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		name, _, closed := strings.Cut(rest, "}")
		if group = p.group(name); !closed || group < 0 {
			return 0, 0
		}
		return group, len(name) + 2
	}
	for width < len(s) && s[width] >= '0' && s[width] <= '9' {
		next := 10*group + int(s[width]-'0')
		if next > p.groups() {
			break
		}
		group = next
		width++
	}
	return group, width
}

func replaceMatches(e *Env, s string, matches [][]int, parts []replacementPart) value.Value {
	var b strings.Builder
	end := 0
	for _, at := range matches {
		before := b.Len()
		b.WriteString(s[end:at[0]])
		for _, p := range parts {
			switch {
			case p.group < 0:
				b.WriteString(p.text)
			case at[2*p.group] >= 0:
				b.WriteString(s[at[2*p.group]:at[2*p.group+1]])
			}
			if b.Len()-before > value.MaxText {
				return e.Fail(ErrTooMuch)
			}
		}
		end = at[1]
		if !e.Spend(b.Len() - before) {
			return value.Value{}
		}
	}
	b.WriteString(s[end:])
	return value.OfString(b.String())
}
