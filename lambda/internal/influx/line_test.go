package influx

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

var when = time.Unix(1767225600, 123456789).UTC()

func number(name, text string) telemetry.Measure {
	return telemetry.Measure{Name: name, Text: text, Kind: telemetry.Number}
}

func text(name, text string) telemetry.Measure {
	return telemetry.Measure{Name: name, Text: text, Kind: telemetry.String}
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		why      string
		measures []telemetry.Measure
		want     string
	}{
		{"numbers are floats, however they are spelled",
			[]telemetry.Measure{number("a", "21"), number("b", "21.5"), number("c", "-0"), number("d", "1e-300"),
				number("e", "12345678901234567890")},
			"a=21,b=21.5,c=-0,d=1e-300,e=1.2345678901234567e+19"},
		{"Booleans", []telemetry.Measure{{Name: "on", Text: "true", Kind: telemetry.Bool},
			{Name: "off", Text: "false", Kind: telemetry.Bool}}, "on=true,off=false"},
		{"strings keep quotes, backslashes, line feeds and tabs",
			[]telemetry.Measure{text("s", "say \"hi\" \\ and\n\tleave, a=b"), text("empty", "")},
			"s=\"say \\\"hi\\\" \\\\ and\n\tleave, a=b\",empty=\"\""},
		{"names keep commas, equals signs and spaces", []telemetry.Measure{number("a b,c=d", "1")}, `a\ b\,c\=d=1`},
		{"a measure with the name of the tag is left out", []telemetry.Measure{text("thing", "x"), number("v", "1")},
			"v=1"},
	} {
		got, err := NewEncoder("telemetry").Append(nil, "soil-001", &telemetry.Reading{Time: when, Measures: c.measures})
		want := "telemetry,thing=soil-001 " + c.want + " 1767225600123456789\n"
		if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.why, err, diff)
		}
	}
}

func TestNoLines(t *testing.T) {
	for _, c := range []struct {
		why      string
		measures []telemetry.Measure
		fails    string
	}{
		{"no measures", nil, ""},
		{"only a measure that is the tag", []telemetry.Measure{text("thing", "x")}, ""},
		{"a name that InfluxDB drops", []telemetry.Measure{number("v", "1"), number("time", "1")}, `"time" is reserved`},
		{"a name that ends in a backslash", []telemetry.Measure{number("v", "1"), number(`v\`, "1")}, "has no place in line protocol"},
		{"a name with a control character", []telemetry.Measure{number("a\tb", "1")}, "has no place in line protocol"},
		{"an infinite number", []telemetry.Measure{number("w", "1"), number("v", "1e999")}, "not a finite number"},
	} {
		before := []byte("before\n")
		got, err := NewEncoder("telemetry").Append(before, "soil-001", &telemetry.Reading{Time: when, Measures: c.measures})
		if string(got) != "before\n" {
			t.Errorf("%s: %q was added", c.why, got)
		}
		if (c.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: error %v, want %q", c.why, err, c.fails)
		}
	}
}

// TestAnErrorLeavesTheEncoderUsable: one device's bad name must not touch the next line.
func TestAnErrorLeavesTheEncoderUsable(t *testing.T) {
	e := NewEncoder("telemetry")
	bad := &telemetry.Reading{Time: when, Measures: []telemetry.Measure{number("v", "1"), number("a\tb", "1")}}
	good := &telemetry.Reading{Time: when, Measures: []telemetry.Measure{number("v", "2")}}
	out, err := e.Append(nil, "soil-001", good)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = e.Append(out, "soil-001", bad); err == nil {
		t.Fatal("the bad name was taken")
	}
	if out, err = e.Append(out, "soil-001", good); err != nil {
		t.Fatal(err)
	}
	line := "telemetry,thing=soil-001 v=2 1767225600123456789\n"
	if got := string(out); got != line+line {
		t.Errorf("%q", got)
	}
}

// FuzzLine reads back what was written with InfluxData's decoder: the same thing, time, names and values.
func FuzzLine(f *testing.F) {
	f.Add("soil-001", "temperature", "on", 21.5, "a \"b\" \\", true)
	f.Add("a:b_c-1", "a b,c=d", "x", -1.5, "line\nfeed", false)
	f.Fuzz(func(t *testing.T, device, name, other string, v float64, s string, yes bool) {
		if math.IsNaN(v) || math.IsInf(v, 0) || name == other || !thing.Valid(device) ||
			!utf8.ValidString(name) || !utf8.ValidString(other) || !utf8.ValidString(s) {
			t.Skip() // the decoder of telemetry and the stream let none of it through
		}
		r := &telemetry.Reading{Time: when, Measures: []telemetry.Measure{
			number(name, fmt.Sprint(v)), text(other, s), {Name: "yes", Text: fmt.Sprint(yes), Kind: telemetry.Bool},
		}}
		if name == "yes" || other == "yes" || !Writes(&r.Measures[0]) || !Writes(&r.Measures[1]) {
			t.Skip()
		}
		line, err := NewEncoder("telemetry").Append(nil, device, r)
		if err != nil {
			if len(line) != 0 {
				t.Errorf("%v, and %q", err, line)
			}
			return
		}
		d := lineprotocol.NewDecoderWithBytes(line)
		if !d.Next() {
			t.Fatalf("%q is no line", line)
		}
		if m, err := d.Measurement(); err != nil || string(m) != "telemetry" {
			t.Fatalf("measurement %q, %v", m, err)
		}
		key, value, err := d.NextTag()
		if err != nil || string(key) != ThingTag || string(value) != device {
			t.Fatalf("tag %q=%q, %v", key, value, err)
		}
		want := []struct {
			name  string
			value any
		}{{name, v}, {other, s}, {"yes", yes}}
		for _, w := range want {
			key, value, err := d.NextField()
			if err != nil || string(key) != w.name {
				t.Fatalf("field %q, %v, want %q", key, err, w.name)
			}
			if diff := cmp.Diff(w.value, value.Interface()); diff != "" {
				t.Fatalf("field %q: %s", key, diff)
			}
		}
		at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
		if err != nil || !at.Equal(when) || d.Next() || bytes.Count(line, []byte("\n")) < 1 {
			t.Fatalf("time %v, %v, or more than a line: %q", at, err, line)
		}
	})
}
