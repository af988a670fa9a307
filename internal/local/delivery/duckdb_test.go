package delivery

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/duckdb"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// archived is a row of the table as DuckDB reads it; nil is null.
type archived struct {
	Thing           *string             `json:"thing"`
	Time            *string             `json:"time"`
	ArrivedAt       *string             `json:"arrived_at"`
	Kind            *string             `json:"kind"`
	Measures        map[string]*float64 `json:"measures"`
	Texts           map[string]*string  `json:"texts"`
	Flags           map[string]*bool    `json:"flags"`
	Payload         *string             `json:"payload"`
	PayloadEncoding *string             `json:"payload_encoding"`
	SequenceNumber  *string             `json:"sequence_number"`
	Day             *string             `json:"day"`
}

// archiver builds the real function and lets the stream call it.
func (w *world) archiver(t *testing.T) {
	t.Helper()
	w.lambda = lambdatest.StartFunction(t, lambdatest.Compile(t, "archiver"), map[string]string{"IOT_PIPELINE": "gh"})
}

// save writes the objects below a prefix to files and returns their directory.
func (w *world) save(t *testing.T, prefix string) string {
	t.Helper()
	dir := t.TempDir()
	for _, key := range w.bucket.keys(prefix) {
		path := filepath.Join(dir, strings.TrimPrefix(key, prefix))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, w.bucket.get(key), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// message is what a device sends, and the rows that it should become, as far as they do not follow from the record.
type message struct {
	payload string
	rows    []archived
}

func ptr[T any](v T) *T { return &v }

func at(t time.Time) *string { return ptr(t.UTC().Format("2006-01-02 15:04:05.999")) }

// messageOf returns the i-th message of the test, which thing sends.
func messageOf(thing string, i int) message {
	measured := start.Add(time.Duration(i)*234*time.Millisecond - time.Hour)
	value := float64(i)/8 - 100
	switch i % 8 {
	case 0, 1:
		return message{fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":%v,"battery":{"volts":3.5}}}`,
			measured.UnixMilli(), value), []archived{{Kind: ptr("telemetry"), Time: at(measured),
			Measures: map[string]*float64{"temperature": &value, "battery.volts": ptr(3.5)}}}}
	case 2:
		text := fmt.Sprintf("é😀 \"%d\"\n", i)
		return message{fmt.Sprintf(`{"mode":%q,"on":%v,"n":%v}`, text, i%16 == 2, value),
			[]archived{{Kind: ptr("telemetry"), Measures: map[string]*float64{"n": &value},
				Texts: map[string]*string{"mode": &text}, Flags: map[string]*bool{"on": ptr(i%16 == 2)}}}}
	case 3:
		return message{fmt.Sprintf(`{"readings":[{"ts":%d,"t":%v},{"ts":%d,"t":-1}]}`, measured.UnixMilli(), value,
			measured.UnixMilli()+7), []archived{
			{Kind: ptr("telemetry"), Time: at(measured), Measures: map[string]*float64{"t": &value}},
			{Kind: ptr("telemetry"), Time: at(measured.Add(7 * time.Millisecond)),
				Measures: map[string]*float64{"t": ptr(-1.0)}}}}
	case 4:
		return message{lambdatest.Status(thing, `{"status":"offline"}`, measured),
			[]archived{{Kind: ptr("status"), Payload: ptr(`{"status":"offline"}`)}}}
	case 5:
		return message{fmt.Sprintf("poison %d", i), []archived{{Kind: ptr("other")}}}
	case 6:
		bytes := fmt.Sprintf("\xff\x00%d", i)
		return message{bytes, []archived{{Kind: ptr("other"), PayloadEncoding: ptr("base64"),
			Payload: ptr(base64.StdEncoding.EncodeToString([]byte(bytes)))}}}
	}
	return message{`{}`, []archived{{Kind: ptr("telemetry")}}}
}

// TestDuckDBReadsTheArchive: 10,000 messages, through the real archiver and as Parquet and JSON objects, are in DuckDB
// the rows that follow from what was sent.
func TestDuckDBReadsTheArchive(t *testing.T) {
	w := newWorld()
	w.archiver(t)
	var want []archived
	for i := range 10_000 {
		shard, thing := string("abc"[i%3]), fmt.Sprintf("soil-%03d", i%50)
		m := messageOf(thing, i)
		sequence, arrived := w.source.publish(shard, thing, m.payload)
		for k, r := range m.rows {
			r.Thing, r.SequenceNumber, r.ArrivedAt = &thing, &sequence, at(arrived)
			if r.Time == nil {
				r.Time = r.ArrivedAt
			}
			if k == 0 && r.Payload == nil {
				r.Payload = &m.payload
			}
			if k == 0 && r.PayloadEncoding == nil {
				r.PayloadEncoding = ptr("text")
			}
			want = append(want, r)
		}
	}
	order := func(rows []archived) []archived {
		slices.SortFunc(rows, func(a, b archived) int {
			return strings.Compare(*a.SequenceNumber+*a.Time, *b.SequenceNumber+*b.Time)
		})
		return rows
	}
	order(want)

	parquetStream := parquetConfig()
	parquetStream.BufferBytes = 100_000 // several objects
	drain(t, w.run(t, parquetStream, ""))
	drain(t, w.run(t, jsonConfig(), ""))
	if failed := w.failed(); failed != "" {
		t.Fatal(failed)
	}
	columns := "{"
	for _, c := range parquetStream.Table.Columns {
		columns += fmt.Sprintf("%s: '%s', ", c.Name, strings.NewReplacer("string", "VARCHAR", "map<", "MAP(", ">", ")").
			Replace(c.Type))
	}
	columns += "}"
	for name, read := range map[string]string{
		"gh/raw/day=": "read_parquet('%s/**/*.parquet', hive_partitioning = true)",
		"gh/raw/json/": "read_json('%s/**/*.gz', format = 'newline_delimited', hive_partitioning = true, columns = " +
			columns + ")",
	} {
		dir := w.save(t, strings.TrimSuffix(name, "day="))
		got := order(duckdb.Query[archived](t, nil, "SELECT * FROM "+fmt.Sprintf(read, dir)))
		days := map[string]int{}
		for i := range got {
			days[*got[i].Day]++
			got[i].Day = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.4000s", name, diff)
		}
		if strings.HasSuffix(name, "day=") && len(days) != 2 {
			t.Errorf("%s: rows by day %v", name, days)
		}
	}
}
