package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// Limits on numbers. [IoT-SQL 6]
const (
	precision   = 34  // significant digits
	maxExponent = 999 // of a number written as d.ddd × 10^exponent
	smallDigits = 18  // decimal digits that always fit an int64
	maxExact    = 1000
)

// arithmetic is IEEE 754 decimal128's precision and rounding; exponents are checked in ofApd.
var arithmetic = apd.Context{
	Precision: precision, Rounding: apd.RoundHalfEven,
	MaxExponent: 10 * maxExponent, MinExponent: -10 * maxExponent,
}

var pow10 = func() (p [smallDigits + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// ofSmall returns n × 10^exp in canonical form.
func (v Version) ofSmall(n int64, exp int32, whole bool) Value {
	for exp < 0 && n%10 == 0 {
		n /= 10
		exp++
	}
	kind := Decimal
	if exp == 0 && (whole || v == V2) {
		kind = Int
	}
	return Value{kind: kind, n: n, exp: exp}
}

// ofApd returns d in canonical form: rounded to 34 digits, Undefined if too large, zero if too small. whole says that d
// came only from Ints, so that it stays an Int in version 1 too.
func (v Version) ofApd(d *apd.Decimal, whole bool) Value {
	if d.Form != apd.Finite {
		return Value{}
	}
	var r apd.Decimal
	if _, err := arithmetic.Round(&r, d); err != nil || r.Form != apd.Finite {
		return Value{}
	}
	r.Reduce(&r)
	digits := r.NumDigits()
	switch adjusted := digits - 1 + int64(r.Exponent); {
	case r.IsZero() || adjusted < -maxExponent:
		return v.ofSmall(0, 0, whole)
	case adjusted > maxExponent:
		return Value{}
	}
	if r.Exponent > 0 && digits+int64(r.Exponent) <= precision {
		shift := new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(r.Exponent)), nil)
		r.Coeff.Mul(&r.Coeff, shift)
		r.Exponent = 0
	}
	if r.Exponent <= 0 && r.Exponent >= -smallDigits && r.Coeff.IsInt64() {
		n := r.Coeff.Int64()
		if r.Negative {
			n = -n
		}
		return v.ofSmall(n, r.Exponent, whole)
	}
	kind := Decimal
	if r.Exponent == 0 && (whole || v == V2) {
		kind = Int
	}
	return Value{kind: kind, ref: &r}
}

// apd returns the number as a decimal, which the caller must not change.
func (v Value) apd(scratch *apd.Decimal) *apd.Decimal {
	if d, ok := v.ref.(*apd.Decimal); ok {
		return d
	}
	return scratch.SetFinite(v.n, v.exp)
}

// Number reads a number in JSON's notation; ok is false when text is something else. A number beyond the range of the
// type is Undefined. Integers keep up to a thousand digits, so that ids survive even when they are longer than AWS
// promises.
func (v Version) Number(text string) (result Value, ok bool) {
	if !jsontext.IsNumber(text) {
		return Value{}, false
	}
	return v.number(text), true
}

// number converts text, which is known to have the form of a number.
func (v Version) number(text string) Value {
	if value, ok := smallNumber(v, text); ok {
		return value
	}
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	whole := !scientific && !strings.Contains(mantissa, ".")
	d := new(apd.Decimal)
	if len(mantissa) > maxExact {
		mantissa, exponent = shortenMantissa(mantissa, exponent)
		whole = false
	}
	e := 0
	if exponent != "" {
		var err error
		if e, err = strconv.Atoi(exponent); err != nil || e > 10*maxExact || e < -10*maxExact {
			return v.outOfRange(mantissa, exponent)
		}
	}
	if _, _, err := d.SetString(mantissa); err != nil {
		return Value{}
	}
	d.Exponent += int32(e)
	if whole && d.NumDigits() > precision {
		return Value{kind: Int, ref: d}
	}
	return v.ofApd(d, whole)
}

// shortenMantissa drops digits of an absurdly long number: all that count are within the first thousand characters.
func shortenMantissa(mantissa, exponent string) (string, string) {
	e, err := strconv.Atoi(exponent)
	if exponent != "" && err != nil {
		return mantissa[:maxExact], exponent
	}
	point := strings.IndexByte(mantissa, '.')
	if point < 0 {
		point = len(mantissa)
	}
	if point > maxExact {
		e += point - maxExact
	}
	return mantissa[:maxExact], strconv.Itoa(e)
}

// outOfRange handles exponents that cannot be computed with.
func (v Version) outOfRange(mantissa, exponent string) Value {
	if strings.HasPrefix(exponent, "-") || strings.Trim(mantissa, "-0.") == "" {
		return v.ofSmall(0, 0, false)
	}
	return Value{}
}

// smallNumber reads numbers of at most 18 characters without an exponent, and rejects other text.
func smallNumber[T string | []byte](v Version, text T) (Value, bool) {
	i, negative := 0, false
	if text[0] == '-' {
		i, negative = 1, true
	}
	if len(text)-i > smallDigits {
		return Value{}, false
	}
	var n int64
	point := -1
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			n = 10*n + int64(c-'0')
		case c == '.':
			point = i
		default:
			return Value{}, false
		}
	}
	if negative {
		n = -n
	}
	if point < 0 {
		return Value{kind: Int, n: n}, true
	}
	return v.ofSmall(n, -int32(len(text)-point-1), false), true
}

// OfFloat returns a double-precision result with the fewest digits that identify it; Undefined for infinities and NaN.
func (v Version) OfFloat(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	return v.number(strconv.FormatFloat(f, 'e', -1, 64))
}

// OfBig returns an Int, or Undefined when it has more than 34 digits.
func (v Version) OfBig(n *big.Int) Value {
	if n.IsInt64() {
		return OfInt(n.Int64())
	}
	if len(n.Text(10)) > precision+1 {
		return Value{}
	}
	return v.ofApd(apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(n), 0), true)
}

// Float returns the nearest double of a number.
func (v Value) Float() float64 {
	if v.ref == nil && v.exp == 0 {
		return float64(v.n)
	}
	f, _ := strconv.ParseFloat(string(v.appendNumber(nil)), 64)
	return f
}

// Big returns the value of an Int.
func (v Value) Big() *big.Int {
	if d, ok := v.ref.(*apd.Decimal); ok {
		n := d.Coeff.MathBigInt()
		if d.Negative {
			n.Neg(n)
		}
		return n
	}
	return big.NewInt(v.n)
}

// Int64 returns the value of an Int, clamped to the range of an int64.
func (v Value) Int64() int64 {
	d, ok := v.ref.(*apd.Decimal)
	switch {
	case !ok:
		return v.n
	case d.Negative:
		return math.MinInt64
	default:
		return math.MaxInt64
	}
}

// Sign is -1, 0 or 1.
func (v Value) Sign() int {
	if d, ok := v.ref.(*apd.Decimal); ok {
		return d.Sign()
	}
	switch {
	case v.n < 0:
		return -1
	case v.n > 0:
		return 1
	}
	return 0
}
