package syntax

import "strings"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokWord
	tokVariable
	tokNumber
	tokString
	tokOperator
)

// token is one word of a text. For strings, text is the content; for variables, the name without @.
type token struct {
	kind  tokenKind
	quote byte // of a string
	space bool // white space stands before it
	pos   Pos
	end   Pos
	text  string
}

// describe names a token in a diagnostic.
func (t token) describe() string {
	switch t.kind {
	case tokEOF:
		return "the end"
	case tokString:
		return "a string"
	case tokNumber:
		return "the number " + t.text
	case tokVariable:
		return "@" + t.text
	case tokWord:
		if isReserved(t.text) {
			return strings.ToUpper(t.text)
		}
		return "the name " + shorten(t.text, longestName)
	default:
		return t.text
	}
}

// longestName is how many characters of a name a diagnostic quotes.
const longestName = 40

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// reserved are the words that cannot start an expression as a name. VALUE, SET, CAST and all function names are not
// among them: AWS's examples use such words as fields and aliases. [IoT-SQL 2, 3]
var reserved = map[string]bool{
	"SELECT": true, "FROM": true, "WHERE": true, "AS": true, "AND": true, "OR": true, "NOT": true, "IN": true,
	"CASE": true, "WHEN": true, "THEN": true, "ELSE": true, "END": true, "TRUE": true, "FALSE": true, "NULL": true,
}

// keywords are what a misspelt word may have meant to be.
var keywords = []string{
	"SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IN", "CASE", "WHEN", "THEN", "ELSE", "END", "SET", "VALUE",
	"EXISTS",
}

// foreign are words of other SQL dialects, with what to do instead.
var foreign = map[string]string{
	"IS":       "use isNull(x) or isUndefined(x)",
	"LIKE":     "use regexp_matches(text, pattern), startswith(text, prefix) or endswith(text, suffix)",
	"RLIKE":    "use regexp_matches(text, pattern)",
	"BETWEEN":  "write x >= low AND x <= high",
	"GROUP":    "a rule sees one message at a time",
	"HAVING":   "a rule sees one message at a time",
	"ORDER":    "a rule sees one message at a time",
	"LIMIT":    "a rule sees one message at a time",
	"DISTINCT": "a rule sees one message at a time",
	"UNION":    "write a second rule",
	"JOIN":     "use get_registry_data, get_dynamodb or get_thing_shadow",
	"XOR":      "write (a AND NOT b) OR (b AND NOT a)",
}

func isReserved(word string) bool { return reserved[strings.ToUpper(word)] }
