package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// timestream is the table in Timestream LiveAnalytics. wide: one record per reading, with a column for each measure;
// otherwise one record per measure.
type timestream struct {
	ref             common.DataSourceRef
	database, table string
	wide            bool
}

func (t timestream) title() string                { return "Timestream" }
func (t timestream) source() common.DataSourceRef { return t.ref }

func (t timestream) name() string  { return sqlName(t.database) + "." + sqlName(t.table) }
func (t timestream) from() string  { return "FROM " + t.name() + "\n" }
func (t timestream) where() string { return "WHERE $__timeFilter\n" }

// value is the column with the measure, and present the condition that it is there.
func (t timestream) value() string {
	if t.wide {
		return quotedMeasure
	}
	return "measure_value::double"
}

func (t timestream) present() string {
	if t.wide {
		return "  AND " + quotedMeasure + " IS NOT NULL\n"
	}
	return "  AND measure_name = " + sqlMeasure + "\n"
}

func (t timestream) ofDevice() string { return "  AND device_id = " + sqlDevice + "\n" }

func (t timestream) devices() dashboard.StringOrMap {
	return text("SELECT DISTINCT device_id\n" + t.from() + t.where() + "ORDER BY device_id")
}

func (t timestream) measures() (dashboard.StringOrMap, bool) {
	return text("SELECT DISTINCT measure_name\n" + t.from() + t.where() +
		"  AND measure_value::double IS NOT NULL\nORDER BY measure_name"), !t.wide
}

// fleet returns time series, which the plugin would otherwise take for a table.
func (t timestream) fleet() []target {
	return []target{t.query("SELECT CREATE_TIME_SERIES(bucket, " + average + ") AS " + average + ",\n" +
		"  CREATE_TIME_SERIES(bucket, " + minimum + ") AS " + minimum + ",\n" +
		"  CREATE_TIME_SERIES(bucket, " + maximum + ") AS " + maximum + "\n" +
		"FROM (\n" +
		"SELECT BIN(time, $__interval_ms) AS bucket, avg(" + t.value() + ") AS " + average +
		", min(" + t.value() + ") AS " + minimum + ", max(" + t.value() + ") AS " + maximum + "\n" +
		t.from() + t.where() + t.present() + "GROUP BY BIN(time, $__interval_ms)\n)")}
}

func (t timestream) device() []target {
	return []target{t.query("SELECT CREATE_TIME_SERIES(bucket, " + average + ") AS " + average + "\nFROM (\n" +
		"SELECT BIN(time, $__interval_ms) AS bucket, avg(" + t.value() + ") AS " + average + "\n" +
		t.from() + t.where() + t.present() + t.ofDevice() + "GROUP BY BIN(time, $__interval_ms)\n)")}
}

func (t timestream) tables() []listing {
	return []listing{{"Latest readings", "The newest readings in the time range.",
		t.query("SELECT *\n" + t.from() + t.where() + t.ofDevice() + limited())}}
}

func (t timestream) query(sql string) target {
	return untyped("A", t.ref, map[string]any{"queryType": "raw", "rawQuery": sql,
		"database": sqlName(t.database), "table": sqlName(t.table)})
}
