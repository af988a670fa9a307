package iotsql

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	const ms = "1445412480123" // 2015-10-21T07:28:00.123Z, a Wednesday
	tests := []struct{ pattern, zone, want, why string }{
		{"yyyy-MM-dd'T'HH:mm:ss.SSS", "UTC", "2015-10-21T07:28:00.123", "15: ISO"},
		{"G C y yy yyyy YYYY", "UTC", "AD 20 2015 15 2015 2015", "15: era and years"},
		{"yyyyyy", "UTC", "002015", "15: zero-padded to the letter count"},
		{"x w ww e", "UTC", "2015 43 43 3", "15: week year, week, weekday number"},
		{"M MM MMM MMMM", "UTC", "10 10 Oct October", "15: month"},
		{"d dd ddd D DDDD", "UTC", "21 21 021 294 0294", "15: day of month and year"},
		{"E EE EEE EEEE", "UTC", "Wed Wed Wed Wednesday", "15: weekday"},
		{"a H k K h", "UTC", "AM 7 7 7 7", "15: hours"},
		{"HH kk KK hh a", "Asia/Tokyo", "16 16 04 04 PM", "15: hours in the afternoon"},
		{"m mm s ss", "UTC", "28 28 0 00", "15: minutes and seconds"},
		{"S SS SSS SSSSSS", "UTC", "1 12 123 123000", "15: fraction"},
		{"z zzzz", "UTC", "UTC Coordinated Universal Time", "15: zone names"},
		{"z zzzz", "America/Los_Angeles", "PDT Pacific Daylight Time", "15: zone names in summer"},
		{"z", "Asia/Kathmandu", "+05:45", "15: a zone without name prints its offset"},
		{"Z ZZ ZZZ", "America/Los_Angeles", "-0700 -07:00 America/Los_Angeles", "15: offset and id"},
		{"Z ZZ", "UTC", "+0000 +00:00", "15: offset of UTC"},
		{"HH:mm ZZZ", "+05:30", "12:58 +05:30", "15: a fixed offset as zone"},
		{"'o''clock' '' yyyy", "UTC", "o'clock ' 2015", "15: quotes"},
		{"yyyy/MM/dd, [HH]", "UTC", "2015/10/21, [07]", "15: other characters stand for themselves"},
	}
	for _, tt := range tests {
		sql := fmt.Sprintf("parse_time(%q, %s, '%s')", tt.pattern, ms, tt.zone)
		if got := evalExpr(t, sql, documented(""), Options{}); got != `"`+tt.want+`"` {
			t.Errorf("%s: %s = %s, want %q", tt.why, sql, got, tt.want)
		}
	}
	runExprs(t, Options{}, []expr{
		{
			"parse_time('yyyy.MM.dd G HH:mm:ss z', timestamp())",
			"",
			`"2016.12.15 AD 18:07:31 UTC"`,
			"14.4 parse_time: UTC by default",
		},
		{"parse_time('yyyy', '0')", "", `"1970"`, "14.4 parse_time: numstr"},
		{"parse_time('yyyy-MM-dd', -86400000.5)", "", `"1969-12-30"`, "14.4 parse_time: rounded down"},
		{"parse_time('b', 0)", "", "Undefined", "18.11: a bad pattern"},
		{"parse_time(\"yyyy'\", 0)", "", "Undefined", "18.11: a quote without partner"},
		{"parse_time('yyyy', 0, 'Nowhere/City')", "", "Undefined", "18.11: a bad zone"},
		{"parse_time('yyyy', 0, 'Local')", "", "Undefined", "18.11: not a zone of the tz database"},
		{"parse_time('yyyy', 'x')", "", "Undefined", "18.11: no number"},
		{"parse_time('yyyy', 1E30)", "", "Undefined", "18.11: beyond all years"},
		{"parse_time(p, 0)", `{"p":"yyyy"}`, `"1970"`, "14.4 parse_time: a pattern from the message"},
		{"parse_time(p, 0)", `{"p":"b"}`, "Undefined", "18.11: a bad pattern from the message"},
	})
}

func TestTimeToEpoch(t *testing.T) {
	tests := []struct{ text, pattern, want, why string }{
		{"2020-04-03 09:45:18 UTC+01:00", "yyyy-MM-dd HH:mm:ss VV", "1585903518000", "14.4: AWS's example"},
		{"18 December 2015", "dd MMMM yyyy", "1450396800000", "14.4: AWS's example"},
		{
			"2007-12-03 10:15:30.592 America/Los_Angeles",
			"yyyy-MM-dd HH:mm:ss.SSS z",
			"1196705730592",
			"14.4: AWS's example",
		},
		{"1970-01-01", "yyyy-MM-dd", "0", "14.4: date only"},
		{"1970-01-01T00:00:01Z", "yyyy-MM-dd'T'HH:mm:ssX", "1000", "15: Z"},
		{"1970-01-01T01:00:00+01", "yyyy-MM-dd'T'HH:mm:ssX", "0", "15: X"},
		{"1970-01-01T05:30:00+0530", "yyyy-MM-dd'T'HH:mm:ssXX", "0", "15: XX"},
		{"1970-01-01T05:30:00+05:30", "yyyy-MM-dd'T'HH:mm:ssXXX", "0", "15: XXX"},
		{"1970-01-01T00:00:00Z", "yyyy-MM-dd'T'HH:mm:ssx", "Undefined", "15: x knows no Z"},
		{"1970-01-01T00:00:00+00:00", "yyyy-MM-dd'T'HH:mm:ssxxx", "0", "15: xxx"},
		{"1969-12-31 17:00 -0700", "yyyy-MM-dd HH:mm Z", "0", "15: Z is an offset"},
		{"1969-12-31 17:00 GMT-7", "yyyy-MM-dd HH:mm O", "0", "15: O"},
		{"19700102030405", "yyyyMMddHHmmss", "97445000", "15: numbers without anything between"},
		{"70-01-02", "yy-MM-dd", "3155846400000", "15: two digits are 2000 to 2099"},
		{"1/2/1970", "M/d/yyyy", "86400000", "15: one letter is one or more digits"},
		{"12/31/1970", "M/d/yyyy", "31449600000", "15: one letter is one or more digits"},
		{"Jan 2, 1970 3:04 PM", "MMM d, yyyy h:mm a", "140640000", "15: short month, hour with AM and PM"},
		{"Jan 2, 1970 12:04 AM", "MMM d, yyyy h:mm a", "86640000", "15: midnight is 12 AM"},
		{"Fri, 2 Jan 1970", "E, d MMM yyyy", "86400000", "15: weekday"},
		{"Thu, 2 Jan 1970", "E, d MMM yyyy", "Undefined", "15: the wrong weekday"},
		{"Friday 2 January 1970", "EEEE d MMMM yyyy", "86400000", "15: full names"},
		{"1970-002", "yyyy-DDD", "86400000", "15: day of the year"},
		{"1970-366", "yyyy-DDD", "Undefined", "15: day of the year out of range"},
		{"1970-01-01 00:00:00.000000001", "yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "0", "15: fraction"},
		{"1970-01-01 1500", "yyyy-MM-dd A", "1500", "15: milliseconds of the day"},
		{"1970-01-01 24:00", "yyyy-MM-dd HH:mm", "86400000", "15: 24:00 is the next day"},
		{"1970-01-01 24:01", "yyyy-MM-dd HH:mm", "Undefined", "15: out of range"},
		{"1970-01-01 25:00", "yyyy-MM-dd HH:mm", "Undefined", "15: out of range"},
		{"1970-01-01 24", "yyyy-MM-dd kk", "0", "15: hours from 1 to 24"},
		{"1970-01-01 03 PM", "yyyy-MM-dd KK a", "54000000", "15: hours from 0 to 11"},
		{"1970-04-31", "yyyy-MM-dd", "10281600000", "15: a day beyond the month is its last"},
		{"1970-04-32", "yyyy-MM-dd", "Undefined", "15: no such day"},
		{"1970-13-01", "yyyy-MM-dd", "Undefined", "15: no such month"},
		{"1970-1-01", "yyyy-MM-dd", "Undefined", "15: two letters are two digits"},
		{"12345-01-01", "yyyy-MM-dd", "Undefined", "15: more digits need a sign"},
		{"+12345-01-01", "yyyy-MM-dd", "327403382400000", "15: more digits with a sign"},
		{"0001-01-01 BC", "yyyy-MM-dd G", "-62167219200000", "15: era"},
		{"1970-01-01 extra", "yyyy-MM-dd", "Undefined", "18.11: text behind"},
		{"1970-01", "yyyy-MM", "Undefined", "18.11: no date"},
		{"10:15", "HH:mm", "Undefined", "18.11: no date"},
		{"1970-01-01 10:15", "yyyy-MM-dd hh:mm", "Undefined", "15: AM or PM is missing"},
		{"1970-01-01", "yyyy-MM-dd[ HH:mm]", "0", "15: an optional part"},
		{"1970-01-01 00:01", "yyyy-MM-dd[ HH:mm]", "60000", "15: an optional part"},
		{"jan 2 1970", "MMM d yyyy", "Undefined", "15: case counts"},
		{
			"2021-03-14 02:30 America/New_York",
			"yyyy-MM-dd HH:mm VV",
			"1615707000000",
			"15: a time that does not exist is later by the gap",
		},
		{"2021-11-07 01:30 America/New_York", "yyyy-MM-dd HH:mm VV", "1636263000000", "15: the earlier of two times"},
		{"2021-07-01 00:00 PDT", "yyyy-MM-dd HH:mm z", "1625122800000", "15: an abbreviation"},
		{"2021-07-01 00:00 Pacific Daylight Time", "yyyy-MM-dd HH:mm zzzz", "1625122800000", "15: a long name"},
		{"2015-43-Wed", "YYYY-ww-E", "1445385600000", "15: week of the year, weeks from Sunday"},
		{"1970-Q1-01-01", "yyyy-QQQ-MM-dd", "0", "15: quarter"},
		{"1970-01-01", "yyyy-MM-ddddd", "Undefined", "18.11: a bad pattern"},
		{"1970-01-01", "yyyy-MM-dd b", "Undefined", "18.11: a bad pattern"},
		{"1970-01-01", "yyyy-MM-dd]", "Undefined", "18.11: a bad pattern"},
		{"x", "'x", "Undefined", "18.11: a bad pattern"},
	}
	for _, tt := range tests {
		sql := fmt.Sprintf("time_to_epoch(%q, %q)", tt.text, tt.pattern)
		if got := evalExpr(t, sql, documented(""), Options{}); got != tt.want {
			t.Errorf("%s: %s = %s, want %s", tt.why, sql, got, tt.want)
		}
		payload := fmt.Sprintf(`{"t":%q,"p":%q}`, tt.text, tt.pattern)
		if got := evalExpr(t, "time_to_epoch(t, p)", documented(payload), Options{}); got != tt.want {
			t.Errorf("%s: the same from a message = %s, want %s", tt.why, got, tt.want)
		}
	}
}

// TestTimeAgainstGo formats and parses random times and compares with Go's own library.
func TestTimeAgainstGo(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "Europe/Paris", "Asia/Kolkata", "Australia/Sydney", "America/Belize"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		ms := random.Int64N(8e12) - 4e12
		name := zones[random.IntN(len(zones))]
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(ms).In(zone)
		sql := fmt.Sprintf("parse_time('yyyy-MM-dd EEE hh:mm:ss.SSS a', %d, '%s')", ms, name)
		if got, want := evalExpr(t, sql, documented(""), Options{}),
			at.Format(`"2006-01-02 Mon 03:04:05.000 PM"`); got != want {
			t.Errorf("%s = %s, want %s", sql, got, want)
		}
		text := at.Format("2 January 2006 15:04:05.000 -07:00")
		if _, offset := at.Zone(); offset%60 != 0 {
			continue // before standard time, which this layout cannot write
		}
		sql = fmt.Sprintf("time_to_epoch('%s', 'd MMMM yyyy HH:mm:ss.SSS XXX')", text)
		if got, want := evalExpr(t, sql, documented(""), Options{}), fmt.Sprint(ms); got != want {
			t.Errorf("%s = %s, want %s", sql, got, want)
		}
	}
}
