package funcs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// jodaPattern is a compiled Joda-Time pattern. [IoT-SQL 15]
type jodaPattern []patternItem

// patternItem is literal text, or a letter with its number of repetitions.
type patternItem struct {
	literal string
	letter  byte // 0 for a literal
	count   int
}

// splitPattern cuts a pattern of either kind into items: runs of one letter, text in quotes (two of
// which are one quote), and the rest.
func splitPattern(pattern string) ([]patternItem, error) {
	if len(pattern) > maxTimePattern {
		return nil, fmt.Errorf("the pattern is longer than %d characters", maxTimePattern)
	}
	var items []patternItem
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			items = append(items, patternItem{letter: c, count: n})
			i += n
		case c == '\'':
			text, width, ok := quoted(pattern[i:])
			if !ok {
				return nil, fmt.Errorf("the pattern %q has a quote without partner", pattern)
			}
			items = append(items, patternItem{literal: text})
			i += width
		default:
			items = append(items, patternItem{literal: pattern[i : i+1]})
			i++
		}
	}
	return items, nil
}

// quoted reads 'text' at the start of s.
func quoted(s string) (text string, width int, ok bool) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, true
	}
	return "", 0, false
}

func compileJoda(pattern string) (jodaPattern, error) {
	items, err := splitPattern(pattern)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if item.letter != 0 && !strings.ContainsRune("GCYxweEyDMdaKhHkmsSzZ", rune(item.letter)) {
			return nil, fmt.Errorf("Joda-Time patterns have no letter %c", item.letter)
		}
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("the pattern is empty")
	}
	return items, nil
}

func (p jodaPattern) format(t time.Time) string {
	var b []byte
	for _, item := range p {
		if item.letter == 0 {
			b = append(b, item.literal...)
			continue
		}
		b = appendJoda(b, item, t)
	}
	return string(b)
}

func appendJoda(b []byte, item patternItem, t time.Time) []byte {
	switch item.letter {
	case 'G', 'a', 'E', 'z', 'Z':
		return append(b, jodaText(item, t)...)
	case 'M':
		if item.count >= 3 {
			return append(b, shortened(t.Month().String(), item.count)...)
		}
	case 'y', 'Y', 'x':
		year := jodaYear(item.letter, t)
		if item.count == 2 {
			return appendPadded(b, int64((year%100+100)%100), 2)
		}
		return appendPadded(b, int64(year), item.count)
	case 'S':
		return appendFraction(b, t.Nanosecond(), item.count)
	}
	return appendPadded(b, int64(jodaNumber(item.letter, t)), item.count)
}

func jodaYear(letter byte, t time.Time) int {
	switch letter {
	case 'x':
		year, _ := t.ISOWeek()
		return year
	case 'Y':
		return yearOfEra(t)
	}
	return t.Year()
}

// yearOfEra counts the year before 1 AD as 1 BC.
func yearOfEra(t time.Time) int {
	if y := t.Year(); y > 0 {
		return y
	}
	return 1 - t.Year()
}

func jodaNumber(letter byte, t time.Time) int {
	switch letter {
	case 'C':
		return yearOfEra(t) / 100
	case 'w':
		_, week := t.ISOWeek()
		return week
	case 'e':
		return (int(t.Weekday())+6)%7 + 1
	case 'D':
		return t.YearDay()
	case 'M':
		return int(t.Month())
	case 'd':
		return t.Day()
	case 'K':
		return t.Hour() % 12
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'H':
		return t.Hour()
	case 'k':
		return (t.Hour()+23)%24 + 1
	case 'm':
		return t.Minute()
	}
	return t.Second()
}

func jodaText(item patternItem, t time.Time) string {
	switch item.letter {
	case 'G':
		if t.Year() > 0 {
			return "AD"
		}
		return "BC"
	case 'a':
		if t.Hour() < 12 {
			return "AM"
		}
		return "PM"
	case 'E':
		return shortened(t.Weekday().String(), item.count)
	case 'z':
		if item.count >= 4 {
			return nameZone(t).long
		}
		return nameZone(t).short
	}
	_, offset := t.Zone()
	switch item.count {
	case 1:
		return formatOffset(offset, "")
	case 2:
		return formatOffset(offset, ":")
	}
	return t.Location().String()
}

// shortened is the full name with four letters in the pattern, otherwise three letters of it.
func shortened(name string, count int) string {
	if count >= 4 {
		return name
	}
	return name[:3]
}

// appendPadded writes n with at least so many digits.
func appendPadded(b []byte, n int64, digits int) []byte {
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	text := strconv.FormatInt(n, 10)
	for i := len(text); i < digits; i++ {
		b = append(b, '0')
	}
	return append(b, text...)
}

// appendFraction writes the first digits of the fraction of a second.
func appendFraction(b []byte, nanoseconds, digits int) []byte {
	text := appendPadded(nil, int64(nanoseconds), 9)
	for i := range digits {
		if i < len(text) {
			b = append(b, text[i])
		} else {
			b = append(b, '0')
		}
	}
	return b
}
