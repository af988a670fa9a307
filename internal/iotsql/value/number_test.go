package value

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func number(t *testing.T, v Version, text string) Value {
	t.Helper()
	n, ok := v.Number(text)
	if !ok {
		t.Fatalf("%s is not a number", text)
	}
	return n
}

func jsonText(v Value) string { return string(AppendJSON(nil, v)) }

func TestNumberText(t *testing.T) {
	tests := []struct{ in, v2, v1, why string }{
		{"0", "0", "0", "zero"},
		{"-0", "0", "0", "no negative zero"},
		{"-0.0", "0", "0.0", "no negative zero"},
		{"10.0", "10", "10.0", "[IoT-SQL 1] whole Decimals"},
		{"1E3", "1000", "1000.0", "[IoT-SQL 1] whole Decimals"},
		{"22.50", "22.5", "22.5", "trailing zeros"},
		{"0.001", "0.001", "0.001", "leading zeros behind the point"},
		{"-0.000001", "-0.000001", "-0.000001", "the smallest in full"},
		{"0.0000001", "1E-7", "1E-7", "scientific below"},
		{"1.25e-7", "1.25E-7", "1.25E-7", "scientific below"},
		{"12345678901234567890.5", "12345678901234567890.5", "12345678901234567890.5", "beyond 64 bits"},
		{
			"1234567890123456789012345678901234",
			"1234567890123456789012345678901234",
			"1234567890123456789012345678901234",
			"34 digits",
		},
		{"1e33", "1000000000000000000000000000000000", "1000000000000000000000000000000000.0", "34 digits"},
		{"1e34", "1E34", "1E34", "35 digits"},
		{"1.5e999", "1.5E999", "1.5E999", "the largest exponent"},
		{"1e1000", "", "", "too large"},
		{"1e-999", "1E-999", "1E-999", "the smallest exponent"},
		{"1e-1000", "0", "0.0", "too small"},
		{"0e99999999999999999999", "0", "0.0", "zero with any exponent"},
		{"1e99999999999999999999", "", "", "too large for an exponent"},
		{
			"0.12345678901234567890123456789012345",
			"0.1234567890123456789012345678901234",
			"0.1234567890123456789012345678901234",
			"rounded half to even",
		},
		{"9999999999999999999999999999999999.9", "1E34", "1E34", "rounded up"},
		{
			"12345678901234567890123456789012345678",
			"12345678901234567890123456789012345678",
			"12345678901234567890123456789012345678",
			"a longer Int is exact",
		},
	}
	for _, tt := range tests {
		if got := jsonText(number(t, V2, tt.in)); got != tt.v2 {
			t.Errorf("%s in version 2 = %s, want %s: %s", tt.in, got, tt.v2, tt.why)
		}
		if got := jsonText(number(t, V1, tt.in)); got != tt.v1 {
			t.Errorf("%s in version 1 = %s, want %s: %s", tt.in, got, tt.v1, tt.why)
		}
	}
	for _, bad := range []string{"", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1", "1 ", "NaN", "--1"} {
		if n, ok := V2.Number(bad); ok {
			t.Errorf("%q is read as %s", bad, jsonText(n))
		}
	}
}

// TestArithmeticAgainstRationals compares with exact fractions: a result may differ from the exact one in the 34th
// digit only.
func TestArithmeticAgainstRationals(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	operand := func() string {
		s := strconv.FormatInt(random.Int64()>>random.IntN(63), 10)
		if random.IntN(2) == 0 {
			s = "-" + s
		}
		if n := random.IntN(12); n > 0 {
			s += "." + strings.Repeat(strconv.Itoa(random.IntN(10)), n)
		}
		if random.IntN(8) == 0 {
			s += "e" + strconv.Itoa(random.IntN(60)-30)
		}
		return s
	}
	for range 3000 {
		a, b := operand(), operand()
		x, y := number(t, V2, a), number(t, V2, b)
		p, q := exact(t, a), exact(t, b)
		checkClose(t, a+" + "+b, V2.Add(x, y), new(big.Rat).Add(p, q))
		checkClose(t, a+" - "+b, V2.Sub(x, y), new(big.Rat).Sub(p, q))
		checkClose(t, a+" * "+b, V2.Mul(x, y), new(big.Rat).Mul(p, q))
		if q.Sign() != 0 {
			checkClose(t, a+" / "+b, V2.Div(x, y), new(big.Rat).Quo(p, q))
			checkClose(t, a+" % "+b, V2.Rem(x, y), remainder(p, q))
		}
		if got := compareNumbers(x, y); got != p.Cmp(q) {
			t.Errorf("compare(%s, %s) = %d", a, b, got)
		}
		checkClose(t, "floor "+a, V2.Floor(x), floor(p))
		checkClose(t, "ceil "+a, V2.Ceil(x), new(big.Rat).Neg(floor(new(big.Rat).Neg(p))))
	}
}

func exact(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%s is not a fraction", s)
	}
	return r
}

func floor(p *big.Rat) *big.Rat {
	q := new(big.Int).Div(p.Num(), p.Denom()) // Euclidean, and the denominator is positive
	return new(big.Rat).SetInt(q)
}

// remainder truncates the quotient, so that the result has the sign of p.
func remainder(p, q *big.Rat) *big.Rat {
	quotient := new(big.Rat).Quo(p, q)
	whole := new(big.Rat).SetInt(new(big.Int).Quo(quotient.Num(), quotient.Denom()))
	return new(big.Rat).Sub(p, whole.Mul(whole, q))
}

var tolerance = new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(33), nil))

func checkClose(t *testing.T, what string, got Value, want *big.Rat) {
	t.Helper()
	r := exact(t, jsonText(got))
	difference := new(big.Rat).Sub(r, want)
	limit := new(big.Rat).Mul(new(big.Rat).Abs(want), tolerance)
	if difference.Abs(difference).Cmp(limit) > 0 {
		t.Errorf("%s = %s, want %s", what, jsonText(got), want.FloatString(40))
	}
	if got.Kind() == Decimal && r.IsInt() && len(jsonText(got)) < 35 && !strings.Contains(jsonText(got), "E") {
		t.Errorf("%s = %s is whole and yet a Decimal", what, jsonText(got))
	}
}

func TestFloat(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 1000 {
		f := (random.Float64() - 0.5) * float64(int64(1)<<random.IntN(60))
		v := V2.OfFloat(f)
		if v.Float() != f {
			t.Errorf("%v survives as %v", f, v.Float())
		}
	}
}

func TestMembers(t *testing.T) {
	m := &Members{}
	for i := range 100 {
		m.Set("k"+strconv.Itoa(i%50), OfInt(int64(i)))
	}
	m.Set("gone", Value{})
	if m.Len() != 50 {
		t.Fatalf("%d members, want 50", m.Len())
	}
	for i := range 50 {
		key, v := m.At(i)
		if want := "k" + strconv.Itoa(i); key != want || v.Int64() != int64(50+i) || m.Get(key).Int64() != int64(50+i) {
			t.Errorf("member %d is %s: %s", i, key, jsonText(v))
		}
	}
	if !m.Get("gone").IsUndefined() {
		t.Error("an Undefined member was added")
	}
}

func TestPaths(t *testing.T) {
	var p Paths
	slots := []int{
		p.Add([]string{"a"}),
		p.Add([]string{"a", "b"}),
		p.Add([]string{"c", "d", "e"}),
		p.Add([]string{"a", "b"}),
	}
	if slots[1] != slots[3] || p.Len() != 3 {
		t.Fatalf("slots %v of %d", slots, p.Len())
	}
	tests := []struct {
		json string
		want [3]string
		ok   bool
		why  string
	}{
		{`{"a":{"b":1},"c":{"d":{"e":2}}}`, [3]string{`{"b":1}`, "1", "2"}, true, "all there"},
		{`{"a":{"b":1},"a":5}`, [3]string{"5", "", ""}, true, "a repeated key voids what was below it"},
		{`{"a":5,"a":{"b":1,"b":[2]}}`, [3]string{`{"b":[2]}`, "[2]", ""}, true, "the last of each"},
		{`{"c":{"d":[{"e":1}]}}`, [3]string{"", "", ""}, true, "not through arrays"},
		{`{"x":{"a":1}}`, [3]string{"", "", ""}, true, "only from the root"},
		{`[{"a":1}]`, [3]string{"", "", ""}, true, "an array has no names"},
		{`{"\u0061":"\n"}`, [3]string{`"\n"`, "", ""}, true, "escapes"},
		{` {"a" : 1 } `, [3]string{"1", "", ""}, true, "white space"},
		{`{"a":1,}`, [3]string{}, false, "a trailing comma"},
		{`{"a":1}}`, [3]string{}, false, "more behind"},
		{`{"a" 1}`, [3]string{}, false, "no colon"},
		{`{a:1}`, [3]string{}, false, "no quotes"},
		{`{"a":tru}`, [3]string{}, false, "no literal"},
		{`{"a":"` + "\x01" + `"}`, [3]string{}, false, "a control character"},
		{`{"a":"\x"}`, [3]string{}, false, "no escape"},
		{`{"a":"\u12g4"}`, [3]string{}, false, "no escape"},
		{`{"a":1`, [3]string{}, false, "no end"},
		{`5`, [3]string{}, false, "a scalar"},
		{``, [3]string{}, false, "nothing"},
	}
	for _, tt := range tests {
		spans := make([]Span, p.Len())
		ok := p.Find([]byte(tt.json), spans)
		if ok != tt.ok {
			t.Errorf("%s: Find(%s) = %t", tt.why, tt.json, ok)
			continue
		}
		for i, want := range tt.want {
			if got := jsonText(V2.Decode([]byte(tt.json), spans[i])); ok && got != want {
				t.Errorf("%s: slot %d of %s = %s, want %s", tt.why, i, tt.json, got, want)
			}
		}
	}
}
