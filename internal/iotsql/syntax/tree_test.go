package syntax

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// grower makes random trees.
type grower struct{ *rand.Rand }

func pick[T any](g grower, list ...T) T { return list[g.IntN(len(list))] }

func (g grower) name() string {
	return pick(g, "a", "value", "Value", "set", "topic", "é1", "_x", "exists", "cast", "not_a_keyword")
}

func (g grower) word() string { return pick(g, "a", "end", "Select", "value", "from", "x9") }

func (g grower) exprs(depth int) []Expr {
	var list []Expr
	for range g.IntN(3) {
		list = append(list, g.expr(depth))
	}
	return list
}

func (g grower) expr(depth int) Expr {
	if depth <= 0 {
		return pick[Expr](
			g,
			&Number{
				Text: pick(g, "0", "15", "22.5", "1E3", "2.5e-7"),
			},
			&String{Text: pick(g, "", "x", `say "hi"`, "it's", `\d+`, "a\nb")},
			&Bool{Value: true},
			&Bool{},
			&Null{},
			&Name{Name: g.name()},
			&Variable{Name: g.name()},
			&Star{},
		)
	}
	depth--
	switch g.IntN(12) {
	case 0:
		return &Member{X: g.expr(depth), Name: g.word()}
	case 1:
		return &Unary{Op: pick(g, "-", "NOT"), X: g.expr(depth)}
	case 2, 3, 4, 5:
		return &Binary{
			Op: pick(g, "AND", "OR", "=", "<>", "<", "<=", ">", ">=", "IN", "+", "-", "*", "/", "%"),
			X:  g.expr(depth),
			Y:  g.expr(depth),
		}
	case 6:
		return &Call{Name: pick(g, "upper", "get", "value", "a"), Args: g.exprs(depth)}
	case 7:
		return &Cast{X: g.expr(depth), Type: "Int"}
	case 8:
		c := &Case{X: g.expr(depth), Whens: []When{{g.expr(depth), g.expr(depth)}}}
		if g.IntN(2) == 0 {
			c.Else = g.expr(depth)
		}
		return c
	case 9:
		return pick[Expr](g, &Exists{Query: g.query(depth, false)}, &Subquery{Query: g.query(depth, false)})
	case 10:
		return &Array{Items: g.exprs(depth)}
	}
	o := &Object{}
	for _, x := range g.exprs(depth) {
		o.Members = append(o.Members, ObjectMember{Key: pick(g, "k", "it's", `"`), Value: x})
	}
	return o
}

func (g grower) query(depth int, rule bool) *Select {
	s := &Select{Value: g.IntN(3) == 0}
	s.Items = []Item{{X: g.expr(depth)}}
	for !s.Value && g.IntN(2) == 0 {
		item := Item{X: g.expr(depth)}
		if g.IntN(2) == 0 {
			item.Alias = []string{g.word(), g.word()}
		}
		s.Items = append(s.Items, item)
	}
	if rule {
		s.Topic = &Topic{Text: pick(g, "a/+/#", "it's")}
	} else {
		s.Source = pick[Expr](g, &Star{}, &Name{Name: "list"}, &Member{X: &Name{Name: "a"}, Name: "b"})
		s.Alias = pick(g, "", "e")
	}
	if g.IntN(2) == 0 {
		s.Where = g.expr(depth)
	}
	return s
}

// TestPrintThenParse prints random trees and reads them again: the tree has to be the same.
func TestPrintThenParse(t *testing.T) {
	g := grower{rand.New(rand.NewPCG(3, 4))}
	for i := range 800 {
		s := &Statement{Select: g.query(i%5, true)}
		for range g.IntN(3) {
			s.Set = append(s.Set, Assignment{Name: g.name(), Value: g.expr(i % 4)})
		}
		text := Print(s)
		again, report := ParseStatement(text)
		if report.Failed() {
			t.Fatalf("%s\ndoes not parse: %v", text, report.Errors())
		}
		if diff := cmp.Diff(s, again, cmpopts.IgnoreTypes(At(0), Pos(0)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\nis another tree: %s", text, diff)
		}
	}
}

// TestParseBroken cuts and garbles printed trees: every text must be read to the end, and an error must be in the text.
func TestParseBroken(t *testing.T) {
	g := grower{rand.New(rand.NewPCG(5, 6))}
	for range 500 {
		text := []byte(Print(&Statement{Select: g.query(3, true)}))
		for range 1 + g.IntN(3) {
			at := g.IntN(len(text))
			text[at] = pick(g, byte('('), ')', '\'', '"', ',', ' ', '.', '{', '}', '[', ']', 'x', '0', '@', '$', 0xff)
		}
		_, report := ParseStatement(string(text))
		for _, d := range report.Errors() {
			if d.Line < 1 || d.Column < 1 || d.Message == "" || d.Excerpt == "" {
				t.Fatalf("%q gives %+v", text, d)
			}
		}
		ParseTemplate("a${" + string(text) + "}b")
		ParseCondition(string(text))
	}
}

func TestPrint(t *testing.T) {
	tests := []struct{ text, want, why string }{
		{
			"select a,b as c from 'x' where not a=1 and(b=2 or c=3)",
			"SELECT a, b AS c FROM 'x' WHERE NOT a = 1 AND (b = 2 OR c = 3)",
			"keywords and parentheses",
		},
		{
			"SELECT ((a+b))*c, a+(b*c), a-(b-c), (a-b)-c, -(-a), -(a+b) FROM 'x'",
			"SELECT (a + b) * c, a + b * c, a - (b - c), a - b - c, --a, -(a + b) FROM 'x'",
			"as few parentheses as possible",
		},
		{"SELECT (value) FROM 'x'", "SELECT (value) FROM 'x'", "a field that could be the keyword"},
		{"SELECT \"it's\", 'say \"hi\"' FROM \"x\"", "SELECT \"it's\", 'say \"hi\"' FROM 'x'", "quotes"},
		{
			"SELECT isNull(SELECT a FROM b) AS c FROM 'x'",
			"SELECT isNull((SELECT a FROM b)) AS c FROM 'x'",
			"a bare subquery",
		},
		{
			"set @a=1,@b=@a select value {'k':[@b]} from 'x'",
			"SET @a = 1, @b = @a SELECT VALUE {'k': [@b]} FROM 'x'",
			"SET and literals",
		},
		{"SELECT case a when 1 then 2 else 3 end FROM 'x'", "SELECT CASE a WHEN 1 THEN 2 ELSE 3 END FROM 'x'", "CASE"},
	}
	for _, tt := range tests {
		s, report := ParseStatement(tt.text)
		if report.Failed() {
			t.Errorf("%s: %v", tt.text, report.Errors())
			continue
		}
		if got := Print(s); got != tt.want {
			t.Errorf("%s: %s prints as\n%s, want\n%s", tt.why, tt.text, got, tt.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	candidates := []string{"upper", "lower", "sqrt", "topic", "regexp_matches", "FROM"}
	tests := []struct{ word, want string }{
		{
			"uper",
			"upper",
		}, {"UPER", "upper"}, {"sqr", "sqrt"}, {"form", "FROM"}, {"tpoic", "topic"}, {"regex_match", "regexp_matches"},
		{"drop", ""}, {"x", ""}, {"frobnicate", ""}, {"", ""},
	}
	for _, tt := range tests {
		if got := Suggest(tt.word, candidates); got != tt.want {
			t.Errorf("Suggest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
