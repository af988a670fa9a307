package value

import "strings"

// ToNumber converts to Int or Decimal; ok is false where the result is Undefined or Null. [IoT-SQL 7]
func (v Version) ToNumber(a Value) (n Value, ok bool) {
	switch a.kind {
	case Int, Decimal:
		return a, true
	case String:
		if isNumericString(a.s) {
			n = v.number(a.s)
			return n, !n.IsUndefined()
		}
	}
	return Value{}, false
}

// isNumericString tests for ^-?\d+(\.\d+)?([eE]-?\d+)?$, which is neither JSON's notation nor Go's. [IoT-SQL 7]
func isNumericString(s string) bool {
	s = strings.TrimPrefix(s, "-")
	s, ok := cutDigits(s)
	if !ok {
		return false
	}
	if fraction, found := strings.CutPrefix(s, "."); found {
		if s, ok = cutDigits(fraction); !ok {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s, ok = cutDigits(strings.TrimPrefix(s[1:], "-")); !ok {
			return false
		}
	}
	return s == ""
}

func cutDigits(s string) (rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[i:], i > 0
}

// ToIndex converts to Int as the general table does: a Decimal down, a String toward zero. [IoT-SQL 7, 18.3]
func (v Version) ToIndex(a Value) (n Value, ok bool) {
	n, ok = v.ToNumber(a)
	if !ok {
		return Value{}, false
	}
	if a.kind == String {
		n = v.Truncate(n, 0)
	} else {
		n = v.Floor(n)
	}
	return n, n.kind == Int
}

// ToFloor converts to Int as function arguments are: Decimals and numeric Strings down. [IoT-SQL 14]
func (v Version) ToFloor(a Value) (n Value, ok bool) {
	n, ok = v.ToNumber(a)
	if !ok {
		return Value{}, false
	}
	n = v.Floor(n)
	return n, n.kind == Int
}

// ToBool converts Booleans and the texts true and false in any case. [IoT-SQL 7]
func ToBool(a Value) (b, ok bool) {
	switch a.kind {
	case Bool:
		return a.n != 0, true
	case String:
		switch {
		case strings.EqualFold(a.s, "true"):
			return true, true
		case strings.EqualFold(a.s, "false"):
			return false, true
		}
	}
	return false, false
}

// MaxText is the maximum size in bytes of a text made from an Array or Object.
const MaxText = 1 << 20

// ToString converts to text; ok is false for Null, Undefined, Binary and what is longer than MaxText. [IoT-SQL 7]
func ToString(a Value) (s string, ok bool) {
	switch a.kind {
	case String:
		return a.s, true
	case Bool:
		if a.n != 0 {
			return "true", true
		}
		return "false", true
	case Int, Decimal:
		return string(a.appendNumber(nil)), true
	case Array, Object:
		if Size(a, MaxText) > MaxText {
			return "", false
		}
		return string(AppendJSON(nil, a)), true
	}
	return "", false
}

// Type is a target of cast.
type Type uint8

const (
	AsString Type = iota
	AsInt
	AsDouble
	AsDecimal
	AsBool
)

// Cast converts explicitly; what cannot be converted is Undefined. [IoT-SQL 7 cast]
func (v Version) Cast(a Value, t Type) Value {
	switch t {
	case AsString:
		if s, ok := ToString(a); ok {
			return OfString(s)
		}
	case AsBool:
		if a.IsNumber() {
			return OfBool(a.Sign() != 0)
		}
		if b, ok := ToBool(a); ok {
			return OfBool(b)
		}
	case AsInt:
		if a.kind == Bool {
			return OfInt(a.n)
		}
		if n, ok := v.ToFloor(a); ok {
			return n
		}
	case AsDecimal, AsDouble:
		return v.castDecimal(a, t)
	}
	return Value{}
}

func (v Version) castDecimal(a Value, t Type) Value {
	if a.kind == Bool {
		return v.ofSmall(a.n, 0, false)
	}
	n, ok := v.ToNumber(a)
	if !ok {
		return Value{}
	}
	if t == AsDouble && n.kind == Decimal {
		return v.OfFloat(n.Float())
	}
	return n
}

// Equal reports whether a and b are of one type and the same; an Int is compared with a Decimal by value. Undefined
// is not equal to anything: the caller decides what a comparison with it gives. [IoT-SQL 8]
func Equal(a, b Value) bool {
	if a.IsNumber() && b.IsNumber() {
		return compareNumbers(a, b) == 0
	}
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case Null:
		return true
	case Bool:
		return a.n == b.n
	case String, Binary:
		return a.s == b.s
	case Array:
		return equalItems(a.Items(), b.Items())
	case Object:
		return equalMembers(a.Members(), b.Members())
	}
	return false
}

func equalItems(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMembers(a, b *Members) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.list {
		if !Equal(a.list[i].value, b.Get(a.list[i].key)) {
			return false
		}
	}
	return true
}

// Compare orders two values as Decimals; ok is false where the comparison is Undefined. [IoT-SQL 8]
func (v Version) Compare(a, b Value) (order int, ok bool) {
	if a.IsNumber() && b.IsNumber() {
		return compareNumbers(a, b), true
	}
	x, okX := v.ToNumber(a)
	y, okY := v.ToNumber(b)
	if !okX || !okY {
		return 0, false
	}
	return compareNumbers(x, y), true
}
