package eval

import (
	"errors"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

// columnKey is the key of a column without alias: the last name of a path, the function's name, the variable's name, or
// the column's number. [IoT-SQL 4 SELECT, 18.11]
func columnKey(x syntax.Expr, i int) string {
	switch x := x.(type) {
	case *syntax.Name:
		return x.Name
	case *syntax.Member:
		return x.Name
	case *syntax.Variable:
		return x.Name
	case *syntax.Call:
		return x.Name
	case *syntax.Cast:
		return "cast"
	}
	return "_" + strconv.Itoa(i+1)
}

// castTypes are the target types of cast; those of version 2 only are marked. [IoT-SQL 7 cast]
var castTypes = map[string]struct {
	t  value.Type
	v2 bool
}{
	"string": {t: value.AsString}, "nvarchar": {t: value.AsString}, "text": {t: value.AsString},
	"ntext": {t: value.AsString}, "varchar": {t: value.AsString},
	"int": {t: value.AsInt}, "integer": {t: value.AsInt}, "double": {t: value.AsDouble},
	"decimal": {value.AsDecimal, true}, "bool": {value.AsBool, true}, "boolean": {value.AsBool, true},
}

var castTypeNames = []string{
	"String", "Nvarchar", "Text", "Ntext", "Varchar", "Int", "Integer", "Double", "Decimal", "Bool", "Boolean",
}

func (c *compiler) cast(x *syntax.Cast) node {
	n := c.expr(x.X)
	if x.Type == "" {
		return undefined
	}
	target, ok := castTypes[strings.ToLower(x.Type)]
	switch {
	case !ok:
		if s := c.suggest(x.Type, castTypeNames); s != "" {
			c.report.Error(x.TypeAt, syntax.UnknownTypeInstead, x.Type, s)
		} else {
			c.report.Error(x.TypeAt, syntax.UnknownType, x.Type)
		}
		return undefined
	case target.v2 && c.version == value.V1:
		c.report.Warn(x.TypeAt, syntax.WrongVersion, "cast to "+x.Type)
		return undefined
	}
	return fold(cast{n, target.t}, c.plan, n)
}

// call compiles a function call. A call that AWS accepts and that can only be Undefined is a warning. [IoT-SQL 6]
func (c *compiler) call(x *syntax.Call) node {
	def := funcs.Lookup(x.Name)
	if def == nil {
		c.unknownFunction(x)
		c.exprs(x.Args)
		return undefined
	}
	args := c.arguments(def, x)
	if c.version == value.V1 && def.V2 {
		c.report.Warn(x.Position(), syntax.WrongVersion, def.Name)
		return undefined
	}
	if !def.Accepts(len(args)) {
		c.report.Warn(x.Position(), syntax.WrongCount, def.Name, def.Arity(), len(args))
		return undefined
	}
	c.checkCall(def, x)
	if strings.EqualFold(def.Name, "get_or_default") {
		return c.guarded(x, args)
	}
	impl := def.Call
	if def.Prepare != nil {
		prepared, err := def.Prepare(c.version, constants(args))
		if err != nil {
			c.badArgument(x, err)
		}
		if prepared != nil {
			impl = prepared
		}
	}
	return call{impl, args}
}

func (c *compiler) unknownFunction(x *syntax.Call) {
	if s := c.suggest(x.Name, append(funcs.Names(), "exists")); s != "" {
		c.report.Error(x.Position(), syntax.UnknownFunctionInstead, x.Name, s)
		return
	}
	c.report.Error(x.Position(), syntax.UnknownFunction, x.Name)
}

func (c *compiler) suggest(word string, candidates []string) string {
	if c.report.Crowded() {
		return ""
	}
	return syntax.Suggest(word, candidates)
}

func (c *compiler) arguments(def *funcs.Func, x *syntax.Call) []node {
	args := make([]node, len(x.Args))
	for i, arg := range x.Args {
		if _, star := arg.(*syntax.Star); star && def.Raw && len(c.aliases) == 0 {
			c.reads["*"] = true
			args[i] = raw{}
			continue
		}
		args[i] = c.expr(arg)
	}
	return args
}

// constants returns the values of the arguments that are constants and nil for the others.
func constants(args []node) []*value.Value {
	list := make([]*value.Value, len(args))
	for i, arg := range args {
		if k, ok := arg.(constant); ok {
			list[i] = &k.v
		}
	}
	return list
}

// badArgument warns about a constant that a function cannot use, or that AWS may treat differently.
func (c *compiler) badArgument(x *syntax.Call, err error) {
	var caveat *funcs.Caveat
	if errors.As(err, &caveat) {
		c.report.Warn(x.Args[caveat.Arg].Position(), syntax.Unproven, caveat)
		return
	}
	c.report.Warn(x.Position(), syntax.AlwaysUndefined, x.Name, err)
}

func (c *compiler) guarded(x *syntax.Call, args []node) node {
	n := guarded{x: args[0]}
	if len(args) == 2 {
		n.fallback = args[1]
		c.checkFallback(x.Args[1])
	}
	return n
}
