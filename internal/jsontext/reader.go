// Package jsontext reads and writes JSON text in place: one pass, no tree, strings that are parts of the input.
//
// It is strict RFC 8259 and accepts exactly what encoding/json accepts, up to a depth; a fuzz test compares the two. It
// exists because functions and rules read megabytes of small documents, where building a tree costs more than all other
// work. It must not know what the documents mean.
package jsontext

import (
	"fmt"
	"strconv"
	"unsafe"
)

// Kind is the kind of the value that starts at the reader's position.
type Kind byte

// The kinds of JSON value. Invalid is anything that cannot start a value, including the end of the text.
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

// Reader walks a JSON text. Strings it returns share the text's memory unless they contain an escape.
// After an error the reader's position is undefined.
type Reader struct {
	text  string
	at    int
	depth int // how many more arrays and objects may be opened
	limit int
}

// New returns a reader at the start of text. At most maxDepth arrays and objects can be nested: a payload of 128 KB
// could nest 64,000 deep.
func New(text string, maxDepth int) Reader {
	return Reader{text: text, depth: maxDepth, limit: maxDepth}
}

// NewBytes is New for bytes, which it does not copy: they must not change while the reader or its strings are in use.
func NewBytes(text []byte, maxDepth int) Reader {
	return New(unsafe.String(unsafe.SliceData(text), len(text)), maxDepth)
}

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.at }

func (r *Reader) fail(problem string) error { return r.failAt(r.at, problem) }

func (r *Reader) failAt(at int, problem string) error {
	return &SyntaxError{Offset: at, Problem: problem}
}

func (r *Reader) skipSpace() {
	for r.at < len(r.text) && r.text[r.at] <= ' ' && isSpace(r.text[r.at]) {
		r.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// Peek returns the kind of the next value without reading it.
func (r *Reader) Peek() Kind {
	r.skipSpace()
	if r.at == len(r.text) {
		return Invalid
	}
	return kinds[r.text[r.at]]
}

// kinds is the kind of value that starts with a byte.
var kinds = [256]Kind{
	'"': String, '{': Object, '[': Array, 't': Bool, 'f': Bool, 'n': Null, '-': Number,
	'0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}

// Enter reads the bracket that opens an object ('{') or an array ('[').
func (r *Reader) Enter(open byte) error {
	r.skipSpace()
	if r.at == len(r.text) || r.text[r.at] != open {
		return r.fail(fmt.Sprintf("no %q here", open))
	}
	if r.depth == 0 {
		return &SyntaxError{Offset: r.at, Problem: fmt.Sprintf("nested more than %d deep", r.limit), TooDeep: true}
	}
	r.depth--
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
		r.depth++
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
