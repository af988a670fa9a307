// Package syntax turns the text of an AWS IoT SQL statement, condition or substitution template into a tree, and a
// tree back into text. It knows the grammar of [IoT-SQL 2, 3] and how a mistake in a text is reported. It must not
// know what anything means: no functions, no types, no SQL versions, no messages.
package syntax

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// MaxErrors is the maximum number of errors reported, and maxWarnings that of warnings.
const (
	MaxErrors   = 10
	maxWarnings = 100
)

// Pos is a byte offset into the text.
type Pos int

// Diagnostic is one remark about a text. Line and Column count from 1, columns in characters; Excerpt is the line and,
// below it, a caret.
type Diagnostic struct {
	Line, Column int
	Message      string
	Excerpt      string
}

// String is "line:column: message".
func (d Diagnostic) String() string {
	return fmt.Sprintf("%d:%d: %s", d.Line, d.Column, d.Message)
}

type remark struct {
	pos  Pos
	text string
}

// Report collects the errors and warnings about one text.
type Report struct {
	text             string
	errors, warnings []remark
	wrong            map[Pos]bool // places of errors
}

// NewReport returns an empty report about text.
func NewReport(text string) *Report {
	return &Report{text: text, wrong: map[Pos]bool{}}
}

// Error adds a mistake at pos. A second error at the same place is a consequence of the first and is dropped.
func (r *Report) Error(pos Pos, m Message, args ...any) {
	if !r.wrong[pos] {
		r.wrong[pos] = true
		r.errors = append(r.errors, remark{pos, shorten(m.with(args), longestMessage)})
	}
}

// Warn adds a remark about something that AWS accepts.
func (r *Report) Warn(pos Pos, m Message, args ...any) {
	r.warnings = append(r.warnings, remark{pos, shorten(m.with(args), longestMessage)})
}

// Crowded reports whether there are so many errors that hints for further ones are not worthwhile.
func (r *Report) Crowded() bool { return len(r.errors) > 10*MaxErrors }

// Failed reports whether there is an error.
func (r *Report) Failed() bool { return len(r.errors) > 0 }

// Errors returns the first MaxErrors errors in source order.
func (r *Report) Errors() []Diagnostic {
	return r.diagnostics(r.errors, MaxErrors)
}

// Warnings returns the warnings in source order.
func (r *Report) Warnings() []Diagnostic { return r.diagnostics(r.warnings, maxWarnings) }

func (r *Report) diagnostics(remarks []remark, most int) []Diagnostic {
	sort.SliceStable(remarks, func(i, j int) bool { return remarks[i].pos < remarks[j].pos })
	var list []Diagnostic
	for _, m := range remarks[:min(len(remarks), most)] {
		list = append(list, r.diagnostic(m))
	}
	return list
}

// longestMessage is how many characters of a message are kept: it may quote a part of the text that is very long.
const longestMessage = 400

// excerptWidth is how many characters of a line an excerpt shows; a generated one-line statement can be very long.
const excerptWidth = 120

func (r *Report) diagnostic(m remark) Diagnostic {
	pos := min(int(m.pos), len(r.text))
	start := strings.LastIndexByte(r.text[:pos], '\n') + 1
	line, _, _ := strings.Cut(r.text[start:], "\n")
	line = strings.ToValidUTF8(strings.TrimSuffix(line, "\r"), "\uFFFD")
	column := utf8.RuneCountInString(r.text[start:pos])
	return Diagnostic{
		Line:    strings.Count(r.text[:start], "\n") + 1,
		Column:  column + 1,
		Message: m.text,
		Excerpt: excerpt([]rune(line), column),
	}
}

// excerpt cuts a window around column out of line and puts a caret below that column. Tabs are kept in the caret's
// line, so that both lines indent the same wherever they are shown.
func excerpt(line []rune, column int) string {
	first := 0
	if len(line) > excerptWidth {
		first = max(0, min(column-excerptWidth/2, len(line)-excerptWidth))
		line = line[first:min(len(line), first+excerptWidth)]
	}
	var b strings.Builder
	b.WriteString(string(line))
	b.WriteByte('\n')
	for i := 0; i < column-first; i++ {
		if i < len(line) && line[i] == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteByte('^')
	return b.String()
}
