package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

// Names that alert conditions and messages can use besides the message's own fields.
const (
	bindingThing     = "thing"     // the device's name
	bindingThreshold = "threshold" // an object of the named thresholds
)

// bindings is what the SQL engine knows about them.
var bindings = []string{bindingThing, bindingThreshold}

// alertWhere gives the WHERE clause of the alerts rule: every message for which
// some condition may hold, so that the function has something to decide. It is
// empty when that is every message.
//
// [IoT-SQL 8 AND, OR, NOT] makes "TRUE OR Undefined" Undefined, and a message
// without the field of one condition would silence all others. So each condition
// is guarded, such that it is a Boolean for every message, and TRUE for just
// those for which the function, which takes nothing else for TRUE, raises the alert.
//
// A payload may also hold the measures in a form that the rules engine cannot
// read, such as an array. If it lacks a member that a condition reads, the
// function decodes it and decides.
func alertWhere(rules map[string]AlertRuleSpec, thingLevel int) (string, error) {
	level := rewrite{thing: &syntax.Call{Name: "topic", Args: []syntax.Expr{number(thingLevel)}}}
	var alternatives []string
	var reads []string
	for _, key := range sortedKeys(rules) {
		alternative, err := level.guarded(rules[key])
		if err != nil {
			return "", fmt.Errorf("compiling condition of alert %q: %w", key, err)
		}
		if alternative == "" {
			return "", nil
		}
		if !slices.Contains(alternatives, alternative) {
			alternatives = append(alternatives, alternative)
		}
		paths, err := members(rules[key].When)
		if err != nil {
			return "", fmt.Errorf("compiling condition of alert %q: %w", key, err)
		}
		reads = append(reads, paths...)
	}
	if reads = sorted(reads); len(reads) > 0 {
		alternatives = append(alternatives, "("+contract.NotPlain+" AND ("+contract.Lacking(reads)+"))")
	}
	return strings.Join(alternatives, " OR "), nil
}

// members returns the paths of the payload that a condition reads.
func members(when string) ([]string, error) {
	c, err := iotsql.CompileCondition(when, iotsql.Options{Names: bindings})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(c.Paths(), func(path string) bool { return path == "*" }), nil
}

// guarded gives a condition as the rules engine is asked it, or "" when every
// message may meet it. What needs no rewriting stays as it was written.
func (r rewrite) guarded(rule AlertRuleSpec) (string, error) {
	x, report := syntax.ParseCondition(rule.When)
	if report.Failed() {
		return "", errors.New(report.Errors()[0].String())
	}
	text := strings.TrimSpace(rule.When)
	if deref(rule.NotifyResolved) ||
		mentions(x, false, func(name string, _ bool) bool { return slices.Contains(bindings, name) }) {
		if x = r.condition(x, deref(rule.NotifyResolved)); isTrue(x) {
			return "", nil
		}
		text = syntax.PrintExpr(x)
	}
	if !booleanOrUndefined(x) {
		text = "(" + text + ") = TRUE"
	}
	return "get_or_default(" + text + ", FALSE)", nil
}

// booleanOrUndefined reports whether x can be nothing else, whatever the message is.
func booleanOrUndefined(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Bool, *syntax.Exists:
		return true
	case *syntax.Unary:
		return x.Op == "NOT"
	case *syntax.Binary:
		return slices.Contains([]string{"AND", "OR", "=", "<>", "<", "<=", ">", ">=", "IN"}, x.Op)
	case *syntax.Call:
		return slices.Contains([]string{"isundefined", "isnull", "startswith", "endswith", "regexp_matches"},
			strings.ToLower(x.Name))
	}
	return false
}

// rewrite turns a condition that only the function can decide into one that the
// rules engine can: the device's name becomes the level of the topic, and what
// depends on a threshold, which may change at any time, becomes "may hold".
type rewrite struct {
	thing syntax.Expr // stands for the name "thing"
}

// condition gives an expression that is TRUE at least for every message for
// which x is TRUE, or, when both is set, for which x is TRUE or FALSE: a notice
// that a condition no longer holds needs the message for which it does not.
func (r rewrite) condition(x syntax.Expr, both bool) syntax.Expr {
	if !r.undecidable(x) {
		x = r.bind(x)
		if both {
			return defined(x)
		}
		return x
	}
	switch x := x.(type) {
	case *syntax.Binary:
		switch x.Op {
		case "AND", "OR":
			return r.junction(x, both)
		case "=", "<>", "<", "<=", ">", ">=":
			return r.comparison(x)
		}
	case *syntax.Unary:
		if x.Op == "NOT" {
			// NOT x is TRUE only where x is FALSE, and nothing here is narrower for that.
			return r.condition(x.X, true)
		}
	}
	return &syntax.Bool{Value: true}
}

// junction relaxes both sides. AND and OR are Undefined unless both sides are
// Booleans, and each relaxed side is TRUE or FALSE wherever its original is, so
// the junction of the relaxed sides is TRUE wherever the original is. With both,
// or under OR, a side that is FALSE matters as well as one that is TRUE.
func (r rewrite) junction(x *syntax.Binary, both bool) syntax.Expr {
	left, right := r.condition(x.X, both), r.condition(x.Y, both)
	op := x.Op
	if both {
		op = "AND" // the original is a Boolean only where both sides are
	}
	switch {
	case op == "OR" && (isTrue(left) || isTrue(right)):
		return &syntax.Bool{Value: true}
	case op == "AND" && isTrue(left):
		return right
	case op == "AND" && isTrue(right):
		return left
	}
	return &syntax.Binary{Op: op, X: left, Y: right}
}

// comparison with a threshold on one side may hold when the other side is
// there: comparing with Undefined is Undefined [IoT-SQL 8].
func (r rewrite) comparison(x *syntax.Binary) syntax.Expr {
	left, right := r.undecidable(x.X), r.undecidable(x.Y)
	switch {
	case left && !right:
		return defined(r.bind(x.Y))
	case right && !left:
		return defined(r.bind(x.X))
	}
	return &syntax.Bool{Value: true}
}

// undecidable reports whether the rules engine cannot know the value of x: it
// uses a threshold, or a device's name inside a nested query, where a root name
// means a member of the element and cannot be written as a level of the topic.
func (r rewrite) undecidable(x syntax.Expr) bool {
	return mentions(x, false, func(name string, nested bool) bool {
		return name == bindingThreshold || nested && name == bindingThing
	})
}

// mentions reports whether a root name in x, or in a query nested in it, satisfies match.
func mentions(x syntax.Expr, nested bool, match func(name string, nested bool) bool) bool {
	if n, ok := x.(*syntax.Name); ok {
		return match(n.Name, nested)
	}
	children := syntax.Children(x)
	switch x := x.(type) {
	case *syntax.Exists:
		children, nested = expressions(x.Query), true
	case *syntax.Subquery:
		children, nested = expressions(x.Query), true
	}
	return slices.ContainsFunc(children, func(c syntax.Expr) bool { return mentions(c, nested, match) })
}

// expressions are all expressions that stand directly in a query.
func expressions(q *syntax.Select) []syntax.Expr {
	var list []syntax.Expr
	for _, item := range q.Items {
		list = append(list, item.X)
	}
	if q.Source != nil {
		list = append(list, q.Source)
	}
	if q.Where != nil {
		list = append(list, q.Where)
	}
	return list
}

// bind writes x with the device's name as the rules engine knows it.
func (r rewrite) bind(x syntax.Expr) syntax.Expr {
	switch x := x.(type) {
	case *syntax.Name:
		if x.Name == bindingThing {
			return r.thing
		}
	case *syntax.Member:
		return &syntax.Member{At: x.At, X: r.bind(x.X), Name: x.Name}
	case *syntax.Unary:
		return &syntax.Unary{At: x.At, Op: x.Op, X: r.bind(x.X)}
	case *syntax.Binary:
		return &syntax.Binary{At: x.At, Op: x.Op, X: r.bind(x.X), Y: r.bind(x.Y)}
	case *syntax.Call:
		return &syntax.Call{At: x.At, Name: x.Name, Args: r.bindAll(x.Args)}
	case *syntax.Cast:
		return &syntax.Cast{At: x.At, X: r.bind(x.X), Type: x.Type, TypeAt: x.TypeAt}
	case *syntax.Case:
		whens := make([]syntax.When, len(x.Whens))
		for i, w := range x.Whens {
			whens[i] = syntax.When{Test: r.bind(w.Test), Result: r.bind(w.Result)}
		}
		return &syntax.Case{At: x.At, X: r.bind(x.X), Whens: whens, Else: r.bind(x.Else)}
	case *syntax.Array:
		return &syntax.Array{At: x.At, Items: r.bindAll(x.Items)}
	case *syntax.Object:
		members := make([]syntax.ObjectMember, len(x.Members))
		for i, m := range x.Members {
			members[i] = syntax.ObjectMember{Key: m.Key, Value: r.bind(m.Value)}
		}
		return &syntax.Object{At: x.At, Members: members}
	}
	return x
}

func (r rewrite) bindAll(list []syntax.Expr) []syntax.Expr {
	bound := make([]syntax.Expr, len(list))
	for i, x := range list {
		bound[i] = r.bind(x)
	}
	return bound
}

func number(n int) syntax.Expr { return &syntax.Number{Text: strconv.Itoa(n)} }

// defined is a Boolean whatever x is.
func defined(x syntax.Expr) syntax.Expr {
	return &syntax.Unary{Op: "NOT", X: &syntax.Call{Name: "isUndefined", Args: []syntax.Expr{x}}}
}

func isTrue(x syntax.Expr) bool {
	b, ok := x.(*syntax.Bool)
	return ok && b.Value
}
