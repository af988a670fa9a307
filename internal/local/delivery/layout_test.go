package delivery

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPrefixes(t *testing.T) {
	at := time.Date(2026, 3, 2, 5, 6, 7, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"raw/day=!{timestamp:yyyy-MM-dd}/":      `raw/day=2026-03-02/`,
		"":                                      `2026/03/02/04/`,
		"raw/":                                  `raw/2026/03/02/04/`,
		"!{timestamp:yyyy'-'MM'-'dd'T'HH''mm}/": `2026-03-02T04'06/`,
		"!{timestamp:yy.M.d:ss}/":               `26.3.2:07/`,
		"!{firehose:random-string}/!{timestamp:D}":                    ``,
		"!{timestamp:DDD}/!{firehose:random-string}!{timestamp:yyyy}": `061/[A-Z0-9]{11}2026`,
	} {
		p, err := parsePrefix(text)
		if err != nil {
			if want != "" {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if got := p.at(at, processingFailed); !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestErrorPrefixes(t *testing.T) {
	for text, want := range map[string]string{
		"e/!{firehose:error-output-type}/":                 "e/processing-failed/",
		"e/!{firehose:error-output-type}/!{timestamp:MM}/": "e/processing-failed/03/",
		"e/": "e/2026/03/12/23/",
	} {
		p, err := parseErrorPrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.at(start, processingFailed); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestWhatCannotBePlayed(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Prefix = "!{timestamp:yyyy" }, "an expression that does not end"},
		{func(c *Config) { c.Prefix = "!{timestamp:yyyy-ww}" }, `"ww", which iot-local does not play`},
		{func(c *Config) { c.Prefix = "!{timestamp:'x}" }, "a quote that does not end"},
		{func(c *Config) { c.ErrorPrefix = "!{partitionKeyFromQuery:a}" }, "!{partitionKeyFromQuery:a}"},
		{func(c *Config) { c.Compression = "ZIP" }, "does not compress objects with ZIP"},
		{func(c *Config) { c.Table = &Table{Codec: "LZO"} }, "does not compress Parquet files with LZO"},
		{func(c *Config) {
			c.Table = &Table{Codec: "SNAPPY", Columns: []Column{{"a", "string"}, {"b", "array<int>"}}}
		}, `the column "b" has the type array<int>; iot-local converts bigint, boolean`},
	} {
		config := jsonConfig()
		c.change(&config)
		_, err := Start(config, Options{}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), `delivery stream "gh-archive"`) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// FuzzRows: whatever the function answers either cannot be converted or makes a file with as many rows as documents.
func FuzzRows(f *testing.F) {
	f.Add([]byte(`{"thing":"a","time":"2026-01-01 00:00:00.5","measures":{"a":1},"flags":{"b":null}} {"texts":{}}`))
	f.Add([]byte(`{"a":1}{"Thing":1,"thing":true}[]`))
	l, err := newLayout(parquetConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := l.rows(data)
		if err != nil || len(rows) == 0 {
			return
		}
		body, err := l.parquet(rows)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		documents := 0
		for decoder := json.NewDecoder(strings.NewReader(string(data))); decoder.More(); documents++ {
			var document map[string]any
			if err := decoder.Decode(&document); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
		}
		if got := readParquet(t, body); len(got) != documents {
			t.Fatalf("%q: %d rows of %d documents", data, len(got), documents)
		}
	})
}

func FuzzPrefix(f *testing.F) {
	f.Add("raw/day=!{timestamp:yyyy-MM-dd}/")
	f.Add("!{timestamp:''yyyy'x'}!{firehose:random-string}")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parsePrefix(text); err == nil {
			p.at(start, conversionFailed)
		}
	})
}
