package funcs

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones have to be the same wherever the engine runs
)

var zones sync.Map // name → *time.Location; only names that exist get in, so it stays small

// loadZone finds a zone of the tz database, or a fixed offset such as +01:00.
func loadZone(name string) (*time.Location, bool) {
	if offset, rest, ok := parseOffset(name); ok && rest == "" {
		return time.FixedZone(name, offset), true
	}
	known, _ := zones.Load(name)
	if z, ok := known.(*time.Location); ok {
		return z, true
	}
	if name == "" || name == "Local" {
		return nil, false
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, z)
	return z, true
}

// parseOffset reads +h, +hh, +hhmm, +hh:mm or +hh:mm:ss, with either sign, at the start of s.
func parseOffset(s string) (seconds int, rest string, ok bool) {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, s, false
	}
	negative := s[0] == '-'
	rest = s[1:]
	hours, rest, ok := takeDigits(rest, 2)
	if !ok {
		if hours, rest, ok = takeDigits(rest, 1); !ok {
			return 0, s, false
		}
	}
	seconds = hours * 3600
	unit := 60
	colon := strings.HasPrefix(rest, ":")
	for unit > 0 {
		next := rest
		if colon {
			if next, ok = strings.CutPrefix(rest, ":"); !ok {
				break
			}
		}
		n, after, ok := takeDigits(next, 2)
		if !ok || n > 59 {
			break
		}
		seconds += n * unit
		rest = after
		unit /= 60
		if unit == 1 && !colon {
			break
		}
	}
	if seconds > 18*3600 {
		return 0, s, false
	}
	if negative {
		seconds = -seconds
	}
	return seconds, rest, true
}

// takeDigits reads exactly n digits at the start of s.
func takeDigits(s string, n int) (value int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for i := range n {
		if s[i] < '0' || s[i] > '9' {
			return 0, s, false
		}
		value = 10*value + int(s[i]-'0')
	}
	return value, s[n:], true
}

// zoneName is Java's name of a zone: short ("CST") and long ("Central Standard Time").
type zoneName struct{ short, long string }

// zoneAbbreviations are the zone names in English that are worth knowing beyond what the tz database has: their long
// forms, and, for parsing, a zone that each stands for.
var zoneAbbreviations = map[string]struct{ long, zone string }{
	"UTC":  {"Coordinated Universal Time", "UTC"},
	"GMT":  {"Greenwich Mean Time", "GMT"},
	"BST":  {"British Summer Time", "Europe/London"},
	"WET":  {"Western European Time", "Europe/Lisbon"},
	"WEST": {"Western European Summer Time", "Europe/Lisbon"},
	"CET":  {"Central European Time", "Europe/Paris"},
	"CEST": {"Central European Summer Time", "Europe/Paris"},
	"EET":  {"Eastern European Time", "Europe/Helsinki"},
	"EEST": {"Eastern European Summer Time", "Europe/Helsinki"},
	"MSK":  {"Moscow Standard Time", "Europe/Moscow"},
	"EST":  {"Eastern Standard Time", "America/New_York"},
	"EDT":  {"Eastern Daylight Time", "America/New_York"},
	"CST":  {"Central Standard Time", "America/Chicago"},
	"CDT":  {"Central Daylight Time", "America/Chicago"},
	"MST":  {"Mountain Standard Time", "America/Denver"},
	"MDT":  {"Mountain Daylight Time", "America/Denver"},
	"PST":  {"Pacific Standard Time", "America/Los_Angeles"},
	"PDT":  {"Pacific Daylight Time", "America/Los_Angeles"},
	"AKST": {"Alaska Standard Time", "America/Anchorage"},
	"AKDT": {"Alaska Daylight Time", "America/Anchorage"},
	"HST":  {"Hawaii Standard Time", "Pacific/Honolulu"},
	"AST":  {"Atlantic Standard Time", "America/Halifax"},
	"ADT":  {"Atlantic Daylight Time", "America/Halifax"},
	"NST":  {"Newfoundland Standard Time", "America/St_Johns"},
	"NDT":  {"Newfoundland Daylight Time", "America/St_Johns"},
	"JST":  {"Japan Standard Time", "Asia/Tokyo"},
	"KST":  {"Korean Standard Time", "Asia/Seoul"},
	"IST":  {"India Standard Time", "Asia/Kolkata"},
	"HKT":  {"Hong Kong Time", "Asia/Hong_Kong"},
	"PKT":  {"Pakistan Standard Time", "Asia/Karachi"},
	"WIB":  {"Western Indonesia Time", "Asia/Jakarta"},
	"AEST": {"Australian Eastern Standard Time", "Australia/Sydney"},
	"AEDT": {"Australian Eastern Daylight Time", "Australia/Sydney"},
	"ACST": {"Australian Central Standard Time", "Australia/Adelaide"},
	"ACDT": {"Australian Central Daylight Time", "Australia/Adelaide"},
	"AWST": {"Australian Western Standard Time", "Australia/Perth"},
	"NZST": {"New Zealand Standard Time", "Pacific/Auckland"},
	"NZDT": {"New Zealand Daylight Time", "Pacific/Auckland"},
	"SAST": {"South Africa Standard Time", "Africa/Johannesburg"},
	"WAT":  {"Western African Time", "Africa/Lagos"},
	"CAT":  {"Central African Time", "Africa/Harare"},
	"EAT":  {"Eastern African Time", "Africa/Nairobi"},
}

// zoneExceptions are zones whose abbreviation the tz database no longer has, or whose abbreviation means another zone
// above.
var zoneExceptions = map[string]zoneName{
	"Asia/Shanghai":                  {"CST", "China Standard Time"},
	"Asia/Taipei":                    {"CST", "China Standard Time"},
	"Asia/Singapore":                 {"SGT", "Singapore Time"},
	"Asia/Dubai":                     {"GST", "Gulf Standard Time"},
	"Asia/Bangkok":                   {"ICT", "Indochina Time"},
	"Asia/Ho_Chi_Minh":               {"ICT", "Indochina Time"},
	"Asia/Jerusalem":                 {"IST", "Israel Standard Time"},
	"Asia/Manila":                    {"PHT", "Philippines Time"},
	"America/Sao_Paulo":              {"BRT", "Brasilia Time"},
	"America/Argentina/Buenos_Aires": {"ART", "Argentine Time"},
	"America/Bogota":                 {"COT", "Colombia Time"},
	"America/Lima":                   {"PET", "Peru Time"},
	"Europe/Istanbul":                {"TRT", "Turkey Time"},
}

// nameZone returns the zone's names at a time. Without a name, both are the offset, as Joda-Time does.
func nameZone(t time.Time) zoneName {
	abbreviation, offset := t.Zone()
	if n, ok := zoneExceptions[t.Location().String()]; ok && !t.IsDST() {
		return n
	}
	if abbreviation == "" || abbreviation[0] == '+' || abbreviation[0] == '-' {
		text := formatOffset(offset, ":")
		return zoneName{text, text}
	}
	if known, ok := zoneAbbreviations[abbreviation]; ok {
		return zoneName{abbreviation, known.long}
	}
	return zoneName{abbreviation, abbreviation}
}

// formatOffset writes +hh mm with a separator, and seconds where there are any.
func formatOffset(seconds int, separator string) string {
	b := []byte{'+'}
	if seconds < 0 {
		b[0] = '-'
		seconds = -seconds
	}
	b = appendPadded(b, int64(seconds/3600), 2)
	b = append(b, separator...)
	b = appendPadded(b, int64(seconds/60%60), 2)
	if s := seconds % 60; s != 0 {
		b = append(b, separator...)
		b = appendPadded(b, int64(s), 2)
	}
	return string(b)
}
