package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
)

var update = flag.Bool("update", false, "write the golden files")

func uid(name string) *string { return &name }

// greenhouse has every function and every store.
func greenhouse() Setup {
	functions := map[string]string{}
	for _, f := range []string{"processor", "alerts", "watch", "archiver", "provisioning"} {
		functions[f] = "arn:aws:lambda:eu-west-1:123456789012:function:greenhouse-" + f
	}
	return Setup{
		Pipeline: Pipeline{
			Name: "greenhouse", Region: "eu-west-1", AccountID: "123456789012", FunctionARNs: functions,
			ArchiveDatabase:    "greenhouse",
			ArchiveTable:       "telemetry",
			TimestreamTableARN: "arn:aws:timestream:eu-west-1:123456789012:database/greenhouse/table/telemetry",
			InfluxDB:           &InfluxDB{},
		},
		Datasources: Datasources{uid("metrics"), uid("archive"), uid("series"), uid("influx")},
		Measures:    []string{"temperature", "humidity"},
	}
}

// setups are the dashboards that the tests look at.
func setups() map[string]Setup {
	metrics := greenhouse()
	metrics.Datasources = Datasources{CloudWatch: uid("metrics")}
	metrics.Pipeline.FunctionARNs = map[string]string{
		"processor": "arn:aws-cn:lambda:cn-north-1:123456789012:function:greenhouse-processor",
		"alerts":    "arn:aws-cn:lambda:cn-north-1:123456789012:function:greenhouse-alerts",
	}
	metrics.Pipeline.Region = "cn-north-1"
	archive := greenhouse()
	archive.Datasources, archive.Measures = Datasources{Athena: uid("archive")}, nil
	wide := greenhouse()
	wide.Datasources = Datasources{Timestream: uid("series")}
	narrow := wide
	narrow.Pipeline.Timestream, narrow.Measures = &Timestream{Layout: "single"}, nil
	queue := greenhouse()
	queue.Datasources, queue.Pipeline.Stream = Datasources{CloudWatch: uid("metrics")}, &Stream{Mode: "queue"}
	drain := queue
	drain.Pipeline.Stream = &Stream{Mode: "on_demand", Drain: true}
	influx := func(version float64, bucket string) Setup {
		s := greenhouse()
		s.Pipeline.InfluxDB = &InfluxDB{Version: version, Bucket: bucket}
		s.Datasources, s.Measures = Datasources{InfluxDB: uid("influx")}, nil
		return s
	}
	return map[string]Setup{
		"everything": greenhouse(), "metrics": metrics, "archive": archive, "timestream-multi": wide,
		"timestream-single": narrow, "influxdb-1": influx(1, "farm/week"), "influxdb-2": influx(2, ""),
		"influxdb-3": influx(3, "farm"), "queue": queue, "drain": drain,
	}
}

// model builds a dashboard and reads it as strictly as the foundation SDK can: every member known, of the right type,
// and none missing.
func model(t *testing.T, s Setup) dashboard.Dashboard {
	t.Helper()
	text, err := Dashboard(s)
	if err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	if err := strict(text); err != nil {
		t.Fatal(err)
	}
	var d dashboard.Dashboard
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	again, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var before, after any
	if json.Unmarshal([]byte(text), &before) != nil || json.Unmarshal(again, &after) != nil {
		t.Fatal("no JSON")
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the SDK reads another dashboard:\n%s", diff)
	}
	return d
}

// strict returns what the SDK finds wrong with a dashboard. Where it finds nothing, it returns an empty list, which it
// takes for an error itself: so it drops the panels, and the dashboard has to be read without strictness.
func strict(text string) error {
	var d dashboard.Dashboard
	err := d.UnmarshalJSONStrict([]byte(text))
	var found cog.BuildErrors
	if errors.As(err, &found) && len(found) == 0 {
		return nil
	}
	return err
}

func TestGolden(t *testing.T) {
	for name, s := range setups() {
		model(t, s)
		text, err := Dashboard(s)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Indent(&got, []byte(text), "", " "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (go test ./internal/grafana -update):\n%s", name, diff)
		}
	}
}

// The strict reading of the SDK finds what is wrong, so that it can be relied on.
func TestStrictReadingFails(t *testing.T) {
	text, err := Dashboard(greenhouse())
	if err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	for what, change := range map[string][2]string{
		"a member that there is not":     {`"statistic":`, `"statistics2":`},
		"a member of another type":       {`"matchExact":true`, `"matchExact":"yes"`},
		"a missing member":               {`"rawSQL":`, `"rawSql":`},
		"an unknown member of the panel": {`"gridPos":`, `"gridPosition":`},
	} {
		broken := strings.Replace(text, change[0], change[1], 1)
		if broken == text || strict(broken) == nil {
			t.Errorf("%s is not found", what)
		}
	}
}

// panels returns every panel of a dashboard, those of collapsed rows included, with the title of its row.
func panels(d dashboard.Dashboard) (all []dashboard.Panel, rows []string) {
	for _, p := range d.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
			continue
		}
		rows = append(rows, *p.RowPanel.Title)
		all = append(all, p.RowPanel.Panels...)
	}
	return all, rows
}

// Identifiers are unique, no two panels of the grid overlap, and each line is full.
func TestLayout(t *testing.T) {
	for name, s := range setups() {
		d := model(t, s)
		seen, cells := map[uint32]bool{}, map[[2]uint32]bool{}
		place := func(id uint32, g *dashboard.GridPos) {
			if id == 0 || seen[id] {
				t.Errorf("%s: identifier %d", name, id)
			}
			seen[id] = true
			if g == nil || g.X+g.W > 24 || g.W == 0 || g.H == 0 {
				t.Errorf("%s: panel %d is at %+v", name, id, g)
				return
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if cells[[2]uint32{x, y}] {
						t.Errorf("%s: panel %d overlaps at %d, %d", name, id, x, y)
					}
					cells[[2]uint32{x, y}] = true
				}
			}
		}
		for _, p := range d.Panels {
			if p.Panel != nil {
				place(*p.Panel.Id, p.Panel.GridPos)
				continue
			}
			place(p.RowPanel.Id, p.RowPanel.GridPos)
			for _, inner := range p.RowPanel.Panels {
				if seen[*inner.Id] {
					t.Errorf("%s: identifier %d", name, *inner.Id)
				}
				seen[*inner.Id] = true
			}
		}
		lines := map[uint32]int{}
		for cell := range cells {
			lines[cell[1]]++
		}
		for y, width := range lines {
			if width != 24 {
				t.Errorf("%s: line %d has %d of 24 columns", name, y, width)
			}
		}
	}
}

// A dashboard shows what its data sources know, and asks only those.
func TestRows(t *testing.T) {
	want := map[string][]string{
		"metrics":           {"Fleet", "Alerts", "Pipeline"},
		"queue":             {"Fleet", "Alerts", "Pipeline"},
		"drain":             {"Fleet", "Alerts", "Pipeline"},
		"archive":           {"Telemetry (Athena)", "Device $device (Athena)"},
		"timestream-multi":  {"Telemetry (Timestream)", "Device $device (Timestream)"},
		"timestream-single": {"Telemetry (Timestream)", "Device $device (Timestream)"},
		"influxdb-1":        {"Telemetry (InfluxDB)", "Device $device (InfluxDB)"},
		"influxdb-2":        {"Telemetry (InfluxDB)", "Device $device (InfluxDB)"},
		"influxdb-3":        {"Telemetry (InfluxDB)", "Device $device (InfluxDB)"},
		"everything": {"Fleet", "Telemetry (InfluxDB)", "Device $device (InfluxDB)", "Telemetry (Timestream)",
			"Device $device (Timestream)", "Telemetry (Athena)", "Device $device (Athena)", "Alerts", "Pipeline"},
	}
	for name, s := range setups() {
		d := model(t, s)
		all, rows := panels(d)
		if !slices.Equal(rows, want[name]) {
			t.Errorf("%s has the rows %q", name, rows)
		}
		given := map[string]bool{}
		for _, u := range []*string{s.Datasources.CloudWatch, s.Datasources.Athena, s.Datasources.Timestream,
			s.Datasources.InfluxDB} {
			if u != nil {
				given[*u] = true
			}
		}
		asked := map[string]bool{}
		for _, p := range all {
			if len(p.Targets) == 0 || p.Datasource == nil {
				t.Errorf("%s: %q asks nothing", name, *p.Title)
				continue
			}
			asked[*p.Datasource.Uid] = true
		}
		if diff := cmp.Diff(given, asked); diff != "" {
			t.Errorf("%s asks other data sources:\n%s", name, diff)
		}
		for i, p := range d.Panels {
			if i > 0 && p.RowPanel != nil && p.RowPanel.Collapsed != (len(p.RowPanel.Panels) > 0) {
				t.Errorf("%s: Grafana drops the panels of an open row", name)
			}
		}
	}
}

// Every variable that a query uses is defined, and the device and the measures come from the first store.
func TestVariables(t *testing.T) {
	for name, s := range setups() {
		d := model(t, s)
		defined := map[string]bool{}
		for _, v := range d.Templating.List {
			defined[v.Name] = true
		}
		all, _ := panels(d)
		for _, p := range all {
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range []string{deviceVariable, measureVariable} {
				uses := strings.Contains(string(text), "${"+v) || strings.Contains(string(text), "$"+v)
				if uses && !defined[v] {
					t.Errorf("%s: %q uses %s, which is not defined", name, *p.Title, v)
				}
			}
		}
		if stores := s.stores(); len(stores) > 0 && *d.Templating.List[0].Datasource.Uid != *stores[0].source().Uid {
			t.Errorf("%s: the devices come from %s", name, *d.Templating.List[0].Datasource.Uid)
		}
	}
	s := greenhouse()
	s.Measures = []string{"a,b", "c"}
	if got := *model(t, s).Templating.List[1].Query.String; got != `a\,b,c` {
		t.Errorf("measures %s", got)
	}
}

func TestDecode(t *testing.T) {
	want := greenhouse()
	want.Title, want.UID = "Greenhouse", "house-1"
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	// The resource has many attributes more, and those of blocks may be null.
	text = bytes.Replace(text, []byte(`"pipeline":{`), []byte(`"pipeline":{"parts":{"x":{}},"alerts":null,"devices":{},`), 1)
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefuses(t *testing.T) {
	for text, want := range map[string][2]string{
		`{}`:                           {"pipeline.name", "must be set"},
		`{"pipline":{}}`:               {"pipline", `did you mean "pipeline"?`},
		`{"pipeline":{"name":"farm"}}`: {"pipeline.region", "iot_pipeline.greenhouse"},
		`{"pipeline":PIPELINE}`:        {"datasources", "at least one of athena, cloudwatch, influxdb, timestream"},
		`{"pipeline":PIPELINE,"datasources":{"cloudwatch":null}}`:     {"datasources", "at least one"},
		`{"pipeline":PIPELINE,"datasources":{"cloudwatch":""}}`:       {"datasources.cloudwatch", "UID"},
		`{"pipeline":PIPELINE,"datasources":{"cloudwach":"x"}}`:       {"datasources.cloudwach", `did you mean "cloudwatch"?`},
		`{"pipeline":PIPELINE,"datasources":{"athena":"x"}}`:          {"datasources.athena", `archive.delivery = "batched"`},
		`{"pipeline":PIPELINE,"datasources":{"timestream":"x"}}`:      {"datasources.timestream", "write timestream = {}"},
		`{"pipeline":PIPELINE,"datasources":{"influxdb":"x"}}`:        {"datasources.influxdb", "leave this data source out"},
		`{"pipeline":SERIES,"datasources":{"timestream":"x"}}`:        {"measures", `timestream.layout = "multi"`},
		`{"pipeline":PIPELINE,"datasources":CW,"measures":"t"}`:       {"measures", "must be a list"},
		`{"pipeline":PIPELINE,"datasources":CW,"measures":["t","t"]}`: {"measures", "twice"},
		`{"pipeline":PIPELINE,"datasources":CW,"measures":[""]}`:      {"measures", "no name"},
		`{"pipeline":PIPELINE,"datasources":CW,"uid":"a b"}`:          {"uid", "40 letters"},
		`{"pipeline":{"name":"farm","region":"r","account_id":"1","influxdb":{"version":4}}}`: {
			"pipeline.influxdb.version", "1, 2 and 3"},
		`{"pipeline":{"name":"farm","region":"r","account_id":"1","timestream_table_arn":"x"}}`: {
			"pipeline.timestream_table_arn", "not the ARN"},
		`[]`: {"", "must be an object, such as { pipeline = iot_pipeline.greenhouse"},
	} {
		text = strings.NewReplacer(
			"PIPELINE", `{"name":"farm","region":"eu-west-1","account_id":"123456789012"}`,
			"SERIES", `{"name":"farm","region":"eu-west-1","account_id":"123456789012",`+
				`"timestream_table_arn":"arn:aws:timestream:eu-west-1:123456789012:database/farm/table/telemetry"}`,
			"CW", `{"cloudwatch":"x"}`,
		).Replace(text)
		_, err := Decode([]byte(text))
		var refused *argument.Error
		if !errors.As(err, &refused) || refused.Path != want[0] || !strings.Contains(refused.Detail, want[1]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A pipeline's dashboard keeps its UID, and no other pipeline of the same name has it.
func TestUID(t *testing.T) {
	s := greenhouse()
	first := *model(t, s).Uid
	s.Measures = nil
	if again := *model(t, s).Uid; again != first {
		t.Errorf("the UID changes to %s", again)
	}
	s.Pipeline.Region = "us-east-1"
	if other := *model(t, s).Uid; other == first || !uidPattern.MatchString(other) {
		t.Errorf("another region has the UID %s", other)
	}
	s.UID = "mine"
	if own := *model(t, s).Uid; own != "mine" {
		t.Errorf("the UID is %s", own)
	}
}

// query is a target as JSON.
type query struct {
	Datasource struct{ Type, UID string }
	RefID      string `json:"refId"`
	QueryMode  string `json:"queryMode"`
	Namespace  string
	MetricName string `json:"metricName"`
	Dimensions map[string]string
	Statistic  string
	Expression string
	RawSQL     string // Athena: rawSQL, InfluxDB: rawSql
	RawQuery   any    `json:"rawQuery"`
	Query      string
}

// queries returns every query of a dashboard.
func queries(t *testing.T, d dashboard.Dashboard) []query {
	t.Helper()
	var all []query
	inner, _ := panels(d)
	for _, p := range inner {
		refs := map[string]bool{}
		for _, target := range p.Targets {
			q := decode(t, target)
			if q.Datasource.UID != *p.Datasource.Uid || q.RefID == "" || refs[q.RefID] {
				t.Errorf("%q: query %q of %q", *p.Title, q.RefID, q.Datasource.UID)
			}
			refs[q.RefID] = true
			all = append(all, q)
		}
	}
	return all
}

func decode(t *testing.T, target variants.Dataquery) (q query) {
	t.Helper()
	text, err := json.Marshal(target)
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// build returns the query of a target.
func build(t *testing.T, b cog.Builder[variants.Dataquery]) query {
	t.Helper()
	target, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, target)
}

func FuzzDecode(f *testing.F) {
	text, err := json.Marshal(greenhouse())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"pipeline":{"name":"a","region":"b","account_id":"c","function_arns":{"alerts":""}},"datasources":{"cloudwatch":"x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Decode([]byte(text))
		if err != nil {
			return
		}
		model(t, s)
	})
}
