package funcs

import (
	"math"
	"math/big"
	"math/rand/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

const sectionNumeric = "14.1"

var numericFuncs = []*Func{
	{
		Name: "abs", Section: sectionNumeric, Signature: "abs(number)", Min: 1, Max: 1, Result: Numeric,
		Doc: "The absolute value. A numeric String counts as a Decimal; any other type gives Undefined.",
		Examples: []Example{
			{SQL: "abs(-5)", Want: "5"},
			{SQL: "abs('-5.123')", Want: "5.123"},
			{SQL: "abs(true)", Want: "Undefined"},
		},
		Call: numeric(abs),
	},
	{
		Name: "ceil", Section: sectionNumeric, Signature: "ceil(number)", Min: 1, Max: 1, Result: Numeric,
		Doc:      "The smallest Int that is not below the number.",
		Examples: []Example{{SQL: "ceil(1.2)", Want: "2"}, {SQL: "ceil(-1.2)", Want: "-1"}},
		Call:     numeric(func(e *Env, x value.Value) value.Value { return e.Version.Ceil(x) }),
	},
	{
		Name: "floor", Section: sectionNumeric, Signature: "floor(number)", Min: 1, Max: 1, Result: Numeric,
		Doc:      "The largest Int that is not above the number.",
		Examples: []Example{{SQL: "floor(1.2)", Want: "1"}, {SQL: "floor(-1.2)", Want: "-2"}},
		Call:     numeric(func(e *Env, x value.Value) value.Value { return e.Version.Floor(x) }),
	},
	{
		Name: "round", Section: sectionNumeric, Signature: "round(number)", Min: 1, Max: 1, Result: Numeric,
		Doc: "The nearest Int. Halves go away from zero, as AWS's examples show.",
		Examples: []Example{
			{SQL: "Round(1.2)", Want: "1"},
			{SQL: "Round(1.5)", Want: "2"},
			{SQL: "Round(1.7)", Want: "2"},
			{SQL: "Round(-1.1)", Want: "-1"},
			{SQL: "Round(-1.5)", Want: "-2"},
		},
		Call: numeric(func(e *Env, x value.Value) value.Value { return e.Version.Round(x) }),
	},
	{
		Name: "trunc", Section: sectionNumeric, Signature: "trunc(number, digits)", Min: 2, Max: 2, Result: Numeric,
		Doc: "The number cut to so many digits after the point, without trailing zeros. A number of digits below 0 " +
			"counts as 0, above 34 as 34; a fraction of it is dropped.",
		Examples: []Example{
			{SQL: "trunc(2.3, 0)", Want: "2"},
			{SQL: "trunc(2.3123, 2)", Want: "2.31"},
			{SQL: "trunc(2.888, 2)", Want: "2.88"},
			{SQL: "trunc(2.00, 5)", Want: "2"},
		},
		Call: trunc,
	},
	{
		Name: "sign", Section: sectionNumeric, Signature: "sign(number)", Min: 1, Max: 1, Result: Whole,
		Doc:      "-1, 0 or 1.",
		Examples: []Example{{SQL: "sign(-7)", Want: "-1"}, {SQL: "sign(0)", Want: "0"}, {SQL: "sign(13)", Want: "1"}},
		Call:     numeric(func(_ *Env, x value.Value) value.Value { return value.OfInt(int64(x.Sign())) }),
	},
	{
		Name: "mod", Section: sectionNumeric, Signature: "mod(dividend, divisor)", Min: 2, Max: 2, Result: Numeric,
		Doc: "The remainder of a division, with the sign of the dividend; the same as the operator %.",
		Examples: []Example{
			{SQL: "mod(8, 3)", Want: "2"},
			{SQL: "mod(-8, 3)", Want: "-2"},
			{SQL: "mod(8, 0)", Want: "Undefined"},
		},
		Call: remainder,
	},
	{
		Name: "remainder", Section: sectionNumeric, Signature: "remainder(dividend, divisor)", Min: 2, Max: 2,
		Result:   Numeric,
		Doc:      "The same as mod.",
		Examples: []Example{{SQL: "remainder(8, 3)", Want: "2"}},
		Call:     remainder,
	},
	{
		Name: "bitand", Section: sectionNumeric, Signature: "bitand(a, b)", Min: 2, Max: 2, Result: Whole,
		Doc: "The bitwise AND of two Ints in two's complement. Decimals and numeric Strings are rounded down " +
			"first.",
		Examples: []Example{{SQL: "bitand(13, 5)", Want: "5"}},
		Call:     bits((*big.Int).And),
	},
	{
		Name: "bitor", Section: sectionNumeric, Signature: "bitor(a, b)", Min: 2, Max: 2, Result: Whole,
		Doc: "The bitwise OR of two Ints in two's complement. Decimals and numeric Strings are rounded down " +
			"first.",
		Examples: []Example{{SQL: "bitor(8, 5)", Want: "13"}},
		Call:     bits((*big.Int).Or),
	},
	{
		Name: "bitxor", Section: sectionNumeric, Signature: "bitxor(a, b)", Min: 2, Max: 2, Result: Whole,
		Doc: "The bitwise XOR of two Ints in two's complement. Decimals and numeric Strings are rounded down " +
			"first.",
		Examples: []Example{{SQL: "bitxor(13, 5)", Want: "8"}},
		Call:     bits((*big.Int).Xor),
	},
	{
		Name: "bitnot", Section: sectionNumeric, Signature: "bitnot(a)", Min: 1, Max: 1, Result: Whole,
		Doc:      "The bitwise NOT of an Int in two's complement. Decimals and numeric Strings are rounded down first.",
		Examples: []Example{{SQL: "bitnot(13)", Want: "-14"}},
		Call: func(e *Env, args []value.Value) value.Value {
			n, ok := e.Version.ToFloor(args[0])
			if !ok {
				return value.Value{}
			}
			return e.Version.OfBig(new(big.Int).Not(n.Big()))
		},
	},
	{
		Name: "rand", Section: sectionNumeric, Signature: "rand()", Result: Numeric,
		Doc:      "A pseudorandom number from 0 up to, but not including, 1.",
		Examples: []Example{{SQL: "rand() < 1", Want: "true"}},
		Call: func(e *Env, _ []value.Value) value.Value {
			return e.Version.OfFloat(rand.Float64())
		},
	},
	{
		Name: "nanvl", Section: sectionNumeric, Signature: "nanvl(value, otherwise)", Min: 2, Max: 2, Result: Anything,
		Doc: "The first value, or the second where the first is Undefined, Null or not a number (NaN).",
		Examples: []Example{
			{SQL: "Nanvl(8, 3)", Want: "8"},
			{SQL: "nanvl(NULL, 3)", Want: "3"},
			{SQL: "nanvl('a', 3)", Want: `"a"`},
		},
		Call: func(_ *Env, args []value.Value) value.Value {
			if args[0].IsUndefined() || args[0].Kind() == value.Null {
				return args[1]
			}
			return args[0]
		},
	},
}

// numeric creates a function of one number; anything else gives Undefined.
func numeric(op func(*Env, value.Value) value.Value) Impl {
	return func(e *Env, args []value.Value) value.Value {
		x, ok := e.number(args[0])
		if !ok {
			return value.Value{}
		}
		return op(e, x)
	}
}

// number converts an argument; a numeric String becomes a Decimal. [IoT-SQL 7]
func (e *Env) number(arg value.Value) (value.Value, bool) {
	x, ok := e.Version.ToNumber(arg)
	if ok && arg.Kind() == value.String {
		x = e.Version.AsDecimal(x)
	}
	return x, ok
}

func abs(e *Env, x value.Value) value.Value {
	if x.Sign() < 0 {
		return e.Version.Neg(x)
	}
	return x
}

func trunc(e *Env, args []value.Value) value.Value {
	x, ok := e.number(args[0])
	if !ok || !args[1].IsNumber() {
		return value.Value{}
	}
	digits, ok := e.Version.ToFloor(args[1])
	if !ok {
		return value.Value{}
	}
	return e.Version.Truncate(x, int32(min(max(digits.Int64(), 0), 34)))
}

func remainder(e *Env, args []value.Value) value.Value {
	a, okA := e.number(args[0])
	b, okB := e.number(args[1])
	if !okA || !okB {
		return value.Value{}
	}
	return e.Version.Rem(a, b)
}

func bits(op func(z, x, y *big.Int) *big.Int) Impl {
	return func(e *Env, args []value.Value) value.Value {
		a, okA := e.Version.ToFloor(args[0])
		b, okB := e.Version.ToFloor(args[1])
		if !okA || !okB {
			return value.Value{}
		}
		return e.Version.OfBig(op(new(big.Int), a.Big(), b.Big()))
	}
}

// double creates a function of one number in double precision; outside its domain, the result is Undefined. [IoT-SQL
// 14.1]
func double(op func(float64) float64) Impl {
	return numeric(func(e *Env, x value.Value) value.Value { return e.Version.OfFloat(op(x.Float())) })
}

func double2(op func(a, b float64) float64) Impl {
	return func(e *Env, args []value.Value) value.Value {
		a, okA := e.number(args[0])
		b, okB := e.number(args[1])
		if !okA || !okB {
			return value.Value{}
		}
		return e.Version.OfFloat(op(a.Float(), b.Float()))
	}
}

var doubleFuncs = []*Func{
	{
		Name: "power", Section: sectionNumeric, Signature: "power(base, exponent)", Min: 2, Max: 2, Result: Numeric,
		Doc:      "base to the power of exponent, in double precision.",
		Examples: []Example{{SQL: "power(2, 5)", Want: "32"}, {SQL: "power('2', 0.5)", Want: "1.4142135623730951"}},
		Call:     double2(math.Pow),
	},
	{
		Name: "atan2", Section: sectionNumeric, Signature: "atan2(y, x)", Min: 2, Max: 2, Result: Numeric,
		Doc:      "The angle in radians between the positive x axis and the point (x, y), in double precision.",
		Examples: []Example{{SQL: "atan2(1, 0)", Want: "1.5707963267948966"}},
		Call:     double2(math.Atan2),
	},
	doubleFunc("sqrt", math.Sqrt, "The square root", "sqrt(9)", "3"),
	doubleFunc("exp", math.Exp, "e to the power of the number", "exp(1)", "2.718281828459045"),
	doubleFunc("ln", math.Log, "The natural logarithm", "ln(2.718281828459045)", "1"),
	doubleFunc("log", math.Log10, "The logarithm with base 10", "log(100)", "2"),
	doubleFunc("sin", math.Sin, "The sine of an angle in radians", "sin(0)", "0"),
	doubleFunc("cos", math.Cos, "The cosine of an angle in radians", "cos(0)", "1"),
	doubleFunc("tan", math.Tan, "The tangent of an angle in radians", "tan(3)", "-0.1425465430742778"),
	doubleFunc("asin", math.Asin, "The inverse sine in radians", "asin(0)", "0"),
	doubleFunc("acos", math.Acos, "The inverse cosine in radians", "acos(0)", "1.5707963267948966"),
	doubleFunc("atan", math.Atan, "The inverse tangent in radians", "atan(0)", "0"),
	doubleFunc("sinh", math.Sinh, "The hyperbolic sine", "sinh(2.3)", "4.936961805545957"),
	doubleFunc("cosh", math.Cosh, "The hyperbolic cosine", "cosh(2.3)", "5.037220649268761"),
	doubleFunc("tanh", math.Tanh, "The hyperbolic tangent", "tanh(2.3)", "0.9800963962661914"),
}

func doubleFunc(name string, op func(float64) float64, doc, example, want string) *Func {
	return &Func{
		Name: name, Section: sectionNumeric, Signature: name + "(number)", Min: 1, Max: 1, Result: Numeric,
		Doc:      doc + ", in double precision. Undefined where the result is not a real number.",
		Examples: []Example{{SQL: example, Want: want}},
		Call:     double(op),
	}
}
