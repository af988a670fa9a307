package grafana

import (
	"cmp"

	"github.com/grafana/grafana-foundation-sdk/go/athena"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// archive is the table of the batched archive, read with Athena. Its columns are contract.ArchiveColumns.
type archive struct {
	ref             common.DataSourceRef
	region          string
	database, table string
}

func newArchive(p Pipeline, ref common.DataSourceRef) archive {
	return archive{ref, p.Region, p.ArchiveDatabase, cmp.Or(p.ArchiveTable, "telemetry")}
}

func (a archive) title() string                { return "Athena" }
func (a archive) source() common.DataSourceRef { return a.ref }

// from begins the clauses of every query. The partition is the day of delivery, so it bounds the time of readings from
// below only: a device may send a backlog days later.
func (a archive) from() string {
	return "FROM " + sqlName(a.database) + "." + sqlName(a.table) + "\n"
}

func (a archive) where() string {
	return "WHERE " + contract.ArchivePartition + " >= $__rawTimeFrom('yyyy-MM-dd') AND $__timeFilter(time)" +
		" AND kind = '" + contract.ArchiveTelemetry + "'\n"
}

// ofDevice is like where, for one device.
func (a archive) ofDevice() string { return a.where() + "  AND thing = " + sqlDevice + "\n" }

func (a archive) devices() dashboard.StringOrMap {
	return a.variable("SELECT DISTINCT thing\n" + a.from() + a.where() + "ORDER BY thing")
}

func (a archive) measures() (dashboard.StringOrMap, bool) {
	return a.variable("SELECT DISTINCT measure\n" + a.from() +
		"CROSS JOIN UNNEST(map_keys(measures)) AS m (measure)\n" + a.where() + "ORDER BY measure"), true
}

func (a archive) fleet() []target {
	return []target{a.query(athena.FormatOptionsTimeSeries, "SELECT $__timeGroup(time, '$__interval') AS time,\n"+
		"  avg(element_at(measures, "+sqlMeasure+")) AS "+average+",\n"+
		"  min(element_at(measures, "+sqlMeasure+")) AS "+minimum+",\n"+
		"  max(element_at(measures, "+sqlMeasure+")) AS "+maximum+"\n"+
		a.from()+a.where()+a.present()+"GROUP BY 1\nORDER BY 1")}
}

func (a archive) device() []target {
	return []target{a.query(athena.FormatOptionsTimeSeries, "SELECT $__timeGroup(time, '$__interval') AS time, "+
		"avg(element_at(measures, "+sqlMeasure+")) AS "+average+"\n"+
		a.from()+a.ofDevice()+a.present()+"GROUP BY 1\nORDER BY 1")}
}

// present leaves out the readings that do not have the measure.
func (a archive) present() string {
	return "  AND element_at(measures, " + sqlMeasure + ") IS NOT NULL\n"
}

func (a archive) tables() []listing {
	return []listing{
		{"Latest values", "The last value of each measure in the time range.",
			a.query(athena.FormatOptionsTable, "SELECT measure, max_by(value, time) AS value, max(time) AS time\n"+
				a.from()+"CROSS JOIN UNNEST(measures) AS m (measure, value)\n"+a.ofDevice()+
				"GROUP BY measure\nORDER BY measure")},
		{"Latest messages", "The messages as the device sent them, those that could not be read included.",
			a.query(athena.FormatOptionsTable, "SELECT arrived_at, kind, payload, payload_encoding\n"+a.from()+
				"WHERE "+contract.ArchivePartition+" >= $__rawTimeFrom('yyyy-MM-dd') AND $__timeFilter(arrived_at)\n"+
				"  AND payload IS NOT NULL AND thing = "+sqlDevice+"\n"+
				"ORDER BY arrived_at DESC\nLIMIT 100")},
	}
}

func (a archive) connection() *athena.ConnectionArgsBuilder {
	return athena.NewConnectionArgsBuilder().Region(a.region).Database(a.database)
}

func (a archive) query(format athena.FormatOptions, sql string) target {
	return athena.NewDataqueryBuilder().RefId("A").Datasource(a.ref).Format(format).
		ConnectionArgs(a.connection()).RawSQL(sql)
}

// variable is a query in the same form, as the plugin wants it for variables as well.
func (a archive) variable(sql string) dashboard.StringOrMap {
	return object(map[string]any{
		"refId": "A", "rawSQL": sql, "format": athena.FormatOptionsTable,
		"connectionArgs": map[string]any{"region": a.region, "catalog": "__default", "database": a.database},
	})
}
