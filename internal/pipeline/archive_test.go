package pipeline

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// archived sets the archive block.
func archived(a ArchiveSpec) func(*Spec) { return func(s *Spec) { s.Archive = &a } }

var archiveMistakes = []mistake{
	{
		"the dead letters' place",
		archived(ArchiveSpec{Prefix: ptr("dead-letter")}),
		"archive.prefix",
		[]string{"Dead letters"},
	},
	{
		"the place of Athena's results",
		archived(ArchiveSpec{Prefix: ptr("athena-results/mine")}),
		"archive.prefix",
		[]string{"results of queries"},
	},
	{
		"an absolute prefix",
		archived(ArchiveSpec{Prefix: ptr("/raw")}),
		"archive.prefix",
		[]string{"starts with a name"},
	},
	{
		"gone before it moves",
		archived(ArchiveSpec{IntelligentTieringAfterDays: ptr(int64(30)), ExpireAfterDays: ptr(int64(30))}),
		"archive.intelligent_tiering_after_days",
		[]string{"expire before"},
	},
	{
		"no such delivery",
		archived(ArchiveSpec{Delivery: ptr("per-message")}),
		"archive.delivery",
		[]string{`Did you mean "per_message"?`},
	},
	{
		"no such format",
		archived(ArchiveSpec{Format: ptr("orc")}),
		"archive.format",
		[]string{`"parquet", "json"`},
	},
	{
		"too small a buffer for Parquet",
		archived(ArchiveSpec{BufferMB: ptr(int64(5))}),
		"archive.buffer_mb",
		[]string{"between 64 and 128", "Firehose with Parquet"},
	},
	{
		"too large a buffer for JSON",
		archived(ArchiveSpec{Format: ptr("json"), BufferMB: ptr(int64(129))}),
		"archive.buffer_mb",
		[]string{"between 1 and 128"},
	},
	{
		"too long a buffer",
		archived(ArchiveSpec{BufferSeconds: ptr(int64(901))}),
		"archive.buffer_seconds",
		[]string{"between 0 and 900"},
	},
	{
		"no limit of queries",
		archived(ArchiveSpec{ScanLimitGB: ptr(int64(0))}),
		"archive.scan_limit_gb",
		[]string{"between 1 and"},
	},
	{
		"a measure without a name",
		archived(ArchiveSpec{Measures: []string{""}}),
		"archive.measures[0]",
		[]string{"1 to 255 characters"},
	},
	{
		"a measure called like a column",
		archived(ArchiveSpec{Measures: []string{"Time"}}),
		"archive.measures[0]",
		[]string{`column "time"`, "measures['Time']"},
	},
	{
		"two measures of one column",
		archived(ArchiveSpec{Measures: []string{"soil.moisture", "Soil-Moisture"}}),
		"archive.measures[1]",
		[]string{`"soil.moisture"`, `column "soil_moisture"`},
	},
	{
		"a buffer with one object per message",
		archived(ArchiveSpec{Delivery: ptr("per_message"), BufferSeconds: ptr(int64(60))}),
		"archive.buffer_seconds",
		[]string{`delivery = "batched"`},
	},
	{
		"a format with one object per message",
		archived(ArchiveSpec{Delivery: ptr("per_message"), Format: ptr("json")}),
		"archive.format",
		[]string{"no table"},
	},
	{
		"measures with one object per message",
		archived(ArchiveSpec{Delivery: ptr("per_message"), Measures: []string{"a"}}),
		"archive.measures",
		[]string{"no table"},
	},
}

// of gives what the part of a key wants; ok is false if there is none.
func wanted[S any](t *testing.T, s Spec, key string) (want S, ok bool) {
	t.Helper()
	parts := build(t, s)
	i := slices.IndexFunc(parts, func(p assembly.Part) bool { return p.Key == key })
	if i < 0 {
		return want, false
	}
	any, err := parts[i].Want(upstream(parts, parts[i].Needs))
	if err != nil {
		t.Fatal(err)
	}
	return any.(S), true
}

func must[S any](t *testing.T, s Spec, key string) S {
	t.Helper()
	want, ok := wanted[S](t, s, key)
	if !ok {
		t.Fatalf("there is no part %s", key)
	}
	return want
}

// A delivery decides which parts exist; what is not written does not exist.
func TestPartsOfTheArchive(t *testing.T) {
	for why, tc := range map[string]struct {
		archive          *ArchiveSpec
		rule, view, rest bool
	}{
		"by default":              {nil, false, false, true},
		"with measures":           {&ArchiveSpec{Measures: []string{"a"}}, false, true, true},
		"one object per message":  {&ArchiveSpec{Delivery: ptr("per_message")}, true, false, false},
		"disabled":                {&ArchiveSpec{Enabled: ptr(false)}, false, false, false},
		"disabled, with measures": {&ArchiveSpec{Enabled: ptr(false), Measures: []string{"a"}}, false, false, false},
	} {
		have := map[string]bool{}
		for _, p := range build(t, Spec{Name: "min", Archive: tc.archive}) {
			have[p.Key] = true
		}
		if !have["bucket"] || have["rule/archive"] != tc.rule || have["archive/view"] != tc.view {
			t.Errorf("%s: %v", why, have)
		}
		for _, key := range []string{"archive/delivery", "archive/database", "archive/table", "archive/workgroup",
			"archive/log_group", "archive/log_stream", "archive/query/last_values", "role/archive", "role/archiver",
			"function/archiver", "log_group/archiver"} {
			if have[key] != tc.rest {
				t.Errorf("%s: part %s exists: %v", why, key, have[key])
			}
		}
		out := OutputsOf(Spec{Name: "min", Archive: tc.archive}, testEnv(), nil)
		for _, o := range []*string{out.ArchiveDatabase, out.ArchiveTable, out.ArchiveWorkgroup,
			out.ArchiveReaderPolicyJSON} {
			if (o != nil) != tc.rest {
				t.Errorf("%s: outputs %v", why, out)
			}
		}
	}
}

// Firehose, the table and its partitions agree on where objects are, and no format finds objects of another.
func TestFormatsDoNotMix(t *testing.T) {
	prefixes := map[string]bool{}
	for _, format := range []string{"parquet", "json"} {
		s := Spec{Name: "min", Archive: &ArchiveSpec{Format: &format}}
		stream := must[spec.DeliveryStream](t, s, "archive/delivery")
		table := must[spec.GlueTable](t, s, "archive/table")
		bucket := "s3://" + strings.TrimPrefix(stream.BucketARN, "arn:aws:s3:::") + "/"
		projected := strings.ReplaceAll(table.Parameters["storage.location.template"], "${day}",
			"!{timestamp:yyyy-MM-dd}")
		if projected != bucket+stream.Prefix {
			t.Errorf("%s: Athena looks below %s, Firehose writes below %s", format, projected, stream.Prefix)
		}
		if !strings.HasPrefix(projected, table.Location) {
			t.Errorf("%s: partitions %s are not below the table's location %s", format, projected, table.Location)
		}
		if (stream.Parquet != nil) != (format == "parquet") || stream.Gzip != (format == "json") {
			t.Errorf("%s: %+v", format, stream)
		}
		prefixes[stream.Prefix] = true
	}
	if len(prefixes) != 2 {
		t.Errorf("the formats write to %v", prefixes)
	}
}

// The view is what Athena would have made: its columns, in Athena's words and in Glue's, are those of the statement.
func TestTheViewIsAthenas(t *testing.T) {
	s := Spec{Name: "a-b", Archive: &ArchiveSpec{Measures: []string{"temperature", "Bob's soil.moisture"}}}
	view := must[spec.GlueTable](t, s, "archive/view")
	text := strings.TrimSuffix(strings.TrimPrefix(view.ViewText, "/* Presto View: "), " */")
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		OriginalSQL, Catalog, Schema string
		Columns                      []struct{ Name, Type string }
	}
	if err := json.Unmarshal(decoded, &v); err != nil {
		t.Fatal(err)
	}
	if v.Catalog != "awsdatacatalog" || v.Schema != "a_b" {
		t.Errorf("catalog %q, schema %q", v.Catalog, v.Schema)
	}
	want := `SELECT
  thing
, "time"
, arrived_at
, element_at(measures, 'temperature') AS "temperature"
, element_at(measures, 'Bob''s soil.moisture') AS "bob_s_soil_moisture"
, day
FROM
  "a_b"."telemetry"
WHERE (kind = 'telemetry')`
	if diff := cmp.Diff(want, v.OriginalSQL); diff != "" {
		t.Error(diff)
	}
	hive := map[string]string{"varchar": "string", "timestamp(3)": "timestamp", "double": "double"}
	for i, c := range v.Columns {
		if got := view.Columns[i]; got.Name != c.Name || got.Type != hive[c.Type] {
			t.Errorf("column %d is %+v in Glue and %+v in Athena", i, got, c)
		}
	}
	if len(v.Columns) != 6 || len(view.Columns) != 6 {
		t.Errorf("columns %v and %v", v.Columns, view.Columns)
	}
}

// Queries name the table, prune by day and leave no placeholder.
func TestArchiveQueries(t *testing.T) {
	list := ArchiveQueries(`"db"."telemetry"`, "it's")
	if len(list) != 6 {
		t.Errorf("%d queries", len(list))
	}
	names := map[string]bool{}
	for _, q := range list {
		if !strings.Contains(q.SQL, `FROM "db"."telemetry"`) || !strings.Contains(q.SQL, "WHERE day >= ") ||
			strings.ContainsAny(q.SQL, "{};") {
			t.Errorf("%s:\n%s", q.Key, q.SQL)
		}
		if names[q.Name] || q.Name == "" || q.Description == "" || len(q.Name) > 128 || len(q.Description) > 1024 {
			t.Errorf("%s: name %q, description %q", q.Key, q.Name, q.Description)
		}
		names[q.Name] = true
	}
	if !strings.Contains(list[0].SQL, "element_at(measures, 'it''s')") {
		t.Errorf("the measure is not a text of SQL:\n%s", list[0].SQL)
	}
}

// The queries ask for the first measure that the person wrote.
func TestQueriesAskForAMeasureOfThePipeline(t *testing.T) {
	s := Spec{Name: "min", Archive: &ArchiveSpec{Measures: []string{"humidity", "temperature"}}}
	if q := must[spec.NamedQuery](t, s, "archive/query/hourly_statistics"); !strings.Contains(q.SQL, "'humidity'") {
		t.Error(q.SQL)
	}
}
