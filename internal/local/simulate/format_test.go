package simulate

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// encodings are all formats, without and with compression.
func encodings() []Encoding {
	var all []Encoding
	settings := describing(climateMessage, "farm.Reading")
	for _, name := range Formats() {
		for _, compression := range []string{"", "gzip"} {
			settings.Compression = compression
			e, err := Encoding{Format: name, Compression: compression}.For(&settings)
			if err != nil {
				panic(err)
			}
			all = append(all, e)
		}
	}
	return all
}

// TestFormatsAreRead: a pipeline with the settings that fit a format stores what the devices measured.
func TestFormatsAreRead(t *testing.T) {
	for _, e := range encodings() {
		o := e.format().options
		o.Compression = e.Compression
		d, err := telemetry.New(o)
		if err != nil {
			t.Fatal(err)
		}
		// Two climates of one seed see the same: one encodes, the other says what is right.
		sent, same := newClimate(7, midnight), newClimate(7, midnight)
		now := midnight
		for i := range 200 {
			now = now.Add(time.Duration(i*i)*time.Millisecond + 1234*time.Microsecond)
			payload, err := sent.message(e, "soil-001", now, 0)
			if err != nil {
				t.Fatalf("%s: %v", e, err)
			}
			want := same.samples(now, e.format().samples)
			same.random.Float64() // sent has asked whether the message is faulty
			got, err := d.Decode(payload, now)
			if err != nil || fmt.Sprint(describe(got)) != fmt.Sprint(describeSamples(want)) {
				t.Fatalf("%s: message %d %q: got %v, %v; want %v", e, i, payload, describe(got), err,
					describeSamples(want))
			}
		}
	}
}

// describe lists what is stored: time and measures, sorted by name.
func describe(list []telemetry.Reading) (lines []string) {
	for _, r := range list {
		measures := make([]string, len(r.Measures))
		for i, m := range r.Measures {
			measures[i] = fmt.Sprintf("%s=%v", m.Name, m.Float())
		}
		slices.Sort(measures)
		lines = append(lines, fmt.Sprintln(r.Time.UnixMicro(), r.HasTime, measures))
	}
	return lines
}

func describeSamples(list []sample) (lines []string) {
	for _, s := range list {
		measures := make([]string, len(s.measures))
		for i, m := range s.measures {
			measures[i] = fmt.Sprintf("%s=%v", m.name, m.value)
		}
		slices.Sort(measures)
		lines = append(lines, fmt.Sprintln(s.time.UnixMicro(), true, measures))
	}
	return lines
}

// TestFaultsInEveryFormat: a message that ends early is a dead letter in every format, and the others are read.
func TestFaultsInEveryFormat(t *testing.T) {
	for _, e := range encodings() {
		o := e.format().options
		o.Compression = e.Compression
		d, err := telemetry.New(o)
		if err != nil {
			t.Fatal(err)
		}
		c, refused, jumps, missing := newClimate(1, midnight), 0, 0, 0
		for i := range 300 {
			now := midnight.Add(time.Duration(i) * time.Second)
			payload, err := c.message(e, "soil-001", now, 1)
			if err != nil {
				t.Fatal(err)
			}
			list, err := d.Decode(payload, now)
			if errors.As(err, new(*telemetry.Error)) {
				refused++
				continue
			}
			if len(list[len(list)-1].Measures) == 3 {
				missing++
			}
			if slices.ContainsFunc(list[len(list)-1].Measures,
				func(m telemetry.Measure) bool { return m.Float() == faultTemperature }) {
				jumps++
			}
		}
		if refused+jumps+missing != 300 || min(refused, jumps, missing) < 50 {
			t.Errorf("%s: %d refused, %d jumps, %d missing", e, refused, jumps, missing)
		}
	}
}

func TestMisfit(t *testing.T) {
	for _, c := range []struct {
		encoding Encoding
		settings telemetry.Options
		want     string
	}{
		{Encoding{}, telemetry.Options{}, ""},
		{Encoding{Format: "senml"}, telemetry.Options{}, ""},
		{Encoding{Format: "json"}, telemetry.Options{DataField: "data", TimeField: "timestamp"}, ""},
		{Encoding{Format: "cbor"}, telemetry.Options{Format: "cbor", Ignore: []string{"battery"},
			Rename: map[string]string{"temperature": "t"}}, ""},
		{Encoding{}, telemetry.Options{Format: "cbor"}, "the pipeline's telemetry settings do not fit --format json: " +
			"each message will be a dead letter (not_cbor); they fit --format cbor"},
		{Encoding{Format: "senml-cbor"}, telemetry.Options{}, "--format senml-cbor: each message will be a dead " +
			"letter (invalid_utf8); they fit --format json"},
		{Encoding{Format: "msgpack"}, telemetry.Options{Format: "msgpack", Compression: "gzip"},
			"(not_gzip); they fit --format msgpack --compression gzip"},
		{Encoding{Compression: "gzip"}, telemetry.Options{},
			"--format json --compression gzip: each message will be a dead letter (invalid_utf8); they fit --format json"},
		{Encoding{}, telemetry.Options{DataPath: "state.reported"},
			"it will store other measures or times than the devices send; they fit --format flat"},
		{Encoding{Format: "pairs"}, telemetry.Options{Pairs: &telemetry.Pairs{Name: "tag", Value: "x"}}, "they fit"},
	} {
		got := c.encoding.Misfit(c.settings)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %+v: %q, want %q", c.encoding, c.settings, got, c.want)
		}
	}
}

// TestTheGuideShowsTheFormats keeps the table in docs/guides/local.md complete.
func TestTheGuideShowsTheFormats(t *testing.T) {
	guide, err := os.ReadFile("../../../templates/guides/local.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range encodings() {
		settings := "none"
		if e.protobuf != nil {
			settings = "[`telemetry.protobuf`](connect-your-devices.md#protobuf)"
		} else if f := e.format().options.Format; f != "" && e.Misfit(telemetry.Options{}) != "" {
			settings = fmt.Sprintf("`telemetry = { format = %q }`", f)
		}
		row := fmt.Sprintf("(?m)^\\| `%s`.* \\| %s \\|$", e.format().name, regexp.QuoteMeta(settings))
		if e.Compression == "" && !regexp.MustCompile(row).Match(guide) {
			t.Errorf("the guide has no row for %s with the settings %s", e, settings)
		}
	}
}

func TestUnknownEncodings(t *testing.T) {
	for _, c := range []struct {
		encoding Encoding
		want     string
	}{
		{Encoding{Format: "xml"}, `unknown format "xml"; the formats are json, flat, readings, array, pairs, senml, ` +
			"senml-cbor, cbor, msgpack, sparkplug, protobuf"},
		{Encoding{Compression: "zstd"}, `unknown compression "zstd"; the compressions are gzip`},
	} {
		if err := c.encoding.Check(); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
