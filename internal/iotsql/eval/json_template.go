package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// JSONTemplate is a template that is a JSON document and remains one for every message: values are written so that
// they cannot end the string they are in, or add a member. AWS inserts raw text, so this is not for the fields of
// rule actions.
type JSONTemplate struct {
	*Template
	inString []bool // by part: the expression is inside a JSON string
	keyed    bool   // an expression is inside a key
	warnings []syntax.Diagnostic
}

// maxDocumentDepth allows for a value of the payload's depth inside a template of the same depth.
const maxDocumentDepth = 2 * value.MaxDepth

// JSON finds out where in the document each expression is, so that Eval need not. The report fails if the template is
// not a JSON document.
func (t *Template) JSON() (*JSONTemplate, *syntax.Report) {
	report := syntax.NewReport(t.source)
	s := newSkeleton(t.parts)
	j := &JSONTemplate{Template: t, inString: s.inString}
	if onlyValue(t.parts) {
		report.Error(0, syntax.OnlyValue)
		return j, report
	}
	seen := map[objectKey]bool{}
	err := eachKey(string(s.text), value.MaxDepth, func(k objectKey, start, end int) error {
		switch {
		case s.hasExpression(start, end, func(p part) bool { return p.reads }):
			j.keyed = true
			report.Warn(s.position(start), syntax.ValueInKey)
		case s.hasExpression(start, end, func(part) bool { return true }):
			j.keyed = true
		case seen[k]:
			report.Warn(s.position(start), syntax.KeyTwice, k.name)
		}
		seen[k] = true
		return nil
	})
	var problem *jsontext.SyntaxError
	if errors.As(err, &problem) {
		report.Error(s.position(problem.Offset), syntax.NotJSON, problem.Problem)
	}
	j.warnings = report.Warnings()
	return j, report
}

// onlyValue reports whether the template is one expression, with nothing but space around it.
func onlyValue(parts []part) bool {
	expressions := 0
	for _, p := range parts {
		if p.x != nil {
			expressions++
		} else if strings.TrimSpace(p.text) != "" {
			return false
		}
	}
	return expressions == 1
}

// skeleton is the text of a template with something simple in place of each expression.
type skeleton struct {
	text     []byte
	parts    []part
	starts   []int // by part: its offset in text
	inString []bool
}

// newSkeleton puts a null where a value belongs, and an underscore inside a string: next to an unfinished escape, such
// as \u00, that is not JSON, although some values would complete it.
func newSkeleton(parts []part) *skeleton {
	s := &skeleton{parts: parts, starts: make([]int, len(parts)), inString: make([]bool, len(parts))}
	inside, escaped := false, false
	for i, p := range parts {
		s.starts[i] = len(s.text)
		switch {
		case p.x == nil:
			s.text = append(s.text, p.text...)
			inside, escaped = endOf(p.text, inside, escaped)
		case inside:
			s.text = append(s.text, '_')
			s.inString[i], escaped = true, false
		default:
			s.text = append(s.text, "null"...)
		}
	}
	return s
}

// endOf says whether the end of a piece of JSON is inside a string, and right after its backslash.
func endOf(text string, inside, escaped bool) (bool, bool) {
	for i := range len(text) {
		switch {
		case !inside:
			inside = text[i] == '"'
		case escaped:
			escaped = false
		case text[i] == '\\':
			escaped = true
		case text[i] == '"':
			inside = false
		}
	}
	return inside, escaped
}

// hasExpression reports whether an expression of a kind begins in a part of the text.
func (s *skeleton) hasExpression(start, end int, kind func(part) bool) bool {
	i, _ := slices.BinarySearch(s.starts, start)
	for ; i < len(s.parts) && s.starts[i] < end; i++ {
		if s.parts[i].x != nil && kind(s.parts[i]) {
			return true
		}
	}
	return false
}

// position returns the place in the template for an offset in the skeleton.
func (s *skeleton) position(offset int) syntax.Pos {
	i, exact := slices.BinarySearch(s.starts, offset)
	if !exact {
		i--
	}
	if i < 0 {
		return 0
	}
	if s.parts[i].x != nil {
		return s.parts[i].pos
	}
	return s.parts[i].pos + syntax.Pos(offset-s.starts[i])
}

// objectKey is a key in one of a document's objects, which are numbered.
type objectKey struct {
	object int
	name   string
}

// eachKey reads a JSON document and calls visit for every key, with the part of the text that the key is in. It
// returns the first error, which is a *jsontext.SyntaxError if the text is not JSON.
func eachKey(text string, depth int, visit func(k objectKey, start, end int) error) error {
	w := keyWalk{Reader: jsontext.New(text, depth), text: text, visit: visit}
	if err := w.value(); err != nil {
		return err
	}
	return w.End()
}

type keyWalk struct {
	jsontext.Reader
	text    string
	visit   func(k objectKey, start, end int) error
	objects int
}

func (w *keyWalk) value() error {
	switch w.Peek() {
	case jsontext.Object:
		return w.object()
	case jsontext.Array:
		return w.array()
	}
	return w.Skip()
}

func (w *keyWalk) object() error {
	if err := w.Enter('{'); err != nil {
		return err
	}
	w.objects++
	number := w.objects
	for first := true; ; first = false {
		start := w.Offset()
		name, ok, err := w.Member(first)
		if err != nil || !ok {
			return err
		}
		start += strings.IndexByte(w.text[start:], '"')
		if err := w.visit(objectKey{number, name}, start, w.Offset()); err != nil {
			return err
		}
		if err := w.value(); err != nil {
			return err
		}
	}
}

func (w *keyWalk) array() error {
	if err := w.Enter('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		ok, err := w.Element(first)
		if err != nil || !ok {
			return err
		}
		if err := w.value(); err != nil {
			return err
		}
	}
}

// Warnings are remarks about the document's keys.
func (t *JSONTemplate) Warnings() []syntax.Diagnostic { return t.warnings }

// Eval fills the template in. What is Undefined is empty text inside a string, as in other templates, and null
// elsewhere.
func (t *JSONTemplate) Eval(ctx context.Context, m *message.Message) (string, error) {
	f := newFrame(ctx, m, t.plan)
	defer f.release()
	for i, p := range t.parts {
		if p.x == nil {
			f.out = append(f.out, p.text...)
			continue
		}
		v := p.x.eval(f)
		if err := f.env.Err(); err != nil {
			return "", err
		}
		if value.Size(v, MaxOutput) > MaxOutput {
			return "", funcs.ErrTooMuch
		}
		if t.inString[i] {
			f.out = appendContent(f.out, v)
		} else {
			f.out = appendValue(f.out, v)
		}
		if len(f.out) > MaxOutput {
			return "", funcs.ErrTooMuch
		}
	}
	text := string(f.out)
	if !t.keyed {
		return text, nil
	}
	return text, checkKeys(text)
}

// appendContent appends the text of a value as part of a JSON string.
func appendContent(dst []byte, v value.Value) []byte {
	switch v.Kind() {
	case value.Bool, value.Int, value.Decimal:
		return value.AppendJSON(dst, v)
	}
	text, _ := value.ToString(v)
	return jsontext.AppendContent(dst, text)
}

func appendValue(dst []byte, v value.Value) []byte {
	if v.IsUndefined() {
		v = value.NullValue
	}
	return value.AppendJSON(dst, v)
}

// checkKeys returns an error if an object repeats a key: readers of JSON disagree on which member counts, so a value in
// a key could replace another member.
func checkKeys(text string) error {
	seen := map[objectKey]bool{}
	return eachKey(text, maxDocumentDepth, func(k objectKey, _, _ int) error {
		if seen[k] {
			return fmt.Errorf("the key %q appears twice in one object", k.name)
		}
		seen[k] = true
		return nil
	})
}
