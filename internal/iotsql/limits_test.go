package iotsql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/funcs"
)

func TestCompileLimits(t *testing.T) {
	tests := []struct{ text, want, why string }{
		{
			strings.Repeat("(", 500) + "a" + strings.Repeat(")", 500),
			"the expression is nested more than 200 levels deep",
			"parentheses",
		},
		{strings.Repeat("NOT ", 500) + "a", "the expression is nested more than 200 levels deep", "NOT"},
		{strings.Repeat("- ", 500) + "a", "the expression is nested more than 200 levels deep", "minus"},
		{strings.Repeat("abs(", 500) + "a", "the expression is nested more than 200 levels deep", "calls"},
		{
			strings.Repeat("(SELECT VALUE ", 500) + "a",
			"the expression is nested more than 200 levels deep",
			"nested queries",
		},
		{strings.Repeat("[", 500), "the expression is nested more than 200 levels deep", "arrays"},
		{strings.Repeat("CASE ", 500), "the expression is nested more than 200 levels deep", "CASE"},
		{"a" + strings.Repeat("+a", 30_000), "the text has more than 20000 parts", "a long sum"},
		{"a" + strings.Repeat(".a", 60_000), "the text has more than 20000 parts", "a long path"},
		{"concat(a" + strings.Repeat(",a", 60_000), "the text has more than 20000 parts", "many arguments"},
		{strings.Repeat(" ", 200_000), "the text is larger than 131072 bytes", "a large text"},
	}
	for _, tt := range tests {
		_, err := CompileCondition(tt.text, Options{})
		list := errorsOf(t, err)
		if len(list) == 0 || list[0].Message != tt.want {
			t.Errorf("%s: %v, want %s", tt.why, short(list), tt.want)
		}
	}
	if _, err := CompileCondition(strings.Repeat("(", 150)+"a"+strings.Repeat(")", 150), Options{}); err != nil {
		t.Errorf("150 parentheses: %v", err)
	}
	var set []string
	for i := range 11 {
		set = append(set, fmt.Sprintf("@v%d = %d", i, i))
	}
	_, err := Compile("SET "+strings.Join(set, ", ")+" SELECT 1 AS a FROM 'x'", Options{})
	if list := errorsOf(t, err); len(list) != 1 || list[0].Message != "a statement has at most 10 variables" {
		t.Errorf("[IoT-SQL 4 SET] eleven variables: %v", err)
	}
	_, err = Compile("SET @"+strings.Repeat("a", 65)+" = 1 SELECT 1 AS a FROM 'x'", Options{})
	if list := errorsOf(t, err); len(list) != 1 ||
		list[0].Message != "the name of a variable has at most 64 characters" {
		t.Errorf("[IoT-SQL 4 SET] a long name: %v", err)
	}
}

// TestEvalLimits runs what would take memory or time out of proportion; each has to end at once, with an error.
func TestEvalLimits(t *testing.T) {
	big := `{"s":"` + strings.Repeat("a", 60_000) + `","e":[1` + strings.Repeat(",1", 10_000) + `]}`
	nestedReplace := "s"
	for range 20 {
		nestedReplace = "replace(" + nestedReplace + ", 'a', 'aaaaaaaaaa')"
	}
	tests := []struct{ sql, why string }{
		{"SELECT replace(s, 'a', s) AS x FROM 't'", "a text of ten gigabytes"},
		{
			"SELECT regexp_replace(s, 'a', " +
				"'$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0') AS x, " +
				nestedReplace + " AS y FROM 't'",
			"growth by regular expression",
		},
		{"SELECT " + nestedReplace + " AS x FROM 't'", "growth by nesting"},
		{
			"SET @e = e SELECT (SELECT VALUE (SELECT VALUE (SELECT VALUE 1 FROM @e) FROM @e) FROM @e) AS x FROM 't'",
			"queries over queries",
		},
		{"SELECT [*" + strings.Repeat(", *", 5000) + "] AS x FROM 't'", "one value many times"},
		{
			"SELECT length([*" + strings.Repeat(", *", 2000) + "]) AS x, concat(s" + strings.Repeat(", s",
				2000) + ") AS y FROM 't'",
			"one value many times, as text",
		},
		{"SET @s = s, @e = e SELECT (SELECT VALUE sha512(@s) FROM @e) AS x FROM 't'", "a long text many times"},
		{
			"SET @s = s, @e = e SELECT (SELECT VALUE regexp_matches(@s, '(.{0,30}){30}x') FROM @e) AS x FROM 't'",
			"a large pattern many times",
		},
		{"SET @e = e SELECT (SELECT VALUE 2 IN @e FROM @e) AS x FROM 't'", "a search many times"},
		{"SET @a = [s, s, s] SELECT @a AS a FROM 't'", "a variable above 128 KiB"},
		{"SELECT transform('enrichArray', {'s': s}, [{}, {}, {}]) AS x FROM 't'", "transform above 128 KiB"},
	}
	for _, tt := range tests {
		q, err := Compile(tt.sql, Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		start := time.Now()
		_, err = q.Eval(context.Background(), &Message{Topic: "t", Payload: []byte(big)})
		if !errors.Is(err, funcs.ErrTooMuch) {
			t.Errorf("%s: %v, want %v", tt.why, err, funcs.ErrTooMuch)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %v", tt.why, took)
		}
	}
}

func TestGuardDoesNotCatchLimits(t *testing.T) {
	q, err := Compile("SELECT get_or_default(replace(s, 'a', s), 1) AS x FROM 't'", Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = q.Eval(
		context.Background(),
		&Message{Topic: "t", Payload: []byte(`{"s":"` + strings.Repeat("a", 100_000) + `"}`)},
	)
	if !errors.Is(err, funcs.ErrTooMuch) {
		t.Errorf("get_or_default caught a limit: %v", err)
	}
}

func TestPayloadLimits(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `,"b":1}` }
	runRules(t, []rule{
		{why: "6: 999 levels", sql: "SELECT b FROM 'topic/subtopic'", payload: deep(999), want: `{"b":1}`},
		{why: "6: too deep is not JSON", sql: "SELECT b FROM 'topic/subtopic'", payload: deep(1001), want: `{}`},
		{
			why:     "6: never closed",
			sql:     "SELECT b FROM 'topic/subtopic'",
			payload: strings.Repeat(`{"a":`, 100_000),
			want:    `{}`,
		},
		{
			why:     "6: a number beyond the range",
			sql:     "SELECT a, b FROM 'topic/subtopic'",
			payload: `{"a":1e99999999999,"b":1}`,
			want:    `{"b":1}`,
		},
		{
			why:     "6: a number below the range",
			sql:     "SELECT a FROM 'topic/subtopic'",
			payload: `{"a":1e-99999999999}`,
			want:    `{"a":0}`,
		},
		{
			why:     "6: more digits than count",
			sql:     "SELECT a FROM 'topic/subtopic'",
			payload: `{"a":0.` + strings.Repeat("1", 100_000) + `}`,
			want:    `{"a":0.1111111111111111111111111111111111}`,
		},
		{
			why:     "6: an integer of absurd length",
			sql:     "SELECT a FROM 'topic/subtopic'",
			payload: `{"a":` + strings.Repeat("9", 100_000) + `}`,
			want:    `{}`,
		},
	})
}

func TestNamesAndPaths(t *testing.T) {
	o := Options{Names: []string{"thing", "threshold"}}
	c, err := CompileCondition(
		"data.temperature>threshold.max and thing<>'x' or exists(select * from data.list as l where l.v > "+
			"threshold.min and other = 1)",
		o,
	)
	if err != nil {
		t.Fatal(err)
	}
	want := "data.temperature > threshold.max AND thing <> 'x' OR EXISTS (SELECT * FROM data.list AS l WHERE l.v > " +
		"threshold.min AND other = 1)"
	if got := c.String(); got != want {
		t.Errorf("String() = %s\nwant       %s", got, want)
	}
	if got := strings.Join(c.Paths(), " "); got != "data.list data.temperature" {
		t.Errorf("Paths() = %s", got)
	}
	for name, used := range map[string]bool{"threshold": true, "thing": true, "data": true, "other": false, "l": false,
		"humidity": false} {
		if c.UsesName(name) != used {
			t.Errorf("UsesName(%q) = %t", name, !used)
		}
	}
	m := &Message{
		Payload: []byte(`{"data":{"temperature":21,"list":[]},"threshold":{"max":100}}`),
		Bindings: map[string]json.RawMessage{
			"threshold": json.RawMessage(`{"max":20,"min":1}`),
			"thing":     json.RawMessage(`"t1"`),
		},
	}
	if ok, err := c.Eval(context.Background(), m); !ok || err != nil {
		t.Errorf("bindings hide the payload: %t, %v", ok, err)
	}
	m.Bindings = nil
	forged, err := CompileCondition("threshold.max = 100", o)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := forged.Eval(context.Background(), m); ok {
		t.Error("a payload supplies a declared name that is not bound")
	}
	undeclared, err := CompileCondition("threshold.max = 20", Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Bindings = map[string]json.RawMessage{"threshold": json.RawMessage(`{"max":20}`)}
	if ok, _ := undeclared.Eval(context.Background(), m); !ok {
		t.Error("a binding that was not declared is not seen")
	}
	if q, err := Compile("SELECT *, a.b AS c FROM 't' WHERE a.b > 1", Options{}); err != nil ||
		strings.Join(q.Paths(), " ") != "* a.b" {
		t.Errorf("Paths() = %q, %v", q.Paths(), err)
	}
}

// TestConcurrentUse evaluates one query from many goroutines with different messages; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	q, err := Compile(
		"SET @x = a * 2 SELECT @x AS x, (SELECT VALUE v FROM e WHERE v > @x) AS e, concat('n', a) AS n FROM 't/+' "+
			"WHERE a >= 0",
		Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				n := 1000*g + i
				m := &Message{Topic: "t/x", Payload: fmt.Appendf(nil, `{"a":%d,"e":[{"v":%d},{"v":1}]}`, n, 3*n+3)}
				r, err := q.Eval(context.Background(), m)
				e := fmt.Sprintf("[%d]", 3*n+3)
				if n == 0 {
					e = "[3,1]"
				}
				if want := fmt.Sprintf(`{"x":%d,"e":%s,"n":"n%d"}`, 2*n, e, n); err != nil ||
					string(r.Payload) != want {
					t.Errorf("%s, %v, want %s", r.Payload, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// TestCompileTime compiles texts that would be slow if anything about them were quadratic.
func TestCompileTime(t *testing.T) {
	var names, calls, variables, hashes strings.Builder
	for i := range 9_000 {
		fmt.Fprintf(&names, "+a%d", i)
		fmt.Fprintf(&calls, "+f%d()", i)
		fmt.Fprintf(&variables, "+@v%d", i)
		hashes.WriteString("# ")
	}
	for _, text := range []string{"a" + names.String(), "a" + calls.String(), "a" + variables.String(), "a" +
		hashes.String(), "a" + strings.Repeat("-a", 9_000)} {
		start := time.Now()
		c, err := CompileCondition(text, Options{})
		if err == nil {
			c.Warnings()
			if _, err := c.Eval(context.Background(), &Message{Payload: []byte("{}")}); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.20s… took %v", text, took)
		}
	}
}
