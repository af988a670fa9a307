package value

import "math/bits"

// MaxDepth is how deep arrays and objects of a payload may nest.
const MaxDepth = 1000

// The skip functions check JSON text without building anything. Each is given the place where its piece starts and returns
// the place behind it, or -1 when the text is not well-formed. They are plain functions, because they run over every byte of
// every message, and take bytes too, because most messages are rejected after a look at one number: a copy of the payload
// would cost more than that look.

// bytestring is JSON text.
type bytestring interface{ string | []byte }

func skipSpace[T bytestring](text T, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

func skipValue[T bytestring](text T, i, depth int) int {
	if i < 0 || i >= len(text) {
		return -1
	}
	switch text[i] {
	case '"':
		end, _ := skipString(text, i)
		return end
	case '{':
		return skipObject(text, i, depth+1)
	case '[':
		return skipArray(text, i, depth+1)
	case 't':
		return skipWord(text, i, "true")
	case 'f':
		return skipWord(text, i, "false")
	case 'n':
		return skipWord(text, i, "null")
	}
	return skipNumber(text, i)
}

func skipObject[T bytestring](text T, i, depth int) int {
	i, done := open(text, i, '}', depth)
	for !done {
		key, _ := skipString(text, i)
		i = skipValue(text, skipColon(text, key), depth)
		i, done = next(text, i, '}')
	}
	return i
}

func skipArray[T bytestring](text T, i, depth int) int {
	i, done := open(text, i, ']', depth)
	for !done {
		i = skipValue(text, i, depth)
		i, done = next(text, i, ']')
	}
	return i
}

// open skips an opening bracket; done says that there are no elements, or no well-formed ones.
func open[T bytestring](text T, i int, closing byte, depth int) (after int, done bool) {
	if depth > MaxDepth {
		return -1, true
	}
	i = skipSpace(text, i+1)
	if i < len(text) && text[i] == closing {
		return i + 1, true
	}
	return i, false
}

// next skips what stands between two elements, or behind the last one; done says that there is no further element.
func next[T bytestring](text T, i int, closing byte) (after int, done bool) {
	if i < 0 {
		return -1, true
	}
	i = skipSpace(text, i)
	switch {
	case i >= len(text):
		return -1, true
	case text[i] == ',':
		return skipSpace(text, i+1), false
	case text[i] == closing:
		return i + 1, true
	}
	return -1, true
}

// skipColon skips the : between a key, whose end is i, and its value.
func skipColon[T bytestring](text T, i int) int {
	if i < 0 {
		return -1
	}
	i = skipSpace(text, i)
	if i >= len(text) || text[i] != ':' {
		return -1
	}
	return skipSpace(text, i+1)
}

func skipWord[T bytestring](text T, i int, word string) int {
	end := i + len(word)
	if end > len(text) || string(text[i:end]) != word {
		return -1
	}
	return end
}

// skipString skips a string; plain says that it has no escapes.
func skipString[T bytestring](text T, i int) (end int, plain bool) {
	if i < 0 || i >= len(text) || text[i] != '"' {
		return -1, false
	}
	plain = true
	for i++; ; i++ {
		i = skipPlain(text, i)
		if i >= len(text) {
			return -1, false
		}
		if text[i] == '"' {
			return i + 1, plain
		}
		if text[i] != '\\' {
			return -1, false
		}
		plain = false
		width := escapeWidth(text[i+1:])
		if width == 0 {
			return -1, false
		}
		i += width
	}
}

// Eight bytes of one value each.
const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	spaces = ones * ' '
	quotes = ones * '"'
	slants = ones * '\\'
)

// skipPlain returns the place of the next quote, backslash or control character, or the end of the text. It looks at eight
// bytes at a time: strings are most of a message. A byte is below 0x20, or zero, when subtracting borrows into its high bit
// and the bit was not set before; only bytes above the first hit may be wrong, and they are not asked for.
func skipPlain[T bytestring](text T, i int) int {
	for ; i+8 <= len(text); i += 8 {
		b := text[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, slant := w^quotes, w^slants
		hits := ((w-spaces)&^w | (quote-ones)&^quote | (slant-ones)&^slant) & highs
		if hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(text) && text[i] >= ' ' && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

// escapeWidth is how many bytes follow the backslash; 0 when they are no escape.
func escapeWidth[T bytestring](s T) int {
	if len(s) == 0 {
		return 0
	}
	switch s[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(s) >= 5 && isHex(s[1]) && isHex(s[2]) && isHex(s[3]) && isHex(s[4]) {
			return 5
		}
	}
	return 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// skipNumber skips a number in JSON's notation.
func skipNumber[T bytestring](text T, i int) int {
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if i = skipDigits(text, i); i < 0 {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		if i = skipDigits(text, i+1); i < 0 {
			return -1
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		return skipDigits(text, i)
	}
	return i
}

func skipDigits[T bytestring](text T, i int) int {
	start := i
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
