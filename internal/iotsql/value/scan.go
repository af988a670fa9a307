package value

// MaxDepth is how deep arrays and objects of a payload may nest.
const MaxDepth = 1000

// scanner checks JSON text and moves through it, without building anything.
type scanner struct {
	text  string
	pos   int
	depth int
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value skips one value.
func (s *scanner) value() bool {
	if s.pos >= len(s.text) {
		return false
	}
	switch s.text[s.pos] {
	case '{':
		return s.elements('}', s.member)
	case '[':
		return s.elements(']', s.value)
	case '"':
		_, ok := s.str()
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

func (s *scanner) member() bool {
	if _, ok := s.str(); !ok || !s.colon() {
		return false
	}
	return s.value()
}

// colon skips the : between a key and its value, with white space.
func (s *scanner) colon() bool {
	s.space()
	if s.pos >= len(s.text) || s.text[s.pos] != ':' {
		return false
	}
	s.pos++
	s.space()
	return true
}

// elements reads what stands between an opening bracket, at which the scanner is, and its closing one.
func (s *scanner) elements(closing byte, element func() bool) bool {
	if s.depth++; s.depth > MaxDepth {
		return false
	}
	s.pos++
	s.space()
	if s.pos < len(s.text) && s.text[s.pos] == closing {
		s.pos++
		s.depth--
		return true
	}
	for element() {
		s.space()
		if s.pos >= len(s.text) {
			return false
		}
		c := s.text[s.pos]
		s.pos++
		if c == closing {
			s.depth--
			return true
		}
		if c != ',' {
			return false
		}
		s.space()
	}
	return false
}

func (s *scanner) literal(word string) bool {
	end := s.pos + len(word)
	if end > len(s.text) || s.text[s.pos:end] != word {
		return false
	}
	s.pos = end
	return true
}

// str skips a string; plain says that it has no escapes.
func (s *scanner) str() (plain, ok bool) {
	if s.pos >= len(s.text) || s.text[s.pos] != '"' {
		return false, false
	}
	plain = true
	for i := s.pos + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return plain, true
		case c < ' ':
			return false, false
		case c == '\\':
			plain = false
			width := escapeWidth(s.text[i+1:])
			if width == 0 {
				return false, false
			}
			i += width
		}
	}
	return false, false
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

// number skips a number in JSON's notation.
func (s *scanner) number() bool {
	if s.pos < len(s.text) && s.text[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.text) && s.text[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.pos < len(s.text) && s.text[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.pos < len(s.text) && (s.text[s.pos] == 'e' || s.text[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.text) && (s.text[s.pos] == '+' || s.text[s.pos] == '-') {
			s.pos++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos] >= '0' && s.text[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
