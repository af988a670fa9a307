package stores

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/duckdb"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/victoriametrics"
)

// athenaDialect is all that differs between Athena's SQL and DuckDB's in the named queries. What Athena calls $path and
// $file_size are columns of the view that setup makes.
var athenaDialect = strings.NewReplacer(
	// DuckDB's element_at returns a list.
	`element_at(measures, 'temperature')`, `map_extract(measures, 'temperature')[1]`,
	// DuckDB unnests lists only.
	`UNNEST(measures) AS m (measure, value)`,
	`LATERAL (SELECT unnest(map_keys(measures)) AS measure, unnest(map_values(measures)) AS value) AS m`,
	// The device is to be changed by whoever runs the query.
	`name-of-the-device`, `soil-007`,
)

// utc makes DuckDB's times those of Athena.
const utc = "SET TimeZone = 'UTC'"

// parquetTable makes a table of the archive's objects.
func parquetTable(dir string) []string {
	files := filepath.Join(dir, "raw/**/*.parquet")
	return []string{utc, `CREATE VIEW telemetry AS
		SELECT rows.* EXCLUDE (filename), filename AS "$path", size AS "$file_size"
		FROM read_parquet('` + files + `', hive_partitioning = true, hive_types_autocast = false,
			filename = true) AS rows
		JOIN (SELECT filename, size FROM read_blob('` + files + `')) AS objects USING (filename)`}
}

// clock writes a time as DuckDB's program does.
func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.999") }

type hourly struct {
	Thing    string  `json:"thing"`
	Hour     string  `json:"hour"`
	Average  float64 `json:"average"`
	Minimum  float64 `json:"minimum"`
	Maximum  float64 `json:"maximum"`
	Readings int     `json:"readings"`
}

// hours are the hourly statistics of the temperature within 24 hours. The sums are exact: values are multiples of 1/8.
func (f *fleet) hours() []hourly {
	byHour := map[[2]string]*hourly{}
	for _, s := range f.samples {
		if !s.at.After(lambdatest.Start.Add(-24*time.Hour + time.Second)) {
			continue
		}
		key := [2]string{s.thing, clock(s.at.UTC().Truncate(time.Hour))}
		h := byHour[key]
		if h == nil {
			h = &hourly{key[0], key[1], 0, s.temperature, s.temperature, 0}
			byHour[key] = h
		}
		h.Average, h.Readings = h.Average+s.temperature, h.Readings+1
		h.Minimum, h.Maximum = min(h.Minimum, s.temperature), max(h.Maximum, s.temperature)
	}
	var list []hourly
	for _, h := range byHour {
		h.Average /= float64(h.Readings)
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b hourly) int {
		return cmp.Or(cmp.Compare(a.Thing, b.Thing), cmp.Compare(a.Hour, b.Hour))
	})
	return list
}

// last are the latest samples by thing.
func (f *fleet) last() map[string]sample {
	last := map[string]sample{}
	for _, s := range f.samples {
		if s.at.After(last[s.thing].at) {
			last[s.thing] = s
		}
	}
	return last
}

type silent struct {
	Thing    string `json:"thing"`
	LastTime string `json:"last_time"`
}

// silent are the devices that have sent no telemetry for 10 minutes.
func (f *fleet) silent() []silent {
	var list []silent
	for _, s := range f.last() {
		if s.at.Before(lambdatest.Start.Add(-10 * time.Minute)) {
			list = append(list, silent{s.thing, clock(s.at)})
		}
	}
	slices.SortFunc(list, func(a, b silent) int {
		return cmp.Or(cmp.Compare(a.LastTime, b.LastTime), cmp.Compare(a.Thing, b.Thing))
	})
	return list
}

// check runs a query and compares its rows.
func check[Row any](t *testing.T, what string, setup []string, query string, want []Row) {
	t.Helper()
	got := duckdb.Query[Row](t, setup, query)
	if d := diff.Diff(want, got); d != "" || len(want) == 0 {
		t.Errorf("%s: %d rows, want %d (-want +got):\n%.3000s", what, len(got), len(want), d)
	}
}

// named returns the named queries by key, for DuckDB.
func named() map[string]string {
	queries := map[string]string{}
	for _, q := range pipeline.ArchiveQueries("telemetry", "temperature") {
		queries[q.Key] = athenaDialect.Replace(q.SQL)
	}
	return queries
}

type lastValue struct {
	Thing   string  `json:"thing"`
	Measure string  `json:"measure"`
	Value   float64 `json:"value"`
	Time    string  `json:"time"`
}

type daily struct {
	Day      string `json:"day"`
	Thing    string `json:"thing"`
	Messages int    `json:"messages"`
	Readings int    `json:"readings"`
}

type raw struct {
	ArrivedAt       string `json:"arrived_at"`
	Kind            string `json:"kind"`
	Payload         string `json:"payload"`
	PayloadEncoding string `json:"payload_encoding"`
	Sequence        string `json:"sequence_number"`
}

type storage struct {
	Day      string `json:"day"`
	Objects  int    `json:"objects"`
	Bytes    int64  `json:"bytes"`
	Readings int    `json:"readings"`
}

// TestNamedQueries runs every named query over 10,000 messages and compares its rows with what was sent.
func TestNamedQueries(t *testing.T) {
	f := newFleet()
	dir := f.archive(t)
	setup, queries := parquetTable(dir), named()
	day := lambdatest.Start.Add(arrival()).UTC().Format(time.DateOnly)
	things := slices.Sorted(maps.Keys(f.sent))

	check(t, "hourly_statistics", setup, queries["hourly_statistics"], f.hours())
	check(t, "silent_devices", setup, queries["silent_devices"], f.silent())
	var values []lastValue
	var days []daily
	rows := 0
	for _, thing := range things {
		s := f.last()[thing]
		values = append(values, lastValue{thing, "humidity", s.humidity, clock(s.at)},
			lastValue{thing, "temperature", s.temperature, clock(s.at)})
		days = append(days, daily{day, thing, f.sent[thing], f.rows[thing]})
		rows += f.rows[thing]
	}
	check(t, "last_values", setup, queries["last_values"], values)
	check(t, "messages_per_day", setup, queries["messages_per_day"], days)
	check(t, "raw_messages", setup, queries["raw_messages"], f.rawMessages("soil-007"))

	stored := storage{Day: day, Readings: rows}
	objects, err := filepath.Glob(filepath.Join(dir, "raw/*/*.parquet"))
	if err != nil || len(objects) < 2 {
		t.Fatalf("%d objects: %v", len(objects), err)
	}
	for _, path := range objects {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		stored.Objects, stored.Bytes = stored.Objects+1, stored.Bytes+info.Size()
	}
	check(t, "storage_by_day", setup, queries["storage_by_day"], []storage{stored})
	if len(queries) != 6 {
		t.Errorf("there are %d named queries, and this test runs 6", len(queries))
	}
}

// rawMessages are the last 100 messages of a thing, latest first.
func (f *fleet) rawMessages(thing string) []raw {
	var list []raw
	for _, r := range slices.Backward(f.records) {
		if r.Thing != thing || len(list) == 100 {
			continue
		}
		m := raw{clock(lambdatest.Start.Add(r.After)), contract.ArchiveTelemetry, r.Payload, "text", r.Sequence}
		switch {
		case strings.HasPrefix(r.Payload, "poison"):
			m.Kind = contract.ArchiveOther
		case strings.Contains(r.Payload, "status_payload"):
			m.Kind, m.Payload = contract.ArchiveStatus, `{"status":"online"}`
		}
		list = append(list, m)
	}
	return list
}

// The two queries of AWS's example of Timestream, in its SQL.
const (
	timestreamHourly = `
SELECT device_id AS thing, bin(time, 1h) AS hour, avg(temperature) AS average, min(temperature) AS minimum,
       max(temperature) AS maximum, count(temperature) AS readings
FROM timestream
WHERE measure_name = 'telemetry' AND time > ago(24h)
GROUP BY device_id, bin(time, 1h)
ORDER BY 1, 2`
	timestreamOffline = `
SELECT device_id AS thing, max(time) AS last_time
FROM timestream
WHERE measure_name = 'telemetry'
GROUP BY device_id
HAVING max(time) < ago(10m)
ORDER BY 2, 1`
)

// timestreamDialect is all that differs between Timestream's SQL and DuckDB's in these two.
var timestreamDialect = strings.NewReplacer(
	"bin(time, 1h)", "time_bucket(interval '1' hour, time)",
	"ago(24h)", "cast(current_timestamp AS timestamp) - interval '24' hour",
	"ago(10m)", "cast(current_timestamp AS timestamp) - interval '10' minute",
)

// timestreamTable makes a table of Timestream's records, as it shows records of many measures.
func timestreamTable(t *testing.T, records map[string]lambdatest.Stored) []string {
	t.Helper()
	var rows []map[string]any
	for key, stored := range records {
		var device, measure string
		var ms int64
		if _, err := fmt.Sscanf(key, "device_id=%s %s %d", &device, &measure, &ms); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		row := map[string]any{"device_id": device, "measure_name": measure, "time": clock(time.UnixMilli(ms))}
		for name, value := range stored.Values {
			row[name] = json.Number(value)
		}
		rows = append(rows, row)
	}
	return []string{utc, "CREATE TABLE timestream AS SELECT * FROM read_json('" + lines(t, rows) + `',
		format = 'newline_delimited', columns = {device_id: 'VARCHAR', measure_name: 'VARCHAR', time: 'TIMESTAMP',
		temperature: 'DOUBLE', humidity: 'DOUBLE'})`}
}

// The same two queries over the values that InfluxDB exports: one row for each.
const (
	influxHourly = `
SELECT thing, date_trunc('hour', time) AS hour, avg(value) AS average, min(value) AS minimum, max(value) AS maximum,
       count(value) AS readings
FROM influxdb
WHERE field = 'telemetry_temperature' AND time > cast(current_timestamp AS timestamp) - interval '24' hour
GROUP BY 1, 2
ORDER BY 1, 2`
	influxOffline = `
SELECT thing, max(time) AS last_time
FROM influxdb
GROUP BY 1
HAVING max(time) < cast(current_timestamp AS timestamp) - interval '10' minute
ORDER BY 2, 1`
)

func influxTable(t *testing.T, samples map[string]float64) []string {
	t.Helper()
	var rows []map[string]any
	for key, value := range samples {
		field, rest, _ := strings.Cut(key, "{")
		thing, at, _ := strings.Cut(rest, "} ")
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		rows = append(rows, map[string]any{"thing": thing, "field": field, "time": clock(time.UnixMilli(ms)),
			"value": value})
	}
	return []string{utc, "CREATE TABLE influxdb AS SELECT * FROM read_json('" + lines(t, rows) + `',
		format = 'newline_delimited', columns = {thing: 'VARCHAR', field: 'VARCHAR', time: 'TIMESTAMP',
		value: 'DOUBLE'})`}
}

// TestReferenceScenario sends 10,000 messages through the processor and the archiver. The two queries of AWS's example
// have the same rows in Timestream, in the archive and in InfluxDB.
func TestReferenceScenario(t *testing.T) {
	f := newFleet()
	influx, aws := victoriametrics.Start(t), lambdatest.StartAWS(t)
	processor := lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), aws.Env(map[string]string{
		"IOT_INFLUXDB_URL": influx.URL, "IOT_INFLUXDB_VERSION": "2", "IOT_INFLUXDB_ORGANIZATION": "farm",
		"IOT_INFLUXDB_BUCKET": "greenhouse", "IOT_INFLUXDB_MEASUREMENT": "telemetry"}))
	for batch := range slices.Chunk(f.records, 1000) {
		if reply := processor.Invoke(lambdatest.Event(batch...), time.Minute); reply.Failed ||
			string(reply.Body) != `{"batchItemFailures":[]}` {
			t.Fatalf("answer %s", reply.Body)
		}
	}
	hours, offline := f.hours(), f.silent()
	if len(offline) != fleetDevices/5 || len(hours) < fleetDevices*24 {
		t.Fatalf("%d devices are offline, and %d hours have readings", len(offline), len(hours))
	}

	timestream := timestreamTable(t, aws.Records())
	check(t, "Timestream, hourly", timestream, timestreamDialect.Replace(timestreamHourly), hours)
	check(t, "Timestream, offline", timestream, timestreamDialect.Replace(timestreamOffline), offline)
	archive, queries := parquetTable(f.archive(t)), named()
	check(t, "archive, hourly", archive, queries["hourly_statistics"], hours)
	check(t, "archive, offline", archive, queries["silent_devices"], offline)
	exported := influxTable(t, influx.Samples())
	check(t, "InfluxDB, hourly", exported, influxHourly, hours)
	check(t, "InfluxDB, offline", exported, influxOffline, offline)
}
