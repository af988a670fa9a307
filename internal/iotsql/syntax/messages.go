package syntax

import "fmt"

// Message is the wording of one kind of remark. All wordings are in this file, so they stay consistent: first what is
// wrong, then what to write instead.
type Message string

func (m Message) with(args []any) string {
	if len(args) == 0 {
		return string(m)
	}
	return fmt.Sprintf(string(m), args...)
}

// Syntax errors.
const (
	expected           Message = "expected %s, found %s"
	expectedInstead    Message = "expected %s, found %s; did you mean %s?"
	unexpectedChar     Message = "character %q has no meaning in AWS IoT SQL"
	unterminatedString Message = "this string has no closing %c"
	adjacentStrings    Message = "a string ends at its own quote and has no escapes; put text that holds a ' between " +
		"double quotes, or the reverse"
	noComments Message = "AWS IoT SQL has no comments"
	badNumber  Message = "%q is neither a number nor a name; a field whose name starts with a digit is read " +
		"with get(object, %[1]q)"
	bareFraction     Message = "a number starts with a digit: write 0%s"
	noIndex          Message = "there is no index in brackets; use get(array, n)"
	numberedField    Message = "a dot is followed by a field name; use get(object, %q) or get(array, %[1]s)"
	notEqual         Message = "AWS IoT SQL writes \"not equal\" as <>"
	noPipes          Message = "there is no || operator; join text with + or concat(…)"
	foreignKeyword   Message = "AWS IoT SQL has no %s; %s"
	noSearchedCase   Message = "CASE needs a value to compare: CASE value WHEN constant THEN …"
	caseNeedsWhen    Message = "CASE needs at least one WHEN"
	oneSet           Message = "a statement has one SET; separate its assignments with commas"
	valueAlone       Message = "SELECT VALUE takes exactly one expression"
	valueAlias       Message = "SELECT VALUE produces a bare value, which cannot have an alias"
	unquotedTopic    Message = "the topic filter after FROM is a text in single quotes"
	subqueryTopic    Message = "a nested query selects FROM an array or object of the message, not from a topic"
	fromAfterWhere   Message = "FROM comes before WHERE"
	clauseTwice      Message = "a second %s"
	listKeyword      Message = "a select list is written without %s"
	listCondition    Message = "a select list is written without WHERE; the condition is a text of its own"
	tooDeep          Message = "the expression is nested more than %d levels deep"
	tooLarge         Message = "the text is larger than %d bytes"
	tooMany          Message = "the text has more than %d parts"
	unclosedTemplate Message = "${ has no closing }"
	emptyTemplate    Message = "${} holds no expression"
	variableName     Message = "a variable is @ and letters, digits or underscores"
)

// Warnings about text that AWS accepts but that is probably a mistake.
const (
	doubleEquals   Message = "== is read as =, which is how AWS IoT SQL writes equality"
	hyphenatedName Message = "%[1]s-%[2]s is read as %[1]s minus %[2]s; a field with a hyphen in its name is read " +
		"with get(object, \"%[1]s-%[2]s\")"
	quotedTopic Message = "the topic filter after FROM belongs in single quotes"
)

// Errors in the meaning of well-formed text. Other packages check the meaning; the wordings are here.
const (
	UnknownFunction        Message = "there is no function %s"
	UnknownFunctionInstead Message = "there is no function %s; did you mean %s?"
	UnknownType            Message = "cast knows no type %s"
	UnknownTypeInstead     Message = "cast knows no type %s; did you mean %s?"
	UnknownVariable        Message = "variable @%s is not assigned before this point"
	UnknownVariableInstead Message = "variable @%s is not assigned before this point; did you mean @%s?"
	VariableTwice          Message = "variable @%s is assigned twice; a variable keeps its first value"
	TooManyVariables       Message = "a statement has at most %d variables"
	LongVariable           Message = "the name of a variable has at most %d characters"
	NeedsVersion           Message = "%s need SQL version 2016-03-23"
	BadTopic               Message = "%v"
	BadNumber              Message = "%s is outside the range of numbers (34 digits, 1E-999 to 9.99E999)"
	ConstantNeeded         Message = "the %s of %s is a constant text"
	NoProtobufInTemplate   Message = "decode(…, 'proto', …) is not allowed in a substitution template"
	GuardedFallback        Message = "the default of get_or_default may not call %s"
	CalledTooOften         Message = "%s is allowed %s in a statement"
	NoServices             Message = "%s calls another service; %s"
)

// Warnings about well-formed text that has no useful effect.
const (
	DeepTopic       Message = "%v; AWS IoT refuses such topics"
	WrongCount      Message = "%s takes %s; with %d the result is always Undefined"
	WrongVersion    Message = "%s needs SQL version 2016-03-23; in this one it is always Undefined"
	NeverEqual      Message = "this comparison is always %t: one side is %s, the other %s"
	NeverOrdered    Message = "this comparison is always Undefined: %s has no order with numbers"
	NotACondition   Message = "this is never true: it is %s, not a Boolean"
	AlwaysUndefined Message = "%s is always Undefined here: %s"
	Unproven        Message = "%v"
	NoFrom          Message = "a rule without FROM only sees messages published to $aws/rules/<rule>/…"
	ValueInKey      Message = "this key depends on the message, so a device can choose it; write a fixed key"
	KeyTwice        Message = "the key %q appears twice in this object"
)

// Errors in a template that should be a JSON document.
const (
	NotJSON   Message = "not JSON: %s"
	OnlyValue Message = "the value is all of the text, so the text has no structure"
)
