package grafana

import (
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The template variables. Queries name them with a format, which quotes them: sqlstring for SQL text, singlequote for
// InfluxQL text, doublequote for names and for Flux text.
const (
	deviceVariable  = "device"
	measureVariable = "measure"

	sqlDevice      = "${" + deviceVariable + ":sqlstring}"
	sqlMeasure     = "${" + measureVariable + ":sqlstring}"
	influxDevice   = "${" + deviceVariable + ":singlequote}"
	fluxDevice     = "${" + deviceVariable + ":doublequote}"
	quotedMeasure  = "${" + measureVariable + ":doublequote}"
	latestReadings = 20 // in a table of readings
)

// The series of a trend.
const (
	average = "average"
	minimum = "minimum"
	maximum = "maximum"
)

// target is a query of a panel.
type target = cog.Builder[variants.Dataquery]

// store is a data source with the readings of the devices. Its queries hold template variables and its plugin's macros.
type store interface {
	title() string
	source() common.DataSourceRef
	// devices and measures list the values of the variables; the second result of measures is false if the store cannot
	// list them.
	devices() dashboard.StringOrMap
	measures() (dashboard.StringOrMap, bool)
	// fleet is the average, minimum and maximum of a measure of all devices over time; device is the average of one.
	fleet() []target
	device() []target
	// tables are what is known of one device, newest first.
	tables() []listing
}

// listing is a table of a device's readings or messages.
type listing struct {
	title, description string
	target             target
}

// stores returns the stores that Grafana has, those with the fastest answers first.
func (s Setup) stores() []store {
	var all []store
	d := s.Datasources
	if d.InfluxDB != nil {
		all = append(all, newInfluxDB(s.Pipeline, reference("influxdb", *d.InfluxDB)))
	}
	if d.Timestream != nil {
		names := timestreamTable.FindStringSubmatch(s.Pipeline.TimestreamTableARN)
		all = append(all, timestream{
			ref:      reference("grafana-timestream-datasource", *d.Timestream),
			database: names[1], table: names[2], wide: s.Pipeline.wide(),
		})
	}
	if d.Athena != nil {
		all = append(all, newArchive(s.Pipeline, reference("grafana-athena-datasource", *d.Athena)))
	}
	return all
}

// reference is a data source of a plugin.
func reference(plugin, uid string) common.DataSourceRef {
	return common.DataSourceRef{Type: &plugin, Uid: &uid}
}

// untyped is a query of a plugin that the foundation SDK has no type for.
func untyped(refID string, ref common.DataSourceRef, members map[string]any) target {
	query := variants.UnknownDataquery{"refId": refID, "datasource": ref}
	for name, value := range members {
		query[name] = value
	}
	return variants.NewUnknownDataqueryBuilderFromObject(query)
}

// text and object are the query of a variable, in the form that its plugin reads.
func text(query string) dashboard.StringOrMap { return dashboard.StringOrMap{String: &query} }

func object(members map[string]any) dashboard.StringOrMap { return dashboard.StringOrMap{Map: members} }

// sqlName quotes a name in SQL.
func sqlName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// influxName quotes a name in InfluxQL, and text in Flux.
func influxName(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// limited ends a query of readings.
func limited() string { return "ORDER BY time DESC\nLIMIT " + strconv.Itoa(latestReadings) }
