package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const maxDepth = 128

func read(text string) (any, error) {
	r := New(text, maxDepth)
	v, err := value(&r)
	if err != nil {
		return nil, err
	}
	return v, r.End()
}

// value builds the tree that encoding/json builds with UseNumber, from the reader's primitives.
func value(r *Reader) (any, error) {
	switch r.Peek() {
	case Object:
		out := map[string]any{}
		if err := r.Enter('{'); err != nil {
			return nil, err
		}
		for first := true; ; first = false {
			key, ok, err := r.Member(first)
			if err != nil || !ok {
				return out, err
			}
			if out[key], err = value(r); err != nil {
				return nil, err
			}
		}
	case Array:
		out := []any{}
		if err := r.Enter('['); err != nil {
			return nil, err
		}
		for first := true; ; first = false {
			ok, err := r.Element(first)
			if err != nil || !ok {
				return out, err
			}
			v, err := value(r)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	case String:
		return r.Text()
	case Number:
		n, err := r.NumberText()
		return json.Number(n), err
	case Bool:
		return r.Bool()
	}
	return nil, r.Skip()
}

func TestReadsWhatEncodingJSONReads(t *testing.T) {
	for _, c := range []struct{ text, why string }{
		{`{"a":1,"b":[true,false,null,"x"],"c":{"d":-0.5e+3}}`, "every kind of value"},
		{` { "a" : [ ] , "b" : { } } `, "white space everywhere it may stand, and empty containers"},
		{`"a\"b\\c\/d\b\f\n\r\té😀"`, "every escape, with a surrogate pair"},
		{`"\ud83dx\ud83dA"`, "half a surrogate pair, then half of one before another escape"},
		{`"0123456789abcdef\n0123456789abcdef"`, "an escape after the eight-byte steps"},
		{`"héllo wörld, this is longer than eight bytes"`, "bytes above 0x7f are not special"},
		{`{"a":1,"a":2}`, "the later of two equal keys wins"},
		{`0`, "a lone zero"},
		{`-12.25E-7`, "sign, point, exponent"},
		{``, "nothing"}, {`{`, "open object"}, {`[1`, "open array"}, {`"abc`, "open string"},
		{`"abc\`, "ends in an escape"},
		{`{"a"}`, "no colon"}, {`{"a":}`, "no value"}, {`{"a":1,}`, "trailing comma"},
		{`[1,]`, "trailing comma in an array"},
		{`{a:1}`, "bare key"}, {`[1 2]`, "no comma"}, {`01`, "leading zero"}, {`1.`, "no digit after the point"},
		{`1e`, "empty exponent"},
		{`-`, "lone minus"}, {`+1`, "plus sign"}, {`.5`, "no leading digit"}, {`NaN`, "not a number"},
		{`Infinity`, "infinite"},
		{`-Infinity`, "minus infinite"}, {`tru`, "half a literal"}, {`nul`, "half a null"},
		{`true1`, "text after a literal"},
		{"\"a\nb\"", "a raw line break in a string"},
		{"\"01234567\x01\"", "a control character in the eight-byte steps"},
		{`"\u12g4"`, "no hexadecimal digit"}, {`"\u12"`, "short escape"}, {`"\x"`, "unknown escape"},
		{`{} {}`, "two values"}, {"\u00a01", "a space that JSON does not know"},
	} {
		got, err := read(c.text)
		decoder := json.NewDecoder(strings.NewReader(c.text))
		decoder.UseNumber()
		var want any
		wantErr := decoder.Decode(&want)
		if wantErr == nil && decoder.More() {
			wantErr = errors.New("more than one value")
		}
		if !json.Valid([]byte(c.text)) != (err != nil) {
			t.Errorf("%s: %q: error %v, encoding/json says %v", c.why, c.text, err, wantErr)
			continue
		}
		if err == nil && !cmp.Equal(want, got) {
			t.Errorf("%s: %q: %s", c.why, c.text, cmp.Diff(want, got))
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	fits := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	if _, err := read(fits); err != nil {
		t.Errorf("reading arrays nested %d deep: %v", maxDepth, err)
	}
	deep := strings.Repeat(`{"a":`, 100000)
	r := New(deep, maxDepth)
	var syntax *SyntaxError
	if err := r.Skip(); !errors.As(err, &syntax) || syntax.Offset != maxDepth*len(`{"a":`) {
		t.Errorf("skipping 100000 open objects: %v, want the error at depth %d", err, maxDepth)
	}
}

func TestTextIsReadWithoutAllocating(t *testing.T) {
	text := `{"temperature":21.5,"name":"a longer name than eight bytes"}`
	if n := testing.AllocsPerRun(100, func() {
		r := New(text, maxDepth)
		if err := r.Skip(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2,{"b":null}]}`, `"é\ud800"`, `-1.5e9`, `[[[[]]]]`, "\"\xff\"",
		`{"a":1,"a":"\\"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := read(string(data))
		if err != nil {
			if json.Valid(data) && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= maxDepth {
				t.Fatalf("%q is JSON: %v", data, err)
			}
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("%q is not JSON: %v", data, err)
		}
		// encoding/json replaces bytes that are not UTF-8; this reader passes them on for its caller to judge.
		if utf8.Valid(data) && !cmp.Equal(want, got) {
			t.Fatalf("%q: %s", data, cmp.Diff(want, got))
		}
	})
}
