package jsontext

import "strings"

// NumberText reads a number and returns it as written.
func (r *Reader) NumberText() (string, error) {
	r.skipSpace()
	start, text := r.at, r.text
	i := start
	if i < len(text) && text[i] == '-' {
		i++
	}
	digit := i
	if i = digits(text, i); i == digit {
		return "", r.failAt(i, "no digit where a number needs one")
	}
	if text[digit] == '0' {
		i = digit + 1 // what follows is not part of the number
	}
	if i < len(text) && text[i] == '.' {
		digit = i + 1
		if i = digits(text, digit); i == digit {
			return "", r.failAt(i, "no digit after the decimal point")
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		digit = i
		if i = digits(text, digit); i == digit {
			return "", r.failAt(i, "no digit in the exponent")
		}
	}
	r.at = i
	return text[start:i], nil
}

// digits returns the index behind the digits at i.
func digits(text string, i int) int {
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	return i
}

// IsNumber reports whether text is a number, without white space around it.
func IsNumber(text string) bool {
	r := New(text, 0)
	n, err := r.NumberText()
	return err == nil && n == text
}

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	r.skipSpace()
	switch rest := r.text[r.at:]; {
	case strings.HasPrefix(rest, "true"):
		r.at += len("true")
		return true, nil
	case strings.HasPrefix(rest, "false"):
		r.at += len("false")
		return false, nil
	}
	return false, r.fail("not a value")
}

// Null reads null.
func (r *Reader) Null() error {
	r.skipSpace()
	if !strings.HasPrefix(r.text[r.at:], "null") {
		return r.fail("not a value")
	}
	r.at += len("null")
	return nil
}

// Skip reads one value of any kind, checking it.
func (r *Reader) Skip() error {
	var err error
	switch r.Peek() {
	case Object:
		err = r.skipObject()
	case Array:
		err = r.skipArray()
	case String:
		_, _, err = r.raw()
	case Number:
		_, err = r.NumberText()
	case Bool:
		_, err = r.Bool()
	case Null:
		err = r.Null()
	default:
		err = r.fail("not a value")
	}
	return err
}

func (r *Reader) skipObject() error {
	if err := r.Enter('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		_, ok, err := r.Member(first)
		if err != nil || !ok {
			return err
		}
		if err := r.Skip(); err != nil {
			return err
		}
	}
}

func (r *Reader) skipArray() error {
	if err := r.Enter('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		ok, err := r.Element(first)
		if err != nil || !ok {
			return err
		}
		if err := r.Skip(); err != nil {
			return err
		}
	}
}

// End checks that nothing but white space is left.
func (r *Reader) End() error {
	if r.skipSpace(); r.at < len(r.text) {
		return r.fail("text after the value")
	}
	return nil
}
