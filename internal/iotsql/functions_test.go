package iotsql

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumericFunctions(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"abs(d)", values, "5.5", "14.1 abs: Decimal"},
		{"abs('x')", "", "Undefined", "14.1 abs: bad string"},
		{"abs(a)", values, "Undefined", "14.1 abs: Array"},
		{"abs(nul)", values, "Undefined", "14.1 abs: Null"},
		{"abs(u)", values, "Undefined", "14.1 abs: Undefined"},
		{"abs(-9223372036854775808)", "", "9223372036854775808", "14.1 abs: beyond 64 bits"},
		{"abs(1, 2)", "", "Undefined", "6: wrong count"},
		{"ceil(5)", "", "5", "14.1 ceil: Int unchanged"},
		{"ceil('1.2')", "", "2", "14.1 ceil: numstr"},
		{"ceil(t)", values, "Undefined", "14.1 ceil: other"},
		{"floor('1.8')", "", "1", "14.1 floor: numstr"},
		{"floor(o)", values, "Undefined", "14.1 floor: other"},
		{"floor(12345678901234567890.5)", "", "12345678901234567890", "14.1 floor: beyond 64 bits"},
		{"round(2.5)", "", "3", "14.1 round: halves away from zero"},
		{"round(-2.5)", "", "-3", "14.1 round: halves away from zero"},
		{"round('1.5')", "", "2", "14.1 round: numstr"},
		{"round(0.4999999999999999999)", "", "0", "14.1 round: exactly"},
		{"round(t)", values, "Undefined", "14.1 round: other"},
		{"trunc(2.3123, -1)", "", "2", "14.1 trunc: n below 0"},
		{"trunc(2.3123, 99)", "", "2.3123", "14.1 trunc: n above 34"},
		{"trunc(2.3123, 2.9)", "", "2.31", "14.1 trunc: n rounded down"},
		{"trunc('2.3123', 1)", "", "2.3", "14.1 trunc: x numstr"},
		{"trunc(2.3123, '1')", "", "Undefined", "14.1 trunc: n may not be a string"},
		{"trunc(-2.39, 1)", "", "-2.3", "14.1 trunc: cut, not floored"},
		{"trunc(2.3)", "", "Undefined", "6: wrong count"},
		{"sign('-0.5')", "", "-1", "14.1 sign: numstr"},
		{"sign(t)", values, "Undefined", "14.1 sign: other"},
		{"mod('8', 3)", "", "2", "14.1 mod: numstr"},
		{"mod(8.5, 3)", "", "2.5", "14.1 mod: mixed"},
		{"mod('x', 3)", "", "Undefined", "14.1 mod: bad string"},
		{"remainder(8, t)", values, "Undefined", "14.1 remainder: Boolean"},
		{"power('2', '5')", "", "32", "14.1 power: numstr"},
		{"power(a, 2)", values, "Undefined", "14.1 power: Array"},
		{"power(10, 400)", "", "Undefined", "14.1 power: beyond double precision"},
		{"power(-8, 0.5)", "", "Undefined", "14.1 power: imaginary"},
		{"sqrt('16')", "", "4", "14.1 sqrt: numstr"},
		{"sqrt(2)", "", "1.4142135623730951", "14.1 sqrt: double precision"},
		{"sqrt(-1)", "", "Undefined", "18.11: outside the domain"},
		{"sqrt(t)", values, "Undefined", "14.1 sqrt: Boolean"},
		{"exp('0')", "", "1", "14.1 exp: numstr"},
		{"exp(nul)", values, "Undefined", "14.1 exp: other"},
		{"ln(exp(1))", "", "1", "14.1 ln"},
		{"ln(0)", "", "Undefined", "18.11: outside the domain"},
		{"log(-1)", "", "Undefined", "18.11: outside the domain"},
		{"log('1000')", "", "3", "14.1 log: numstr"},
		{"acos(2)", "", "Undefined", "14.1 acos: imaginary"},
		{"asin(-1.1)", "", "Undefined", "14.1 asin: imaginary"},
		{"sin('x')", "", "Undefined", "14.1 sin: bad string"},
		{"cos('0')", "", "1", "14.1 cos: numstr"},
		{"tanh(t)", values, "Undefined", "14.1 tanh: Boolean"},
		{"atan2('1', 0)", "", "1.5707963267948966", "14.1 atan2: numstr"},
		{"atan2(1, t)", values, "Undefined", "14.1 atan2: other"},
		{"bitand(13.9, '5.9')", "", "5", "14.1 bitand: rounded down"},
		{"bitor(8, nul)", values, "Undefined", "14.1 bitor: other"},
		{"bitxor(-1, 5)", "", "-6", "14.1 bitxor: two's complement"},
		{"bitnot(-14)", "", "13", "18.6: two's complement"},
		{"bitnot('x')", "", "Undefined", "14.1 bitnot: bad string"},
		{"bitand(36893488147419103233, 18446744073709551617)", "", "1", "14.1 bitand: beyond 64 bits"},
		{"rand() >= 0", "", "true", "14.1 rand"},
		{"nanvl(u, 3)", values, "3", "14.1 nanvl: Undefined"},
		{"nanvl(s, 3)", values, `"x"`, "14.1 nanvl: a String as is"},
	})
}

func TestStringFunctions(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"concat(a)", values, "[1,2]", "14.2 concat: one argument unchanged"},
		{"concat('a', 1, true)", "", `"a1true"`, "14.2 concat: conversions"},
		{"concat('a', nul)", values, "Undefined", "14.2 concat: Null is not a String"},
		{"concat(a, nul, u)", values, "[1,2,null]", "14.2 concat: into an Array"},
		{"concat(1, 2)", "", "Undefined", "14.2 concat: neither Array nor String"},
		{"concat({'a':1}, 'x')", "", `"{\"a\":1}x"`, "14.2 concat: JSON text"},
		{"concat([1,2,3],'hello')", "", `[1,2,3,"hello"]`, "14.2 concat: AWS's example"},
		{"length('héllo')", "", "5", "14.2 length: characters"},
		{"length(a)", values, "5", "14.2 length: conversion"},
		{"length(nul)", values, "Undefined", "14.2 length: Null"},
		{"numbytes('héllo')", "", "6", "14.2 numbytes: UTF-8"},
		{"lower(u)", values, "Undefined", "14.2 lower: Undefined"},
		{"upper('straé')", "", `"STRAÉ"`, "14.2 upper: beyond ASCII"},
		{"upper(true)", "", `"TRUE"`, "14.2 upper: conversion"},
		{"trim(x)", `{"x":"\t a \t"}`, `"a"`, "14.2 trim: tabs and spaces"},
		{"trim(nul)", values, "Undefined", "14.2 trim: Null"},
		{"lpad('a', -1)", "", `"a"`, "14.2 lpad: n below 0"},
		{"length(lpad('a', 5000))", "", "1001", "14.2 lpad: n above 1000"},
		{"rpad('a', '2.9')", "", `"a  "`, "14.2 rpad: numstr rounded down"},
		{"rpad('a', t)", values, "Undefined", "14.2 rpad: n of another type"},
		{"rpad('a', 'x')", "", "Undefined", "14.2 rpad: bad string"},
		{"lpad(nul, 1)", values, "Undefined", "14.2 lpad: Null"},
		{"substring('012345', 6)", "", `""`, "14.2 substring: at the end"},
		{"substring('012345', 99)", "", `""`, "14.2 substring: beyond the end"},
		{"substring('012345', 2, 99)", "", `"2345"`, "14.2 substring: beyond the end"},
		{"substring('a€😀b', 1, 3)", "", `"€😀"`, "14.2 substring: characters"},
		{"substring('012345', 'x')", "", "Undefined", "14.2 substring: failed conversion"},
		{"substring('012345', nul)", values, "Undefined", "14.2 substring: failed conversion"},
		{"substring(nul, 1)", values, "Undefined", "14.2 substring: Null"},
		{"substring('012345', '2')", "", `"2345"`, "14.2 substring: numstr"},
		{"indexof('héllo', 'l')", "", "2", "14.2 indexof: characters"},
		{"indexof(12345, 34)", "", "2", "14.2 indexof: conversion"},
		{"indexof('a', nul)", values, "Undefined", "14.2 indexof: Null"},
		{"startswith('a', nul)", values, "Undefined", "14.2 startswith: Null"},
		{"startswith(123, 12)", "", "true", "14.2 startswith: conversion"},
		{"endswith(u, 'a')", values, "Undefined", "14.2 endswith: Undefined"},
		{"replace('a.b.c', '.', '')", "", `"abc"`, "14.2 replace: literal"},
		{"replace('abc', 'b', 2)", "", `"a2c"`, "14.2 replace: conversion"},
		{"replace('abc', nul, 'x')", values, "Undefined", "14.2 replace: Null"},
		{"regexp_matches('aaa', '(aaa|bbb)')", "", "true", "14.2 regexp_matches: AWS's example"},
		{"regexp_matches('abc', '[')", "", "Undefined", "14.2 regexp_matches: invalid"},
		{"regexp_matches(x, y)", `{"x":"abc","y":"["}`, "Undefined", "14.2 regexp_matches: invalid"},
		{"regexp_matches(x, y)", `{"x":"abc","y":"^a.c$"}`, "true", "14.2 regexp_matches: not a constant"},
		{"regexp_matches(123, '2')", "", "true", "14.2 regexp_matches: conversion"},
		{"regexp_matches(nul, 'a')", values, "Undefined", "14.2 regexp_matches: Null"},
		{`regexp_matches('x1', '^\p{Alpha}\d$')`, "", "true", "19: Java's classes"},
		{`regexp_matches('x1', '^[\p{Alpha}]\d$')`, "", "true", "19: Java's classes"},
		{"regexp_replace('abcd', 'b', '$0$0')", "", `"abbcd"`, "14.2 regexp_replace: the whole match"},
		{"regexp_replace('abcd', '(b)', '$1a')", "", `"abacd"`, "19: $1a is group 1 and a"},
		{"regexp_replace('abcd', '(b)', '$12')", "", `"ab2cd"`, "19: $12 is group 1 and 2 without a group 12"},
		{"regexp_replace('abcd', '(?<x>b)', '<${x}>')", "", `"a<b>cd"`, "19: named groups"},
		{`regexp_replace('abcd', 'b', '\$1')`, "", `"a$1cd"`, "19: a backslash"},
		{"regexp_replace('abcd', 'b', '$1')", "", "Undefined", "14.2 regexp_replace: no such group"},
		{"regexp_replace('abcd', 'b', '$')", "", "Undefined", "14.2 regexp_replace: invalid replacement"},
		{`regexp_replace('abcd', 'b', '\')`, "", "Undefined", "14.2 regexp_replace: invalid replacement"},
		{"regexp_replace('abcd', 'x', 'y')", "", `"abcd"`, "14.2 regexp_replace: no match"},
		{"regexp_replace('aXbX', 'X', nul)", values, "Undefined", "14.2 regexp_replace: Null"},
		{"regexp_replace('a1b22', '[0-9]+', '#')", "", `"a#b#"`, "14.2 regexp_replace: all matches"},
		{"regexp_substr('a1b22', '[0-9]{2}')", "", `"22"`, "14.2 regexp_substr: first match"},
		{"regexp_matches(x, '^(?!test).*')", `{"x":"prod"}`, "true", "look-ahead"},
		{"regexp_matches(x, '^(?!test).*')", `{"x":"test-1"}`, "false", "look-ahead"},
		{"regexp_matches(x, y)", `{"x":"abab","y":"^(ab)\\1$"}`, "true", "a back-reference, not a constant"},
		{`regexp_substr('äöü 21 °C', '\d+(?= °C)')`, "", `"21"`, "look-ahead behind characters of several bytes"},
		{"regexp_replace('aXbXc', '(?<=b)(X)', '<$1>')", "", `"aXb<X>c"`, "look-behind"},
		{"regexp_replace('aXbX', '(?<=b)(?<x>X)', '<${x}>')", "", `"aXb<X>"`, "a named group beside look-behind"},
		{"regexp_replace('ab', '(?=b)(x)?', '<$1>')", "", `"a<>b"`, "a group that took no part"},
		{"regexp_replace('aX', '(?<=a)X', '$1')", "", "Undefined", "no such group"},
		{`regexp_matches('x1', '^(?=\p{Alpha})\w\d$')`, "", "true", "19: Java's classes"},
		{"regexp_matches('aa', 'a++')", "", "Undefined", "a possessive quantifier"},
		{"regexp_matches('ab', '(?=a)(?<x>a)(b)')", "", "Undefined", "named and numbered groups together"},
		{"regexp_matches('b', '[a-z&&[^b]]')", "", "Undefined", "a class within a class"},
		{"regexp_substr(nul, 'a')", values, "Undefined", "14.2 regexp_substr: Null"},
		{"chr('65.9')", "", `"A"`, "14.2 chr: numstr rounded down"},
		{"chr(-1)", "", "Undefined", "14.2 chr: not ASCII"},
		{"chr(t)", values, "Undefined", "14.2 chr: other type"},
		{"md5(123) = md5('123')", "", "true", "14.2 md5: conversion"},
		{"sha256(nul)", values, "Undefined", "14.2 sha256: Null"},
		{"newuuid() = newuuid()", "", "false", "14.2 newuuid: random"},
	})
}

func TestCollectionFunctions(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"get(a, '1')", values, "2", "14.3 get: k converted"},
		{"get(a, 1.9)", values, "2", "14.3 get: k converted"},
		{"get(a, '-0.5')", values, "1", "7: a String is truncated"},
		{"get(a, -1)", values, "Undefined", "14.3 get: below 0"},
		{"get(a, 2)", values, "Undefined", "14.3 get: beyond the end"},
		{"get(a, 'x')", values, "Undefined", "14.3 get: conversion failure"},
		{"get(a, t)", values, "Undefined", "14.3 get: conversion failure"},
		{"get(o, 'k')", values, "1", "14.3 get: Object"},
		{"get(o, 'none')", values, "Undefined", "14.3 get: no such key"},
		{"get({'1': 2}, 1)", "", "Undefined", "14.3 get: an Object's key is not converted"},
		{"get('a€c', 1)", "", `"€"`, "14.3 get: characters"},
		{"get('abc', 3)", "", "Undefined", "14.3 get: beyond the end"},
		{"get(123, 0)", "", "Undefined", "14.3 get: c is not converted"},
		{"get(nul, 0)", values, "Undefined", "14.3 get: other c"},
		{"get_or_default(nul, 'x')", values, `"x"`, "14.3 get_or_default: Null"},
		{"get_or_default(u, 'x')", values, `"x"`, "14.3 get_or_default: Undefined"},
		{"get_or_default(u)", values, "Undefined", "14.3 get_or_default: no default"},
		{"get_or_default(u, nul)", values, "null", "14.3 get_or_default: the default is Null"},
		{"get_or_default(f, true)", values, "false", "14.3 get_or_default: false is a value"},
		{"get_or_default(get_thing_shadow('t', 'role'), 'none')", "", `"none"`, "14.3 get_or_default: a failure"},
		{"get_or_default((u > 5), false) OR t", values, "true", "14.3 get_or_default: guards a condition"},
		{"isNull(u)", values, "false", "14.3 isNull: Undefined is not Null"},
		{"isNull(nul)", values, "true", "14.3 isNull"},
		{"IsUndefined(u)", values, "true", "14.3 isUndefined"},
		{"isundefined(nul)", values, "false", "14.3 isUndefined: Null is a value"},
		{"decode('aGVsbG8', 'base64')", "", `"hello"`, "14.3 decode: without padding"},
		{"decode('NDI=', 'base64') + 1", "", "43", "14.3 decode: a number is a JSON document"},
		{"decode('WzEsMl0=', 'base64')", "", "[1,2]", "14.3 decode: an array"},
		{"decode('/w==', 'base64')", "", "null", "14.3 decode: not text"},
		{"decode('aGVsbG8=', 'gzip')", "", "Undefined", "14.3 decode: no such scheme"},
		{"decode(5, 'base64')", "", "Undefined", "14.3 decode: no String"},
		{"encode(5, 'base64')", "", `"NQ=="`, "14.3 encode: conversion"},
		{"encode(nul, 'base64')", values, "Undefined", "14.3 encode: Null"},
		{"encode('a', 'hex')", "", "Undefined", "14.3 encode: no such scheme"},
		{"encode(o, 'base64')", values, `"eyJrIjoxfQ=="`, "14.3 encode: JSON text"},
		{"encode(*, 'base64')", `{ "a" : 1 }`, `"eyAiYSIgOiAxIH0="`, "14.3 encode: * is the raw payload"},
	})
}

func TestContextFunctions(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"topic('2')", "", `"myThings"`, "14.5 topic: numstr"},
		{"topic(0)", "", "Undefined", "14.5 topic: from 1"},
		{"topic(-1)", "", "Undefined", "14.5 topic: from 1"},
		{"topic(99999999999999999999)", "", "Undefined", "14.5 topic: out of range"},
		{"topic('x')", "", "Undefined", "14.5 topic: no number"},
		{"clientId()", "", `"n/a"`, "14.5 clientid: not over MQTT"},
		{"get_mqtt_property('response_topic')", "", "Undefined", "14.5 get_mqtt_property: absent"},
		{"get_mqtt_property('correlation_data')", "", "Undefined", "14.5 get_mqtt_property: absent"},
		{"get_mqtt_property('other')", "", "Undefined", "14.5 get_mqtt_property: another name"},
		{"get(get_user_properties('other key'), 0)", "", `"a different value"`, "14.5 get_user_properties"},
	})
	m := &Message{Topic: "t", ClientID: "c1", MQTT5: &Properties{ResponseTopic: "r", CorrelationData: []byte{0, 255}}}
	for sql, want := range map[string]string{
		"clientid()":                            `"c1"`,
		"get_mqtt_property('format_indicator')": `"UNSPECIFIED_BYTES"`,
		"get_mqtt_property('response_topic')":   `"r"`,
		"get_mqtt_property('correlation_data')": `"AP8="`,
		"get_user_properties()":                 `[]`,
		"traceid()":                             "Undefined",
		"sourceip()":                            "Undefined",
	} {
		if got := evalExpr(t, sql, m, Options{}); got != want {
			t.Errorf("[IoT-SQL 14.5] %s = %s, want %s", sql, got, want)
		}
	}
	v311 := &Message{Topic: "t"}
	if got := evalExpr(t, "get_mqtt_property('format_indicator')", v311, Options{}); got != `"UNSPECIFIED_BYTES"` {
		t.Errorf("[IoT-SQL 14.5] the format of an MQTT 3.1.1 message = %s", got)
	}
}

// TestHashes compares with the standard library, and MD2 with the vectors of RFC 1319.
func TestHashes(t *testing.T) {
	for _, text := range []string{"", "a", "hello", strings.Repeat("x", 1000), "€"} {
		md5sum, sha1sum, sha224sum := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum224([]byte(text))
		sha256sum, sha384sum, sha512sum := sha256.Sum256([]byte(text)), sha512.Sum384(
			[]byte(text),
		), sha512.Sum512([]byte(text))
		for name, sum := range map[string][]byte{
			"md5": md5sum[:], "sha1": sha1sum[:], "sha224": sha224sum[:], "sha256": sha256sum[:],
			"sha384": sha384sum[:], "sha512": sha512sum[:],
		} {
			if got, want := evalExpr(t, name+"('"+text+"')", documented(""), Options{}), `"`+hex.EncodeToString(sum)+
				`"`; got != want {
				t.Errorf("%s(%q) = %s, want %s", name, text, got, want)
			}
		}
	}
	for text, want := range map[string]string{
		"":                           "8350e5a3e24c153df2275c9f80692773",
		"a":                          "32ec01ec4a6dac72c0ab96fb34c0b5d1",
		"abc":                        "da853b0d3f88d99b30283a69e6ded6bb",
		"message digest":             "ab4f496bfb2a530b219ff33031fe06b0",
		"abcdefghijklmnopqrstuvwxyz": "4e8ddff3650292ab5a4108c3aa47940b",
	} {
		if got := evalExpr(t, "md2('"+text+"')", documented(""), Options{}); got != `"`+want+`"` {
			t.Errorf("md2(%q) = %s, want %s", text, got, want)
		}
	}
}

// TestRegexpAgainstGo runs random patterns of what both dialects share, as constants and as values of the message.
func TestRegexpAgainstGo(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	pieces := []string{
		"a",
		"b",
		"c",
		".",
		"[ab]",
		"[^a]",
		"(a|bc)",
		"(?:b)",
		"a*",
		"b+",
		"c?",
		"a{1,2}",
		"^",
		"$",
		`\b`,
		`\w`,
		"|",
	}
	dynamic, err := Compile(
		"SELECT regexp_matches(s, p) AS m, regexp_substr(s, p) AS s, regexp_replace(s, p, '-') AS r FROM 't'",
		Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		pattern, subject := "", ""
		for range 1 + random.IntN(5) {
			pattern += pieces[random.IntN(len(pieces))]
		}
		for range random.IntN(8) {
			subject += string("abc "[random.IntN(4)])
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			continue
		}
		want := map[string]any{"m": re.MatchString(subject), "r": re.ReplaceAllString(subject, "-")}
		if re.MatchString(subject) {
			want["s"] = re.FindString(subject)
		}
		constant, err := Compile(
			"SELECT regexp_matches(s, '"+pattern+"') AS m, regexp_substr(s, '"+pattern+"') AS s, regexp_replace(s, '"+
				pattern+"', '-') AS r FROM 't'",
			Options{},
		)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		payload, err := json.Marshal(map[string]string{"s": subject, "p": pattern})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []*Query{constant, dynamic} {
			r, err := q.Eval(context.Background(), &Message{Topic: "t", Payload: payload})
			var got map[string]any
			if err != nil || json.Unmarshal(r.Payload, &got) != nil {
				t.Fatalf("%s on %q: %s, %v", pattern, subject, r.Payload, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s on %q (-Go +SQL)\n%s", pattern, subject, diff)
			}
		}
	}
}
