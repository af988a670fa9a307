package eval

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

// checkCall checks what AWS demands of a call besides types: constant arguments and calls per statement. [IoT-SQL 14.6]
func (c *compiler) checkCall(def *funcs.Func, x *syntax.Call) {
	if def.External && c.noServices != "" {
		c.report.Error(x.Position(), syntax.NoServices, def.Name, c.noServices)
	}
	for i, what := range def.Constants {
		if i < 0 {
			i += len(x.Args)
		}
		if !isConstant(x.Args[i]) {
			c.report.Error(x.Args[i].Position(), syntax.ConstantNeeded, what, def.Name)
		}
	}
	name, limit := def.Name, def.Limit
	if name == "decode" && isProtobuf(x) {
		name, limit = "decode(…, 'proto', …)", funcs.MaxProtobufDecodes
		if c.template {
			c.report.Error(x.Position(), syntax.NoProtobufInTemplate)
		}
	} else if name == "decode" {
		return
	}
	if limit == 0 {
		return
	}
	if c.calls[name]++; c.calls[name] > limit {
		c.report.Error(x.Position(), syntax.CalledTooOften, name, [...]string{"never", "once", "twice"}[limit])
	}
}

func isConstant(x syntax.Expr) bool {
	switch x.(type) {
	case *syntax.String, *syntax.Number, *syntax.Bool, *syntax.Null, *syntax.Bad:
		return true
	}
	return false
}

func isProtobuf(x *syntax.Call) bool {
	if len(x.Args) < 2 {
		return false
	}
	s, ok := x.Args[1].(*syntax.String)
	return ok && strings.EqualFold(s.Text, "proto")
}

// checkFallback refuses the functions that the default of get_or_default may not call. [IoT-SQL 14.3 get_or_default]
func (c *compiler) checkFallback(x syntax.Expr) {
	if k, ok := x.(*syntax.Call); ok {
		def := funcs.Lookup(k.Name)
		if def != nil && (def.External && def.Name != "get_registry_data" || def.Name == "decode" && isProtobuf(k)) {
			c.report.Error(k.Position(), syntax.GuardedFallback, def.Name)
		}
	}
	for _, child := range syntax.Children(x) {
		c.checkFallback(child)
	}
}

// kinds returns what x can be when it is not Undefined.
func (c *compiler) kinds(x syntax.Expr) funcs.Kinds {
	switch x := x.(type) {
	case *syntax.Number:
		return funcs.Numeric
	case *syntax.String:
		return funcs.Text
	case *syntax.Bool, *syntax.Exists:
		return funcs.Boolean
	case *syntax.Null:
		return funcs.Of(value.Null)
	case *syntax.Array:
		return funcs.List
	case *syntax.Object:
		return funcs.Document
	case *syntax.Unary:
		if x.Op == "-" {
			return funcs.Numeric
		}
		return funcs.Boolean
	case *syntax.Binary:
		return c.binaryKinds(x)
	case *syntax.Cast:
		return castKinds(x)
	case *syntax.Call:
		if def := funcs.Lookup(x.Name); def != nil {
			return def.Result
		}
	case *syntax.Subquery:
		if !x.Query.Value {
			return funcs.List | funcs.Document
		}
	}
	return funcs.Anything
}

func (c *compiler) binaryKinds(x *syntax.Binary) funcs.Kinds {
	switch x.Op {
	case "-", "*", "/", "%":
		return funcs.Numeric
	case "+":
		a, b := c.kinds(x.X), c.kinds(x.Y)
		switch {
		case a == funcs.Text || b == funcs.Text:
			return funcs.Text
		case !a.Has(value.String) && !b.Has(value.String):
			return funcs.Numeric
		}
		return funcs.Numeric | funcs.Text
	}
	return funcs.Boolean
}

func castKinds(x *syntax.Cast) funcs.Kinds {
	target, ok := castTypes[strings.ToLower(x.Type)]
	switch {
	case !ok:
		return funcs.Anything
	case target.t == value.AsString:
		return funcs.Text
	case target.t == value.AsBool:
		return funcs.Boolean
	}
	return funcs.Numeric
}

// checkEquality warns about sides that can never be of one type: "=" then never holds, "<>" always does. [IoT-SQL 8]
func (c *compiler) checkEquality(x *syntax.Binary) {
	a, b := widen(c.kinds(x.X)), widen(c.kinds(x.Y))
	if a&b == 0 {
		c.report.Warn(x.Position(), syntax.NeverEqual, x.Op == "<>", a.Describe(), b.Describe())
	}
}

// widen treats Int and Decimal as one kind, as comparison does.
func widen(k funcs.Kinds) funcs.Kinds {
	if k&funcs.Numeric != 0 {
		k |= funcs.Numeric
	}
	return k
}

// checkOrder warns about a side that is not a number and cannot become one. [IoT-SQL 8]
func (c *compiler) checkOrder(x *syntax.Binary) {
	for _, side := range []syntax.Expr{x.X, x.Y} {
		k := c.kinds(side)
		if s, ok := side.(*syntax.String); ok {
			if _, numeric := c.version.ToNumber(value.OfString(s.Text)); !numeric {
				c.report.Warn(side.Position(), syntax.NeverOrdered, "the text "+syntax.PrintExpr(s))
			}
		} else if k&(funcs.Numeric|funcs.Text) == 0 {
			c.report.Warn(side.Position(), syntax.NeverOrdered, k.Describe())
		}
	}
}

// checkCondition warns about a WHERE that cannot be true because of its type.
func (c *compiler) checkCondition(x syntax.Expr) {
	if _, bad := x.(*syntax.Bad); bad {
		return
	}
	if k := c.kinds(x); !k.Has(value.Bool) {
		c.report.Warn(x.Position(), syntax.NotACondition, k.Describe())
	}
}

// checkAssignments reports names that break AWS's rules for SET. [IoT-SQL 4 SET]
func (c *compiler) checkAssignments(list []syntax.Assignment) {
	var seen []string
	for i, a := range list {
		if i == maxVariables {
			c.report.Error(a.Position(), syntax.TooManyVariables, maxVariables)
		}
		if len(a.Name) > maxVariableName {
			c.report.Error(a.Position(), syntax.LongVariable, maxVariableName)
		}
		if slices.Contains(seen, a.Name) {
			c.report.Error(a.Position(), syntax.VariableTwice, a.Name)
		}
		seen = append(seen, a.Name)
	}
}
