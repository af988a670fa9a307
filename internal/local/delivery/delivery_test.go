package delivery

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

func TestParquetObjects(t *testing.T) {
	w := newWorld(
		`{"thing":"soil-001","time":"2026-03-12 23:59:58.123","arrived_at":"1969-12-31 23:59:59.5","kind":"telemetry",`+
			`"measures":{"b":-2.5e-3,"a":1},"texts":{"mode":"é😀\u0000"},"flags":{"on":false},"payload":"{}"}`+
			`{"THING":"soil-002","measures":{},"texts":null,"flags":{"on":null},"unknown":[1]}`+"\n",
		`{"thing":"soil-003"}`)
	s := w.run(t, parquetConfig(), "")
	drain(t, s)
	keys := w.bucket.keys("")
	form := regexp.MustCompile(`^gh/raw/day=2026-03-12/gh-archive-3-\d{4}(-\d\d){5}-` +
		`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.parquet$`)
	if len(keys) != 1 || !form.MatchString(keys[0]) {
		t.Fatalf("objects %q; failures %s", keys, w.failed())
	}
	body := w.bucket.get(keys[0])
	rows := readParquet(t, body)
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	first := rows[0]
	if got := Time(*first.Time); !got.Equal(start.Add(123 * time.Millisecond)) {
		t.Errorf("time %s", got)
	}
	if got := Time(*first.ArrivedAt); !got.Equal(time.Unix(0, -5e8)) {
		t.Errorf("a time before 1970: %s", got)
	}
	if *first.Thing != "soil-001" || *first.Measures["a"] != 1 || *first.Measures["b"] != -2.5e-3 ||
		*first.Texts["mode"] != "é😀\x00" || *first.Flags["on"] || *first.Payload != "{}" {
		t.Errorf("first row %+v", first)
	}
	second := rows[1]
	if *second.Thing != "soil-002" || second.Time != nil || second.Measures == nil || len(second.Measures) != 0 ||
		second.Texts != nil || len(second.Flags) != 1 || second.Flags["on"] != nil || second.Payload != nil {
		t.Errorf("second row %+v", second)
	}
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range file.Schema().Fields() {
		names = append(names, f.Name())
	}
	var want []string
	for _, c := range parquetConfig().Table.Columns {
		want = append(want, c.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if codec := file.Metadata().RowGroups[0].Columns[0].MetaData.Codec; codec.String() != "SNAPPY" {
		t.Errorf("codec %s", codec)
	}
}

func TestJSONObjects(t *testing.T) {
	w := newWorld("{\"a\":1}\n", "{\"b\":2}\n")
	drain(t, w.run(t, jsonConfig(), ""))
	keys := w.bucket.keys("gh/raw/json/day=2026-03-12/gh-archive-3-")
	if len(keys) != 1 || !strings.HasSuffix(keys[0], ".gz") {
		t.Fatalf("objects %q", keys)
	}
	r, err := gzip.NewReader(bytes.NewReader(w.bucket.get(keys[0])))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || string(text) != "{\"a\":1}\n{\"b\":2}\n" {
		t.Errorf("the object holds %q, %v", text, err)
	}
}

// TestWhatTheFunctionAnswers: results of single records, and answers that are wrong as a whole.
func TestWhatTheFunctionAnswers(t *testing.T) {
	const ok = `{"thing":"a"}`
	for _, c := range []struct {
		why      string
		function func(firehoseEvent) ([]byte, error)
		stored   int // records in the data object
		code     string
		message  string
		attempts int
		failed   int // documents below processing-failed
	}{
		{why: "all is well", function: echo, stored: 2},
		{why: "one record is dropped, one has failed", code: "Lambda.ProcessingFailedStatus",
			message: "ProcessingFailed status set for record", attempts: 1, failed: 1,
			function: func(e firehoseEvent) ([]byte, error) {
				return reply(e, func(r firehoseEventRecord) string {
					if strings.HasSuffix(r.ID, "0") {
						return "Dropped"
					}
					return "ProcessingFailed"
				})
			}},
		{why: "an unknown result", code: "Lambda.ProcessingFailedStatus", message: `the function answered "ok"`,
			attempts: 1, failed: 2,
			function: func(e firehoseEvent) ([]byte, error) {
				return reply(e, func(firehoseEventRecord) string { return "ok" })
			}},
		{why: "the function fails", code: "Lambda.FunctionError", message: "out of memory", attempts: 4, failed: 2,
			function: func(firehoseEvent) ([]byte, error) { return nil, errors.New("out of memory") }},
		{why: "the function fails once", stored: 2, function: once(errors.New("throttled"))},
		{why: "no JSON", code: "Lambda.JsonProcessingException", message: "parsing the answer", attempts: 4, failed: 2,
			function: func(firehoseEvent) ([]byte, error) { return []byte("x"), nil }},
		{why: "a record is missing", code: "Lambda.MissingRecordId", message: "does not have the record a1",
			attempts: 4, failed: 2, function: func(e firehoseEvent) ([]byte, error) {
				e.Records = e.Records[:1]
				return echo(e)
			}},
		{why: "a record is answered twice", code: "Lambda.DuplicatedRecordId", message: "more than once", attempts: 4,
			failed: 2, function: func(e firehoseEvent) ([]byte, error) {
				e.Records = append(e.Records, e.Records[0])
				return echo(e)
			}},
	} {
		w := newWorld(ok, ok)
		w.function = c.function
		drain(t, w.run(t, parquetConfig(), ""))
		stored := 0
		for _, key := range w.bucket.keys("gh/raw/") {
			stored += len(readParquet(t, w.bucket.get(key)))
		}
		if stored != c.stored {
			t.Errorf("%s: %d rows are stored, want %d", c.why, stored, c.stored)
		}
		var documents []map[string]any
		for _, key := range w.bucket.keys("gh/archive-errors/processing-failed/gh-archive-3-") {
			documents = append(documents, parseLines(t, w.bucket.get(key))...)
		}
		if len(documents) != c.failed || len(w.bucket.keys("")) != min(1, c.stored)+min(1, c.failed) {
			t.Errorf("%s: %d failures in %q, want %d", c.why, len(documents), w.bucket.keys(""), c.failed)
		}
		for _, d := range documents {
			if d["errorCode"] != c.code || !strings.Contains(fmt.Sprint(d["errorMessage"]), c.message) ||
				d["attemptsMade"] != float64(c.attempts) || d["lambdaArn"] != functionARN ||
				d["rawData"] != base64.StdEncoding.EncodeToString([]byte(ok)) ||
				d["arrivalTimestamp"].(float64) < float64(start.UnixMilli()) || d["attemptEndingTimestamp"] == 0.0 {
				t.Errorf("%s: document %v", c.why, d)
			}
		}
		if (w.failed() != "") != (c.failed > 0) && c.why != "the function fails once" {
			t.Errorf("%s: reported %q", c.why, w.failed())
		}
	}
}

func once(err error) func(firehoseEvent) ([]byte, error) {
	return func(e firehoseEvent) ([]byte, error) {
		if before := err; before != nil {
			err = nil
			return nil, before
		}
		return echo(e)
	}
}

func parseLines(t *testing.T, body []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range bytes.Lines(body) {
		var document map[string]any
		if err := json.Unmarshal(line, &document); err != nil {
			t.Fatalf("line %s: %v", line, err)
		}
		all = append(all, document)
	}
	return all
}

// TestWhatCannotBeConverted: a record with one bad document is kept below the error prefix as a whole.
func TestWhatCannotBeConverted(t *testing.T) {
	bad := map[string]string{
		`{"thing":"x"}{"thing":`:             "parsing JSON",
		`[{"thing":"x"}]`:                    "an array where the column needs an object as row",
		`{"measures":[]}`:                    `column "measures": an array where the column needs an object`,
		`{"measures":{"t":"21"}}`:            `column "measures": member "t": a string where the column needs a number`,
		`{"measures":{"t":1e999}}`:           "beyond the range of a double",
		`{"flags":{"t":1}}`:                  "a number where the column needs a Boolean",
		`{"time":1767225600000}`:             "a number where the column needs a timestamp as text",
		`{"time":"2026-01-01T00:00:00Z"}`:    "is no timestamp of the form",
		`{"thing":{"a":1}}`:                  "an object where the column needs a string",
		`{"thing":"good","texts":{"a":[1]}}`: "an array where the column needs a string",
	}
	w := newWorld(`{"thing":"good"}`)
	for document := range bad {
		w.source.put("a", document)
	}
	drain(t, w.run(t, parquetConfig(), ""))
	if keys := w.bucket.keys("gh/raw/"); len(keys) != 1 || len(readParquet(t, w.bucket.get(keys[0]))) != 1 {
		t.Errorf("objects %q", keys)
	}
	keys := w.bucket.keys("gh/archive-errors/format-conversion-failed/")
	if len(keys) != 1 || len(w.bucket.keys("")) != 2 {
		t.Fatalf("objects %q", w.bucket.keys(""))
	}
	for _, d := range parseLines(t, w.bucket.get(keys[0])) {
		raw, err := base64.StdEncoding.DecodeString(d["rawData"].(string))
		if err != nil {
			t.Fatal(err)
		}
		want, known := bad[string(raw)]
		if !known || !strings.Contains(d["ErrorMessage"].(string), want) {
			t.Errorf("%s: %v, want %q", raw, d["ErrorMessage"], want)
		}
		delete(bad, string(raw))
		table := d["dataCatalogTable"].(map[string]any)
		if d["ErrorCode"] != "DataFormatConversion.ParseError" || table["databaseName"] != "gh" ||
			table["tableName"] != "telemetry" || d["sequenceNumber"] == "" {
			t.Errorf("document %v", d)
		}
	}
	if len(bad) > 0 {
		t.Errorf("converted, or lost: %v", bad)
	}
}

// TestInvocationsKeepTheirBuffer: an event has as many records as the function's buffer holds, one at least.
func TestInvocationsKeepTheirBuffer(t *testing.T) {
	w := newWorld(strings.Repeat("1 ", 50), strings.Repeat("2 ", 30), strings.Repeat("3 ", 20),
		strings.Repeat("4 ", 900), "5", "6")
	c := jsonConfig()
	c.FunctionBytes = 160
	drain(t, w.run(t, c, ""))
	if diff := cmp.Diff([]int{2, 1, 1, 2}, w.sizes); diff != "" {
		t.Errorf("records per event (-want +got):\n%s", diff)
	}
	w = newWorld(slices.Repeat([]string{"x"}, 12000)...)
	drain(t, w.run(t, jsonConfig(), ""))
	if len(w.sizes) != 2 || w.sizes[0] > 11000 {
		t.Errorf("records per event %v: Lambda takes 6 MB", w.sizes)
	}
}

// TestObjectsKeepTheBuffer: an object is written when the buffer is full, long before the interval has passed.
func TestObjectsKeepTheBuffer(t *testing.T) {
	w := newWorld(slices.Repeat([]string{strings.Repeat("x", 100)}, 50)...)
	c := jsonConfig()
	c.BufferBytes = 1000
	drain(t, w.run(t, c, ""))
	if keys := w.bucket.keys("gh/raw/"); len(keys) != 5 {
		t.Errorf("%d objects of 10 records, want 5", len(keys))
	}
}

// TestNothingIsLostOverRestarts: what was delivered is not delivered again, what was not is.
func TestNothingIsLostOverRestarts(t *testing.T) {
	checkpoints := filepath.Join(t.TempDir(), "state", "gh.json")
	w := newWorld("1", "2")
	w.source.put("b", "3")
	s := w.run(t, jsonConfig(), checkpoints)
	drain(t, s)
	w.bucket.mu.Lock()
	w.bucket.refuse = -1 // forever
	w.bucket.mu.Unlock()
	w.source.put("a", "4")
	go func() { _ = s.Drain(t.Context()) }() // it ends when the stream is stopped
	<-w.bucket.refused
	s.Stop()
	if got := s.Positions()["a"].After; got != "a1" {
		t.Errorf("without a put, shard a is delivered up to %s", got)
	}

	w.bucket.mu.Lock()
	w.bucket.refuse = 3
	w.bucket.mu.Unlock()
	w.source.put("a", "5")
	drain(t, w.run(t, jsonConfig(), checkpoints))
	var all []string
	for _, key := range w.bucket.keys("gh/raw/") {
		r, err := gzip.NewReader(bytes.NewReader(w.bucket.get(key)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(string(text), "")...)
	}
	slices.Sort(all)
	if got := strings.Join(all, ""); got != "12345" {
		t.Errorf("delivered %s, want each once", got)
	}
	if !strings.Contains(w.failed(), "slow down") {
		t.Errorf("the failed puts are not reported: %q", w.failed())
	}
}
