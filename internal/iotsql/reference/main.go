// Command reference writes the page about the SQL functions, from the same table that the evaluator reads.
// Run it with: go generate ./internal/iotsql/...
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

//go:generate go run .

// page is the path of the result, relative to this directory.
const page = "../../../docs/guides/sql-functions.md"

func main() {
	if err := os.WriteFile(page, render(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const introduction = `---
page_title: "AWS IoT SQL: functions"
subcategory: ""
description: |-
  The functions of AWS IoT SQL that rules, alert conditions and templates may call, with examples.
---

# AWS IoT SQL: functions

Rules, alert conditions and ` + "`${…}`" + ` templates of a pipeline may call these functions. Names are
case-insensitive. A call with the wrong number or types of arguments returns Undefined, not an error. Undefined means
that there is no value: a column that is Undefined is omitted, and a condition that is Undefined does not match. Null is
a value.

Where a function expects text, numbers, Booleans, Arrays and Objects are converted (the latter two to JSON); Null and
Undefined are not. Where it expects a number, a String such as ` + "`'-1.2'` or `'5E-12'`" + ` is converted.

Every example on this page is a test of the engine that checks and runs the SQL.

## Regular expressions

AWS does not document which regular expressions it accepts. This provider therefore never refuses a pattern; it warns
at plan time when a constant pattern may behave differently on AWS and in the local engine (which runs alert rules,
` + "`sql_eval` and `iot-local`" + `):

| the pattern | at plan time | in the local engine |
|---|---|---|
| is valid RE2, the syntax of Go's ` + "`regexp`" + ` | | runs in linear time |
| uses look-around, back-references or atomic groups | a warning | runs with backtracking; Undefined when the patterns of one evaluation take longer than 100 ms |
| is invalid, or uses possessive quantifiers, nested character classes, or named and numbered groups together | a warning | Undefined |

Classes such as ` + "`\\p{Alpha}`" + ` mean what they mean in Java. ` + "`$`" + ` matches at the end of the text only, not before a last
line break. Only the backtracking engine replaces an empty match directly after another match, and treats letters
beyond ASCII as word characters for ` + "`\\b`" + `.
`

// titles are the headings of the reference's sections.
var titles = []struct{ section, title string }{
	{"14.1", "Numbers"}, {"14.2", "Text"}, {"14.3", "Values and collections"}, {"7", "Conversion"}, {"14.4", "Time"},
	{"14.5", "Message and connection"}, {"14.6", "Other services"},
}

func render() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	for _, t := range titles {
		fmt.Fprintf(&b, "\n## %s\n", t.title)
		for _, f := range iotsql.Functions() {
			if f.Section == t.section {
				writeFunction(&b, f)
			}
		}
	}
	return b.Bytes()
}

func writeFunction(b *bytes.Buffer, f iotsql.Function) {
	fmt.Fprintf(b, "\n### %s\n\n", f.Name)
	for i, signature := range strings.Split(f.Signature, "), ") {
		if i > 0 {
			b.WriteString(" or ")
		}
		if !strings.HasSuffix(signature, ")") {
			signature += ")"
		}
		fmt.Fprintf(b, "`%s`", signature)
	}
	if f.Version != "2015-10-08" {
		fmt.Fprintf(b, " (version %s)", f.Version)
	}
	fmt.Fprintf(b, "\n\n%s\n", f.Doc)
	if f.External {
		b.WriteString(
			"\nThis function calls another AWS service. A failure ends the rule, unless `get_or_default` catches it.\n",
		)
	}
	if len(f.Examples) == 0 {
		return
	}
	b.WriteString("\n```sql\n")
	for _, e := range f.Examples {
		fmt.Fprintf(b, "%s → %s", e.SQL, e.Want)
		if e.Payload != "" {
			fmt.Fprintf(b, "   over %s", e.Payload)
		}
		b.WriteByte('\n')
	}
	b.WriteString("```\n")
}
