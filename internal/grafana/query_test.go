package grafana

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/influxql"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/duckdb"
)

// What the queries are asked in the tests: ten minutes, in intervals of one minute.
const (
	from = "2026-01-01 00:00:00"
	to   = "2026-01-01 00:10:00"
)

// variables is what Grafana puts instead of variables, by their format: 'x', \'x\' and "x".
var variables = []string{
	"${device:sqlstring}", "'soil-''001'", "${device:singlequote}", `'soil-\'001'`, "${device:doublequote}", `"soil-'001"`,
	"${measure:sqlstring}", "'air.temp'", "${measure:doublequote}", `"air.temp"`,
}

// expand does what Grafana and the plugin do with a query. A dollar sign that is left is something that neither knows.
func expand(t *testing.T, query string, macros ...string) string {
	t.Helper()
	query = strings.NewReplacer(append(variables, macros...)...).Replace(query)
	if strings.Contains(query, "$") {
		t.Fatalf("not all of this is replaced:\n%s", query)
	}
	return query
}

// athenaMacros are those of grafana/athena-datasource, pkg/athena/macros.go.
var athenaMacros = []string{
	"$__timeFilter(time)", "time BETWEEN TIMESTAMP '" + from + "' AND TIMESTAMP '" + to + "'",
	"$__timeFilter(arrived_at)", "arrived_at BETWEEN TIMESTAMP '" + from + "' AND TIMESTAMP '" + to + "'",
	"$__timeGroup(time, '$__interval')", "FROM_UNIXTIME(FLOOR(TO_UNIXTIME(time)/60)*60)",
	"$__rawTimeFrom('yyyy-MM-dd')", "'2026-01-01'",
	// The one thing that DuckDB does not know of Athena's SQL: UNNEST of a map into two columns.
	"CROSS JOIN UNNEST(measures) AS m (measure, value)",
	"CROSS JOIN (SELECT UNNEST(map_keys(measures)) AS measure, UNNEST(map_values(measures)) AS value) AS m",
}

// archived is the table of the archive in DuckDB, with the functions of Athena that it lacks.
func archived(t *testing.T) []string {
	t.Helper()
	var columns []string
	for _, c := range contract.ArchiveColumns() {
		kind, isMap := strings.CutPrefix(c.Type, "map<")
		if isMap {
			kind = "map(" + strings.TrimSuffix(kind, ">") + ")"
		}
		columns = append(columns, c.Name+" "+kind)
	}
	row := func(thing, time, kind, measures, payload, day string) string {
		return fmt.Sprintf("INSERT INTO greenhouse.telemetry VALUES ('%s', TIMESTAMP '%s', TIMESTAMP '%s', '%s', %s, NULL, "+
			"NULL, %s, 'text', '1', '%s')", thing, time, time, kind, measures, payload, day)
	}
	return []string{
		"CREATE MACRO from_unixtime(x) AS make_timestamp(CAST(x * 1000000 AS BIGINT))",
		"CREATE MACRO to_unixtime(x) AS epoch(x)",
		"CREATE MACRO element_at(m, k) AS m[k]",
		"CREATE SCHEMA greenhouse",
		"CREATE TABLE greenhouse.telemetry (" + strings.Join(append(columns, contract.ArchivePartition+" string"), ", ") + ")",
		row("soil-''001", "2026-01-01 00:01:10", "telemetry", "MAP {'air.temp': 20.0, 'humidity': 40.0}", "'a'", "2026-01-01"),
		row("soil-''001", "2026-01-01 00:01:50", "telemetry", "MAP {'air.temp': 22.0}", "NULL", "2026-01-01"),
		row("soil-''001", "2026-01-01 00:03:00", "telemetry", "MAP {'humidity': 41.0}", "'c'", "2026-01-01"),
		// A backlog that arrived two days later, another device, a status, and what is out of the time range.
		row("soil-''001", "2026-01-01 00:05:00", "telemetry", "MAP {'air.temp': 30.0}", "'d'", "2026-01-03"),
		row("soil-2", "2026-01-01 00:01:00", "telemetry", "MAP {'air.temp': 10.0}", "'e'", "2026-01-01"),
		row("soil-''001", "2026-01-01 00:06:00", "status", "NULL", "'online'", "2026-01-01"),
		row("soil-3", "2026-01-01 00:11:00", "telemetry", "MAP {'dust': 1.0}", "'f'", "2026-01-01"),
		row("soil-4", "2025-12-31 23:59:00", "telemetry", "MAP {'dust': 1.0}", "'g'", "2025-12-31"),
	}
}

// rowsOfSQL runs a query in DuckDB and returns each row as "column=value …", in the order of the columns' names.
func rowsOfSQL(t *testing.T, setup []string, query string) []string {
	t.Helper()
	var all []string
	for _, row := range duckdb.Query[map[string]any](t, setup, query) {
		text := fmt.Sprint(row)
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(text, "map["), "]"))
	}
	return all
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

// The queries of the archive give what the rows say.
func TestArchiveQueries(t *testing.T) {
	a := newArchive(greenhouse().Pipeline, reference("grafana-athena-datasource", "x"))
	setup := archived(t)
	run := func(q string) []string { return rowsOfSQL(t, setup, expand(t, q, athenaMacros...)) }
	listed := func(v map[string]any) string {
		sql, isText := v["rawSQL"].(string)
		if !isText {
			t.Fatalf("variable %v", v)
		}
		return sql
	}
	same(t, "devices", run(listed(a.devices().Map)), "thing:soil-'001", "thing:soil-2")
	measures, can := a.measures()
	if !can {
		t.Error("the archive lists its measures")
	}
	same(t, "measures", run(listed(measures.Map)), "measure:air.temp", "measure:humidity")
	same(t, "fleet", run(build(t, a.fleet()[0]).RawSQL),
		"average:17.333333333333332 maximum:22 minimum:10 time:2026-01-01 00:01:00",
		"average:30 maximum:30 minimum:30 time:2026-01-01 00:05:00")
	same(t, "device", run(build(t, a.device()[0]).RawSQL),
		"average:21 time:2026-01-01 00:01:00", "average:30 time:2026-01-01 00:05:00")
	tables := a.tables()
	same(t, tables[0].title, run(build(t, tables[0].target).RawSQL),
		"measure:air.temp time:2026-01-01 00:05:00 value:30", "measure:humidity time:2026-01-01 00:03:00 value:41")
	same(t, tables[1].title, run(build(t, tables[1].target).RawSQL),
		"arrived_at:2026-01-01 00:06:00 kind:status payload:online payload_encoding:text",
		"arrived_at:2026-01-01 00:05:00 kind:telemetry payload:d payload_encoding:text",
		"arrived_at:2026-01-01 00:03:00 kind:telemetry payload:c payload_encoding:text",
		"arrived_at:2026-01-01 00:01:10 kind:telemetry payload:a payload_encoding:text")
}

// timestreamMacros are those of grafana/timestream-datasource, pkg/timestream/macros.go.
var timestreamMacros = []string{
	"$__timeFilter", "time BETWEEN from_milliseconds(1767225600000) AND from_milliseconds(1767226200000)",
	// Timestream writes durations as 60000ms, which DuckDB does not read.
	"$__interval_ms", "INTERVAL 60 SECONDS",
}

// functionsOfTimestream are those that DuckDB lacks.
var functionsOfTimestream = []string{
	"CREATE MACRO from_milliseconds(x) AS make_timestamp(x * 1000)",
	"CREATE MACRO bin(t, i) AS time_bucket(i, t)",
	"CREATE MACRO create_time_series(t, v) AS list(strftime(t, '%H:%M') || '=' || v ORDER BY t)",
	"CREATE SCHEMA greenhouse",
}

// The queries of Timestream give the same rows with both layouts.
func TestTimestreamQueries(t *testing.T) {
	layouts := map[string][]string{
		"timestream-multi": append([]string{
			`CREATE TABLE greenhouse.telemetry (device_id TEXT, measure_name TEXT, time TIMESTAMP, "air.temp" DOUBLE, humidity DOUBLE)`,
			`INSERT INTO greenhouse.telemetry VALUES ('soil-''001', 'telemetry', '2026-01-01 00:01:10', 20, 40),
				('soil-''001', 'telemetry', '2026-01-01 00:01:50', 22, NULL), ('soil-2', 'telemetry', '2026-01-01 00:01:00', 10, NULL),
				('soil-''001', 'telemetry', '2026-01-01 00:05:00', NULL, 41), ('soil-3', 'telemetry', '2026-01-01 00:11:00', 1, 1)`},
			functionsOfTimestream...),
		"timestream-single": append([]string{
			`CREATE TABLE greenhouse.telemetry (device_id TEXT, measure_name TEXT, time TIMESTAMP, measure_value DOUBLE)`,
			`INSERT INTO greenhouse.telemetry VALUES ('soil-''001', 'air.temp', '2026-01-01 00:01:10', 20),
				('soil-''001', 'humidity', '2026-01-01 00:01:10', 40), ('soil-''001', 'air.temp', '2026-01-01 00:01:50', 22),
				('soil-2', 'air.temp', '2026-01-01 00:01:00', 10), ('soil-''001', 'humidity', '2026-01-01 00:05:00', 41),
				('soil-''001', 'mode', '2026-01-01 00:05:00', NULL), ('soil-3', 'dust', '2026-01-01 00:11:00', 1)`},
			functionsOfTimestream...),
	}
	for name, setup := range layouts {
		// The schema comes before the table in it.
		setup = append(setup[len(setup)-1:], setup[:len(setup)-1]...)
		st := setups()[name].stores()[0]
		run := func(q any) []string {
			text, isText := q.(string)
			if !isText {
				t.Fatalf("%s: query %v", name, q)
			}
			return rowsOfSQL(t, setup, expand(t, text, timestreamMacros...))
		}
		same(t, name+" devices", run(*st.devices().String), "device_id:soil-'001", "device_id:soil-2")
		if query, can := st.measures(); can != (name == "timestream-single") {
			t.Errorf("%s lists its measures: %v", name, can)
		} else if can {
			same(t, name+" measures", run(*query.String), "measure_name:air.temp", "measure_name:humidity")
		}
		same(t, name+" fleet", run(build(t, st.fleet()[0]).RawQuery),
			"average:[00:01=17.333333333333332] maximum:[00:01=22.0] minimum:[00:01=10.0]")
		same(t, name+" device", run(build(t, st.device()[0]).RawQuery), "average:[00:01=21.0]")
		newest := run(build(t, st.tables()[0].target).RawQuery)
		if len(newest) == 0 || !strings.Contains(newest[0], "00:05:00") || strings.Contains(strings.Join(newest, ""), "soil-2") {
			t.Errorf("%s newest readings %q", name, newest)
		}
	}
}

// fsqlMacros are those of Grafana's pkg/tsdb/influxdb/fsql/macro.go.
var fsqlMacros = []string{
	"$__timeFrom", "cast('2026-01-01T00:00:00Z' as timestamp)", "$__timeTo", "cast('2026-01-01T00:10:00Z' as timestamp)",
	"$__dateBin(time)", "date_bin(interval '60 second', time, timestamp '1970-01-01T00:00:00Z')",
}

func TestInfluxDB3Queries(t *testing.T) {
	st := setups()["influxdb-3"].stores()[0]
	setup := []string{
		"CREATE MACRO date_bin(i, t, o) AS time_bucket(i, t, o)",
		`CREATE TABLE telemetry (thing TEXT, time TIMESTAMP, "air.temp" DOUBLE, mode TEXT)`,
		`INSERT INTO telemetry VALUES ('soil-''001', '2026-01-01 00:01:10', 20, 'eco'), ('soil-''001', '2026-01-01 00:01:50', 22, NULL),
			('soil-2', '2026-01-01 00:01:00', 10, NULL), ('soil-3', '2026-01-01 00:11:00', 1, NULL)`,
	}
	run := func(q any) []string {
		text, isText := q.(string)
		if !isText {
			t.Fatalf("query %v", q)
		}
		return rowsOfSQL(t, setup, expand(t, text, fsqlMacros...))
	}
	sql := func(q target) any { return build(t, q).RawSQL }
	same(t, "devices", run(st.devices().Map["query"]), "thing:soil-'001", "thing:soil-2")
	measures, _ := st.measures()
	same(t, "measures", run(measures.Map["query"]), "column_name:air.temp", "column_name:mode")
	same(t, "fleet", run(sql(st.fleet()[0])), "average:17.333333333333332 maximum:22 minimum:10 time:2026-01-01 00:01:00")
	same(t, "device", run(sql(st.device()[0])), "average:21 time:2026-01-01 00:01:00")
	same(t, "readings", run(sql(st.tables()[0].target)),
		"air.temp:22 mode:<nil> thing:soil-'001 time:2026-01-01 00:01:50",
		"air.temp:20 mode:eco thing:soil-'001 time:2026-01-01 00:01:10")
}

// InfluxData's own parser reads the queries for version 1, and reads in them what they are meant to ask. It writes
// durations with the largest unit that fits.
func TestInfluxQLParses(t *testing.T) {
	st := setups()["influxdb-1"].stores()[0]
	macros := []string{"$timeFilter", "time >= 1767225600000ms and time <= 1767226200000ms", "$__interval", "1m", "$col", "c"}
	measures, _ := st.measures()
	for query, want := range map[string]string{
		fmt.Sprint(st.devices().Map["query"]): `SHOW TAG VALUES FROM week.telemetry WITH KEY = thing`,
		fmt.Sprint(measures.Map["query"]):     `SHOW FIELD KEYS FROM week.telemetry`,
		build(t, st.fleet()[0]).Query: `SELECT mean("air.temp") AS average, min("air.temp") AS minimum, max("air.temp") AS maximum ` +
			`FROM week.telemetry WHERE time >= 2922w AND time <= 29453770m GROUP BY time(1m)`,
		build(t, st.device()[0]).Query: `SELECT mean("air.temp") AS average FROM week.telemetry ` +
			`WHERE time >= 2922w AND time <= 29453770m AND thing = 'soil-\'001' GROUP BY time(1m)`,
		build(t, st.tables()[0].target).Query: `SELECT * FROM week.telemetry WHERE time >= 2922w ` +
			`AND time <= 29453770m AND thing = 'soil-\'001' ORDER BY time DESC LIMIT 20`,
	} {
		statement, err := influxql.ParseStatement(expand(t, query, macros...))
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if diff := cmp.Diff(want, statement.String()); diff != "" {
			t.Errorf("%s", diff)
		}
	}
}

// Flux has no parser in Go. The test checks that brackets and quotes close and that every line is a pipe.
func TestFlux(t *testing.T) {
	st := setups()["influxdb-2"].stores()[0]
	pipe := regexp.MustCompile(`^(import "influxdata/influxdb/schema"|schema\.\w+\(.*\)|from\(bucket: "greenhouse"\)|  \|> \w+\(.*\))$`)
	all := append(append(st.fleet(), st.device()...), st.tables()[0].target)
	texts := []string{fmt.Sprint(st.devices().Map["query"])}
	measures, _ := st.measures()
	texts = append(texts, fmt.Sprint(measures.Map["query"]))
	for _, q := range all {
		texts = append(texts, build(t, q).Query)
	}
	for _, text := range texts {
		for line := range strings.SplitSeq(expand(t, text), "\n") {
			quotes := strings.Count(line, `"`)
			if !pipe.MatchString(line) || quotes%2 != 0 || strings.Count(line, "(") != strings.Count(line, ")") ||
				strings.Count(line, "[") != strings.Count(line, "]") {
				t.Errorf("line %s", line)
			}
		}
	}
}

// Names are quoted for the language that they are in.
func TestQuotes(t *testing.T) {
	if got := sqlName(`a"b`); got != `"a""b"` {
		t.Error(got)
	}
	if got := influxName("a\"b\\c\nd"); got != `"a\"b\\c\nd"` {
		t.Error(got)
	}
	s := setups()["influxdb-1"]
	s.Pipeline.InfluxDB.Measurement = `my "data"`
	q := build(t, s.stores()[0].tables()[0].target).Query
	statement, err := influxql.ParseStatement(expand(t, q, "$timeFilter", "time > 0"))
	if err != nil || !strings.Contains(statement.String(), `FROM week."my \"data\""`) {
		t.Errorf("%v, %v", statement, err)
	}
}
