package funcs

import (
	"fmt"
	"strings"
)

// jdkPattern is a compiled pattern of JDK 11's DateTimeFormatter, as far as parsing goes. [IoT-SQL 15]
type jdkPattern []jdkItem

// jdkItem reads one piece of text.
type jdkItem struct {
	literal  string
	optional jdkPattern // [ … ]
	letter   byte       // 0 for the others
	count    int
	names    []string // of a text field, index 0 is the first value
	base     int      // the value that names[0] stands for
	// For a number: how many digits it has, whether a sign is allowed, and how many digits it must leave to the numbers
	// that follow without anything between.
	min, max int
	signed   bool
	reserved int
}

func (i jdkItem) isNumber() bool { return i.max > 0 }

var (
	monthNames = []string{
		"January",
		"February",
		"March",
		"April",
		"May",
		"June",
		"July",
		"August",
		"September",
		"October",
		"November",
		"December",
	}
	dayNames = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	quarters = []string{"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"}
)

func compileJDK(pattern string) (jdkPattern, error) {
	items, err := splitPattern(pattern)
	if err != nil {
		return nil, err
	}
	stack := []jdkPattern{nil}
	for _, item := range items {
		top := len(stack) - 1
		switch {
		case item.letter != 0:
			field, err := jdkField(item)
			if err != nil {
				return nil, err
			}
			stack[top] = append(stack[top], field)
		case item.literal == "[":
			stack = append(stack, nil)
		case item.literal == "]":
			if top == 0 {
				return nil, fmt.Errorf("the pattern %q has a ] without [", pattern)
			}
			stack[top-1] = append(stack[top-1], jdkItem{optional: stack[top].reserve()})
			stack = stack[:top]
		case item.literal == "{" || item.literal == "}" || item.literal == "#":
			return nil, fmt.Errorf("the pattern %q holds the reserved character %s", pattern, item.literal)
		default:
			stack[top] = append(stack[top], jdkItem{literal: item.literal})
		}
	}
	for len(stack) > 1 { // an optional section may stay open
		top := len(stack) - 1
		stack[top-1] = append(stack[top-1], jdkItem{optional: stack[top].reserve()})
		stack = stack[:top]
	}
	return stack[0].reserve(), nil
}

// reserve computes how many digits each number of variable length must leave for those that follow directly.
func (p jdkPattern) reserve() jdkPattern {
	for i := range p {
		if !p[i].isNumber() || p[i].min == p[i].max {
			continue
		}
		for j := i + 1; j < len(p) && p[j].isNumber() && p[j].min == p[j].max; j++ {
			p[i].reserved += p[j].max
		}
	}
	return p
}

// maxDigits is the maximum length of a number without a given length.
const maxDigits = 19

func jdkField(item patternItem) (jdkItem, error) {
	field := jdkItem{letter: item.letter, count: item.count}
	n := item.count
	tooMany := fmt.Errorf("DateTimeFormatter has no %s", strings.Repeat(string(rune(item.letter)), n))
	number := func(least, most int) (jdkItem, error) {
		field.min, field.max = least, most
		return field, nil
	}
	switch item.letter {
	case 'u', 'y', 'Y':
		field.signed = true
		if n == 2 {
			field.signed = false
			return number(2, 2)
		}
		return number(n, max(n, maxDigits))
	case 'M', 'L':
		return jdkTextField(field, monthNames)
	case 'Q', 'q':
		return jdkTextField(field, quarters)
	case 'E':
		return jdkTextField(field, dayNames)
	case 'd', 'h', 'H', 'k', 'K', 'm', 's', 'w':
		switch n {
		case 1:
			field.signed = true
			return number(1, maxDigits)
		case 2:
			return number(2, 2)
		}
		return field, tooMany
	case 'D':
		if n > 3 {
			return field, tooMany
		}
		return number(n, 3)
	case 'e', 'c':
		if n == 1 {
			return number(1, 1)
		}
		return jdkTextField(field, dayNames)
	case 'S':
		if n > 9 {
			return field, tooMany
		}
		return number(n, n)
	case 'A', 'n', 'N':
		return number(min(n, maxDigits), maxDigits)
	case 'a':
		if n > 1 {
			return field, tooMany
		}
		field.names = []string{"AM", "PM"}
		return field, nil
	case 'G':
		return jdkEra(field, tooMany)
	}
	return jdkZone(field, tooMany)
}

// jdkTextField is a number with one or two letters, a short name with three, a full one with four, an initial with
// five.
func jdkTextField(field jdkItem, names []string) (jdkItem, error) {
	field.base = 1 // the first name is number 1
	isDay := field.letter == 'E' || field.letter == 'e' || field.letter == 'c'
	switch {
	case field.count == 1 && !isDay:
		field.min, field.max, field.signed = 1, maxDigits, true
	case field.count == 2 && !isDay:
		field.min, field.max = 2, 2
	case field.count <= 3 && (field.letter == 'Q' || field.letter == 'q'):
		field.names = []string{"Q1", "Q2", "Q3", "Q4"}
	case field.count <= 3:
		for _, name := range names {
			field.names = append(field.names, name[:3])
		}
	case field.count == 4:
		field.names = names
	default:
		return field, fmt.Errorf("initials such as %s cannot be parsed",
			strings.Repeat(string(rune(field.letter)), field.count))
	}
	return field, nil
}

func jdkEra(field jdkItem, tooMany error) (jdkItem, error) {
	switch {
	case field.count <= 3:
		field.names = []string{"BC", "AD"}
	case field.count == 4:
		field.names = []string{"Before Christ", "Anno Domini"}
	case field.count == 5:
		field.names = []string{"B", "A"}
	default:
		return field, tooMany
	}
	return field, nil
}

func jdkZone(field jdkItem, tooMany error) (jdkItem, error) {
	n := field.count
	ok := false
	switch field.letter {
	case 'V':
		ok = n == 2
	case 'z':
		ok = n <= 4
	case 'O':
		ok = n == 1 || n == 4
	case 'X', 'x', 'Z':
		ok = n <= 5
	default:
		return field, fmt.Errorf("DateTimeFormatter patterns have no letter %c here", field.letter)
	}
	if !ok {
		return field, tooMany
	}
	return field, nil
}
