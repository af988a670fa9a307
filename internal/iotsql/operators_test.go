package iotsql

import "testing"

// expr is one expression over a payload.
type expr struct{ sql, payload, want, why string }

func runExprs(t *testing.T, o Options, tests []expr) {
	t.Helper()
	for _, tt := range tests {
		if got := evalExpr(t, tt.sql, documented(tt.payload), o); got != tt.want {
			t.Errorf("%s: %s over %q = %s, want %s", tt.why, tt.sql, tt.payload, got, tt.want)
		}
	}
}

// values has one field of every type; u is not there.
const values = `{"i":5,"z":0,"d":5.5,"s":"x","n":"7","t":true,"f":false,"T":"TRUE","F":"False","a":[1,2],"o":{"k":1},"nul":null}`

func TestLogic(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"t AND t", values, "true", "8 AND: Booleans"},
		{"t AND f", values, "false", "8 AND: Booleans"},
		{"f OR t", values, "true", "8 OR: Booleans"},
		{"f OR f", values, "false", "8 OR: Booleans"},
		{"T AND t", values, "true", "8 AND: a String true in any case"},
		{"T AND F", values, "false", "8 AND: two Strings"},
		{"F OR 'TrUe'", values, "true", "8 OR: two Strings"},
		{"t AND s", values, "Undefined", "8 AND: another String"},
		{"t AND i", values, "Undefined", "8 AND: an Int is not a Boolean"},
		{"f AND u", values, "Undefined", "8, 18.4: no short-circuit"},
		{"t OR u", values, "Undefined", "8, 18.4: no short-circuit"},
		{"u OR t", values, "Undefined", "8, 18.4: no short-circuit"},
		{"t OR nul", values, "Undefined", "8 OR: Null is not a Boolean"},
		{"t OR a", values, "Undefined", "8 OR: an Array is not a Boolean"},
		{"NOT t", values, "false", "8 NOT: Boolean"},
		{"NOT F", values, "true", "8 NOT: a String"},
		{"NOT i", values, "Undefined", "8 NOT: else"},
		{"NOT u", values, "Undefined", "8 NOT: else"},
		{"NOT NOT t", values, "true", "8 NOT: twice"},
		{"NOT t OR t", values, "true", "2: NOT binds tighter than OR"},
		{"t OR t AND f", values, "true", "2: AND binds tighter than OR"},
		{"NOT i = 5", values, "false", "2: = binds tighter than NOT"},
	})
}

func TestOrder(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"i > 4", values, "true", "8 >: Ints"},
		{"i >= 5", values, "true", "8 >=: Ints"},
		{"i < 5", values, "false", "8 <: Ints"},
		{"i <= 5", values, "true", "8 <=: Ints"},
		{"i < d", values, "true", "8 <: Int with Decimal"},
		{"n > 6", values, "true", "8 >: a numeric String"},
		{"'10' > '9'", values, "true", "8 >: two numeric Strings compare as numbers"},
		{"s > 1", values, "Undefined", "8 >: a String that is not a number"},
		{"t > 0", values, "Undefined", "8 >: a Boolean"},
		{"nul < 1", values, "Undefined", "8 <: Null"},
		{"u < 1", values, "Undefined", "8 <: Undefined"},
		{"a < 1", values, "Undefined", "8 <: an Array"},
		{"o < 1", values, "Undefined", "8 <: an Object"},
		{"1.50 >= 1.5", values, "true", "8 >=: Decimals by value"},
		{"100000000000000000000000000000001 > 100000000000000000000000000000000", values, "true", "6: 34 digits"},
		{"1E300 > 1E299", values, "true", "6: large exponents"},
	})
}

func TestEquality(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"i = 5", values, "true", "8 =: Ints"},
		{"i <> 5", values, "false", "8 <>: Ints"},
		{"i = 5.0", values, "true", "8 =: Int with Decimal"},
		{"d = 5.50", values, "true", "8 =: Decimals by value"},
		{"s = 'x'", values, "true", "8 =: Strings"},
		{"s = 'X'", values, "false", "8 =: case counts"},
		{"n = 7", values, "false", "8 =: no conversion of Strings"},
		{"n <> 7", values, "true", "8 <>: different types"},
		{"t = true", values, "true", "8, 18.9: Booleans by value"},
		{"t = T", values, "false", "8 =: a Boolean and a String"},
		{"a = [1, 2]", values, "true", "8 =: Arrays"},
		{"a = [2, 1]", values, "false", "8 =: order of items counts"},
		{"a <> [2, 1]", values, "true", "8 <>: the negation for Arrays"},
		{"a = [1.0, 2]", values, "true", "8 =: items by value"},
		{"{'x': 1, 'y': 2} = {'y': 2, 'x': 1}", values, "true", "8 =: order of members does not count"},
		{"o = {'k': 2}", values, "false", "8 =: Objects"},
		{"o <> {'k': 1, 'l': 1}", values, "true", "8 <>: more members"},
		{"nul = NULL", values, "true", "8: Null equals Null"},
		{"nul <> NULL", values, "false", "8: Null does not differ from Null"},
		{"i = NULL", values, "false", "8 =: different types"},
		{"i <> NULL", values, "true", "8 <>: different types"},
		{"u = 1", values, "Undefined", "8 =: Undefined"},
		{"u = u", values, "Undefined", "8 =: Undefined with Undefined"},
		{"u <> 1", values, "Undefined", "8 <>: Undefined"},
		{"NULL = u", values, "Undefined", "8 =: Null with Undefined"},
		{"isUndefined(u) = False", values, "false", "8 =: [live] Booleans"},
		{"3 in arr", `{"arr":[1,2,3,"three",5.7,null]}`, "true", "8 IN: AWS's example"},
		{"'three' IN arr", `{"arr":[1,2,3,"three",5.7,null]}`, "true", "8 IN: a String"},
		{"5.70 IN arr", `{"arr":[1,2,3,"three",5.7,null]}`, "true", "8 IN: a Decimal"},
		{"4 IN arr", `{"arr":[1,2,3]}`, "false", "8 IN: no such element"},
		{"[1] IN arr", `{"arr":[[1]]}`, "true", "8 IN: an Array"},
		{"{'a': 1} IN arr", `{"arr":[{"a":1}]}`, "true", "8 IN: an Object"},
		{"3 IN arr", `{"arr":["3"]}`, "false", "8 IN: as =, without conversion"},
		{"NULL IN arr", `{"arr":[null]}`, "true", "18.9: Null by value"},
		{"true IN arr", `{"arr":[true]}`, "true", "18.9: Booleans by value"},
		{"u IN arr", `{"arr":[1]}`, "Undefined", "18.9: Undefined"},
		{"1 IN o", `{"o":{"a":1}}`, "Undefined", "18.9: no Array"},
	})
}

func TestArithmetic(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"i + 2", values, "7", "8 +: Ints"},
		{"i + 0.5", values, "5.5", "8 +: Int and Decimal"},
		{"0.1 + 0.2", values, "0.3", "6: decimal, not binary"},
		{"'1' + 2", values, `"12"`, "8 +: a String concatenates"},
		{"2 + '1'", values, `"21"`, "8 +: a String on the right"},
		{"'x' + t", values, `"xtrue"`, "8 +: conversion of a Boolean"},
		{"'x' + 1.50", values, `"x1.5"`, "8 +: conversion of a Decimal"},
		{"'x' + a", values, `"x[1,2]"`, "8 +: conversion of an Array"},
		{"'x' + nul", values, "Undefined", "8 +: Null is not a String"},
		{"'x' + u", values, "Undefined", "8 +: Undefined is not a String"},
		{"t + 1", values, "Undefined", "8 +: a Boolean is not a number"},
		{"nul + 1", values, "Undefined", "8 +: Null"},
		{"i - 7", values, "-2", "8 -: Ints"},
		{"n - 2", values, "5", "8 -: a numeric String"},
		{"s - 2", values, "Undefined", "8 -: another String"},
		{"t - 1", values, "Undefined", "8 -: a Boolean"},
		{"n * '2'", values, "14", "8 *: two numeric Strings"},
		{"2 * 1.5", values, "3", "1: a whole Decimal is an Int"},
		{"a * 2", values, "Undefined", "8 *: an Array"},
		{"6 / 2", values, "3", "8 /: Ints"},
		{"7 / 2", values, "3.5", "18.1: the fraction is kept"},
		{"1 / 3", values, "0.3333333333333333333333333333333333", "6: 34 digits"},
		{"(75 - 32) * 5 / 9", values, "23.88888888888888888888888888888889", "4 SET: AWS's example, which rounds"},
		{"7 / 0", values, "Undefined", "18.11: division by zero"},
		{"7 % 0", values, "Undefined", "18.11: modulo zero"},
		{"7.5 % 0.0", values, "Undefined", "18.11: modulo zero"},
		{"8 % 3", values, "2", "8 %: Ints"},
		{"-8 % 3", values, "-2", "18.11: the sign of the dividend"},
		{"8 % -3", values, "2", "18.11: the sign of the dividend"},
		{"5.5 % 2", values, "1.5", "8 %: Decimals"},
		{"'8' % 3", values, "2", "8 %: a numeric String"},
		{"1481825251155 % 1E3 * 1E6", values, "155000000", "16: nanoseconds for SiteWise"},
		{"floor(1481825251155 / 1E3)", values, "1481825251", "16: seconds for SiteWise"},
		{"-i", values, "-5", "3: a minus before a name"},
		{"-n", values, "-7", "3: a minus before a numeric String"},
		{"-s", values, "Undefined", "3: a minus before another String"},
		{"2 - -3", values, "5", "3: a negative literal"},
		{"2--3", values, "5", "3: two minuses do not start a comment before a digit"},
		{"1 + 2 * 3", values, "7", "2: * binds tighter than +"},
		{"(1 + 2) * 3", values, "9", "2: parentheses"},
		{"10 - 4 - 3", values, "3", "2: from left to right"},
		{"9223372036854775807 + 1", values, "9223372036854775808", "6: beyond 64 bits"},
		{"-9223372036854775808 - 1", values, "-9223372036854775809", "6: beyond 64 bits"},
		{"9223372036854775807 * 10", values, "92233720368547758070", "6: beyond 64 bits"},
		{
			"9999999999999999999999999999999999 + 0",
			values,
			"9999999999999999999999999999999999",
			"6: an Int has 34 digits",
		},
		{
			"9999999999999999999999999999999999 * 10",
			values,
			"9.999999999999999999999999999999999E34",
			"6: beyond 34 digits",
		},
		{"1E999 * 10", values, "Undefined", "6: beyond the range"},
		{"1E-999 / 10", values, "0", "6: below the range"},
		{"0.0000001 * 1", values, "1E-7", "18.11: when scientific notation starts"},
		{"0.000001 * 1", values, "0.000001", "18.11: when scientific notation starts"},
		{"1E3", values, "1000", "1: a whole Decimal is an Int"},
		{"007", values, "7", "3: leading zeros"},
	})
}

func TestVersion2015(t *testing.T) {
	o := Options{Version: "2015-10-08"}
	runExprs(t, o, []expr{
		{"x", `{"x":10.0}`, "10.0", "1: whole Decimals stay Decimals"},
		{"x", `{"x":2.50}`, "2.5", "18.11: no trailing zeros besides one"},
		{"x", `{"x":10}`, "10", "1: Ints are Ints"},
		{"cast(light as double)", `{"light":5.0}`, "5.0", "1: [live]"},
		{"5.0 * 2", "", "10.0", "1: a Decimal and an Int make a Decimal"},
		{"5 * 2", "", "10", "8: Ints"},
		{"'5' * '2'", "", "10.0", "8: Strings are converted to Decimal"},
		{"sqrt(9)", "", "3.0", "14.1 sqrt: AWS's example"},
		{"power(2, 5)", "", "32.0", "14.1 power: AWS's example"},
		{"log(100)", "", "2.0", "14.1 log: AWS's example"},
		{"abs('-5')", "", "5.0", "14.1 abs: numstr to Decimal"},
		{"ceil(1.2)", "", "2", "14.1 ceil: an Int"},
		{"trunc(2.00, 5)", "", "2", "14.1 trunc: without trailing zeros"},
		{"cast(true as double)", "", "1.0", "7 cast: true is 1.0"},
		{"cast('5' as decimal)", "", "Undefined", "1: not in this version"},
		{"cast(1 as Boolean)", "", "Undefined", "1: not in this version"},
		{"cast(2.7 as Int)", "", "2", "7 cast: rounded down"},
		{"length('hi')", "", "Undefined", "1: not in this version"},
		{"lower('HI')", "", `"hi"`, "14.2: in both versions"},
		{"sql_version()", "", `"2015-10-08"`, "14.5 sql_version"},
		{"1E3", "", "1000.0", "1: stays a Decimal"},
	})
	runExprs(t, Options{}, []expr{
		{"cast(light as double)", `{"light":5.0}`, "5", "1: [live]"},
		{"x", `{"x":10.0}`, "10", "1: a whole Decimal is an Int"},
	})
	runExprs(t, Options{Version: "beta"}, []expr{{"sql_version()", "", `"beta"`, "1: the latest beta"}})
}

func TestConversions(t *testing.T) {
	runExprs(t, Options{}, []expr{
		{"cast(5 as Decimal)", "", "5", "7 cast: Int to Decimal"},
		{"cast(5.5 as Double)", "", "5.5", "7 cast: Decimal to Double"},
		{"cast(0.1234567890123456789 as Double)", "", "0.12345678901234568", "7 cast: double precision"},
		{"cast(0.1234567890123456789 as Decimal)", "", "0.1234567890123456789", "7 cast: 34 digits"},
		{"cast(true as Decimal)", "", "1", "7 cast: Boolean to Decimal"},
		{"cast('5E-12' as Decimal)", "", "5E-12", "7: the pattern"},
		{"cast('0' as Decimal)", "", "0", "7: the pattern"},
		{"cast('-1.2' as Decimal)", "", "-1.2", "7: the pattern"},
		{"cast('007' as Decimal)", "", "7", "7: the pattern allows leading zeros"},
		{"cast('+5' as Decimal)", "", "Undefined", "7: not by the pattern"},
		{"cast('.5' as Decimal)", "", "Undefined", "7: not by the pattern"},
		{"cast('5.' as Decimal)", "", "Undefined", "7: not by the pattern"},
		{"cast('1E+2' as Decimal)", "", "Undefined", "7: not by the pattern"},
		{"cast(' 5' as Decimal)", "", "Undefined", "7: not by the pattern"},
		{"cast('' as Decimal)", "", "Undefined", "7: not by the pattern"},
		{"cast('1E2' as Int)", "", "100", "7: the pattern allows exponents"},
		{"cast(5 as Int)", "", "5", "7 cast: same"},
		{"cast(2.7 as Int)", "", "2", "7 cast: down"},
		{"cast(-2.7 as Integer)", "", "-3", "7 cast, 18.3: down"},
		{"cast(false as Int)", "", "0", "7 cast: Boolean to Int"},
		{"cast('-2.7' as Int)", "", "-3", "7 cast: String rounded down"},
		{"cast('x' as Int)", "", "Undefined", "7 cast: no number"},
		{"cast([1] as Int)", "", "Undefined", "7 cast: Array"},
		{"cast({'a':1} as Decimal)", "", "Undefined", "7 cast: Object"},
		{"cast(NULL as Int)", "", "Undefined", "7 cast: Null is always Undefined"},
		{"cast(u as String)", "", "Undefined", "7 cast: Undefined"},
		{"cast(NULL as String)", "", "Undefined", "7 cast: Null is always Undefined"},
		{"cast(0 as Boolean)", "", "false", "7 cast: 0 is false"},
		{"cast(2 as Bool)", "", "true", "7 cast: else true"},
		{"cast(0.5 as Bool)", "", "true", "7 cast: else true"},
		{"cast('tRue' as Boolean)", "", "true", "7 cast: any case"},
		{"cast('yes' as Boolean)", "", "Undefined", "7 cast: no Boolean"},
		{"cast([true] as Boolean)", "", "Undefined", "7 cast: Array"},
		{"cast(5 as String)", "", `"5"`, "7 cast: standard notation"},
		{"cast(1.50 as NVARCHAR)", "", `"1.5"`, "7 cast: Decimal to String"},
		{"cast(true as text)", "", `"true"`, "7 cast: Boolean to String"},
		{"cast('x' as Ntext)", "", `"x"`, "7 cast: same"},
		{"cast([1, 'a', NULL] as varchar)", "", `"[1,\"a\",null]"`, "7 cast: JSON text"},
		{"cast({'a': 1.0} as String)", "", `"{\"a\":1}"`, "7 cast: JSON text"},
		{"abs('-5.123')", "", "5.123", "7: a function converts"},
		{"upper(NULL)", "", "Undefined", "7: Null to String is Undefined"},
	})
}

func TestCase(t *testing.T) {
	const light = `CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' WHEN 'red' THEN 'stop' ELSE 'you are not at a stop light' END`
	runExprs(t, Options{}, []expr{
		{light, `{"color":"yellow"}`, `"caution"`, "9: AWS's example"},
		{light, `{"color":"blue"}`, `"you are not at a stop light"`, "9: ELSE"},
		{light, `{}`, "Undefined", "9: Undefined, ELSE notwithstanding"},
		{light, `{"color":null}`, `"you are not at a stop light"`, "9: Null is a value"},
		{"case color when 'green' then 1 end", `{"color":"red"}`, "Undefined", "9: no match without ELSE"},
		{"CASE x WHEN 1 THEN 'a' WHEN 1 THEN 'b' END", `{"x":1.0}`, `"a"`, "9: the first match"},
		{"CASE x WHEN '1' THEN 'a' ELSE 'b' END", `{"x":1}`, `"b"`, "9: equality without conversion"},
		{"CASE x WHEN NULL THEN 'a' ELSE 'b' END", `{"x":null}`, `"a"`, "9: Null"},
	})
}
