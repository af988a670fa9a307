package funcs

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

var regexpFuncs = []*Func{
	{
		Name: "regexp_matches", Section: sectionStrings, Signature: "regexp_matches(text, pattern)", Min: 2, Max: 2, Result: Boolean,
		Doc: "Whether the text contains a match of the regular expression. Put alternatives between parentheses. " + dialect,
		Examples: []Example{
			{SQL: "regexp_matches('aaaa', 'a{2,}')", Want: "true"}, {SQL: "regexp_matches('aaaa', 'b')", Want: "false"},
			{SQL: "regexp_matches('bbb', '(aaa|bbb)')", Want: "true"}, {SQL: "regexp_matches('ccc', '(aaa|bbb)')", Want: "false"},
		},
		Call:    regexpMatches.dynamic,
		Prepare: regexpMatches.prepare,
	},
	{
		Name: "regexp_replace", Section: sectionStrings, Signature: "regexp_replace(text, pattern, replacement)", Min: 3, Max: 3, Result: Text,
		Doc: "The text with all matches of the regular expression replaced. $1 in the replacement is what group 1 matched, ${name} what a named group matched, and a backslash makes the next " +
			"character an ordinary one. " + dialect,
		Examples: []Example{{SQL: "regexp_replace('abcd', 'bc', 'x')", Want: `"axd"`}, {SQL: "regexp_replace('abcd', 'b(.*)d', '$1')", Want: `"ac"`}},
		Call:     regexpReplace.dynamic,
		Prepare:  regexpReplace.prepare,
	},
	{
		Name: "regexp_substr", Section: sectionStrings, Signature: "regexp_substr(text, pattern)", Min: 2, Max: 2, Result: Text,
		Doc:      "The first match of the regular expression in the text; Undefined where there is none. " + dialect,
		Examples: []Example{{SQL: "regexp_substr('hihihello', 'hi')", Want: `"hi"`}, {SQL: "regexp_substr('hihihello', '(hi)*')", Want: `"hihi"`}, {SQL: "regexp_substr('a', 'b')", Want: "Undefined"}},
		Call:     regexpSubstr.dynamic,
		Prepare:  regexpSubstr.prepare,
	},
}

const dialect = "Patterns run in linear time: look-around, back-references and possessive quantifiers, which AWS's engine has, are refused where the pattern is a constant, and give Undefined " +
	"where it is not."

// pattern is a compiled regular expression with its number of states, which is what a byte of text costs at worst.
type pattern struct {
	*regexp.Regexp
	states int
}

func compilePattern(text string) (pattern, error) {
	if err := checkClasses(text); err != nil {
		return pattern{}, err
	}
	text = translatePattern(text)
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{}, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return pattern{}, err
	}
	re, err := regexp.Compile(text)
	return pattern{re, len(program.Inst)}, err
}

// statesPerWork is how many states of a pattern a byte of text may visit for one unit of work.
const statesPerWork = 16

// pay counts the work of matching s.
func (p pattern) pay(e *Env, s string) bool {
	return e.Spend(len(s) * (1 + p.states/statesPerWork))
}

// regexpFunc is a function of a text, a pattern and perhaps a third argument.
type regexpFunc func(e *Env, s string, p pattern, args []value.Value) value.Value

var (
	regexpMatches regexpFunc = func(_ *Env, s string, p pattern, _ []value.Value) value.Value {
		return value.OfBool(p.MatchString(s))
	}
	regexpSubstr regexpFunc = func(_ *Env, s string, p pattern, _ []value.Value) value.Value {
		at := p.FindStringIndex(s)
		if at == nil {
			return value.Value{}
		}
		return value.OfString(s[at[0]:at[1]])
	}
	regexpReplace regexpFunc = func(e *Env, s string, p pattern, args []value.Value) value.Value {
		text, ok := value.ToString(args[2])
		if !ok {
			return value.Value{}
		}
		parts, ok := parseReplacement(text, p.Regexp)
		if !ok {
			return value.Value{}
		}
		return replaceMatches(e, s, p.Regexp, parts)
	}
)

// maxPattern is how long a pattern may be that is not a constant; a constant has the size of the statement as its limit.
const maxPattern = 1000

func (f regexpFunc) dynamic(e *Env, args []value.Value) value.Value {
	s, okS := value.ToString(args[0])
	text, okP := value.ToString(args[1])
	if !okS || !okP || len(text) > maxPattern || !e.Spend(100*len(text)) {
		return value.Value{}
	}
	p, err := compilePattern(text)
	if err != nil || !p.pay(e, s) {
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
	p, err := compilePattern(text)
	if err != nil {
		if isInvalid(err) {
			return nil, fmt.Errorf("the pattern '%s' is no regular expression: %w", text, err)
		}
		return nil, &Unsupported{Arg: 1, Reason: explainPattern(text, err)}
	}
	return func(e *Env, args []value.Value) value.Value {
		s, ok := value.ToString(args[0])
		if !ok || !p.pay(e, s) {
			return value.Value{}
		}
		return f(e, s, p, args)
	}, nil
}

// isInvalid reports whether a pattern is wrong in every dialect, so that AWS's result is Undefined too.
func isInvalid(err error) bool {
	e, ok := err.(*syntax.Error)
	if !ok {
		return false
	}
	switch e.Code {
	case syntax.ErrMissingBracket, syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrTrailingBackslash,
		syntax.ErrMissingRepeatArgument, syntax.ErrInvalidCharRange:
		return true
	}
	return false
}

// slow are the constructs that Java's engine has and one that runs in linear time cannot have.
var slow = []struct{ start, name string }{
	{"(?=", "look-ahead"}, {"(?!", "look-ahead"}, {"(?<=", "look-behind"}, {"(?<!", "look-behind"}, {"(?>", "an atomic group"},
	{"*+", "a possessive quantifier"}, {"++", "a possessive quantifier"}, {"?+", "a possessive quantifier"}, {"}+", "a possessive quantifier"},
	{`\1`, "a back-reference"}, {`\2`, "a back-reference"}, {`\3`, "a back-reference"}, {`\k<`, "a back-reference"},
}

// explainPattern says why a pattern cannot be used.
func explainPattern(pattern string, err error) string {
	reason := err.Error()
	for _, construct := range slow {
		if strings.Contains(pattern, construct.start) {
			reason = construct.name + " (" + construct.start + ") does not run in linear time"
			break
		}
	}
	return "this engine cannot run the pattern '" + pattern + "': " + reason
}

// errNestedClass is about classes that this engine would read otherwise than AWS's.
var errNestedClass = errors.New("character classes within classes, and && between them, exist in Java only")

// checkClasses refuses [a-d[m-p]] and [a-z&&[^b]]: here, [ and & are ordinary characters within a class.
func checkClasses(text string) error {
	inClass := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case inClass && (c == '[' && !strings.HasPrefix(text[i:], "[:") || strings.HasPrefix(text[i:], "&&")):
			return errNestedClass
		case c == '[' && !inClass:
			inClass = true
			if i++; i < len(text) && text[i] == '^' {
				i++
			}
			// A ] that comes first belongs to the class.
			if i >= len(text) || text[i] != ']' {
				i--
			}
		case c == ']':
			inClass = false
		}
	}
	return nil
}

// javaClasses are the ASCII classes that Java writes \p{Name} and this engine [:name:].
var javaClasses = map[string]string{
	"Lower": "[:lower:]", "Upper": "[:upper:]", "ASCII": "[:ascii:]", "Alpha": "[:alpha:]", "Digit": "[:digit:]", "Alnum": "[:alnum:]", "Punct": "[:punct:]",
	"Graph": "[:graph:]", "Print": "[:print:]", "Blank": "[:blank:]", "Cntrl": "[:cntrl:]", "XDigit": "[:xdigit:]", "Space": "[:space:]",
	"IsAlphabetic": `\pL`, "IsLatin": `\p{Latin}`, "IsGreek": `\p{Greek}`, "IsCyrillic": `\p{Cyrillic}`, "javaLowerCase": `\p{Ll}`, "javaUpperCase": `\p{Lu}`,
}

// translatePattern rewrites what Java and this engine spell differently: \p{Alpha} and the like, and \h.
func translatePattern(pattern string) string {
	if !strings.Contains(pattern, `\p{`) && !strings.Contains(pattern, `\h`) {
		return pattern
	}
	var b strings.Builder
	inClass := false
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, `\p{`):
			name, _, closed := strings.Cut(rest[3:], "}")
			if class, ok := javaClasses[name]; ok && closed {
				b.WriteString(bracketed(class, inClass))
				i += len(name) + 3
				continue
			}
		case strings.HasPrefix(rest, `\h`):
			b.WriteString(bracketed("[:blank:]", inClass))
			i++
			continue
		case pattern[i] == '\\' && len(rest) > 1:
			b.WriteString(rest[:2])
			i++
			continue
		case pattern[i] == '[':
			inClass = true
		case pattern[i] == ']':
			inClass = false
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

func bracketed(class string, inClass bool) string {
	if inClass || class[0] == '\\' {
		return class
	}
	return "[" + class + "]"
}

// replacementPart is literal text or the number of a group.
type replacementPart struct {
	text  string
	group int // -1 for text
}

// parseReplacement reads a replacement as Java does: the first digit after $ is the group, further digits belong to it while
// such a group exists; ${name} is a named group; \ quotes the next character. Anything else after $ or \ is invalid.
func parseReplacement(s string, re *regexp.Regexp) (parts []replacementPart, ok bool) {
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
			group, width := groupReference(s[i+1:], re)
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
func groupReference(s string, re *regexp.Regexp) (group, width int) {
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		name, _, closed := strings.Cut(rest, "}")
		if group = re.SubexpIndex(name); !closed || group < 0 {
			return 0, 0
		}
		return group, len(name) + 2
	}
	for width < len(s) && s[width] >= '0' && s[width] <= '9' {
		next := 10*group + int(s[width]-'0')
		if next > re.NumSubexp() {
			break
		}
		group = next
		width++
	}
	return group, width
}

func replaceMatches(e *Env, s string, re *regexp.Regexp, parts []replacementPart) value.Value {
	var b strings.Builder
	end := 0
	for _, at := range re.FindAllStringSubmatchIndex(s, -1) {
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
