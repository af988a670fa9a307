package iotsql

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// gap is the test of one row of the package documentation's table.
type gap struct {
	row     int
	sql     string // a rule when it starts with SELECT or SET, otherwise an expression
	payload string
	version string
	want    string // "error: …" for a text that does not compile
}

var gaps = []gap{
	{row: 1, sql: "7 / 2", want: "3.5"},
	{row: 1, sql: "(75 - 32) * 5 / 9", want: "23.88888888888888888888888888888889"},
	{row: 1, sql: "7 / 2", version: "2015-10-08", want: "3.5"},
	{row: 2, sql: "device1.data2", payload: `{"device1":{"data2":1}}`, want: "1"},
	{row: 3, sql: "cast(-2.5 AS Int)", want: "-3"},
	{row: 3, sql: "get([7], '-0.5')", want: "7"},
	{row: 4, sql: "false AND missing", want: "Undefined"},
	{row: 4, sql: "true OR missing", want: "Undefined"},
	{row: 5, sql: "concat(1)", want: "1"},
	{row: 6, sql: "bitnot(13)", want: "-14"},
	{row: 7, sql: "round(-1.5)", want: "-2"},
	{row: 8, sql: "(SELECT a FROM o)", payload: `{"o":{"a":1}}`, want: `{"a":1}`},
	{row: 8, sql: "(SELECT a FROM *)", payload: `{"a":1}`, want: `[{"a":1}]`},
	{row: 9, sql: "NULL = NULL", want: "true"},
	{row: 9, sql: "NULL <> NULL", want: "false"},
	{row: 9, sql: "TRUE = TRUE", want: "true"},
	{row: 10, sql: "NULL IN [1, NULL]", want: "true"},
	{row: 10, sql: "missing IN [1]", want: "Undefined"},
	{row: 10, sql: "1 IN 1", want: "Undefined"},
	{row: 11, sql: "[1, missing, 2]", want: "[1,2]"},
	{row: 12, sql: `SELECT a FROM "topic"`, payload: `{"a":1}`, want: `{"a":1}`},
	{row: 12, sql: "SELECT a FROM topic", want: "error: the topic filter after FROM is a text in single quotes"},
	{row: 13, sql: "regexp_substr('a', 'b')", want: "Undefined"},
	{row: 14, sql: "indexof('a', 'b')", want: "-1"},
	{row: 15, sql: "ln(0)", want: "Undefined"},
	{row: 15, sql: "log(-1)", want: "Undefined"},
	{row: 15, sql: "sqrt(-1)", want: "Undefined"},
	{row: 16, sql: "1 / 0", want: "Undefined"},
	{row: 16, sql: "1 % 0", want: "Undefined"},
	{row: 17, sql: "-7 % 3", want: "-1"},
	{row: 18, sql: "topic(99)", want: "Undefined"},
	{row: 19, sql: "time_to_epoch('yesterday', 'yyyy')", want: "Undefined"},
	{row: 19, sql: "parse_time('yyyy', 0, 'Nowhere')", want: "Undefined"},
	{row: 20, sql: `'\n\'`, want: `"\\n\\"`},
	{row: 21, sql: "uper('a')", want: "error: there is no function uper; did you mean upper?"},
	{
		row:     22,
		sql:     "SELECT a.b, upper('x'), 1 + 1 FROM 'topic'",
		payload: `{"a":{"b":1}}`,
		want:    `{"b":1,"upper":"X","_3":2}`,
	},
	{row: 23, sql: "SELECT *, 3 AS a FROM 'topic'", payload: `{"a":1,"b":2}`, want: `{"a":3,"b":2}`},
	{row: 24, sql: "SELECT *, 1 AS a FROM 'topic'", payload: "\xff", want: `{"payload":"/w==","a":1}`},
	{row: 24, sql: "SELECT *, 1 AS a FROM 'topic'", payload: "[2]", want: `{"payload":[2],"a":1}`},
	{row: 25, sql: "1.50", want: "1.5"},
	{row: 25, sql: "0.00000015", want: "1.5E-7"},
	{row: 25, sql: "1E300", want: "1E300"},
	{row: 25, sql: "cast(1E300 AS String) * 1 = 1E300", want: "true"},
	{row: 25, sql: "5.0 + 5", version: "2015-10-08", want: "10.0"},
	{row: 26, sql: "1E999 * 10", want: "Undefined"},
	{row: 26, sql: "1E-999 / 10", want: "0"},
	{row: 26, sql: "1E1000", want: "error: 1E1000 is outside the range of numbers (34 digits, 1E-999 to 9.99E999)"},
	{
		row:     27,
		sql:     "id",
		payload: `{"id":1234567890123456789012345678901234567}`,
		want:    "1234567890123456789012345678901234567",
	},
	{row: 28, sql: "(SELECT VALUE limit FROM e)", payload: `{"limit":1,"e":[{}]}`, want: "[]"},
	{row: 29, sql: "transform('enrichArray', {'a': 2}, [{'a': 1}])", want: `[{"a":2}]`},
	{row: 30, sql: "concat(1, 2)", want: "Undefined"},
	{row: 31, sql: "length('a')", version: "2015-10-08", want: "Undefined"},
	{row: 31, sql: "[1]", version: "2015-10-08", want: "error: array literals need SQL version 2016-03-23"},
	{row: 32, sql: "SELECT topic() AS t FROM 'other'", payload: "ingest", want: `{"t":"a/b"}`},
	{row: 33, sql: "template: [${x}]", payload: `{"x":null}`, want: "[]"},
	{row: 34, sql: "decode('/w==', 'base64')", want: "null"},
	{row: 35, sql: "encode(*, 'base64')", payload: "80", want: `"ODA="`},
	{row: 35, sql: "isUndefined(*)", payload: "80", want: "true"},
	{row: 36, sql: "cast(1 AS Strin)", want: "error: cast knows no type Strin; did you mean String?"},
	{row: 37, sql: "clientid()", want: `"n/a"`},
	{row: 37, sql: "isUndefined(principal())", want: "true"},
}

func TestGaps(t *testing.T) {
	tested := map[int]bool{}
	for _, g := range gaps {
		tested[g.row] = true
		if got := g.run(); got != g.want {
			t.Errorf("gap %d: %s over %q = %s, want %s", g.row, g.sql, g.payload, got, g.want)
		}
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^//\t *(\d+)  `).FindAllStringSubmatch(string(doc), -1)
	for _, row := range rows {
		if n, _ := strconv.Atoi(row[1]); !tested[n] {
			t.Errorf("gap %d is not tested", n)
		}
	}
	if len(rows) != len(tested) {
		t.Errorf("%d gaps are tested, %d documented", len(tested), len(rows))
	}
}

func (g gap) run() string {
	o := Options{Version: g.version, RuleName: "r"}
	m := &Message{Topic: "topic", Payload: []byte(g.payload)}
	if g.payload == "ingest" {
		m.Topic, m.Payload = "$aws/rules/r/a/b", nil
	}
	if g.payload == "" {
		m.Payload = []byte("{}")
	}
	var text string
	if template, ok := strings.CutPrefix(g.sql, "template: "); ok {
		tmpl, err := CompileTemplate(template, o)
		if err != nil {
			return err.Error()
		}
		text, err = tmpl.Eval(context.Background(), m)
		if err != nil {
			return err.Error()
		}
		return text
	}
	sql := g.sql
	if !regexp.MustCompile(`^(SELECT|SET)`).MatchString(sql) {
		sql = "SELECT VALUE " + sql + " FROM 'topic'"
	}
	q, err := Compile(sql, o)
	if list, ok := err.(ErrorList); ok {
		return "error: " + list[0].Message
	}
	r, err := q.Eval(context.Background(), m)
	switch {
	case err != nil:
		return err.Error()
	case !r.Matched:
		return noMatch
	case len(r.Payload) == 0:
		return "Undefined"
	}
	return string(r.Payload)
}
