package syntax

// Expr is a node of an expression.
type Expr interface {
	// Position is where the node's text starts.
	Position() Pos
}

// At is the position that every node embeds.
type At Pos

// Position is where the node's text starts.
func (a At) Position() Pos { return Pos(a) }

type (
	// Number is a numeric literal without sign, as written.
	Number struct {
		At
		Text string
	}
	// String is a text literal without its quotes.
	String struct {
		At
		Text string
	}
	// Bool is TRUE or FALSE.
	Bool struct {
		At
		Value bool
	}
	// Null is the literal NULL.
	Null struct{ At }
	// Name is a root name: a field of the message or element, an element's alias, or an extra name.
	Name struct {
		At
		Name string
	}
	// Variable is @Name.
	Variable struct {
		At
		Name string
	}
	// Star is the whole message or element.
	Star struct{ At }
	// Member is X.Name.
	Member struct {
		At
		X    Expr
		Name string
	}
	// Unary is Op X; Op is "-" or "NOT".
	Unary struct {
		At
		Op string
		X  Expr
	}
	// Binary is X Op Y; Op is upper-case and At is the operator's place.
	Binary struct {
		At
		Op   string
		X, Y Expr
	}
	// Call is Name(Args…), Name as written.
	Call struct {
		At
		Name string
		Args []Expr
	}
	// Cast is CAST(X AS Type), Type as written.
	Cast struct {
		At
		X      Expr
		Type   string
		TypeAt Pos
	}
	// Case is CASE X WHEN … THEN … ELSE … END; Else is nil without ELSE.
	Case struct {
		At
		X     Expr
		Whens []When
		Else  Expr
	}
	// When is one branch of a Case.
	When struct{ Test, Result Expr }
	// Exists is EXISTS (Query).
	Exists struct {
		At
		Query *Select
	}
	// Subquery is a nested query.
	Subquery struct {
		At
		Query *Select
	}
	// Array is [Items…].
	Array struct {
		At
		Items []Expr
	}
	// Object is {Members…}.
	Object struct {
		At
		Members []ObjectMember
	}
	// ObjectMember is one Key: Value of an Object.
	ObjectMember struct {
		Key   string
		Value Expr
	}
	// Bad replaces an expression that could not be read; its error is in the report.
	Bad struct{ At }
)

// Statement is a whole rule.
type Statement struct {
	Set    []Assignment
	Select *Select
}

// Assignment is @Name = Value.
type Assignment struct {
	At
	Name  string
	Value Expr
}

// Select is a SELECT with its clauses, of a rule or nested. A rule has Topic or nothing after FROM, a nested query
// Source.
type Select struct {
	At
	Value  bool // SELECT VALUE: one item, without key
	Items  []Item
	Topic  *Topic
	Source Expr
	Alias  string // what Source's elements are called; empty without AS
	Where  Expr   // nil without WHERE
}

// Item is one output column; Alias holds the names of AS a.b.c.
type Item struct {
	X     Expr
	Alias []string
}

// Topic is the text after a rule's FROM.
type Topic struct {
	At
	Text string
}

// Part is a piece of a template: literal Text, or an expression when X is not nil.
type Part struct {
	At
	Text string
	X    Expr
}

// Children returns the direct sub-expressions of x in source order, without those of nested queries.
func Children(x Expr) []Expr {
	switch x := x.(type) {
	case *Member:
		return []Expr{x.X}
	case *Unary:
		return []Expr{x.X}
	case *Binary:
		return []Expr{x.X, x.Y}
	case *Call:
		return x.Args
	case *Cast:
		return []Expr{x.X}
	case *Case:
		list := []Expr{x.X}
		for _, w := range x.Whens {
			list = append(list, w.Test, w.Result)
		}
		if x.Else != nil {
			list = append(list, x.Else)
		}
		return list
	case *Array:
		return x.Items
	case *Object:
		var list []Expr
		for _, m := range x.Members {
			list = append(list, m.Value)
		}
		return list
	}
	return nil
}
