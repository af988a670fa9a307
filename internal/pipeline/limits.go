package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limit bounds a numeric argument. Checks, defaults and the descriptions in the schema read it.
type Limit struct {
	Min, Max int64
	Default  *int64 // nil: the argument has no default value
	// Extra is one value outside the range with its own meaning, such as -1 for "no limit".
	Extra *int64
	// Values are the only values allowed, in place of a range.
	Values []int64
	// Source is who sets the bounds: an AWS service or this provider.
	Source string
}

// String describes the limit in the words of the schema: "Must be between 1 and 10000. Defaults to `100`."
func (l Limit) String() string {
	text := "Must be " + l.allowed() + "."
	if l.Default != nil {
		text += " Defaults to `" + strconv.FormatInt(*l.Default, 10) + "`."
	}
	return text
}

// allowed describes the values that are allowed: "between 1 and 10, or -1".
func (l Limit) allowed() string {
	if l.Values != nil {
		return "one of " + strings.ReplaceAll(strings.Trim(fmt.Sprint(l.Values), "[]"), " ", ", ")
	}
	text := fmt.Sprintf("between %d and %d", l.Min, l.Max)
	if l.Extra != nil {
		text += fmt.Sprintf(", or %d", *l.Extra)
	}
	return text
}

func (l Limit) allows(v int64) bool {
	if l.Values != nil {
		return slices.Contains(l.Values, v)
	}
	return l.Min <= v && v <= l.Max || l.Extra != nil && v == *l.Extra
}

// Choice lists the values of an argument that takes one of a few texts. Checks, defaults and the descriptions in the
// schema read it.
type Choice struct {
	Values  []string
	Default string // "": none
}

// String describes the choice in the words of the schema: "Valid values: `ssm`, `secretsmanager`. Defaults to `ssm`."
func (c Choice) String() string {
	values := make([]string, len(c.Values))
	for i, v := range c.Values {
		values[i] = "`" + strings.Trim(strconv.Quote(v), `"`) + "`" // a line break is written \n
	}
	text := "Valid values: " + strings.Join(values, ", ") + "."
	if c.Default != "" {
		text += " Defaults to `" + c.Default + "`."
	}
	return text
}

const day = 24 * 60 * 60 // seconds

// Or returns the value that takes effect: v, or the default when v is nil.
func (l Limit) Or(v *int64) *int64 { return or(v, *l.Default) }

// Or returns the value that takes effect: v, or the default when v is nil.
func (c Choice) Or(v *string) *string { return or(v, c.Default) }

func value(n int64) *int64 { return &n }
