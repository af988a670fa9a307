package jsontext

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Text reads a string and returns it with its escapes resolved.
func (r *Reader) Text() (string, error) {
	raw, plain, err := r.raw()
	if err != nil || plain {
		return raw, err
	}
	return unescape(raw), nil
}

// raw reads a string and returns it as written, without its quotes; plain says that it has no escapes.
func (r *Reader) raw() (raw string, plain bool, err error) {
	r.skipSpace()
	if r.at == len(r.text) || r.text[r.at] != '"' {
		return "", false, r.fail("no string here")
	}
	start := r.at + 1
	r.at = special(r.text, start)
	plain = true
	for ; r.at < len(r.text); r.at = special(r.text, r.at) {
		switch r.text[r.at] {
		case '"':
			r.at++
			return r.text[start : r.at-1], plain, nil
		case '\\':
			plain = false
			if err := r.escape(); err != nil {
				return "", false, err
			}
		default:
			return "", false, r.fail("a control character in a string")
		}
	}
	return "", false, r.fail("the string does not end")
}

// Eight bytes of one value each.
const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	spaces = ones * ' '
	quotes = ones * '"'
	slants = ones * '\\'
)

// plain returns how many bytes s has, in steps of eight, before the first group with a quote, a backslash, a control
// character or a byte that is not ASCII. It works as special does.
func plain(s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := word(s[i : i+8])
		quote, slant := w^quotes, w^slants
		if (w|(w-spaces)|(quote-ones)&^quote|(slant-ones)&^slant)&highs != 0 {
			break
		}
	}
	return i
}

// word is eight bytes, the first of them the lowest.
func word(b string) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// special returns the index, from i on, of the first quote, backslash or control character, or the text's length. It
// looks at eight bytes at a time, since strings are most of a message. A byte is below 0x20, or zero, when subtracting
// borrows into its high bit and the bit was not set before. Only bytes above the first hit may be wrong.
func special(text string, i int) int {
	for ; i+8 <= len(text); i += 8 {
		w := word(text[i : i+8])
		quote, slant := w^quotes, w^slants
		if hits := ((w-spaces)&^w | (quote-ones)&^quote | (slant-ones)&^slant) & highs; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(text) && text[i] >= ' ' && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

var simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one backslash sequence.
func (r *Reader) escape() error {
	if r.at+1 >= len(r.text) {
		return r.fail("the string does not end")
	}
	if simpleEscapes[r.text[r.at+1]] != 0 {
		r.at += 2
		return nil
	}
	if _, ok := hex(r.text[r.at:]); !ok {
		return r.fail("not an escape sequence")
	}
	r.at += 6
	return nil
}

// hex reads the \uXXXX that s begins with.
func hex(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range []byte(s[2:6]) {
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

// unescape resolves the escapes of a well-formed string. Half a surrogate pair becomes U+FFFD, as in encoding/json.
func unescape(raw string) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			next := special(raw, i)
			out = append(out, raw[i:next]...)
			i = next
			continue
		}
		if c := simpleEscapes[raw[i+1]]; c != 0 {
			out = append(out, c)
			i += 2
			continue
		}
		unit, _ := hex(raw[i:])
		i += 6
		if utf16.IsSurrogate(unit) {
			low, _ := hex(raw[i:])
			if unit = utf16.DecodeRune(unit, low); unit != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, unit)
	}
	return string(out)
}
