package iotsql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelectList(t *testing.T) {
	for _, tc := range []struct {
		list   string
		paths  []string
		more   bool
		scalar bool
	}{
		{"*", nil, true, false},
		{"*, topic(2) AS thing", []string{"thing"}, true, false},
		{"data.t AS temperature, timestamp() AS timestamp", []string{"temperature", "timestamp"}, false, false},
		{"data.t, topic(2), 1 + 1, cast(a AS Int)", []string{"t", "topic", "_3", "cast"}, false, false},
		{"1 AS a.b, 2 AS a.c, 3 AS a.b", []string{"a.b", "a.c"}, false, false},
		{"{'a': 1, 'b': x}", []string{"a", "b"}, false, false},
		{"* AS message", []string{"message"}, false, false},
		{"value", []string{"value"}, false, false},
		{"a AS from", []string{"from"}, false, false},
		{"(SELECT VALUE v FROM e WHERE v > 1) AS high", []string{"high"}, false, false},
		{"VALUE readings", nil, true, false},
		{"VALUE *", nil, true, false},
		{"VALUE [1, a]", nil, true, false},
		{"VALUE a + 1", nil, true, true}, // a number or a text
		{"VALUE topic(2)", nil, true, true},
		{"VALUE 1 + 1", nil, true, true},
	} {
		l, err := CompileSelectList(tc.list, Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.list, err)
			continue
		}
		paths, more := l.Output()
		if diff := cmp.Diff(tc.paths, paths); diff != "" || more != tc.more || l.IsScalar() != tc.scalar {
			t.Errorf("%s: more %t, scalar %t (-want +got):\n%s", tc.list, more, l.IsScalar(), diff)
		}
		if _, err := Compile("SELECT "+tc.list+" FROM 'a/+'", Options{}); err != nil {
			t.Errorf("%s is no statement's list: %v", tc.list, err)
		}
	}
}

func TestSelectListErrors(t *testing.T) {
	for _, tc := range []struct {
		list string
		want []string
	}{
		{"", []string{"1:1: expected an expression, found the end"}},
		{"SELECT a", []string{"1:1: a select list is written without SELECT"}},
		{"a FROM 'x'", []string{"1:3: a select list is written without FROM"}},
		{"a,\n  b WHERE c = 1",
			[]string{"2:5: a select list is written without WHERE; the condition is a text of its own"}},
		{"a b", []string{"1:3: expected an operator, a comma or AS, found the name b"}},
		{"a,\nuper(b) AS c", []string{"2:1: there is no function uper; did you mean upper?"}},
		{"VALUE a AS b", []string{"1:9: SELECT VALUE produces a bare value, which cannot have an alias"}},
		{"a)", []string{"1:2: expected an operator, a comma or AS, found )"}},
		{"@x AS a", []string{"1:1: variable @x is not assigned before this point"}},
		{"a AS b, (SELECT x FROM get_dynamodb('t', 'k', 'v', 'r')) AS c",
			[]string{"1:24: get_dynamodb calls another service; it may not"}},
	} {
		_, err := CompileSelectList(tc.list, Options{NoServices: "it may not"})
		if diff := cmp.Diff(tc.want, short(errorsOf(t, err))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.list, diff)
		}
	}
	_, err := CompileCondition("aws_lambda('arn:f', *) = 1", Options{NoServices: "it may not"})
	want := []string{"1:1: aws_lambda calls another service; it may not"}
	if diff := cmp.Diff(want, short(errorsOf(t, err))); diff != "" {
		t.Errorf("a condition (-want +got):\n%s", diff)
	}
}
