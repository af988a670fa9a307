package funcs

import (
	"strconv"
	"strings"
	"time"
)

// parsed collects the fields of a text; a field that is missing is absent from the map.
type parsed struct {
	fields map[byte]int64
	zone   *time.Location
	offset *int // seconds; it counts more than the zone
}

// set records a field; the same field with another value is a contradiction.
func (d *parsed) set(letter byte, n int64) bool {
	if old, ok := d.fields[letter]; ok && old != n {
		return false
	}
	d.fields[letter] = n
	return true
}

func (d *parsed) copy() parsed {
	c := *d
	c.fields = make(map[byte]int64, len(d.fields))
	for k, v := range d.fields {
		c.fields[k] = v
	}
	return c
}

// parse returns the milliseconds since 1970 that the whole text stands for.
func (p jdkPattern) parse(text string) (ms int64, ok bool) {
	d := parsed{fields: map[byte]int64{}}
	rest, ok := p.read(text, &d)
	if !ok || rest != "" {
		return 0, false
	}
	return d.resolve()
}

// read consumes the start of text.
func (p jdkPattern) read(text string, d *parsed) (rest string, ok bool) {
	for i := range p {
		item := &p[i]
		switch {
		case item.optional != nil:
			attempt := d.copy()
			if after, ok := item.optional.read(text, &attempt); ok {
				text, *d = after, attempt
			}
			continue
		case item.letter == 0:
			text, ok = strings.CutPrefix(text, item.literal)
		case item.isNumber():
			text, ok = item.readNumber(text, d)
		case item.names != nil:
			text, ok = item.readName(text, d)
		default:
			text, ok = item.readZone(text, d)
		}
		if !ok {
			return text, false
		}
	}
	return text, true
}

// readNumber follows the formatter's strict mode: as many digits as the field may have, less those that directly
// following fields need; a sign only where the field allows one, and then + only before more digits than the pattern
// has letters.
func (i *jdkItem) readNumber(text string, d *parsed) (string, bool) {
	sign := byte(0)
	if text != "" && (text[0] == '-' || text[0] == '+') {
		sign = text[0]
		if !i.signed || sign == '+' && (!i.isYear() || i.min < 4) {
			return text, false
		}
		text = text[1:]
	}
	digits := i.digits(text)
	if digits < i.min || digits > len(text) {
		return text, false
	}
	if padded := i.signed && i.min >= 4; padded && (sign == '+' && digits <= i.min || sign == 0 && digits > i.min) {
		return text, false
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil {
		return text, false
	}
	switch {
	case sign == '-':
		n = -n
	case i.letter == 'S':
		for j := digits; j < 9; j++ {
			n *= 10
		}
	case i.max == 2 && i.isYear():
		n += 2000
	}
	return text[digits:], d.set(canonical(i.letter), n)
}

func (i *jdkItem) isYear() bool { return i.letter == 'y' || i.letter == 'u' || i.letter == 'Y' }

// digits counts the digits at the beginning of text that belong to the field.
func (i *jdkItem) digits(text string) int {
	n := 0
	for n < len(text) && n < i.max+i.reserved && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if i.reserved > 0 {
		n = max(i.min, n-i.reserved)
	}
	return min(n, i.max)
}

// canonical maps letters that mean the same field to one of them.
func canonical(letter byte) byte {
	switch letter {
	case 'L':
		return 'M'
	case 'q':
		return 'Q'
	case 'c', 'e':
		return 'E'
	}
	return letter
}

// readName takes the longest name that fits; case counts.
func (i *jdkItem) readName(text string, d *parsed) (string, bool) {
	best, length := -1, 0
	for index, name := range i.names {
		if strings.HasPrefix(text, name) && len(name) > length {
			best, length = index, len(name)
		}
	}
	if best < 0 {
		return text, false
	}
	return text[length:], d.set(canonical(i.letter), int64(best+i.base))
}

func (i *jdkItem) readZone(text string, d *parsed) (string, bool) {
	switch i.letter {
	case 'X', 'x', 'Z', 'O':
		offset, rest, ok := i.readOffset(text)
		if !ok || d.offset != nil && *d.offset != offset {
			return text, false
		}
		d.offset = &offset
		return rest, true
	}
	zone, rest, ok := readRegion(text, i.letter == 'z')
	if !ok || d.zone != nil && d.zone.String() != zone.String() {
		return text, false
	}
	d.zone = zone
	return rest, true
}

// readOffset reads the offset forms of X, x, Z and O.
func (i *jdkItem) readOffset(text string) (offset int, rest string, ok bool) {
	if i.letter == 'O' || i.letter == 'Z' && i.count == 4 {
		if text, ok = strings.CutPrefix(text, "GMT"); !ok {
			return 0, text, false
		}
		if text == "" || text[0] != '+' && text[0] != '-' {
			return 0, text, true
		}
		return parseOffset(text)
	}
	if i.letter == 'X' || i.letter == 'Z' && i.count == 5 {
		if rest, ok = strings.CutPrefix(text, "Z"); ok {
			return 0, rest, true
		}
	}
	return readOffsetForm(text, offsetForm(i.letter, i.count))
}

// offsetForm is one of hh, hhmm, hh:mm, hhmmss and hh:mm:ss; minutes in hh and seconds in the longer two are optional.
func offsetForm(letter byte, count int) string {
	if letter == 'Z' {
		if count == 5 {
			return "hh:mm:ss"
		}
		return "hhmm"
	}
	return [...]string{"hh", "hhmm", "hh:mm", "hhmmss", "hh:mm:ss"}[count-1]
}

func readOffsetForm(text, form string) (offset int, rest string, ok bool) {
	if text == "" || text[0] != '+' && text[0] != '-' {
		return 0, text, false
	}
	colon := strings.Contains(form, ":")
	hours, rest, ok := takeDigits(text[1:], 2)
	if !ok {
		return 0, text, false
	}
	minutes, after, ok := offsetPart(rest, colon)
	switch {
	case ok:
		rest = after
	case form != "hh":
		return 0, text, false
	}
	seconds := 0
	if strings.HasSuffix(form, "ss") {
		if n, after, ok := offsetPart(rest, colon); ok {
			seconds, rest = n, after
		}
	}
	offset = hours*3600 + minutes*60 + seconds
	if offset > 18*3600 {
		return 0, text, false
	}
	if text[0] == '-' {
		offset = -offset
	}
	return offset, rest, true
}

func offsetPart(text string, colon bool) (n int, rest string, ok bool) {
	if colon {
		if text, ok = strings.CutPrefix(text, ":"); !ok {
			return 0, text, false
		}
	}
	n, rest, ok = takeDigits(text, 2)
	return n, rest, ok && n <= 59
}

// readRegion reads a zone id such as Europe/Paris, UTC+01:00, +01:00 or Z, and with names an abbreviation such as PDT.
func readRegion(text string, names bool) (zone *time.Location, rest string, ok bool) {
	if offset, rest, ok := parseOffset(text); ok {
		return time.FixedZone(text[:len(text)-len(rest)], offset), rest, true
	}
	for _, prefix := range [...]string{"UTC", "GMT", "UT"} {
		if after, found := strings.CutPrefix(text, prefix); found {
			if offset, rest, ok := parseOffset(after); ok {
				return time.FixedZone(text[:len(text)-len(rest)], offset), rest, true
			}
		}
	}
	if names {
		if zone, rest, ok := readLongName(text); ok {
			return zone, rest, true
		}
	}
	end := 0
	for end < min(len(text), longestZone) && isZoneByte(text[end]) {
		end++
	}
	for ; end > 0; end-- {
		name := text[:end]
		if known, ok := zoneAbbreviations[name]; ok && names {
			name = known.zone
		}
		switch name {
		case "Z", "UT":
			name = "UTC"
		}
		if zone, ok := loadZone(name); ok {
			return zone, text[end:], true
		}
	}
	return nil, text, false
}

// readLongName reads a name such as Pacific Daylight Time.
func readLongName(text string) (zone *time.Location, rest string, ok bool) {
	for _, known := range zoneAbbreviations {
		if rest, found := strings.CutPrefix(text, known.long); found {
			zone, ok = loadZone(known.zone)
			return zone, rest, ok
		}
	}
	return nil, text, false
}

// longestZone bounds the search for a zone; the longest name of the tz database has 32 characters.
const longestZone = 40

func isZoneByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("/_+-", c) >= 0
}
