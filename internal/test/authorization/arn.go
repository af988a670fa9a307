package authorization

import (
	"regexp"
	"strings"
)

// A token is one place of an ARN with wildcards: a character, or any one of some, or any number of them.
type token struct {
	char   byte // 0: any
	many   bool
	narrow bool // neither "/" nor ":"
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// wide are the variables of the reference whose values hold slashes or colons.
var wide = regexp.MustCompile(
	`(WithPath|WithoutLeadingSlash|ObjectName|TopicFilter|SecretId|LogGroupName|ClientId)\}$`,
)

// form takes an ARN of the reference apart. A variable there is at least one character.
func form(arn string) []token {
	var tokens []token
	for arn != "" {
		at := variable.FindStringIndex(arn)
		if at == nil || at[0] > 0 {
			tokens, arn = append(tokens, token{char: arn[0]}), arn[1:]
			continue
		}
		// A topic of IoT has levels, one of SNS has none; only the former follows a slash.
		narrow := !wide.MatchString(arn[:at[1]]) && (!strings.HasPrefix(arn, "${TopicName}") || !follows(tokens, '/'))
		tokens = append(tokens, token{narrow: narrow}, token{narrow: narrow, many: true})
		arn = arn[at[1]:]
	}
	return tokens
}

func follows(tokens []token, char byte) bool {
	return len(tokens) > 0 && tokens[len(tokens)-1].char == char
}

// written takes an ARN of a policy apart, with its wildcards and policy variables.
func written(arn string) []token {
	var tokens []token
	for i := range len(arn) {
		switch arn[i] {
		case '*':
			tokens = append(tokens, token{many: true})
		case '?':
			tokens = append(tokens, token{})
		default:
			tokens = append(tokens, token{char: arn[i]})
		}
	}
	return tokens
}

// fits reports whether an ARN of a policy can be one of the reference's form.
func fits(arn, reference string) bool {
	a, b := written(variable.ReplaceAllString(arn, "*")), form(reference)
	seen := map[[2]int]bool{}
	var meet func(i, j int) bool
	meet = func(i, j int) bool {
		at := [2]int{i, j}
		if seen[at] {
			return false // it is being tried, or was in vain
		}
		seen[at] = true
		switch {
		case i == len(a) && j == len(b):
			return true
		case i < len(a) && a[i].many:
			return meet(i+1, j) || j < len(b) && meet(i, j+1)
		case j < len(b) && b[j].many:
			return meet(i, j+1) || i < len(a) && a[i].or(b[j]) && meet(i+1, j)
		}
		return i < len(a) && j < len(b) && a[i].or(b[j]) && meet(i+1, j+1)
	}
	return meet(0, 0)
}

// or reports whether there is a character that both tokens can be.
func (t token) or(u token) bool {
	if t.char != 0 && u.char != 0 {
		return t.char == u.char
	}
	outside := t.narrow && separates(u.char) || u.narrow && separates(t.char)
	return !outside
}

func separates(char byte) bool { return char == '/' || char == ':' }
