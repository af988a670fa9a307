package iotsql

import (
	"strings"
	"testing"
)

func TestWithWhere(t *testing.T) {
	const sql = "SET @limit = 30 SELECT t FROM 'a/+' WHERE t > @limit"
	q, err := Compile(sql, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if q.Where() != "t > @limit" {
		t.Errorf("the condition is %q", q.Where())
	}
	for _, c := range []struct {
		condition, payload string
		matched            bool
	}{
		{"NOT (" + q.Where() + ")", `{"t":30}`, true},
		{"NOT (" + q.Where() + ")", `{"t":31}`, false},
		{"NOT (" + q.Where() + ")", `{}`, false},
		{"t < @limit - 5", `{"t":24}`, true},
		{"t < @limit - 5", `{"t":25}`, false},
	} {
		changed, err := q.WithWhere(c.condition, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := changed.Eval(t.Context(), &Message{Topic: "a/b", Payload: []byte(c.payload)})
		if err != nil || r.Matched != c.matched {
			t.Errorf("%s of %s: %v, %v; want %v", c.condition, c.payload, r.Matched, err, c.matched)
		}
	}
	for condition, want := range map[string]string{"t >": "1:4", "t > @limits": "@limits"} {
		if _, err := q.WithWhere(condition, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v; want %s", condition, err, want)
		}
	}
	if _, err := q.WithWhere("TRUE", Options{Version: "1"}); err == nil {
		t.Error("a version that does not exist compiles")
	}
	plain, err := Compile("SELECT * FROM 'a'", Options{})
	if err != nil || plain.Where() != "" {
		t.Errorf("without WHERE: %q, %v", plain.Where(), err)
	}
}
