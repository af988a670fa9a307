// Package grafana makes a Grafana dashboard of a pipeline: its devices, messages, alerts and telemetry, from
// the data sources that the pipeline has. It knows the names of the pipeline's objects and metrics, and it calls
// neither AWS nor Grafana.
//
// The dashboard is in the classic JSON model, which every Grafana since version 8 and every release of its Terraform
// provider takes. Queries use the macros of the data sources' plugins; Grafana quotes template variables for the
// language of the query.
package grafana

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// Setup is what a dashboard shows, and where Grafana finds it.
type Setup struct {
	Pipeline    Pipeline    `json:"pipeline" argument:"open"`
	Datasources Datasources `json:"datasources"`
	Measures    []string    `json:"measures"` // nil: those that the data source lists
	Title       string      `json:"title"`
	UID         string      `json:"uid"` // of the dashboard
}

// Datasources are the UIDs of Grafana's data sources; nil: Grafana has none of the kind.
type Datasources struct {
	CloudWatch *string `json:"cloudwatch"`
	Athena     *string `json:"athena"`
	Timestream *string `json:"timestream"`
	InfluxDB   *string `json:"influxdb"`
}

// Pipeline is what a dashboard needs to know of a pipeline: some attributes of iot_pipeline, under their names.
type Pipeline struct {
	Name               string            `json:"name"`
	Region             string            `json:"region"`
	AccountID          string            `json:"account_id"`
	FunctionARNs       map[string]string `json:"function_arns"`
	Stream             *Stream           `json:"stream"`
	ArchiveDatabase    string            `json:"archive_database"`
	ArchiveTable       string            `json:"archive_table"`
	TimestreamTableARN string            `json:"timestream_table_arn"`
	Timestream         *Timestream       `json:"timestream"`
	InfluxDB           *InfluxDB         `json:"influxdb"`
}

// Stream is the block of the same name.
type Stream struct {
	Mode  string `json:"mode"`
	Drain bool   `json:"drain"`
}

// Timestream is the block of the same name.
type Timestream struct {
	Layout string `json:"layout"`
}

// InfluxDB is the block of the same name.
type InfluxDB struct {
	Version     float64 `json:"version"`
	Bucket      string  `json:"bucket"`
	Measurement string  `json:"measurement"`
}

// Example is the shortest argument.
const Example = `{ pipeline = iot_pipeline.greenhouse, datasources = { cloudwatch = "…" } }`

// uidPattern is what Grafana takes as the UID of a dashboard.
var uidPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

// timestreamTable takes the name of the database and of the table out of a table's ARN.
var timestreamTable = regexp.MustCompile(`^arn:[^:]*:timestream:[^:]*:[^:]*:database/([^/]+)/table/([^/]+)$`)

// Decode reads a setup from JSON. The error is an *argument.Error that says which member is not valid.
func Decode(text []byte) (Setup, error) {
	var s Setup
	if err := argument.Decode(text, &s, Example); err != nil {
		return Setup{}, err
	}
	return s, s.Check()
}

// Check reports the first member of a setup that is not valid, as an *argument.Error.
func (s Setup) Check() error {
	for _, check := range []func() error{s.checkPipeline, s.checkDatasources, s.checkMeasures} {
		if err := check(); err != nil {
			return err
		}
	}
	if s.UID != "" && !uidPattern.MatchString(s.UID) {
		return argument.Fail("uid", "%q is not valid: Grafana takes up to 40 letters, digits, hyphens and underscores",
			s.UID)
	}
	return nil
}

func (s Setup) checkPipeline() error {
	p := s.Pipeline
	for _, member := range []struct{ name, value string }{
		{"name", p.Name}, {"region", p.Region}, {"account_id", p.AccountID},
	} {
		if member.value == "" {
			return argument.Fail("pipeline."+member.name, "must be set; give the whole resource, such as "+
				"pipeline = iot_pipeline.greenhouse")
		}
	}
	if p.TimestreamTableARN != "" && !timestreamTable.MatchString(p.TimestreamTableARN) {
		return argument.Fail("pipeline.timestream_table_arn", "%q is not the ARN of a Timestream table",
			p.TimestreamTableARN)
	}
	versions := pipeline.InfluxDBVersions.Values
	if i := p.InfluxDB; i != nil && i.Version != 0 && !slices.Contains(versions, int64(i.Version)) {
		return argument.Fail("pipeline.influxdb.version", "there is no version %v; there are 1, 2 and 3", i.Version)
	}
	return nil
}

func (s Setup) checkDatasources() error {
	const elseLeaveOut = ", or leave this data source out"
	uids := map[string]*string{
		"cloudwatch": s.Datasources.CloudWatch, "athena": s.Datasources.Athena,
		"timestream": s.Datasources.Timestream, "influxdb": s.Datasources.InfluxDB,
	}
	missing := map[string]string{}
	if s.Pipeline.ArchiveDatabase == "" {
		missing["athena"] = "the pipeline has no table for Athena; set archive.delivery = \"batched\""
	}
	if s.Pipeline.TimestreamTableARN == "" {
		missing["timestream"] = "the pipeline has no Timestream table; write timestream = {}"
	}
	if s.Pipeline.InfluxDB == nil {
		missing["influxdb"] = "the pipeline does not write to InfluxDB; write influxdb"
	}
	some := false
	for _, kind := range slices.Sorted(maps.Keys(uids)) {
		switch uid := uids[kind]; {
		case uid == nil:
			continue
		case *uid == "":
			return argument.Fail("datasources."+kind, "must be the UID of a data source in Grafana, or null if there "+
				"is none")
		case missing[kind] != "":
			return argument.Fail("datasources."+kind, "%s", missing[kind]+elseLeaveOut)
		}
		some = true
	}
	if !some {
		return argument.Fail("datasources", "at least one of %s must have a UID",
			strings.Join(slices.Sorted(maps.Keys(uids)), ", "))
	}
	return nil
}

func (s Setup) checkMeasures() error {
	seen := map[string]bool{}
	for _, m := range s.Measures {
		switch {
		case m == "":
			return argument.Fail("measures", "a measure has no name")
		case seen[m]:
			return argument.Fail("measures", "%q appears twice", m)
		}
		seen[m] = true
	}
	d := s.Datasources
	if len(s.Measures) == 0 && d.Timestream != nil && d.InfluxDB == nil && d.Athena == nil && s.Pipeline.wide() {
		return argument.Fail("measures", "must be set, such as [\"temperature\"]: Timestream cannot list the measures "+
			"of a table with timestream.layout = \"multi\"")
	}
	return nil
}

// hasQueue is whether there is a queue: in use, or draining.
func (p Pipeline) hasQueue() bool {
	return p.Stream != nil && (p.Stream.Mode == pipeline.StreamQueue || p.Stream.Drain)
}

// hasStream is whether there is a stream: in use, or draining.
func (p Pipeline) hasStream() bool {
	return p.Stream == nil || p.Stream.Mode != pipeline.StreamQueue || p.Stream.Drain
}

// wide is whether the Timestream table has one column per measure.
func (p Pipeline) wide() bool {
	return p.Timestream == nil || p.Timestream.Layout != "single"
}
