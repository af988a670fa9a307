// Package jsonscan reads JSON text in place: one pass, no tree, strings that are parts of the input.
//
// It is strict RFC 8259 and accepts exactly what encoding/json accepts, up to MaxDepth; a fuzz test holds the
// two together. It exists because the functions read megabytes of small documents per call, where a tree
// of values costs more than all the rest of the work. It must not know what the documents mean.
package jsonscan

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how many arrays and objects may be open at once. A 128 KB payload could nest 64,000 deep.
const MaxDepth = 128

// Kind is the kind of the value that starts at the reader's position.
type Kind byte

// The kinds of JSON value. Invalid is what can start no value, the end of the text included.
const (
	Invalid Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// SyntaxError says where text stopped being JSON; Offset counts bytes from 0.
type SyntaxError struct {
	Offset  int
	Problem string
	TooDeep bool // it may be JSON, but is nested deeper than MaxDepth
}

func (e *SyntaxError) Error() string {
	return "byte " + strconv.Itoa(e.Offset) + ": " + e.Problem
}

// Reader walks a JSON text. Strings it returns share the text's memory unless they held an escape.
// After an error the reader's position is undefined.
type Reader struct {
	text  string
	at    int
	depth int
}

// New returns a reader at the start of text.
func New(text string) Reader { return Reader{text: text} }

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.at }

func (r *Reader) fail(problem string) error {
	return &SyntaxError{Offset: r.at, Problem: problem}
}

func (r *Reader) skipSpace() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// Peek tells the kind of the next value without reading it.
func (r *Reader) Peek() Kind {
	r.skipSpace()
	if r.at == len(r.text) {
		return Invalid
	}
	switch c := r.text[r.at]; {
	case c == '"':
		return String
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '-', '0' <= c && c <= '9':
		return Number
	case c == 't', c == 'f':
		return Bool
	case c == 'n':
		return Null
	}
	return Invalid
}

// Enter reads the bracket that opens an object ('{') or an array ('[').
func (r *Reader) Enter(open byte) error {
	r.skipSpace()
	if r.at == len(r.text) || r.text[r.at] != open {
		return r.fail(fmt.Sprintf("no %q here", open))
	}
	if r.depth == MaxDepth {
		return &SyntaxError{Offset: r.at, Problem: fmt.Sprintf("nested more than %d deep", MaxDepth), TooDeep: true}
	}
	r.depth++
	r.at++
	return nil
}

// more reads the comma or the closing bracket between elements; first says that no element has been read yet.
func (r *Reader) more(first bool, closing byte) (bool, error) {
	r.skipSpace()
	if r.at == len(r.text) {
		return false, r.fail("the text ends inside a value")
	}
	c := r.text[r.at]
	if c == closing {
		r.at++
		r.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, r.fail("no comma between values")
	}
	r.at++
	return true, nil
}

// Element reports whether the entered array has another element, and stands at it. first is true on the first call.
func (r *Reader) Element(first bool) (bool, error) { return r.more(first, ']') }

// Member reads the next key of the entered object, and stands at its value; ok is false at the object's end.
func (r *Reader) Member(first bool) (key string, ok bool, err error) {
	ok, err = r.more(first, '}')
	if !ok || err != nil {
		return "", false, err
	}
	if key, err = r.Text(); err != nil {
		return "", false, err
	}
	r.skipSpace()
	if r.at == len(r.text) || r.text[r.at] != ':' {
		return "", false, r.fail("no colon after a key")
	}
	r.at++
	return key, true, nil
}

// Text reads a string and returns it with its escapes resolved.
func (r *Reader) Text() (string, error) {
	r.skipSpace()
	if r.at == len(r.text) || r.text[r.at] != '"' {
		return "", r.fail("no string here")
	}
	start := r.at + 1
	end := plain(r.text, start)
	if end == len(r.text) {
		return "", r.fail("the string does not end")
	}
	if r.text[end] == '"' {
		r.at = end + 1
		return r.text[start:end], nil
	}
	return r.escaped(start, end)
}

// plain returns the index, from i on, of the first quote, backslash or control character, or the text's length.
// Eight bytes at a time: a byte of x is zero where it matches, and x-0x01… borrows into its high bit there. A false
// hit is possible only above a true one, so the byte loop that follows finds the same place.
func plain(text string, i int) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		w := uint64(text[i]) | uint64(text[i+1])<<8 | uint64(text[i+2])<<16 | uint64(text[i+3])<<24 |
			uint64(text[i+4])<<32 | uint64(text[i+5])<<40 | uint64(text[i+6])<<48 | uint64(text[i+7])<<56
		quote, backslash := w^('"'*low), w^('\\'*low)
		found := (quote - low) & ^quote
		found |= (backslash - low) & ^backslash
		found |= (w - 0x20*low) & ^w
		if found&high != 0 {
			break
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return i
}

// escaped reads the rest of a string whose first special byte, at end, is not its closing quote.
func (r *Reader) escaped(start, end int) (string, error) {
	out := append(make([]byte, 0, end-start+32), r.text[start:end]...)
	for r.at = end; r.at < len(r.text); {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return string(out), nil
		case c < 0x20:
			return "", r.fail("a control character in a string")
		case c == '\\':
			var err error
			if out, err = r.escape(out); err != nil {
				return "", err
			}
		default:
			next := plain(r.text, r.at)
			out = append(out, r.text[r.at:next]...)
			r.at = next
		}
	}
	return "", r.fail("the string does not end")
}

var simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one backslash sequence. Half a surrogate pair becomes U+FFFD, as in encoding/json.
func (r *Reader) escape(out []byte) ([]byte, error) {
	if r.at+1 >= len(r.text) {
		return nil, r.fail("the string does not end")
	}
	if c := simpleEscapes[r.text[r.at+1]]; c != 0 {
		r.at += 2
		return append(out, c), nil
	}
	unit, ok := r.hex(r.at)
	if !ok {
		return nil, r.fail("not an escape sequence")
	}
	r.at += 6
	if utf16.IsSurrogate(unit) {
		if low, ok := r.hex(r.at); ok {
			if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
				r.at += 6
				return utf8.AppendRune(out, pair), nil
			}
		}
		unit = utf8.RuneError
	}
	return utf8.AppendRune(out, unit), nil
}

// hex reads \uXXXX at i without moving.
func (r *Reader) hex(i int) (rune, bool) {
	if i+6 > len(r.text) || r.text[i] != '\\' || r.text[i+1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range []byte(r.text[i+2 : i+6]) {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
