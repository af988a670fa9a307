package argument

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type target struct {
	Title string            `json:"title"`
	Names []string          `json:"names"`
	Known map[string]string `json:"known"`
	From  from              `json:"from" argument:"open"`
}

type from struct {
	Name  *string        `json:"name"`
	Block *block         `json:"block"`
	Any   map[string]any `json:"any"`
}

type block struct {
	Size float64 `json:"size"`
}

// What is missing or null keeps its value, and an open member takes anything that its type does not have.
func TestDecode(t *testing.T) {
	name := "farm"
	got := target{Title: "before"}
	err := Decode([]byte(`{"title":null,"names":["a","b"],"known":{"x":"y"},`+
		`"from":{"name":"farm","other":1,"block":{"size":2.5,"more":[{}]},"any":{"k":[1]}}}`), &got, "{}")
	if err != nil {
		t.Fatal(err)
	}
	want := target{Title: "before", Names: []string{"a", "b"}, Known: map[string]string{"x": "y"},
		From: from{Name: &name, Block: &block{2.5}, Any: map[string]any{"k": []any{1.0}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string][2]string{
		`{"tittle":"x"}`:                      {"tittle", `did you mean "title"?`},
		`{"xyzzy":1}`:                         {"xyzzy", "there are title, names, known, from"},
		`{"names":"a"}`:                       {"names", "must be a list, not a string"},
		`{"names":["a",1]}`:                   {"names[1]", "must be a string, not a number"},
		`{"names":[null]}`:                    {"names[0]", "must not be null"},
		`{"from":{"block":{"size":"large"}}}`: {"from.block.size", "must be a number, not a string"},
		`{"from":[]}`:                         {"from", "must be an object, not a list"},
		`null`:                                {"", "must be an object, such as { title = \"x\" }, not null"},
	} {
		var got target
		err := Decode([]byte(text), &got, `{ title = "x" }`)
		var refused *Error
		if !errors.As(err, &refused) || refused.Path != want[0] || !strings.Contains(refused.Detail, want[1]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestUses(t *testing.T) {
	for path, want := range map[string]bool{
		"title": true, "tittle": true, "names": true, "names 1": true, "known x": true, "": true, "from": true,
		"from name": true, "from block": true, "from block size": true, "from any": true, "from any x": true,
		"from other": false, "from other size": false, "from block more": false,
	} {
		if got := Uses(target{}, strings.Fields(path)); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
