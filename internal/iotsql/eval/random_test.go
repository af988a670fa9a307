package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
)

var leaves = []string{
	"a", "b.c", "e", "missing", "*", "@v", "0", "-1", "2.5", "1E300", "1E-300", "9223372036854775807",
	"99999999999999999999999999999999999", "NULL", "TRUE", "''", "'12'", "'é€😀'",
	"'aGVsbG8='", "'base64'", "'enrichArray'", "'(a|b)*'", "'$1'", "'yyyy-MM-dd HH:mm z'", "'2020-01-31 10:00 UTC'",
	"'Europe/Paris'", "'role'",
}

// randomExpr writes an expression that calls any function with any arguments.
func randomExpr(r *rand.Rand, depth int) string {
	x := func() string { return randomExpr(r, depth-1) }
	if depth == 0 {
		return leaves[r.IntN(len(leaves))]
	}
	switch r.IntN(10) {
	case 0:
		return "(" + x() + [...]string{" + ", " - ", " * ", " / ", " % ", " = ", " <> ", " < ", " >= ", " IN ", " AND ",
			" OR "}[r.IntN(12)] + x() + ")"
	case 1:
		return "[" + x() + ", " + x() + "]"
	case 2:
		return "{'c': " + x() + ", 'v': " + x() + "}"
	case 3:
		return "(SELECT VALUE " + x() + " FROM " + x() + " AS a WHERE NOT isUndefined(" + x() + "))"
	case 4:
		return "CASE " + x() + " WHEN " + x() + " THEN " + x() + " ELSE " + x() + " END"
	case 5:
		return "cast(" + x() + " AS " + castTypeNames[r.IntN(len(castTypeNames))] + ")"
	}
	f := funcs.All()[r.IntN(len(funcs.All()))]
	if f.Name == "cast" {
		return "-" + x()
	}
	args := make([]string, f.Min)
	for i := range args {
		args[i] = x()
	}
	return f.Name + "(" + strings.Join(args, ", ") + ")"
}

// TestRandomExpressions evaluates what nobody would write: nothing may panic, and every output is JSON.
func TestRandomExpressions(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	payloads := []string{
		`{"a":1.5,"b":{"c":"x"},"e":[1,"two",{"c":3},null,[4]]}`,
		`[{"a":1}]`,
		`{"a":"aaa","b":null,"e":{"c":1}}`,
		"\xff\x00",
		"",
		`{"a":1e999,"e":[[[]]]}`,
	}
	compiled, failed := 0, 0
	for i := range 20_000 {
		sql := fmt.Sprintf("SET @v = %s SELECT VALUE %s FROM 't'", randomExpr(r, 1), randomExpr(r, 1+i%4))
		version := []string{Version2016, Version2015}[i%2]
		q, report := CompileQuery(sql, Options{Version: version})
		if report.Failed() {
			continue // a variable that uses itself, an argument that is not constant, …
		}
		compiled++
		for _, p := range payloads {
			result, err := q.Eval(context.Background(), &message.Message{Topic: "t", Payload: []byte(p)})
			if err != nil {
				failed++
				continue
			}
			if result.JSON && !json.Valid(result.Payload) {
				t.Errorf("%s over %q gives %q", sql, p, result.Payload)
			}
		}
	}
	if compiled < 2000 {
		t.Errorf("only %d expressions compiled", compiled)
	}
	if failed == 0 {
		t.Error("no external function failed, though there are no services")
	}
}
