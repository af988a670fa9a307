package eval

import "github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"

type (
	logic struct {
		x, y node
		and  bool
	}
	negation struct{ x node }
	equality struct {
		x, y  node
		equal bool
	}
	order struct {
		x, y node
		op   string
	}
	contains   struct{ x, y node }
	arithmetic struct {
		x, y node
		op   byte
	}
)

// eval needs both sides: AWS's table makes AND and OR Undefined as soon as one side is not a Boolean.
// [IoT-SQL 8, 18.4]
func (n logic) eval(f *frame) value.Value {
	x, okX := value.ToBool(n.x.eval(f))
	y, okY := value.ToBool(n.y.eval(f))
	switch {
	case !okX || !okY:
		return value.Value{}
	case n.and:
		return value.OfBool(x && y)
	default:
		return value.OfBool(x || y)
	}
}

func (n negation) eval(f *frame) value.Value {
	b, ok := value.ToBool(n.x.eval(f))
	if !ok {
		return value.Value{}
	}
	return value.OfBool(!b)
}

// eval converts nothing: different types are different, and Undefined compares to Undefined. [IoT-SQL 8]
func (n equality) eval(f *frame) value.Value {
	x, y := n.x.eval(f), n.y.eval(f)
	if x.IsUndefined() || y.IsUndefined() || !f.env.Spend(1+len(x.Items())) {
		return value.Value{}
	}
	return value.OfBool(value.Equal(x, y) == n.equal)
}

func (n order) eval(f *frame) value.Value {
	x, y := n.x.eval(f), n.y.eval(f)
	c, ok := f.plan.version.Compare(x, y)
	if !ok {
		return value.Value{}
	}
	switch n.op {
	case "<":
		return value.OfBool(c < 0)
	case "<=":
		return value.OfBool(c <= 0)
	case ">":
		return value.OfBool(c > 0)
	default:
		return value.OfBool(c >= 0)
	}
}

// eval looks for an equal element; only an Array has elements. [IoT-SQL 8 IN]
func (n contains) eval(f *frame) value.Value {
	x, y := n.x.eval(f), n.y.eval(f)
	if x.IsUndefined() || y.Kind() != value.Array || !f.env.Spend(4*len(y.Items())) {
		return value.Value{}
	}
	for _, item := range y.Items() {
		if value.Equal(x, item) {
			return value.OfBool(true)
		}
	}
	return value.OfBool(false)
}

func (n arithmetic) eval(f *frame) value.Value {
	x, y := n.x.eval(f), n.y.eval(f)
	if n.op == '+' && (x.Kind() == value.String || y.Kind() == value.String) {
		return f.join(x, y)
	}
	version := f.plan.version
	if n.op == '+' && (!x.IsNumber() || !y.IsNumber()) {
		return value.Value{}
	}
	a, okA := version.ToNumber(x)
	b, okB := version.ToNumber(y)
	if !okA || !okB {
		return value.Value{}
	}
	return compute(version, n.op, a, b, x.Kind() == value.String || y.Kind() == value.String)
}

// join is + with a String on at least one side. [IoT-SQL 8 Arithmetic]
func (f *frame) join(x, y value.Value) value.Value {
	a, okA := value.ToString(x)
	b, okB := value.ToString(y)
	if !okA || !okB || !f.env.Spend(len(a)+len(b)) {
		return value.Value{}
	}
	return value.OfString(a + b)
}

// compute does arithmetic on numbers. Strings count as Decimals, which shows in version 1 only.
func compute(version value.Version, op byte, a, b value.Value, text bool) value.Value {
	if text {
		a, b = version.AsDecimal(a), version.AsDecimal(b)
	}
	switch op {
	case '+':
		return version.Add(a, b)
	case '-':
		return version.Sub(a, b)
	case '*':
		return version.Mul(a, b)
	case '/':
		return version.Div(a, b)
	default:
		return version.Rem(a, b)
	}
}
