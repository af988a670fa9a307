package iotsql

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/syntax"
)

var seeds = []string{
	"SELECT * FROM 'a/+/#' WHERE temperature > 50 AND color <> 'red'",
	"SET @a = (x - 32) * 5 / 9, @b = @a.c SELECT @a AS a.b, @b, *, {'k': [1, 2.5, NULL]} FROM 'x'",
	"SELECT VALUE get((SELECT v FROM e AS e WHERE n = 'temperature' AND NOT e.f), 0).v FROM 'x'",
	"SELECT CASE color WHEN 'green' THEN 1 ELSE -x END AS y, cast(a AS Decimal), 3 IN arr FROM 'x' WHERE EXISTS " +
		"(SELECT * FROM *)",
	"SELECT regexp_replace(a, '(b+)', '$1'), parse_time('yyyy', 0, 'UTC'), time_to_epoch(t, 'yyyy-MM-dd') FROM 'x'",
	"SELECT value - 1, (value) AS value FROM \"x\" WHERE a == 1 OR - -1 = 2",
	"SELECT concat(a, b, 'c'), substring(a, 1, 2), transform('enrichArray', o, arr), decode(encode(*, 'base64'), " +
		"'base64') FROM 'x'",
	"SELEC a FROM", "SELECT 'a", "SELECT ((((", "SELECT a.0[1] FROM x WHERE # /* */ -- ",
}

// FuzzCompile: no text may panic, and what compiles prints as a text that gives the same tree.
func FuzzCompile(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		start := time.Now()
		for _, version := range []string{"", "2015-10-08"} {
			q, err := Compile(sql, Options{Version: version, Names: []string{"thing"}})
			if err == nil {
				q.Warnings()
			}
		}
		CompileTemplate(sql, Options{})
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("compiling took %v", took)
		}
		tree, report := syntax.ParseStatement(sql)
		if report.Failed() {
			return
		}
		printed := syntax.Print(tree)
		again, report := syntax.ParseStatement(printed)
		if report.Failed() {
			t.Fatalf("%q prints as %q, which does not parse: %v", sql, printed, report.Errors())
		}
		if diff := cmp.Diff(tree, again, cmpopts.IgnoreTypes(syntax.At(0), syntax.Pos(0)),
			cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q prints as %q, which is another tree:\n%s", sql, printed, diff)
		}
	})
}

// FuzzEval: no payload may panic or take long, and every JSON result is well-formed.
func FuzzEval(f *testing.F) {
	payloads := []string{
		`{"a":1,"b":[1,2.5,"x"],"e":[{"v":1},{"v":null}],"o":{"k":"v"}}`,
		`[1,2]`,
		"\x00\xff",
		`{"a":1e400}`,
		`{"a":"\ud800"`,
		"",
	}
	for _, s := range seeds {
		for _, p := range payloads {
			f.Add(s, []byte(p))
		}
	}
	f.Fuzz(func(t *testing.T, sql string, payload []byte) {
		q, err := Compile(sql, Options{RuleName: "r"})
		if err != nil {
			return
		}
		start := time.Now()
		m := &Message{Topic: "$aws/rules/r/x/y", Payload: payload, MQTT5: &Properties{}}
		r, err := q.Eval(context.Background(), m)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %v", sql, took)
		}
		if err == nil && r.JSON && !json.Valid(r.Payload) {
			t.Errorf("%s over %q gives %q, which is not JSON", sql, payload, r.Payload)
		}
	})
}

// FuzzPayload: this engine and encoding/json agree on what is JSON, and on the field that a query reads.
func FuzzPayload(f *testing.F) {
	for _, p := range []string{`{"a":1}`, `{"a":"x\n\u00e9\ud83d\ude00"}`, `{"a":{"a":[true,null]},"a":-0.5e3}`,
		`{"\u0061":1,"b":{"a":2}}`, `{"a":01}`, ` { "a" : [ ] } `} {
		f.Add([]byte(p))
	}
	q, err := Compile("SELECT a FROM 't'", Options{})
	if err != nil {
		f.Fatal(err)
	}
	all, err := Compile("SELECT * FROM 't'", Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m := &Message{Topic: "t", Payload: payload}
		trimmed := bytes.TrimLeft(payload, " \t\r\n")
		compound := len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
		r, err := all.Eval(context.Background(), m)
		if want := compound && json.Valid(payload); err != nil ||
			r.JSON != want && bytes.Count(payload, []byte("[")) < 1000 && bytes.Count(payload, []byte("{")) < 1000 {
			t.Fatalf("%q: JSON = %t, %v, want %t", payload, r.JSON, err, want)
		}
		if !r.JSON || trimmed[0] != '{' {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(payload, &want); err != nil {
			t.Fatal(err)
		}
		got, err := q.Eval(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(got.Payload, &out); err != nil {
			t.Fatalf("%q gives %q: %v", payload, got.Payload, err)
		}
		var text string
		if raw, ok := want["a"]; ok && raw[0] == '"' {
			if err := json.Unmarshal(raw, &text); err != nil {
				t.Fatal(err)
			}
			if out["a"] != text {
				t.Errorf("%q: a = %q, want %q", payload, out["a"], text)
			}
		}
	})
}

// FuzzParseTime: no pattern or text may panic, and a time in full survives being written and read.
func FuzzParseTime(f *testing.F) {
	for _, p := range []string{"yyyy.MM.dd G 'at' HH:mm:ss z", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "[yyyy][MM", "''''",
		"yyyyMMddHHmmss", "E, d MMM yyyy h:mm a VV"} {
		f.Add(p, "2020-04-03 09:45:18 UTC+01:00", int64(1445412480123))
	}
	format, err := CompileTemplate(
		"${parse_time(p, ms, z)}|${parse_time('yyyy-MM-dd HH:mm:ss.SSS ZZ', ms, 'America/New_York')}",
		Options{},
	)
	if err != nil {
		f.Fatal(err)
	}
	parse, err := CompileTemplate("${time_to_epoch(t, p)}|${time_to_epoch(t, 'yyyy-MM-dd HH:mm:ss.SSS xxx')}",
		Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, ms int64) {
		payload, _ := json.Marshal(map[string]any{"p": pattern, "t": text, "ms": ms, "z": text})
		for _, tmpl := range []*Template{format, parse} {
			if _, err := tmpl.Eval(context.Background(), &Message{Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
