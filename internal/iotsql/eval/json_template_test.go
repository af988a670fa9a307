package eval

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
)

// What FuzzJSONTemplate writes for an expression, so that it can find it again.
const (
	mark      = "\U0010FFFE"  // inside a string
	markValue = mark + "null" // as a value
)

// FuzzJSONTemplate: for every payload, a template that is JSON gives JSON with the same keys in the same places and the
// same values, except where the expressions are.
func FuzzJSONTemplate(f *testing.F) {
	for _, text := range []string{
		`{"action":"show","note":"${note}"}`, `{"level": ${note}, "b":[1.50,true,null,"\u00e9"]}`,
		`["${note}${other}",${*}]`, `{"a${note}":{"a":${other}}}`, `"\\${note}\ud83d"`, `{"a":"\${note}"}`,
		`[${concat("\"", note)}]`, `{"a":1,"a":${note}}`, ` ${note}`,
		`{"a":${note}${other}}`, `["\ud83d${note}\ude00"]`,
	} {
		for _, payload := range []string{
			`{"note":"x\",\"action\":\"open_door"}`, `{"note":"\\","other":"\""}`, "\x00\xff",
			`{"note":"\u0000\u2028\ud83d","other":{"a":[1]}}`, `{"note":1e400,"other":-0.0}`,
			`{"note":"a","other":[null,"]"]}`, `{"note":"` + "\xff\xfe" + `"}`, `[1]`,
		} {
			f.Add(text, []byte(payload))
		}
	}
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		tmpl, report := CompileTemplate(text, Options{})
		if report.Failed() {
			return
		}
		j, report := tmpl.JSON()
		if report.Failed() {
			return
		}
		got, err := j.Eval(context.Background(), &message.Message{Payload: payload})
		if err != nil {
			return // too much work or a key twice: no text
		}
		if !json.Valid([]byte(got)) {
			t.Fatalf("%q with %q gives %q, which is not JSON", text, payload, got)
		}
		// Around an empty value, halves of a character in the template may become one.
		if strings.Contains(text, mark) || !utf8.ValidString(text) || strings.Contains(strings.ToLower(text), `\ud`) {
			return
		}
		if err := sameStructure(marked(j), got); err != nil {
			t.Fatalf("%q with %q gives %q: %v", text, payload, got, err)
		}
	})
}

// marked fills in a template with marks.
func marked(j *JSONTemplate) string {
	var b strings.Builder
	for i, p := range j.parts {
		switch {
		case p.x == nil:
			b.WriteString(p.text)
		case j.inString[i]:
			b.WriteString(mark)
		default:
			b.WriteString(`"` + markValue + `"`)
		}
	}
	return b.String()
}

// sameStructure compares two documents token by token, so that repeated keys count.
func sameStructure(marked, got string) error {
	want, have := json.NewDecoder(strings.NewReader(marked)), json.NewDecoder(strings.NewReader(got))
	want.UseNumber()
	have.UseNumber()
	for {
		w, err := want.Token()
		if errors.Is(err, io.EOF) {
			if _, err := have.Token(); !errors.Is(err, io.EOF) {
				return errors.New("it does not end where the template ends")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if w == markValue {
			if err := have.Decode(new(any)); err != nil {
				return err
			}
			continue
		}
		h, err := have.Token()
		if err != nil {
			return err
		}
		pattern, isText := w.(string)
		text, hasText := h.(string)
		if isText != hasText || isText && !matches(strings.Split(pattern, mark), text) || !isText && w != h {
			return errors.New("a part of the template has changed")
		}
	}
}

// matches reports whether the pieces are in the text, in order and with nothing before the first or after the last.
func matches(pieces []string, text string) bool {
	last := len(pieces) - 1
	if last == 0 {
		return text == pieces[0]
	}
	text, ok := strings.CutPrefix(text, pieces[0])
	for _, piece := range pieces[1:last] {
		if ok {
			_, text, ok = strings.Cut(text, piece)
		}
	}
	return ok && strings.HasSuffix(text, pieces[last])
}
