package pipeline

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// queryResults is where Athena keeps the results of queries.
	queryResults     = "athena-results/"
	queryResultDays  = 7
	bytesPerGigabyte = 1_000_000_000
	// exampleMeasure is in the queries of an archive without measures of its own.
	exampleMeasure = "temperature"
)

// ArchiveQuery is a query that the workgroup of an archive offers.
type ArchiveQuery struct {
	Key         string // of the part, after "archive/query/"
	Name        string // as Athena shows it
	Description string
	SQL         string // for Athena, and plain enough for other engines
}

// archiveQueries have placeholders for the table, the measure and days.
var archiveQueries = []ArchiveQuery{
	{"hourly_statistics", "Hourly average, minimum and maximum", "Of one measure per device over 24 hours. " +
		"Replace the measure to see another.", `
SELECT thing,
       date_trunc('hour', "time") AS hour,
       avg(element_at(measures, {measure})) AS average,
       min(element_at(measures, {measure})) AS minimum,
       max(element_at(measures, {measure})) AS maximum,
       count(element_at(measures, {measure})) AS readings
FROM {table}
WHERE day >= {yesterday}
  AND kind = {telemetry}
  AND "time" >= {now} - interval '24' hour
GROUP BY 1, 2
HAVING count(element_at(measures, {measure})) > 0
ORDER BY 1, 2`},
	{"silent_devices", "Devices without data for 10 minutes", "Of those that sent telemetry in the last 7 days. " +
		"The archive is as old as its buffer.", `
SELECT thing, max("time") AS last_time
FROM {table}
WHERE day >= {week}
  AND kind = {telemetry}
GROUP BY 1
HAVING max("time") < {now} - interval '10' minute
ORDER BY 2, 1`},
	{"last_values", "Last value per device and measure", "Of the last 7 days.", `
SELECT thing, measure, max_by(value, "time") AS value, max("time") AS "time"
FROM {table}
CROSS JOIN UNNEST(measures) AS m (measure, value)
WHERE day >= {week}
  AND kind = {telemetry}
GROUP BY 1, 2
ORDER BY 1, 2`},
	{"messages_per_day", "Messages per device and day", "And their readings, over 30 days.", `
SELECT day, thing, count(payload) AS messages, count(*) AS readings
FROM {table}
WHERE day >= {month}
GROUP BY 1, 2
ORDER BY 1, 2`},
	{"raw_messages", "Raw messages of one device", "Of today and yesterday, as the device sent them, latest " +
		"first. Change the device.", `
SELECT arrived_at, kind, payload, payload_encoding, sequence_number
FROM {table}
WHERE day >= {yesterday}
  AND thing = 'name-of-the-device'
  AND payload IS NOT NULL
ORDER BY arrived_at DESC
LIMIT 100`},
	{"storage_by_day", "Storage by day", "Objects, their bytes in S3 and the readings in them, over 30 days.", `
SELECT day, count(*) AS objects, sum(bytes) AS bytes, sum(readings) AS readings
FROM (
  SELECT day, "$path" AS object, max("$file_size") AS bytes, count(*) AS readings
  FROM {table}
  WHERE day >= {month}
  GROUP BY 1, 2
) AS objects
GROUP BY 1
ORDER BY 1`},
}

// ArchiveQueries returns the queries of an archive, for a table such as `"greenhouse"."telemetry"`. They read only the
// days that they are about. A message has one row for each of its readings, and its payload in the first of them.
func ArchiveQueries(table, measure string) []ArchiveQuery {
	fill := strings.NewReplacer("{table}", table, "{measure}", sqlText(measure),
		"{telemetry}", sqlText(contract.ArchiveTelemetry),
		"{now}", "cast(current_timestamp AS timestamp)",
		"{yesterday}", "cast(cast(current_date - interval '1' day AS date) AS varchar)",
		"{week}", "cast(cast(current_date - interval '7' day AS date) AS varchar)",
		"{month}", "cast(cast(current_date - interval '30' day AS date) AS varchar)")
	list := slices.Clone(archiveQueries)
	for i := range list {
		list[i].SQL = fill.Replace(strings.TrimPrefix(list[i].SQL, "\n"))
	}
	return list
}

// queryParts are the workgroup that queries run in, and the queries that it offers.
func (b *builder) queryParts() []assembly.Part {
	name, database := b.names.pipeline, b.names.glueDatabase()
	measure := exampleMeasure
	if list := b.config.Archive.Measures; len(list) > 0 {
		measure = list[0]
	}
	parts := []assembly.Part{b.part("archive/workgroup", spec.KindWorkgroup, name, b.arn.workgroup(name),
		[]string{"bucket"}, spec.Workgroup{
			Description:    "Queries of the archive of pipeline " + name,
			OutputLocation: "s3://" + b.names.bucket() + "/" + queryResults,
			KMSKeyID:       b.arn.key(deref(b.config.Archive.KMSKeyID)),
			ScanLimitBytes: *b.config.Archive.ScanLimitGB * bytesPerGigabyte,
			Tags:           b.env.Tags,
		})}
	for _, q := range ArchiveQueries(qualified(database, archiveTable), measure) {
		parts = append(parts, b.part("archive/query/"+q.Key, spec.KindNamedQuery, spec.NameIn(name, q.Name), "",
			[]string{"archive/database", "archive/workgroup"},
			spec.NamedQuery{Database: database, Description: q.Description, SQL: q.SQL}))
	}
	return parts
}
