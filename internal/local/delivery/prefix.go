package delivery

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// A prefix is the beginning of an object's key, with expressions that are evaluated for each object. [AWS 7.4 Prefix
// rules]
type prefix []func(at time.Time, errorType string) string

// Values of !{firehose:error-output-type}.
const (
	processingFailed = "processing-failed"
	conversionFailed = "format-conversion-failed"
)

// defaultTime is appended to a prefix without a timestamp, and to an error prefix without any expression.
const defaultTime = "!{timestamp:yyyy/MM/dd/HH/}"

func parsePrefix(text string) (prefix, error) {
	if !strings.Contains(text, "!{timestamp:") {
		text += defaultTime
	}
	return parseExpressions(text)
}

func parseErrorPrefix(text string) (prefix, error) {
	if !strings.Contains(text, "!{") {
		text += defaultTime
	}
	return parseExpressions(text)
}

func parseExpressions(text string) (prefix, error) {
	var p prefix
	literal := func(s string) {
		if s != "" {
			p = append(p, func(time.Time, string) string { return s })
		}
	}
	for rest := text; ; {
		before, expression, found := strings.Cut(rest, "!{")
		literal(before)
		if !found {
			break
		}
		inside, after, closed := strings.Cut(expression, "}")
		namespace, value, _ := strings.Cut(inside, ":")
		var part func(time.Time, string) string
		switch {
		case !closed:
			return nil, fmt.Errorf("the prefix %q has an expression that does not end", text)
		case namespace == "timestamp":
			format, err := parseTimeFormat(value)
			if err != nil {
				return nil, fmt.Errorf("the prefix %q: %w", text, err)
			}
			part = func(at time.Time, _ string) string { return format(at) }
		case inside == "firehose:error-output-type":
			part = func(_ time.Time, errorType string) string { return errorType }
		case inside == "firehose:random-string":
			part = func(time.Time, string) string { return rand.Text()[:11] }
		default:
			return nil, fmt.Errorf("the prefix %q has the expression !{%s}, which iot-local does not play", text,
				inside)
		}
		p = append(p, part)
		rest = after
	}
	return p, nil
}

func (p prefix) at(t time.Time, errorType string) string {
	var b strings.Builder
	for _, part := range p {
		b.WriteString(part(t, errorType))
	}
	return b.String()
}

// timeLetters are the letters of Java's DateTimeFormatter that are played, in the counts that keys use.
var timeLetters = map[string]string{"yyyy": "2006", "uuuu": "2006", "yy": "06", "MM": "01", "M": "1", "dd": "02",
	"d": "2", "HH": "15", "mm": "04", "ss": "05", "DDD": "002", "EEE": "Mon", "MMM": "Jan"}

// parseTimeFormat reads a pattern of Java's DateTimeFormatter; times are formatted in UTC.
func parseTimeFormat(pattern string) (func(time.Time) string, error) {
	var parts []func(time.Time) string
	literal := func(s string) { parts = append(parts, func(time.Time) string { return s }) }
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			switch {
			case end < 0:
				return nil, fmt.Errorf("the time format %q has a quote that does not end", pattern)
			case end == 0:
				literal("'")
			default:
				literal(pattern[i+1 : i+1+end])
			}
			i += end + 2
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			layout, ok := timeLetters[pattern[i:i+n]]
			if !ok {
				return nil, fmt.Errorf("the time format %q has %q, which iot-local does not play", pattern,
					pattern[i:i+n])
			}
			parts = append(parts, func(t time.Time) string { return t.Format(layout) })
			i += n
		default:
			literal(string(c))
			i++
		}
	}
	return func(t time.Time) string {
		var b strings.Builder
		for _, part := range parts {
			b.WriteString(part(t.UTC()))
		}
		return b.String()
	}, nil
}
