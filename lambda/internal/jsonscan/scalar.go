package jsonscan

import "strings"

// NumberText reads a number and returns it as written.
func (r *Reader) NumberText() (string, error) {
	r.skipSpace()
	start := r.at
	r.accept('-')
	switch {
	case r.accept('0'):
	case r.digits() == 0:
		return "", r.fail("no digit where a number needs one")
	}
	if r.accept('.') && r.digits() == 0 {
		return "", r.fail("no digit after the decimal point")
	}
	if r.accept('e') || r.accept('E') {
		if !r.accept('+') {
			r.accept('-')
		}
		if r.digits() == 0 {
			return "", r.fail("no digit in the exponent")
		}
	}
	return r.text[start:r.at], nil
}

func (r *Reader) accept(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *Reader) digits() (n int) {
	for ; r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9'; r.at++ {
		n++
	}
	return n
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

func (r *Reader) null() error {
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
		if err = r.Enter('{'); err != nil {
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
	case Array:
		if err = r.Enter('['); err != nil {
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
	case String:
		_, err = r.Text()
	case Number:
		_, err = r.NumberText()
	case Bool:
		_, err = r.Bool()
	case Null:
		err = r.null()
	default:
		err = r.fail("not a value")
	}
	return err
}

// End checks that nothing but white space is left.
func (r *Reader) End() error {
	if r.skipSpace(); r.at < len(r.text) {
		return r.fail("text after the value")
	}
	return nil
}
