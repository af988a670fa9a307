package value

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
)

// The four operations and the remainder take numbers; a String operand has been converted before. Int with Int gives
// Int, anything with a Decimal gives Decimal, which version 2 turns into an Int where it is whole. [IoT-SQL 8
// Arithmetic]

// Add returns a + b.
func (v Version) Add(a, b Value) Value {
	if x, y, exp, ok := align(a, b); ok {
		if sum := x + y; (sum > x) == (y > 0) {
			return v.ofSmall(sum, exp, bothInt(a, b))
		}
	}
	return v.compute(a, b, arithmetic.Add)
}

// Sub returns a - b.
func (v Version) Sub(a, b Value) Value {
	if x, y, exp, ok := align(a, b); ok {
		if difference := x - y; (difference < x) == (y > 0) {
			return v.ofSmall(difference, exp, bothInt(a, b))
		}
	}
	return v.compute(a, b, arithmetic.Sub)
}

// Mul returns a × b.
func (v Version) Mul(a, b Value) Value {
	if a.ref == nil && b.ref == nil && a.exp+b.exp >= -smallDigits {
		if product, ok := multiply(a.n, b.n); ok {
			return v.ofSmall(product, a.exp+b.exp, bothInt(a, b))
		}
	}
	return v.compute(a, b, arithmetic.Mul)
}

// Div returns a / b; Undefined when b is zero. An Int divided by an Int keeps its fraction as a Decimal. [IoT-SQL 18.1]
func (v Version) Div(a, b Value) Value {
	if b.Sign() == 0 {
		return Value{}
	}
	if x, y, _, ok := align(a, b); ok && x%y == 0 && (x != math.MinInt64 || y != -1) {
		return v.ofSmall(x/y, 0, bothInt(a, b))
	}
	return v.compute(a, b, arithmetic.Quo)
}

// Rem returns the remainder of a / b with the sign of a; Undefined when b is zero.
func (v Version) Rem(a, b Value) Value {
	if b.Sign() == 0 {
		return Value{}
	}
	if x, y, exp, ok := align(a, b); ok && y != -1 {
		return v.ofSmall(x%y, exp, bothInt(a, b))
	}
	// The quotient of numbers in range has at most 2000 digits; the remainder needs all of them.
	wide := arithmetic
	wide.Precision = 3 * maxExponent
	return v.compute(a, b, wide.Rem)
}

// Neg returns -a.
func (v Version) Neg(a Value) Value {
	return v.Sub(Value{kind: Int}, a)
}

func (v Version) compute(a, b Value, op func(d, x, y *apd.Decimal) (apd.Condition, error)) Value {
	var x, y, d apd.Decimal
	if condition, err := op(&d, a.apd(&x), b.apd(&y)); err != nil || condition.DivisionImpossible() {
		return Value{}
	}
	return v.ofApd(&d, bothInt(a, b))
}

func bothInt(a, b Value) bool { return a.kind == Int && b.kind == Int }

// align returns two small numbers as multiples of one power of ten.
func align(a, b Value) (x, y int64, exp int32, ok bool) {
	if a.ref != nil || b.ref != nil {
		return 0, 0, 0, false
	}
	switch {
	case a.exp == b.exp:
		return a.n, b.n, a.exp, true
	case a.exp > b.exp:
		x, ok = multiply(a.n, pow10[a.exp-b.exp])
		return x, b.n, b.exp, ok
	default:
		y, ok = multiply(b.n, pow10[b.exp-a.exp])
		return a.n, y, a.exp, ok
	}
}

// multiply returns x × y where the product's magnitude is below 2^63.
func multiply(x, y int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(x), magnitude(y))
	if high != 0 || low > math.MaxInt64 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(low), true
	}
	return int64(low), true
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// compareNumbers returns -1, 0 or 1.
func compareNumbers(a, b Value) int {
	if x, y, _, ok := align(a, b); ok {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	var x, y apd.Decimal
	return a.apd(&x).Cmp(b.apd(&y))
}

// rounding says what happens to digits that are cut off.
type rounding uint8

const (
	down    rounding = iota // toward zero
	toLess                  // toward negative infinity
	toMore                  // toward positive infinity
	nearest                 // halves away from zero
)

// Floor returns the largest whole number that is not above a number.
func (v Version) Floor(a Value) Value { return v.round(a, 0, toLess) }

// Ceil returns the smallest whole number that is not below a number.
func (v Version) Ceil(a Value) Value { return v.round(a, 0, toMore) }

// Round returns the nearest whole number, halves away from zero. [IoT-SQL 18.7]
func (v Version) Round(a Value) Value { return v.round(a, 0, nearest) }

// Truncate keeps the given number of digits after the point; the result is an Int if it is whole. [IoT-SQL 14.1 trunc]
func (v Version) Truncate(a Value, digits int32) Value { return v.round(a, digits, down) }

// round keeps the given number of digits after the point.
func (v Version) round(a Value, digits int32, mode rounding) Value {
	if a.kind == Int {
		return a
	}
	if a.ref == nil {
		return v.roundSmall(a, digits, mode)
	}
	var x, d apd.Decimal
	source := a.apd(&x)
	cut := -digits - source.Exponent // how many digits go
	if cut <= 0 {
		return v.ofApd(source, true)
	}
	ten := new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(cut)), nil)
	rest := new(apd.BigInt)
	d.Coeff.QuoRem(&source.Coeff, ten, rest)
	d.Negative, d.Exponent = source.Negative, -digits
	if mode.away(d.Negative, rest.Sign() != 0, rest.Lsh(rest, 1).Cmp(ten) >= 0) {
		d.Coeff.Add(&d.Coeff, apd.NewBigInt(1))
	}
	return v.ofApd(&d, true)
}

func (v Version) roundSmall(a Value, digits int32, mode rounding) Value {
	cut := -digits - a.exp
	if cut <= 0 {
		return v.ofSmall(a.n, a.exp, true)
	}
	ten := pow10[cut]
	n, rest := a.n/ten, a.n%ten
	step := int64(1)
	if a.n < 0 {
		step, rest = -1, -rest
	}
	if mode.away(a.n < 0, rest != 0, rest >= ten-rest) {
		n += step
	}
	return v.ofSmall(n, -digits, true)
}

// away reports whether the number that is left moves away from zero, given what was cut off.
func (m rounding) away(negative, rest, half bool) bool {
	switch m {
	case toLess:
		return negative && rest
	case toMore:
		return !negative && rest
	case nearest:
		return half
	}
	return false
}

// AsDecimal returns a number as a Decimal; version 2 does not distinguish a whole Decimal from an Int.
func (v Version) AsDecimal(a Value) Value {
	if v == V1 && a.kind == Int {
		a.kind = Decimal
	}
	return a
}
