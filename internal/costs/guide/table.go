package main

import (
	"fmt"
	"strconv"
	"strings"
)

// table is a table in Markdown. All columns but the first hold numbers, unless text says that more hold text.
type table struct {
	header []string
	rows   [][]string
	text   int
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.header)
	marks := make([]string, len(t.header))
	for i := range marks {
		marks[i] = "---:"
		if i == 0 || t.text > 0 && i != 1 {
			marks[i] = "---"
		}
	}
	fmt.Fprintf(&b, "|%s|\n", strings.Join(marks, "|"))
	for _, row := range t.rows {
		line(row)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// cents is an amount with two digits after the point; what is less than half a cent but not nothing is "0.00".
func cents(usd float64) string {
	if usd == 0 {
		return ""
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(usd, 'f', 2, 64), ".")
	return grouped(whole) + "." + fraction
}

// thousands is a whole number with commas.
func thousands(n float64) string { return grouped(strconv.FormatFloat(n, 'f', 0, 64)) }

func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
