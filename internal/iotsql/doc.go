// Package iotsql is the SQL of the AWS IoT rules engine: it checks rules, conditions and substitution templates,
// explains what is wrong with them, and evaluates them against messages without AWS. It must not know Terraform, AWS
// SDKs or what a rule's actions do.
//
// Below it, syntax reads and prints texts, value holds types, numbers and JSON, funcs is the table of functions,
// message is what a rule is evaluated against, and eval checks trees and runs them. References such as [IoT-SQL 14.2
// substring] are to the sections of the reference that the project builds from.
//
// # Names
//
// A name is looked up in this order: the alias of a nested query, a name of Options.Names or Message.Bindings, the
// element of the innermost nested query, and outside nested queries the payload. A name of Options.Names never comes
// from a payload, so that a device cannot forge it.
//
// # Gaps
//
// Where AWS's documentation is silent or contradicts itself, this engine decides as follows. Each row is tested in
// gaps_test.go under its number.
//
//	 1  Int / Int that leaves a rest        a Decimal of 34 digits, as the example of SET shows: 7/2 is 3.5
//	 2  digits in dotted names              accepted behind the first character
//	 3  Decimal to Int                      down (-2.5 becomes -3); a String as an index toward zero
//	 4  AND, OR with an Undefined side      Undefined, also where the other side decides; no short-circuit
//	 5  concat(1)                           the argument unchanged, so the Int 1
//	 6  bitnot(13)                          two's complement: -14
//	 7  round of a half                     away from zero
//	 8  nested SELECT over an object        the object's projection; over * an array of one
//	 9  = with Null or Booleans             by value; NULL <> NULL is false
//	10  IN                                  compares as =; Undefined for an Undefined left side or a right side that is not an Array
//	11  Undefined in arrays                 left out, as in objects
//	12  FROM                                double quotes are read with a warning; no quotes are an error
//	13  regexp_substr without match         Undefined
//	14  indexof without match               -1
//	15  ln, log, sqrt outside their domain  Undefined
//	16  division and modulo by zero         Undefined
//	17  sign of a remainder                 that of the dividend
//	18  topic(n) out of range               Undefined
//	19  bad date, pattern or zone           Undefined
//	20  string escapes                      none: a backslash is an ordinary character, a quote ends the string
//	21  unknown functions                   an error, with a suggestion
//	22  keys of columns without alias       last name of a path, name of the function or variable, else _n for the n-th column
//	23  two columns with one key            the later one wins, at the place of the first
//	24  SELECT *, x on a binary payload     the payload as base64 text under the key payload; an array payload there as it is
//	25  Decimals as text                    in full up to 34 digits and down to 1E-6, otherwise 1.5E-7 (no + in the exponent, so
//	                                        that the text converts back); no trailing zeros, but 10.0 in version 2015-10-08
//	26  numbers out of range                too large is Undefined, too small is 0; as a literal an error
//	27  integers beyond 34 digits           kept exactly up to 1000 digits while nothing is computed with them
//	28  names in nested queries             the element's fields only; no fallback to the message
//	29  transform, member on both sides     the object's
//	30  concat without Array or String      Undefined
//	31  get_registry_data etc. in version   functions and cast types of 2016-03-23 are Undefined in 2015-10-08, with a warning;
//	    2015-10-08                          its literals and nested queries are errors
//	32  Basic Ingest                        a publish to $aws/rules/<rule>/… reaches that rule whatever its FROM says
//	33  Null in a template                  empty text, as Null does not convert to a String
//	34  decode of bytes that are not text  Null
//	35  payloads that are JSON scalars      not JSON: no fields, and * is binary
//	36  unknown type in cast                an error, with a suggestion
//	37  unknown facts about the message     Undefined (accountid, principal, sourceip, traceid); clientid is "n/a"
//
// # Regular expressions
//
// AWS does not document its flavour, so no pattern is an error. What Go's engine takes runs in linear time. What it
// refuses (look-around, back-references, atomic groups) runs with backtracking, on dlclark/regexp2, and is Undefined
// when the patterns of one evaluation take longer than 100 ms together. What neither takes (invalid patterns,
// possessive quantifiers, classes within classes) is Undefined. A constant pattern of the last two sorts is a warning.
// With Go's engine an empty match directly behind another match is not replaced, where Java replaces it; $ stands for
// the end of the text only, where Java's also stands before a last line break.
//
// # Limits
//
// Texts have at most 128 KiB, 20,000 parts and 200 levels of nesting; payloads 1000 levels. An evaluation ends with
// an error when its output or a text in it would exceed 1 MiB, a variable or a result of transform 128 KiB, or when
// it takes more than funcs.MaxWork steps.
package iotsql
