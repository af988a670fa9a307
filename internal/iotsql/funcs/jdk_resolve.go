package funcs

import "time"

// resolve turns the fields into milliseconds since 1970, as the formatter's SMART mode does: a day beyond the end of
// a month is its last day, 24:00 is the next midnight. No time is midnight and no zone is UTC. [IoT-SQL 14.4
// time_to_epoch]
func (d *parsed) resolve() (ms int64, ok bool) {
	year, month, day, ok := d.date()
	if !ok {
		return 0, false
	}
	clock, ok := d.clock()
	if !ok {
		return 0, false
	}
	local := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if weekday, ok := d.fields['E']; ok && int64((local.Weekday()+6)%7)+1 != weekday {
		return 0, false
	}
	local = local.Add(clock)
	switch {
	case d.offset != nil:
		return local.UnixMilli() - int64(*d.offset)*1000, true
	case d.zone != nil:
		return inZone(local, d.zone).UnixMilli(), true
	}
	return local.UnixMilli(), true
}

const maxYear = 275_000

func (d *parsed) year() (int, bool) {
	if y, ok := d.fields['u']; ok {
		return int(y), y >= -maxYear && y <= maxYear
	}
	y, ok := d.fields['y']
	if !ok || y < 1 && d.has('G') || y < -maxYear || y > maxYear {
		return 0, false
	}
	if era, ok := d.fields['G']; ok && era == 0 {
		return int(1 - y), true
	}
	return int(y), true
}

func (d *parsed) has(letter byte) bool {
	_, ok := d.fields[letter]
	return ok
}

// date needs a year with month and day, with the day of the year, or a week-based year with week and weekday.
func (d *parsed) date() (year int, month time.Month, day int, ok bool) {
	if d.has('Y') && d.has('w') && d.has('E') {
		return d.weekDate()
	}
	year, ok = d.year()
	if !ok {
		return 0, 0, 0, false
	}
	if n, ok := d.fields['D']; ok {
		t := time.Date(year, 1, int(min(max(n, 0), 400)), 0, 0, 0, 0, time.UTC)
		return year, t.Month(), t.Day(), n >= 1 && t.Year() == year
	}
	m, okM := d.fields['M']
	n, okD := d.fields['d']
	if !okM || !okD || m < 1 || m > 12 || n < 1 || n > 31 {
		return 0, 0, 0, false
	}
	if q, ok := d.fields['Q']; ok && q != (m+2)/3 {
		return 0, 0, 0, false
	}
	last := time.Date(year, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return year, time.Month(m), min(int(n), last), true
}

// weekDate counts weeks as the United States do, which is the locale of Y and w: from Sunday, the first holding 1
// January.
func (d *parsed) weekDate() (year int, month time.Month, day int, ok bool) {
	y, w, weekday := d.fields['Y'], d.fields['w'], d.fields['E']
	if y < 1 || y > maxYear || w < 1 || w > 53 {
		return 0, 0, 0, false
	}
	first := time.Date(int(y), 1, 1, 0, 0, 0, 0, time.UTC)
	sunday := first.AddDate(0, 0, -int(first.Weekday()))
	t := sunday.AddDate(0, 0, int(7*(w-1)+weekday%7))
	return t.Year(), t.Month(), t.Day(), true
}

// clock returns the time of day; all fields of a time have to be in range and to make one.
func (d *parsed) clock() (time.Duration, bool) {
	if !d.timeInRange() {
		return 0, false
	}
	if n, ok := d.fields['N']; ok {
		return time.Duration(n), n < int64(24*time.Hour)
	}
	if n, ok := d.fields['A']; ok {
		return time.Duration(n) * time.Millisecond, n < int64(24*time.Hour/time.Millisecond)
	}
	hour, given, ok := d.hour()
	if !ok {
		return 0, false
	}
	if !given {
		// Minutes without an hour are not a time.
		return 0, !d.has('m') && !d.has('s') && !d.has('S') && !d.has('n')
	}
	if d.has('s') && !d.has('m') || (d.has('S') || d.has('n')) && !d.has('s') {
		return 0, false
	}
	rest := time.Duration(d.fields['m'])*time.Minute + time.Duration(d.fields['s'])*time.Second
	rest += time.Duration(d.fields['S']) + time.Duration(d.fields['n'])
	if hour == 24 && rest != 0 {
		return 0, false
	}
	return time.Duration(hour)*time.Hour + rest, true
}

// hour combines the four ways to count hours with AM and PM.
func (d *parsed) hour() (hour int64, given, ok bool) {
	if h, found := d.fields['H']; found {
		return h, true, true
	}
	if k, found := d.fields['k']; found {
		return k % 24, true, true
	}
	half, isHalf := d.fields['a']
	if h, found := d.fields['h']; found {
		return h%12 + 12*half, true, isHalf
	}
	if k, found := d.fields['K']; found {
		return k + 12*half, true, isHalf
	}
	return 0, false, true
}

var timeRanges = map[byte][2]int64{
	'H': {
		0,
		24,
	}, 'k': {1, 24}, 'K': {0, 11}, 'h': {1, 12}, 'm': {0, 59}, 's': {0, 59}, 'n': {0, 999_999_999}, 'N': {0, 1 << 62},
	'A': {0, 1 << 40},
}

func (d *parsed) timeInRange() bool {
	for letter, limits := range timeRanges {
		if n, ok := d.fields[letter]; ok && (n < limits[0] || n > limits[1]) {
			return false
		}
	}
	return true
}

// inZone reads a local time in a zone as Java does: where clocks are set back, the earlier of two times; where they
// are set forward, a time that does not exist is later by the gap.
func inZone(local time.Time, zone *time.Location) time.Time {
	_, before := local.Add(-24 * time.Hour).In(zone).Zone()
	_, after := local.Add(24 * time.Hour).In(zone).Zone()
	first := local.Add(-time.Duration(before) * time.Second)
	if _, offset := first.In(zone).Zone(); offset == before {
		return first
	}
	second := local.Add(-time.Duration(after) * time.Second)
	if _, offset := second.In(zone).Zone(); offset == after {
		return second
	}
	return first
}
