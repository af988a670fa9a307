package funcs

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// pattern is a compiled regular expression. Its results are ok unless the evaluation has used up its budget.
type pattern interface {
	match(e *Env, s string) (found, ok bool)
	// find returns the first n matches, all of them for n < 0, as regexp.FindAllStringSubmatchIndex does.
	find(e *Env, s string, n int) (matches [][]int, ok bool)
	groups() int           // not counting the whole match
	group(name string) int // the group's number, -1 for none
}

// compilePattern compiles a pattern for Go's own engine, which runs in linear time. A pattern beyond its syntax gets a
// backtracking engine and a caveat, since AWS does not document which constructs it accepts. A pattern that neither
// engine accepts gets only a caveat.
func compilePattern(text string) (pattern, *Caveat) {
	translated, err := translatePattern(text)
	if err != nil {
		return nil, cannotRun(text, err)
	}
	re, err := regexp.Compile(translated)
	if err == nil {
		return linear{re, countStates(translated)}, nil
	}
	slow, err2 := compileBacktracking(translated, maxBacktracking)
	if err2 != nil {
		return nil, cannotRun(text, err)
	}
	return slow, &Caveat{1, fmt.Sprintf("AWS does not document whether it takes the pattern '%s' (%s); this engine "+
		"does, and gives Undefined when matching takes longer than %v", text, reason(err), maxBacktracking)}
}

func cannotRun(text string, err error) *Caveat {
	return &Caveat{1, fmt.Sprintf("this engine cannot run the pattern '%s' (%s) and gives Undefined; "+
		"AWS does not document whether it can", text, reason(err))}
}

// reason returns the error of either engine without its common prefix.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "error parsing regexp: ") }

// linear is a pattern for Go's own engine.
type linear struct {
	*regexp.Regexp
	states int // what a byte of text costs at worst
}

func countStates(text string) int {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// statesPerWork is how many states of a pattern a byte of text can visit for one unit of work.
const statesPerWork = 16

func (p linear) pay(e *Env, s string) bool {
	return e.Spend(len(s) * (1 + p.states/statesPerWork))
}

func (p linear) match(e *Env, s string) (found, ok bool) {
	if !p.pay(e, s) {
		return false, false
	}
	return p.MatchString(s), true
}

func (p linear) find(e *Env, s string, n int) (matches [][]int, ok bool) {
	if !p.pay(e, s) {
		return nil, false
	}
	return p.FindAllStringSubmatchIndex(s, n), true
}

func (p linear) groups() int           { return p.NumSubexp() }
func (p linear) group(name string) int { return p.SubexpIndex(name) }

// maxBacktracking is how long the backtracking patterns of one evaluation can run, each alone and all together.
const maxBacktracking = 100 * time.Millisecond

// backtracking is a pattern that Go's own engine rejects: look-around, back-references, atomic groups.
type backtracking struct {
	*regexp2.Regexp
	limit time.Duration
}

// errMixedGroups is about the numbers of groups: this engine counts named groups after all others, Java's in order.
var errMixedGroups = errors.New("named and numbered groups in one pattern")

func compileBacktracking(text string, limit time.Duration) (pattern, error) {
	re, err := regexp2.Compile(text, regexp2.RE2)
	if err != nil {
		return nil, err
	}
	numbered, named := -1, 0 // the whole match has a number
	for _, n := range re.GetGroupNumbers() {
		if re.GroupNameFromNumber(n) == fmt.Sprint(n) {
			numbered++
		} else {
			named++
		}
	}
	if numbered > 0 && named > 0 {
		return nil, errMixedGroups
	}
	re.MatchTimeout = limit
	return backtracking{re, limit}, nil
}

// run times f, and reports whether it ended within the time that was left.
func (p backtracking) run(e *Env, s string, f func() error) bool {
	if e.backtracked >= p.limit || !e.Spend(len(s)) {
		return false
	}
	start := time.Now()
	err := f()
	e.backtracked += time.Since(start)
	return err == nil
}

func (p backtracking) match(e *Env, s string) (found, ok bool) {
	ok = p.run(e, s, func() (err error) {
		found, err = p.MatchString(s)
		return err
	})
	return found, ok
}

func (p backtracking) find(e *Env, s string, n int) (matches [][]int, ok bool) {
	var m *regexp2.Match
	if !p.run(e, s, func() (err error) { m, err = p.FindStringMatch(s); return err }) {
		return nil, false
	}
	offsets := runeOffsets(s)
	for m != nil && len(matches) != n {
		matches = append(matches, spans(m, offsets))
		if !p.run(e, "", func() (err error) { m, err = p.FindNextMatch(m); return err }) {
			return nil, false
		}
	}
	return matches, true
}

func (p backtracking) groups() int { return len(p.GetGroupNumbers()) - 1 }

func (p backtracking) group(name string) int { return p.GroupNumberFromName(name) }

// runeOffsets are the offsets in bytes of the characters of s, and its length.
func runeOffsets(s string) []int {
	offsets := make([]int, 0, len(s)+1)
	for i := range s {
		offsets = append(offsets, i)
	}
	return append(offsets, len(s))
}

// spans are the beginnings and ends of a match and its groups; -1 for a group that took no part.
func spans(m *regexp2.Match, offsets []int) []int {
	var at []int
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			at = append(at, -1, -1)
			continue
		}
		at = append(at, offsets[g.Index], offsets[g.Index+g.Length])
	}
	return at
}

// errNestedClass is about classes that Go would read differently from Java.
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
	"Lower": "[:lower:]", "Upper": "[:upper:]", "ASCII": "[:ascii:]", "Alpha": "[:alpha:]", "Digit": "[:digit:]",
	"Alnum": "[:alnum:]", "Punct": "[:punct:]", "Graph": "[:graph:]", "Print": "[:print:]", "Blank": "[:blank:]",
	"Cntrl": "[:cntrl:]", "XDigit": "[:xdigit:]", "Space": "[:space:]",
	"IsAlphabetic": `\p{L}`, "IsLatin": `\p{Latin}`, "IsGreek": `\p{Greek}`, "IsCyrillic": `\p{Cyrillic}`,
	"javaLowerCase": `\p{Ll}`, "javaUpperCase": `\p{Lu}`,
}

// translatePattern rewrites what Java and Go spell differently: \p{Alpha} and the like, and \h.
func translatePattern(pattern string) (string, error) {
	if err := checkClasses(pattern); err != nil {
		return "", err
	}
	if !strings.Contains(pattern, `\p{`) && !strings.Contains(pattern, `\h`) {
		return pattern, nil
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
	return b.String(), nil
}

func bracketed(class string, inClass bool) string {
	if inClass || class[0] == '\\' {
		return class
	}
	return "[" + class + "]"
}
