package value

// MaxDepth is how deep arrays and objects of a payload may nest.
const MaxDepth = 1000

// The skip functions check JSON text without building anything. Each is given the place where its piece starts and returns
// the place behind it, or -1 when the text is not well-formed. They are plain functions of a string, because they run over
// every byte of every message.

func skipSpace(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

func skipValue(text string, i, depth int) int {
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

func skipObject(text string, i, depth int) int {
	i, done := open(text, i, '}', depth)
	for !done {
		key, _ := skipString(text, i)
		i = skipValue(text, skipColon(text, key), depth)
		i, done = next(text, i, '}')
	}
	return i
}

func skipArray(text string, i, depth int) int {
	i, done := open(text, i, ']', depth)
	for !done {
		i = skipValue(text, i, depth)
		i, done = next(text, i, ']')
	}
	return i
}

// open skips an opening bracket; done says that there are no elements, or no well-formed ones.
func open(text string, i int, closing byte, depth int) (after int, done bool) {
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
func next(text string, i int, closing byte) (after int, done bool) {
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
func skipColon(text string, i int) int {
	if i < 0 {
		return -1
	}
	i = skipSpace(text, i)
	if i >= len(text) || text[i] != ':' {
		return -1
	}
	return skipSpace(text, i+1)
}

func skipWord(text string, i int, word string) int {
	end := i + len(word)
	if end > len(text) || text[i:end] != word {
		return -1
	}
	return end
}

// stops are the bytes that end the plain part of a string.
var stops = func() (s [256]bool) {
	for c := range ' ' {
		s[c] = true
	}
	s['"'], s['\\'] = true, true
	return s
}()

// skipString skips a string; plain says that it has no escapes.
func skipString(text string, i int) (end int, plain bool) {
	if i < 0 || i >= len(text) || text[i] != '"' {
		return -1, false
	}
	plain = true
	for i++; i < len(text); i++ {
		c := text[i]
		if !stops[c] {
			continue
		}
		if c == '"' {
			return i + 1, plain
		}
		if c != '\\' {
			return -1, false
		}
		plain = false
		width := escapeWidth(text[i+1:])
		if width == 0 {
			return -1, false
		}
		i += width
	}
	return -1, false
}

// escapeWidth is how many bytes follow the backslash; 0 when they are no escape.
func escapeWidth(s string) int {
	if s == "" {
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
func skipNumber(text string, i int) int {
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

func skipDigits(text string, i int) int {
	start := i
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
