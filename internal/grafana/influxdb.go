package grafana

import (
	"cmp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// newInfluxDB returns the store for the version of InfluxDB: each is asked in another language, which must be that of
// the data source.
func newInfluxDB(p Pipeline, ref common.DataSourceRef) store {
	measurement := cmp.Or(p.InfluxDB.Measurement, pipeline.DefaultInfluxDBMeasurement)
	bucket := cmp.Or(p.InfluxDB.Bucket, p.Name)
	switch p.InfluxDB.Version {
	case 1:
		// A bucket may be a database and a retention policy; the data source knows the database only.
		name := influxName(measurement)
		if _, policy, found := strings.Cut(bucket, "/"); found {
			name = influxName(policy) + "." + name
		}
		return influxQL{ref, name}
	case 3:
		return influxSQL{ref, measurement}
	}
	return flux{ref, influxName(bucket), influxName(measurement)}
}

// influxTable is the format of rows, in both languages.
const influxTable = "table"

// influxQL asks InfluxDB 1.
type influxQL struct {
	ref         common.DataSourceRef
	measurement string
}

func (i influxQL) title() string                { return "InfluxDB" }
func (i influxQL) source() common.DataSourceRef { return i.ref }

func (i influxQL) devices() dashboard.StringOrMap {
	return influxVariable("SHOW TAG VALUES FROM " + i.measurement + ` WITH KEY = "thing"`)
}

func (i influxQL) measures() (dashboard.StringOrMap, bool) {
	return influxVariable("SHOW FIELD KEYS FROM " + i.measurement), true
}

func (i influxQL) fleet() []target {
	return []target{i.query("time_series", "SELECT mean("+quotedMeasure+") AS "+average+", min("+quotedMeasure+") AS "+
		minimum+", max("+quotedMeasure+") AS "+maximum+" FROM "+i.measurement+
		" WHERE $timeFilter GROUP BY time($__interval) fill(null)")}
}

func (i influxQL) device() []target {
	return []target{i.query("time_series", "SELECT mean("+quotedMeasure+") AS "+average+" FROM "+i.measurement+
		" WHERE $timeFilter AND thing = "+influxDevice+" GROUP BY time($__interval) fill(null)")}
}

func (i influxQL) tables() []listing {
	return []listing{{"Latest readings", "The newest readings in the time range.",
		i.query(influxTable, "SELECT * FROM "+i.measurement+" WHERE $timeFilter AND thing = "+influxDevice+" "+
			strings.ReplaceAll(limited(), "\n", " "))}}
}

func (i influxQL) query(format, query string) target {
	return untyped("A", i.ref, map[string]any{"rawQuery": true, "query": query, "resultFormat": format,
		"alias": "$col"})
}

// influxSQL asks InfluxDB 3.
type influxSQL struct {
	ref         common.DataSourceRef
	measurement string
}

func (i influxSQL) title() string                { return "InfluxDB" }
func (i influxSQL) source() common.DataSourceRef { return i.ref }

func (i influxSQL) from() string { return "FROM " + sqlName(i.measurement) + "\n" }
func (i influxSQL) where() string {
	return "WHERE time >= $__timeFrom AND time <= $__timeTo\n"
}
func (i influxSQL) ofDevice() string { return "  AND thing = " + sqlDevice + "\n" }

func (i influxSQL) devices() dashboard.StringOrMap {
	return influxVariable("SELECT DISTINCT thing\n" + i.from() + i.where() + "ORDER BY thing")
}

func (i influxSQL) measures() (dashboard.StringOrMap, bool) {
	table := strings.ReplaceAll(i.measurement, "'", "''")
	return influxVariable("SELECT column_name\nFROM information_schema.columns\nWHERE table_name = '" + table +
		"' AND column_name NOT IN ('time', 'thing')\nORDER BY column_name"), true
}

func (i influxSQL) fleet() []target {
	return []target{i.query("time_series", "SELECT $__dateBin(time) AS time, avg("+quotedMeasure+") AS "+average+
		", min("+quotedMeasure+") AS "+minimum+", max("+quotedMeasure+") AS "+maximum+"\n"+
		i.from()+i.where()+"GROUP BY 1\nORDER BY 1")}
}

func (i influxSQL) device() []target {
	return []target{i.query("time_series", "SELECT $__dateBin(time) AS time, avg("+quotedMeasure+") AS "+average+"\n"+
		i.from()+i.where()+i.ofDevice()+"GROUP BY 1\nORDER BY 1")}
}

func (i influxSQL) tables() []listing {
	return []listing{{"Latest readings", "The newest readings in the time range.",
		i.query(influxTable, "SELECT *\n"+i.from()+i.where()+i.ofDevice()+limited())}}
}

func (i influxSQL) query(format, sql string) target {
	return untyped("A", i.ref, map[string]any{"rawQuery": true, "rawSql": sql, "format": format, "editorMode": "code"})
}

// flux asks InfluxDB 2. bucket and measurement are quoted.
type flux struct {
	ref                 common.DataSourceRef
	bucket, measurement string
}

func (f flux) title() string                { return "InfluxDB" }
func (f flux) source() common.DataSourceRef { return f.ref }

func (f flux) devices() dashboard.StringOrMap {
	return influxVariable("import \"influxdata/influxdb/schema\"\nschema.measurementTagValues(bucket: " + f.bucket +
		", measurement: " + f.measurement + `, tag: "thing")`)
}

func (f flux) measures() (dashboard.StringOrMap, bool) {
	return influxVariable("import \"influxdata/influxdb/schema\"\nschema.measurementFieldKeys(bucket: " + f.bucket +
		", measurement: " + f.measurement + ")"), true
}

// readings begins a query.
func (f flux) readings(conditions ...string) string {
	all := append([]string{"r._measurement == " + f.measurement}, conditions...)
	return "from(bucket: " + f.bucket + ")\n" +
		"  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)\n" +
		"  |> filter(fn: (r) => " + strings.Join(all, " and ") + ")\n"
}

// over summarises the measure in each interval.
func (f flux) over(refID, function, name string, conditions ...string) target {
	return f.query(refID, f.readings(append(conditions, "r._field == "+quotedMeasure)...)+
		"  |> group()\n"+
		"  |> aggregateWindow(every: v.windowPeriod, fn: "+function+", createEmpty: false)\n"+
		"  |> keep(columns: [\"_time\", \"_value\"])\n"+
		"  |> rename(columns: {_value: \""+name+"\"})")
}

func (f flux) fleet() []target {
	return []target{f.over("A", "mean", average), f.over("B", "min", minimum), f.over("C", "max", maximum)}
}

func (f flux) device() []target { return []target{f.over("A", "mean", average, f.ofDevice())} }

func (f flux) ofDevice() string { return "r.thing == " + fluxDevice }

func (f flux) tables() []listing {
	return []listing{{"Latest values", "The last value of each measure in the time range.",
		f.query("A", f.readings(f.ofDevice())+"  |> last()\n  |> toString()\n  |> group()\n"+
			"  |> keep(columns: [\"_time\", \"_field\", \"_value\"])")}}
}

func (f flux) query(refID, query string) target {
	return untyped(refID, f.ref, map[string]any{"query": query})
}

// influxVariable is the form that the plugin reads for every language.
func influxVariable(query string) dashboard.StringOrMap {
	return object(map[string]any{"refId": "InfluxVariableQueryEditor-VariableQuery", "query": query})
}
