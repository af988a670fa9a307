package pipeline

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	archiveTable = "telemetry"
	archiveView  = "readings"
	// archiveFirstDay is before any archive in batches.
	archiveFirstDay = "2026-01-01"
)

// Formats of the archive, and how the messages get there.
const (
	DeliveryBatched    = "batched"
	DeliveryPerMessage = "per_message"
	FormatParquet      = "parquet"
	FormatJSON         = "json"
)

// glueDatabase is the database of all tables, of the archive in batches and of exported metrics.
func (b *builder) glueDatabase() []assembly.Part {
	if !b.batched() && !b.exportsMetrics() {
		return nil
	}
	database := b.names.glueDatabase()
	arn := b.arn.glueDatabase(database)
	return []assembly.Part{b.part("archive/database", spec.KindGlueDatabase, database, arn, nil,
		spec.GlueDatabase{Description: "Telemetry of pipeline " + b.config.Name, Tags: b.env.Tags})}
}

// archiveTables are the table of the archive, and the view if there are measures.
func (b *builder) archiveTables() []assembly.Part {
	parts := []assembly.Part{
		b.glueTable("archive/table", archiveTable, []string{"archive/database", "bucket"}, b.table()),
	}
	if len(b.config.Archive.Measures) > 0 {
		parts = append(parts, b.glueTable("archive/view", archiveView, []string{"archive/table"}, b.view()))
	}
	return parts
}

func (b *builder) glueTable(key, name string, needs []string, desired spec.GlueTable) assembly.Part {
	database := b.names.glueDatabase()
	return b.part(key, spec.KindGlueTable, spec.NameIn(database, name), b.arn.glueTable(database, name), needs, desired)
}

// table describes the objects of the current format.
func (b *builder) table() spec.GlueTable {
	location := "s3://" + b.names.bucket() + "/" + b.archivePrefix()
	t := b.dailyTable(location, *b.config.Archive.Format, contract.ArchiveColumns())
	t.Description = "Telemetry of pipeline " + b.config.Name + ", one row per reading"
	return t
}

// dailyTable describes objects below a location with a part of their keys for each day. Athena computes the partitions
// from the parameters, so that none has to be added [Athena user guide, Partition projection].
func (*builder) dailyTable(location, format string, columns []contract.Column) spec.GlueTable {
	t := spec.GlueTable{
		Type: "EXTERNAL_TABLE",
		Partitions: []spec.Column{{Name: contract.ArchivePartition, Type: "string",
			Comment: "day of delivery in UTC, as 2006-01-02"}},
		Location: location,
		Parameters: map[string]string{
			"EXTERNAL":                     "TRUE",
			"classification":               format,
			"projection.enabled":           "true",
			"projection.day.type":          "date",
			"projection.day.format":        "yyyy-MM-dd",
			"projection.day.range":         archiveFirstDay + ",NOW",
			"projection.day.interval":      "1",
			"projection.day.interval.unit": "DAYS",
			"storage.location.template":    location + "day=${day}/",
		},
	}
	for _, c := range columns {
		t.Columns = append(t.Columns, spec.Column{Name: c.Name, Type: c.Type})
	}
	if format == FormatJSON {
		t.InputFormat = "org.apache.hadoop.mapred.TextInputFormat"
		t.OutputFormat = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
		t.SerDe = "org.openx.data.jsonserde.JsonSerDe"
		// Without it, measures whose names differ in case only become one.
		t.SerDeOptions = map[string]string{"case.insensitive": "false"}
		return t
	}
	t.InputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	t.OutputFormat = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	t.SerDe = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
	t.SerDeOptions = map[string]string{"serialization.format": "1"}
	return t
}

// viewColumn is a column of the view: its type in Hive's words for Glue, and in Presto's for Athena.
type viewColumn struct{ name, hive, presto, source string }

func (b *builder) viewColumns() []viewColumn {
	all := []viewColumn{
		{"thing", "string", "varchar", "thing"},
		{"time", "timestamp", "timestamp(3)", `"time"`},
		{"arrived_at", "timestamp", "timestamp(3)", "arrived_at"},
	}
	for _, measure := range b.config.Archive.Measures {
		all = append(all, viewColumn{measureColumn(measure), "double", "double",
			"element_at(measures, " + sqlText(measure) + ")"})
	}
	return append(all, viewColumn{contract.ArchivePartition, "string", "varchar", contract.ArchivePartition})
}

// view has a typed column for each measure, for tools that know no maps. Athena keeps a view in Glue as JSON in base64,
// with the columns in its own types; it takes a view for stale when they are not what the statement gives.
func (b *builder) view() spec.GlueTable {
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	t := spec.GlueTable{
		Description: "Readings of pipeline " + b.config.Name + ", one column per measure",
		Type:        "VIRTUAL_VIEW",
		Parameters:  map[string]string{"presto_view": "true", "comment": "Presto View"},
		ViewComment: "/* Presto View */",
	}
	var columns []column
	var list []string
	for _, c := range b.viewColumns() {
		t.Columns = append(t.Columns, spec.Column{Name: c.name, Type: c.hive})
		columns = append(columns, column{c.name, c.presto})
		if strings.Trim(c.source, `"`) == c.name {
			list = append(list, c.source)
		} else {
			list = append(list, fmt.Sprintf(`%s AS "%s"`, c.source, c.name))
		}
	}
	text := encode(struct {
		OriginalSQL string   `json:"originalSql"`
		Catalog     string   `json:"catalog"`
		Schema      string   `json:"schema"`
		Columns     []column `json:"columns"`
	}{
		"SELECT\n  " + strings.Join(list, "\n, ") + "\nFROM\n  " + qualified(b.names.glueDatabase(), archiveTable) +
			"\nWHERE (kind = " + sqlText(contract.ArchiveTelemetry) + ")",
		"awsdatacatalog", b.names.glueDatabase(), columns,
	})
	t.ViewText = "/* Presto View: " + base64.StdEncoding.EncodeToString([]byte(text)) + " */"
	return t
}

// measureColumn is the name of a measure's column: lower case, and an underscore in place of what Athena does not allow
// in names.
func measureColumn(measure string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(measure))
}

// sqlText is a text in SQL.
func sqlText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// qualified is the name of a table in SQL.
func qualified(database, table string) string { return `"` + database + `"."` + table + `"` }
