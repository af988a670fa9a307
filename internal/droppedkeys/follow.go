package droppedkeys

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// deepest is how many local values are followed from one to the next; Terraform refuses cycles, but only later.
const deepest = 20

// comment is the key that Terraform's JSON syntax passes over, so that people write remarks with it.
const comment = "//"

// passing are Terraform's functions whose result is one of the arguments, or consists of them.
var passing = map[string]bool{"merge": true, "try": true, "coalesce": true, "coalescelist": true, "concat": true,
	"tomap": true, "tolist": true, "toset": true, "nonsensitive": true, "sensitive": true}

// dropped are the keys of a block that its arguments do not have. A top-level argument that does not exist is an error
// of Terraform's own.
func (b *block) dropped(arguments map[string]*Type) []Key {
	f := &following{module: b.module}
	for _, name := range slices.Sorted(maps.Keys(b.attributes)) {
		if t := arguments[name]; t != nil {
			f.argument = name
			f.value(b.attributes[name].Expr, t, name)
		}
	}
	return f.found
}

// following goes through the expressions that make the value of one argument.
type following struct {
	module   *module
	argument string
	depth    int
	found    []Key
}

// value looks for dropped keys in an expression whose value goes where t is expected. at is the path of that place.
func (f *following) value(e hcl.Expression, t *Type, at string) {
	if t.Keys == nil && t.Element == nil {
		return
	}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		f.value(e.Expression, t, at)
	case *hclsyntax.ConditionalExpr:
		f.value(e.TrueResult, t, at)
		f.value(e.FalseResult, t, at)
	case *hclsyntax.FunctionCallExpr:
		f.call(e, t, at)
	case *hclsyntax.ForExpr:
		if t.Element != nil && !e.Group {
			f.value(e.ValExpr, t.Element, at+"[*]")
		}
	case *hclsyntax.ScopeTraversalExpr:
		f.reference(e, t, at)
	default: // also all of JSON
		f.literal(e, t, at)
	}
}

// call follows the arguments of a function that passes them on.
func (f *following) call(e *hclsyntax.FunctionCallExpr, t *Type, at string) {
	if !passing[e.Name] {
		return
	}
	for i, argument := range e.Args {
		if e.ExpandFinal && i == len(e.Args)-1 {
			f.value(argument, &Type{Element: t}, at)
			continue
		}
		f.value(argument, t, at)
	}
}

// reference follows a local value of which nothing is picked out.
func (f *following) reference(e *hclsyntax.ScopeTraversalExpr, t *Type, at string) {
	name, isLocal := localName(e.Traversal)
	if !isLocal || len(e.Traversal) > 2 || f.depth == deepest {
		return
	}
	if value, only := f.module.local(name); only {
		f.depth++
		f.value(value, t, at)
		f.depth--
	}
}

// literal looks into an object or a list that is written down.
func (f *following) literal(e hcl.Expression, t *Type, at string) {
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		for _, p := range pairs {
			f.pair(p, t, at)
		}
		return
	}
	if items, diags := hcl.ExprList(e); !diags.HasErrors() && t.Element != nil {
		for i, item := range items {
			f.value(item, t.Element, fmt.Sprintf("%s[%d]", at, i))
		}
	}
}

func (f *following) pair(p hcl.KeyValuePair, t *Type, at string) {
	name, isKnown := keyName(p.Key)
	switch {
	case t.Element != nil && isKnown:
		f.value(p.Value, t.Element, fmt.Sprintf("%s[%q]", at, name))
	case t.Element != nil:
		f.value(p.Value, t.Element, at+"[*]")
	case !isKnown, name == comment:
	case t.Keys[name] != nil:
		f.value(p.Value, t.Keys[name], at+"."+name)
	default:
		where := p.Key.Range()
		f.found = append(f.found, Key{Name: name, In: at, Argument: f.argument, File: where.Filename,
			Line: where.Start.Line, Known: slices.Sorted(maps.Keys(t.Keys))})
	}
}

// keyName is a key that is written down.
func keyName(e hcl.Expression) (name string, ok bool) {
	value, diags := e.Value(nil)
	if diags.HasErrors() || value.IsNull() || !value.IsKnown() || value.Type() != cty.String {
		return "", false
	}
	// A template in JSON evaluates to itself where nothing is given to evaluate it with.
	name = value.AsString()
	return name, !strings.Contains(name, "${")
}
