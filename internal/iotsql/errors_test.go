package iotsql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// short lists diagnostics as "line:column: message".
func short(list []Diagnostic) []string {
	var lines []string
	for _, d := range list {
		lines = append(lines, d.String())
	}
	return lines
}

func errorsOf(t *testing.T, err error) []Diagnostic {
	t.Helper()
	var list ErrorList
	if err != nil && !errors.As(err, &list) {
		t.Fatalf("the error is not an ErrorList: %v", err)
	}
	return list
}

func TestErrors(t *testing.T) {
	tests := []struct {
		sql  string
		want []string
	}{
		{"SELEC * FROM 'a'", []string{"1:1: expected SELECT, found the name SELEC; did you mean SELECT?"}},
		{"", []string{"1:1: expected SELECT, found the end"}},
		{"SELECT FROM 'a'", []string{"1:8: expected an expression, found FROM"}},
		{
			"SELECT a FORM 'x'",
			[]string{"1:10: expected an operator, a comma, AS, FROM or WHERE, found the name FORM; did you mean FROM?"},
		},
		{
			"SELECT a,, b FROM 'x' WHERE",
			[]string{"1:10: expected an expression, found ,", "1:28: expected an expression, found the end"},
		},
		{
			"SELECT a FROM x\nWHERE a >",
			[]string{
				"1:15: the topic filter after FROM is a text in single quotes",
				"2:10: expected an expression, found the end",
			},
		},
		{
			"SELECT a FROM 'x' WHER a > 1",
			[]string{"1:19: expected WHERE or the end, found the name WHER; did you mean WHERE?"},
		},
		{
			"SELECT uper(a),\n  sqr(b) FROM 'x'",
			[]string{
				"1:8: there is no function uper; did you mean upper?",
				"2:3: there is no function sqr; did you mean sqrt?",
			},
		},
		{"SELECT frobnicate(a) FROM 'x'", []string{"1:8: there is no function frobnicate"}},
		{"SELECT a[0] FROM 'x'", []string{"1:9: there is no index in brackets; use get(array, n)"}},
		{
			"SELECT a.0 FROM 'x'",
			[]string{"1:10: a dot is followed by a field name; use get(object, \"0\") or get(array, 0)"},
		},
		{
			"SELECT 5x FROM 'x'",
			[]string{
				"1:8: \"5x\" is neither a number nor a name; a field whose name starts with a digit is read with " +
					"get(object, \"5x\")",
			},
		},
		{"SELECT .5 FROM 'x'", []string{"1:8: a number starts with a digit: write 0.5"}},
		{"SELECT a FROM 'x", []string{"1:15: this string has no closing '"}},
		{
			"SELECT 'it''s' FROM 'x'",
			[]string{
				"1:12: a string ends at its own quote and has no escapes; put text that holds a ' between double " +
					"quotes, or the reverse",
			},
		},
		{"SELECT a FROM 'x' GROUP BY b", []string{"1:19: AWS IoT SQL has no GROUP; a rule sees one message at a time"}},
		{"SELECT a FROM 'x' WHERE a IS NULL", []string{"1:27: AWS IoT SQL has no IS; use isNull(x) or isUndefined(x)"}},
		{"SELECT a FROM 'x' WHERE a NOT IN b", []string{"1:27: AWS IoT SQL has no NOT IN; write NOT (x IN array)"}},
		{"SELECT a FROM 'x' WHERE a != 1", []string{"1:27: AWS IoT SQL writes \"not equal\" as <>"}},
		{"SELECT a || b FROM 'x'", []string{"1:10: there is no || operator; join text with + or concat(…)"}},
		{"SELECT a -- comment\nFROM 'x'", []string{"1:10: AWS IoT SQL has no comments"}},
		{"SELECT a /* b */ FROM 'x'", []string{"1:10: AWS IoT SQL has no comments"}},
		{
			"SELECT CASE WHEN a = 1 THEN 2 END FROM 'x'",
			[]string{"1:13: CASE needs a value to compare: CASE value WHEN constant THEN …"},
		},
		{"SELECT CASE a ELSE 2 END FROM 'x'", []string{"1:15: CASE needs at least one WHEN"}},
		{
			"SELECT CASE a WHEN 1 THAN 2 END FROM 'x'",
			[]string{"1:22: expected THEN, found the name THAN; did you mean THEN?"},
		},
		{"SELECT CASE a WHEN 1 THEN 2 FROM 'x'", []string{"1:29: expected WHEN, ELSE or END, found FROM"}},
		{"SET @a = 1 SET @b = @c SELECT @abd FROM 'x'", []string{
			"1:12: a statement has one SET; separate its assignments with commas",
			"1:21: variable @c is not assigned before this point",
			"1:31: variable @abd is not assigned before this point",
		}},
		{
			"SET @temp = 1 SELECT @tmp FROM 'x'",
			[]string{"1:22: variable @tmp is not assigned before this point; did you mean @temp?"},
		},
		{"SET @a = @a SELECT 1 AS b FROM 'x'", []string{"1:10: variable @a is not assigned before this point"}},
		{
			"SET @a = 1, @a = 2 SELECT 1 AS b FROM 'x'",
			[]string{"1:13: variable @a is assigned twice; a variable keeps its first value"},
		},
		{"SET a = 1 SELECT a FROM 'x'", []string{"1:5: expected a variable such as @name, found the name a"}},
		{
			"SELECT @ AS a FROM 'x'",
			[]string{
				"1:8: a variable is @ and letters, digits or underscores",
				"1:10: expected an expression, found AS",
			},
		},
		{"SELECT a AS FROM 'x'", []string{"1:13: expected a name after AS, found FROM"}},
		{"SELECT a AS 'b' FROM 'x'", []string{"1:13: expected a name after AS, found a string"}},
		{"SELECT VALUE a, b FROM 'x'", []string{"1:15: SELECT VALUE takes exactly one expression"}},
		{
			"SELECT VALUE a AS b FROM 'x'",
			[]string{"1:16: SELECT VALUE produces a bare value, which cannot have an alias"},
		},
		{"SELECT cast(a AS Strng) FROM 'x'", []string{"1:18: cast knows no type Strng; did you mean String?"}},
		{"SELECT cast(a, Int) FROM 'x'", []string{"1:14: expected AS, found ,"}},
		{"SELECT {a: 1} FROM 'x'", []string{"1:9: expected a key in quotes, found the name a"}},
		{
			"SELECT (SELECT a FROM 'b') AS c FROM 'x'",
			[]string{"1:23: a nested query selects FROM an array or object of the message, not from a topic"},
		},
		{"SELECT (SELECT a) AS c FROM 'x'", []string{"1:17: expected FROM, found )"}},
		{"SELECT a FROM 'a/#/b'", []string{"1:15: topic filter \"a/#/b\" has a # before its last level"}},
		{"SELECT a FROM ''", []string{"1:15: topic filter \"\" is empty"}},
		{"SELECT a WHERE b FROM 'x'", []string{"1:18: FROM comes before WHERE"}},
		{"SELECT a FROM 'x' WHERE b WHERE c", []string{"1:27: a second WHERE"}},
		{"SELECT (a = 1 FROM 'x'", []string{"1:15: expected a closing ), found FROM"}},
		{
			"SELECT 1E1000 AS a FROM 'x'",
			[]string{"1:8: 1E1000 is outside the range of numbers (34 digits, 1E-999 to 9.99E999)"},
		},
		{
			"SELECT get_dynamodb('t','k','v','r'), get_dynamodb('t','k','v','r') FROM 'x'",
			[]string{"1:39: get_dynamodb is allowed once in a statement"},
		},
		{
			"SELECT get_thing_shadow('t', role) AS a FROM 'x'",
			[]string{"1:30: the role ARN of get_thing_shadow is a constant text"},
		},
		{
			"SELECT get_registry_data(api, 't', 'role') AS a FROM 'x'",
			[]string{"1:26: the operation of get_registry_data is a constant text"},
		},
		{
			"SELECT get_or_default(a, get_secret('a', 'SecretString', 'r')) AS b FROM 'x'",
			[]string{"1:26: the default of get_or_default may not call get_secret"},
		},
		{
			"SET @m = 'enrichArray' SELECT transform(@m, a, b) AS c FROM 'x'",
			[]string{"1:41: the mode of transform is a constant text"},
		},
		{"SELECT encode(*, scheme) AS c FROM 'x'", []string{"1:18: the scheme of encode is a constant text"}},
		{
			"SELECT # FROM 'x'",
			[]string{"1:8: character '#' has no meaning in AWS IoT SQL", "1:10: expected an expression, found FROM"},
		},
	}
	for _, tt := range tests {
		_, err := Compile(tt.sql, Options{})
		if diff := cmp.Diff(tt.want, short(errorsOf(t, err))); diff != "" {
			t.Errorf("Compile(%s): (-want +got)\n%s", tt.sql, diff)
		}
	}
}

func TestErrorsOfVersion2015(t *testing.T) {
	_, err := Compile("SELECT [1] AS a, {'b': 1} AS b, (SELECT a FROM b) AS c, EXISTS (SELECT a FROM b) AS d FROM 'x'",
		Options{Version: "2015-10-08"})
	want := []string{
		"1:8: array literals need SQL version 2016-03-23", "1:18: object literals need SQL version 2016-03-23",
		"1:34: nested queries need SQL version 2016-03-23", "1:65: nested queries need SQL version 2016-03-23",
	}
	if diff := cmp.Diff(want, short(errorsOf(t, err))); diff != "" {
		t.Errorf("[IoT-SQL 1] (-want +got)\n%s", diff)
	}
	if _, err := Compile("SELECT * FROM 'x'", Options{Version: "2016-3-23"}); err == nil ||
		errors.As(err, new(ErrorList)) {
		t.Errorf("an unknown version gives %v", err)
	}
}

func TestTemplateErrors(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{
			"a${b.}c${uper(x)}${",
			[]string{
				"1:6: expected a field name, found the end",
				"1:10: there is no function uper; did you mean upper?",
				"1:18: ${ has no closing }",
			},
		},
		{"a\n${}", []string{"2:1: ${} holds no expression"}},
		{
			"${decode(*, 'proto', 'a', 'b', 'c', 'd')}",
			[]string{"1:3: decode(…, 'proto', …) is not allowed in a substitution template"},
		},
		{"${a b}", []string{"1:5: expected the end, found the name b"}},
	}
	for _, tt := range tests {
		_, err := CompileTemplate(tt.text, Options{})
		if diff := cmp.Diff(tt.want, short(errorsOf(t, err))); diff != "" {
			t.Errorf("CompileTemplate(%s): (-want +got)\n%s", tt.text, diff)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := CompileCondition("temperature > 30 AND\n\thumidité < lenght(x)", Options{})
	want := "2:13: there is no function lenght; did you mean length?\n\thumidité < lenght(x)\n\t           ^"
	if err == nil || err.Error() != want {
		t.Errorf("error text\n%v\nwant\n%s", err, want)
	}
	_, err = CompileCondition(strings.Repeat("a", 500)+" = uper(b)", Options{})
	list := errorsOf(t, err)
	if len(list) != 1 || list[0].Column != 504 || len(list[0].Excerpt) > 300 ||
		!strings.Contains(list[0].Excerpt, "uper(b)") {
		t.Errorf("the excerpt of a long line: %+v", list)
	}
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("nosuch%d(1)", i))
	}
	_, err = CompileCondition(strings.Join(many, " = "), Options{})
	if list := errorsOf(t, err); len(list) != 10 || list[9].Column <= list[0].Column {
		t.Errorf("%d errors reported, want the first 10 in order", len(list))
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		sql     string
		version string
		want    []string
	}{
		{"SELECT a FROM 'x' WHERE b = 'c' AND d > 1", "", nil},
		{
			"SELECT a FROM 'x' WHERE b == 1",
			"",
			[]string{"1:27: == is read as =, which is how AWS IoT SQL writes equality"},
		},
		{"SELECT a FROM \"x\"", "", []string{"1:15: the topic filter after FROM belongs in single quotes"}},
		{
			"SELECT device-id FROM 'x'",
			"",
			[]string{
				"1:8: device-id is read as device minus id; a field with a hyphen in its name is read with " +
					"get(object, \"device-id\")",
			},
		},
		{"SELECT a - b AS c, a -b AS d FROM 'x'", "", nil},
		{
			"SELECT a FROM 'x' WHERE topic(2) = 22",
			"",
			[]string{"1:34: this comparison is always false: one side is a String, the other a number"},
		},
		{
			"SELECT a FROM 'x' WHERE topic(2) <> 22",
			"",
			[]string{"1:34: this comparison is always true: one side is a String, the other a number"},
		},
		{
			"SELECT a FROM 'x' WHERE isNull(a) = 1",
			"",
			[]string{"1:35: this comparison is always false: one side is a Boolean, the other a number"},
		},
		{"SELECT a FROM 'x' WHERE cast(topic(2) AS Int) = 22", "", nil},
		{
			"SELECT a FROM 'x' WHERE b > 'high'",
			"",
			[]string{"1:29: this comparison is always Undefined: the text 'high' has no order with numbers"},
		},
		{"SELECT a FROM 'x' WHERE b > '5'", "", nil},
		{
			"SELECT a FROM 'x' WHERE b > TRUE",
			"",
			[]string{"1:29: this comparison is always Undefined: a Boolean has no order with numbers"},
		},
		{"SELECT a FROM 'x' WHERE length(b)", "", []string{"1:25: this is never true: it is an Int, not a Boolean"}},
		{
			"SELECT length() AS a FROM 'x'",
			"",
			[]string{"1:8: length takes 1 argument; with 0 the result is always Undefined"},
		},
		{
			"SELECT a FROM '1/2/3/4/5/6/7/8/9'",
			"",
			[]string{
				"1:15: topic filter \"1/2/3/4/5/6/7/8/9\" has more than 7 forward slashes; AWS IoT refuses such topics",
			},
		},
		{
			"SELECT length(a) AS a FROM 'x'",
			"2015-10-08",
			[]string{"1:8: length needs SQL version 2016-03-23; in this one it is always Undefined"},
		},
		{
			"SELECT cast(a AS Decimal) AS a FROM 'x'",
			"2015-10-08",
			[]string{"1:18: cast to Decimal needs SQL version 2016-03-23; in this one it is always Undefined"},
		},
		{
			"SELECT parse_time('yyyy-bb', timestamp()) AS a FROM 'x'",
			"",
			[]string{"1:8: parse_time is always Undefined here: Joda-Time patterns have no letter b"},
		},
		{
			"SELECT regexp_matches(a, '(?=x)') AS b FROM 'x'",
			"",
			[]string{"1:26: AWS does not document whether it takes the pattern '(?=x)' (invalid or unsupported Perl " +
				"syntax: `(?=`); this engine does, and gives Undefined when matching takes longer than 100ms"},
		},
		{
			"SELECT regexp_matches(a, '(a)\\1') AS b FROM 'x'",
			"",
			[]string{"1:26: AWS does not document whether it takes the pattern '(a)\\1' (invalid escape sequence: " +
				"`\\1`); this engine does, and gives Undefined when matching takes longer than 100ms"},
		},
		{
			"SELECT regexp_substr(a, 'a++') AS b FROM 'x'",
			"",
			[]string{"1:25: this engine cannot run the pattern 'a++' (invalid nested repetition operator: `++`) and " +
				"gives Undefined; AWS does not document whether it can"},
		},
		{
			"SELECT regexp_matches(a, '[a-z&&[^b]]') AS b FROM 'x'",
			"",
			[]string{"1:26: this engine cannot run the pattern '[a-z&&[^b]]' (character classes within classes, and " +
				"&& between them, exist in Java only) and gives Undefined; AWS does not document whether it can"},
		},
		{
			"SELECT regexp_matches(a, '[') AS a FROM 'x'",
			"",
			[]string{"1:26: this engine cannot run the pattern '[' (missing closing ]: `[`) and gives Undefined; " +
				"AWS does not document whether it can"},
		},
		{"SELECT a", "", []string{"1:1: a rule without FROM only sees messages published to $aws/rules/<rule>/…"}},
	}
	for _, tt := range tests {
		q, err := Compile(tt.sql, Options{Version: tt.version})
		if err != nil {
			t.Errorf("Compile(%s): %v", tt.sql, err)
			continue
		}
		if diff := cmp.Diff(tt.want, short(q.Warnings())); diff != "" {
			t.Errorf("Warnings of %s (-want +got)\n%s", tt.sql, diff)
		}
	}
}
