package value

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// AppendJSON appends v as compact JSON. Undefined appends nothing; binary data become base64 text. [IoT-SQL 6, 7]
func AppendJSON(dst []byte, v Value) []byte {
	switch v.kind {
	case Null:
		return append(dst, "null"...)
	case Bool:
		return strconv.AppendBool(dst, v.n != 0)
	case Int, Decimal:
		return v.appendNumber(dst)
	case String:
		return AppendString(dst, v.s)
	case Binary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.s))
		return append(dst, '"')
	case Array:
		dst = append(dst, '[')
		for i, item := range v.Items() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, item)
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		m := v.Members()
		for i := range m.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, m.list[i].key)
			dst = append(dst, ':')
			dst = AppendJSON(dst, m.list[i].value)
		}
		return append(dst, '}')
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, escaping only what JSON requires.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, c)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// ParseJSON reads one JSON document; ok is false when text is not well-formed or nests deeper than MaxDepth.
func (v Version) ParseJSON(text string) (result Value, ok bool) {
	d := decoder{text: text, version: v}
	result, end := d.value(skipSpace(text, 0), 0)
	if end < 0 || skipSpace(text, end) != len(text) {
		return Value{}, false
	}
	return result, true
}

// decoder builds values from JSON text. Its methods return the place behind what they read, or -1.
type decoder struct {
	text    string
	version Version
}

func (d *decoder) value(i, depth int) (Value, int) {
	if i < 0 || i >= len(d.text) {
		return Value{}, -1
	}
	switch d.text[i] {
	case '{':
		return d.object(i, depth+1)
	case '[':
		return d.array(i, depth+1)
	case '"':
		text, end := d.str(i)
		return OfString(text), end
	case 't':
		return OfBool(true), skipWord(d.text, i, "true")
	case 'f':
		return OfBool(false), skipWord(d.text, i, "false")
	case 'n':
		return NullValue, skipWord(d.text, i, "null")
	}
	end := skipNumber(d.text, i)
	if end < 0 {
		return Value{}, -1
	}
	return d.version.number(d.text[i:end]), end
}

func (d *decoder) array(i, depth int) (Value, int) {
	i, done := open(d.text, i, ']', depth)
	if done {
		return OfArray([]Value{}), i
	}
	items := make([]Value, 0, firstMembers)
	for !done {
		var item Value
		item, i = d.value(i, depth)
		if !item.IsUndefined() {
			items = append(items, item)
		}
		i, done = next(d.text, i, ']')
	}
	return OfArray(items), i
}

func (d *decoder) object(i, depth int) (Value, int) {
	m := &Members{}
	i, done := open(d.text, i, '}', depth)
	for !done {
		var key string
		var member Value
		key, i = d.str(i)
		member, i = d.value(skipColon(d.text, i), depth)
		m.Set(key, member)
		i, done = next(d.text, i, '}')
	}
	return OfObject(m), i
}

// str reads a string; one without escapes shares the text's memory.
func (d *decoder) str(i int) (string, int) {
	end, plain := skipString(d.text, i)
	if end < 0 {
		return "", -1
	}
	raw := d.text[i+1 : end-1]
	if plain {
		return raw, end
	}
	return unescape(raw), end
}

// unescape resolves the escapes of a well-formed string. A surrogate without its partner becomes U+FFFD.
func unescape(raw string) string {
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'u':
			r := hexRune(raw[i+1:])
			i += 4
			if r >= 0xD800 && r < 0xDC00 && len(raw) > i+6 && raw[i+1] == '\\' && raw[i+2] == 'u' {
				if low := hexRune(raw[i+3:]); low >= 0xDC00 && low < 0xE000 {
					r = (r-0xD800)<<10 | (low - 0xDC00) + 0x10000
					i += 6
				}
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func hexRune(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 32)
	return rune(n)
}

// Size returns about how many bytes v takes as JSON; it stops counting once it is above limit, so that a value that shares
// one large part many times is not walked in full.
func Size(v Value, limit int) int {
	size := 0
	switch v.kind {
	case String:
		return len(v.s) + 2
	case Binary:
		return len(v.s)*4/3 + 6
	case Array:
		size = 2
		for _, item := range v.Items() {
			if size > limit {
				break
			}
			size += Size(item, limit-size) + 1
		}
	case Object:
		size = 2
		m := v.Members()
		for i := range m.list {
			if size > limit {
				break
			}
			size += len(m.list[i].key) + 4 + Size(m.list[i].value, limit-size)
		}
	case Undefined:
	default:
		if d, ok := v.ref.(*apd.Decimal); ok {
			return int(d.NumDigits()) + 8
		}
		return 8
	}
	return size
}
