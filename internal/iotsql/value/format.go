package value

import (
	"strconv"

	"github.com/cockroachdb/apd/v3"
)

// smallestPlain is the exponent below which a number is written as 1.5E-7.
const smallestPlain = -6

// appendNumber writes a number: in full while it has up to 34 digits and is not below 1E-6, otherwise as 1.5E-7.
// Version 1's whole Decimals end in ".0". [IoT-SQL 7, 18.11]
func (v Value) appendNumber(dst []byte) []byte {
	var memory [24]byte
	var digits []byte
	negative, exponent := v.n < 0, int(v.exp)
	if d, ok := v.ref.(*apd.Decimal); ok {
		digits = d.Coeff.Append(nil, 10)
		negative, exponent = d.Negative, int(d.Exponent)
	} else {
		digits = strconv.AppendUint(memory[:0], magnitude(v.n), 10)
	}
	if negative {
		dst = append(dst, '-')
	}
	adjusted := len(digits) - 1 + exponent
	switch {
	case exponent == 0 && v.kind == Decimal:
		return append(append(dst, digits...), ".0"...)
	case exponent == 0:
		return append(dst, digits...)
	case exponent > 0 || adjusted < smallestPlain:
		return appendScientific(dst, digits, adjusted)
	}
	return appendPlain(dst, digits, len(digits)+exponent)
}

// appendPlain writes digits with a point before the one at index point, which may be negative.
func appendPlain(dst, digits []byte, point int) []byte {
	if point > 0 {
		dst = append(dst, digits[:point]...)
		dst = append(dst, '.')
		return append(dst, digits[point:]...)
	}
	dst = append(dst, "0."...)
	for ; point < 0; point++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendScientific writes no + before the exponent, so that the text can be converted back. [IoT-SQL 7]
func appendScientific(dst, digits []byte, exponent int) []byte {
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	dst = append(dst, 'E')
	return strconv.AppendInt(dst, int64(exponent), 10)
}
