package funcs

import (
	"strings"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
)

const sectionStrings = "14.2"

// The texts of this section accept every type that converts to a String; Null and Undefined do not. [IoT-SQL 7]
var stringFuncs = []*Func{
	{
		Name: "concat", Section: sectionStrings, Signature: "concat(value, …)", Max: Any, Result: Anything,
		Doc: "With an Array among the arguments: one Array, in which array arguments are spliced and others " +
			"appended. Otherwise, with at least one String: the joined text. A single argument is returned as it is.",
		Examples: []Example{
			{
				SQL:  "concat()",
				Want: "Undefined",
			}, {SQL: "concat(1)", Want: "1"}, {SQL: "concat([1, 2, 3], 4)", Want: "[1,2,3,4]"},
			{
				SQL:  "concat([1, 2, 3], 'hello', [4, 5, 6])",
				Want: `[1,2,3,"hello",4,5,6]`,
			}, {SQL: "concat('con', 'cat')", Want: `"concat"`},
			{SQL: "concat(1, 'hello')", Want: `"1hello"`}, {SQL: "concat('he', 'is', 'man')", Want: `"heisman"`},
		},
		Call: concat,
	},
	{
		Name: "length", Section: sectionStrings, Signature: "length(text)", V2: true, Min: 1, Max: 1, Result: Whole,
		Doc: "The number of characters.",
		Examples: []Example{
			{SQL: "length('hi')", Want: "2"},
			{SQL: "length(false)", Want: "5"},
			{SQL: "length('€')", Want: "1"},
		},
		Call: text(func(s string) value.Value { return value.OfInt(int64(utf8.RuneCountInString(s))) }),
	},
	{
		Name: "numbytes", Section: sectionStrings, Signature: "numbytes(text)", V2: true, Min: 1, Max: 1, Result: Whole,
		Doc:      "The number of bytes in UTF-8.",
		Examples: []Example{{SQL: "numbytes('hi')", Want: "2"}, {SQL: "numbytes('€')", Want: "3"}},
		Call:     text(func(s string) value.Value { return value.OfInt(int64(len(s))) }),
	},
	{
		Name: "lower", Section: sectionStrings, Signature: "lower(text)", Min: 1, Max: 1, Result: Text,
		Doc:      "The text in lower case.",
		Examples: []Example{{SQL: "lower('HELLO')", Want: `"hello"`}, {SQL: `lower(["HELLO"])`, Want: `"[\"hello\"]"`}},
		Call:     textToText(strings.ToLower),
	},
	{
		Name: "upper", Section: sectionStrings, Signature: "upper(text)", Min: 1, Max: 1, Result: Text,
		Doc:      "The text in upper case.",
		Examples: []Example{{SQL: "upper('hello')", Want: `"HELLO"`}, {SQL: `upper(["hello"])`, Want: `"[\"HELLO\"]"`}},
		Call:     textToText(strings.ToUpper),
	},
	{
		Name: "trim", Section: sectionStrings, Signature: "trim(text)", Min: 1, Max: 1, Result: Text,
		Doc:      "The text without spaces and tabs at both ends.",
		Examples: []Example{{SQL: "Trim(' hi ')", Want: `"hi"`}},
		Call:     textToText(func(s string) string { return strings.Trim(s, blanks) }),
	},
	{
		Name: "ltrim", Section: sectionStrings, Signature: "ltrim(text)", Min: 1, Max: 1, Result: Text,
		Doc:      "The text without leading spaces and tabs.",
		Examples: []Example{{SQL: "Ltrim(' h i ')", Want: `"h i "`}},
		Call:     textToText(func(s string) string { return strings.TrimLeft(s, blanks) }),
	},
	{
		Name: "rtrim", Section: sectionStrings, Signature: "rtrim(text)", Min: 1, Max: 1, Result: Text,
		Doc:      "The text without trailing spaces and tabs.",
		Examples: []Example{{SQL: "rtrim(' h i ')", Want: `" h i"`}},
		Call:     textToText(func(s string) string { return strings.TrimRight(s, blanks) }),
	},
	{
		Name: "lpad", Section: sectionStrings, Signature: "lpad(text, n)", Min: 2, Max: 2, Result: Text,
		Doc:      "The text with n further spaces before it; n is rounded down and kept between 0 and 1000.",
		Examples: []Example{{SQL: "lpad('hello', 2)", Want: `"  hello"`}, {SQL: "lpad(1, 3)", Want: `"   1"`}},
		Call:     pad(func(s, spaces string) string { return spaces + s }),
	},
	{
		Name: "rpad", Section: sectionStrings, Signature: "rpad(text, n)", Min: 2, Max: 2, Result: Text,
		Doc:      "The text with n further spaces behind it; n is rounded down and kept between 0 and 1000.",
		Examples: []Example{{SQL: "rpad('hello', 2)", Want: `"hello  "`}, {SQL: "rpad(1, 3)", Want: `"1   "`}},
		Call:     pad(func(s, spaces string) string { return s + spaces }),
	},
	{
		Name: "substring", Section: sectionStrings, Signature: "substring(text, from [, to])", Min: 2, Max: 3,
		Result: Text,
		Doc: "The characters from index from, counted from 0, up to but not including index to, or up to the end. " +
			"Fractions of an index are dropped; an index outside the text counts as the nearest end; the text is " +
			"empty where from is not before to.",
		Examples: []Example{
			{
				SQL:  "substring('012345', 0)",
				Want: `"012345"`,
			}, {SQL: "substring('012345', 2)", Want: `"2345"`}, {SQL: "substring('012345', 2.745)", Want: `"2345"`},
			{
				SQL:  "substring(123, 2)",
				Want: `"3"`,
			}, {SQL: "substring('012345', -1)", Want: `"012345"`}, {SQL: "substring(true, 1.2)", Want: `"rue"`},
			{
				SQL:  "substring(false, -2.411E247)",
				Want: `"false"`,
			}, {SQL: "substring('012345', 1, 3)", Want: `"12"`},
			{SQL: "substring('012345', -50, 50)", Want: `"012345"`},
			{SQL: "substring('012345', 3, 1)", Want: `""`},
		},
		Call: substring,
	},
	{
		Name: "indexof", Section: sectionStrings, Signature: "indexof(text, part)", V2: true, Min: 2, Max: 2,
		Result:   Whole,
		Doc:      "The index, counted from 0, of the first occurrence of part in text; -1 where there is none.",
		Examples: []Example{{SQL: "indexof('abcd', 'bc')", Want: "1"}, {SQL: "indexof('abcd', 'x')", Want: "-1"}},
		Call: texts(func(s, part string) value.Value {
			i := strings.Index(s, part)
			if i < 0 {
				return value.OfInt(-1)
			}
			return value.OfInt(int64(utf8.RuneCountInString(s[:i])))
		}),
	},
	{
		Name: "startswith", Section: sectionStrings, Signature: "startswith(text, prefix)", Min: 2, Max: 2,
		Result:   Boolean,
		Doc:      "Whether the text starts with the prefix.",
		Examples: []Example{{SQL: "startswith('ranger', 'ran')", Want: "true"}},
		Call:     texts(func(s, t string) value.Value { return value.OfBool(strings.HasPrefix(s, t)) }),
	},
	{
		Name: "endswith", Section: sectionStrings, Signature: "endswith(text, suffix)", Min: 2, Max: 2, Result: Boolean,
		Doc:      "Whether the text ends with the suffix.",
		Examples: []Example{{SQL: "endswith('cat', 'at')", Want: "true"}},
		Call:     texts(func(s, t string) value.Value { return value.OfBool(strings.HasSuffix(s, t)) }),
	},
	{
		Name: "replace", Section: sectionStrings, Signature: "replace(text, old, new)", Min: 3, Max: 3, Result: Text,
		Doc: "The text with all occurrences of old, taken literally, replaced by new.",
		Examples: []Example{
			{SQL: "replace('abcd', 'bc', 'x')", Want: `"axd"`},
			{SQL: "replace('abcdabcd', 'b', 'x')", Want: `"axcdaxcd"`},
		},
		Call: replace,
	},
	{
		Name: "chr", Section: sectionStrings, Signature: "chr(code)", Min: 1, Max: 1, Result: Text,
		Doc: "The character of an ASCII code from 0 to 127; a fraction of the code is dropped.",
		Examples: []Example{
			{SQL: "chr(65)", Want: `"A"`},
			{SQL: "chr(49)", Want: `"1"`},
			{SQL: "chr(128)", Want: "Undefined"},
		},
		Call: func(e *Env, args []value.Value) value.Value {
			n, ok := e.Version.ToFloor(args[0])
			if code := n.Int64(); ok && code >= 0 && code <= 127 {
				return value.OfString(string(rune(code)))
			}
			return value.Value{}
		},
	},
}

// blanks are the characters that AWS calls white space. [IoT-SQL 14.2 trim]
const blanks = " \t"

// maxPad is the maximum number of spaces that lpad and rpad add. [IoT-SQL 14.2 lpad]
const maxPad = 1000

// text creates a function of one text.
func text(op func(string) value.Value) Impl {
	return func(_ *Env, args []value.Value) value.Value {
		s, ok := value.ToString(args[0])
		if !ok {
			return value.Value{}
		}
		return op(s)
	}
}

func textToText(op func(string) string) Impl {
	return text(func(s string) value.Value { return value.OfString(op(s)) })
}

// texts creates a function of two texts.
func texts(op func(s, t string) value.Value) Impl {
	return func(_ *Env, args []value.Value) value.Value {
		s, okS := value.ToString(args[0])
		t, okT := value.ToString(args[1])
		if !okS || !okT {
			return value.Value{}
		}
		return op(s, t)
	}
}

func concat(e *Env, args []value.Value) value.Value {
	switch len(args) {
	case 0:
		return value.Value{}
	case 1:
		return args[0]
	}
	arrays, strs := false, false
	for _, a := range args {
		arrays = arrays || a.Kind() == value.Array
		strs = strs || a.Kind() == value.String
	}
	switch {
	case arrays:
		return splice(e, args)
	case strs:
		return join(e, args)
	}
	return value.Value{}
}

func splice(e *Env, args []value.Value) value.Value {
	var items []value.Value
	for _, a := range args {
		switch {
		case a.Kind() == value.Array:
			if !e.Spend(len(a.Items())) {
				return value.Value{}
			}
			items = append(items, a.Items()...)
		case !a.IsUndefined():
			items = append(items, a)
		}
	}
	return value.OfArray(items)
}

func join(e *Env, args []value.Value) value.Value {
	var b strings.Builder
	for _, a := range args {
		s, ok := value.ToString(a)
		if !ok || !e.Spend(len(s)) {
			return value.Value{}
		}
		b.WriteString(s)
	}
	return value.OfString(b.String())
}

func pad(op func(s, spaces string) string) Impl {
	return func(e *Env, args []value.Value) value.Value {
		s, okS := value.ToString(args[0])
		n, okN := e.Version.ToFloor(args[1])
		if !okS || !okN {
			return value.Value{}
		}
		return value.OfString(op(s, strings.Repeat(" ", int(min(max(n.Int64(), 0), maxPad)))))
	}
}

func substring(e *Env, args []value.Value) value.Value {
	s, ok := value.ToString(args[0])
	if !ok {
		return value.Value{}
	}
	from, ok := e.index(args[1])
	to := int64(len(s))
	if ok && len(args) == 3 {
		to, ok = e.index(args[2])
	}
	switch {
	case !ok:
		return value.Value{}
	case from >= to:
		return value.OfString("")
	}
	return value.OfString(cut(s, from, to))
}

// index converts an index to a whole number that is not negative. A Decimal that is whole but too long for an Int is an
// index anyway: AWS's own example is -2.411E247.
func (e *Env) index(arg value.Value) (int64, bool) {
	n, ok := e.Version.ToNumber(arg)
	if !ok {
		return 0, false
	}
	if n.Sign() <= 0 {
		return 0, true
	}
	return e.Version.Floor(n).Int64(), true
}

// cut returns the characters from ≤ i < to; positions beyond the end are the end.
func cut(s string, from, to int64) string {
	start, i := len(s), int64(0)
	for pos := range s {
		if i == from {
			start = pos
		}
		if i == to {
			return s[start:pos]
		}
		i++
	}
	return s[start:]
}

func replace(e *Env, args []value.Value) value.Value {
	s, ok1 := value.ToString(args[0])
	old, ok2 := value.ToString(args[1])
	with, ok3 := value.ToString(args[2])
	if !ok1 || !ok2 || !ok3 {
		return value.Value{}
	}
	if !e.Spend(strings.Count(s, old) * len(with)) {
		return value.Value{}
	}
	return value.OfString(strings.ReplaceAll(s, old, with))
}
