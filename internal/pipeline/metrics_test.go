package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

var metricsMistakes = []mistake{
	{
		"no window at all",
		func(s *Spec) { s.Metrics = &MetricsSpec{WindowSeconds: ptr(int64(0))} },
		"metrics.window_seconds",
		[]string{"between 1 and 900"},
	},
	{
		"a window of an hour",
		func(s *Spec) { s.Metrics = &MetricsSpec{WindowSeconds: ptr(int64(3600))} },
		"metrics.window_seconds",
		[]string{"between 1 and 900"},
	},
	{
		"metrics that are not kept",
		func(s *Spec) { s.Metrics = &MetricsSpec{KeepDays: ptr(int64(0))} },
		"metrics.keep_days",
		[]string{"between 1 and 36500"},
	},
	{
		"no measure",
		func(s *Spec) { s.Metrics = &MetricsSpec{Measures: []string{}} },
		"metrics.measures",
		[]string{"leave measures out"},
	},
	{
		"a measure without a name",
		func(s *Spec) { s.Metrics = &MetricsSpec{Measures: []string{"a", ""}} },
		"metrics.measures[1]",
		[]string{"has no name"},
	},
	{
		"a measure with an endless name",
		func(s *Spec) { s.Metrics = &MetricsSpec{Measures: []string{strings.Repeat("x", 257)}} },
		"metrics.measures[0]",
		[]string{"257 bytes"},
	},
	{
		"a measure twice",
		func(s *Spec) { s.Metrics = &MetricsSpec{Measures: []string{"a", "b", "a"}} },
		"metrics.measures[2]",
		[]string{`"a" is in the list before`},
	},
	{
		"more names than the environment holds",
		func(s *Spec) {
			s.Metrics = &MetricsSpec{}
			for i := range 100 {
				s.Metrics.Measures = append(s.Metrics.Measures, fmt.Sprintf("measure.number.%d", i))
			}
		},
		"metrics.measures",
		[]string{"may take 1000"},
	},
}

// TestMetrics: an empty block is enough, and without it nothing of the capability exists.
func TestMetrics(t *testing.T) {
	without, with := Spec{Name: "min"}, Spec{Name: "min", Metrics: &MetricsSpec{}}
	if out := OutputsOf(without, testEnv(), nil); out.MetricsTableName != nil || out.MetricsReaderPolicyJSON != nil ||
		out.FunctionARNs["metrics"] != "" {
		t.Errorf("outputs without metrics: %+v", out)
	}
	if out := OutputsOf(without, testEnv(), nil); out.MetricsDatabase != nil {
		t.Errorf("a database of metrics without metrics: %q", *out.MetricsDatabase)
	}
	before := build(t, without)
	want := []string{"function/metrics", "log_group/metrics", "manifest", "metrics/event_source", "metrics/export",
		"metrics/export_table", "metrics/table", "role/export", "role/metrics"}
	if diff := cmp.Diff(want, Changed(before, build(t, with), records(before))); diff != "" {
		t.Errorf("parts that metrics changes (-want +got):\n%s", diff)
	}
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem",` +
		`"dynamodb:Query"],"Resource":["arn:aws:dynamodb:eu-west-1:123456789012:table/min-metrics"]}]}`
	out := OutputsOf(with, testEnv(), nil)
	if diff := cmp.Diff([]string{"min-metrics", policy}, []string{*out.MetricsTableName,
		*out.MetricsReaderPolicyJSON}); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// TestMetricsMapping: batches are never split, since their state belongs to the whole, and do not wait long for others.
func TestMetricsMapping(t *testing.T) {
	for window, wait := range map[int64]int32{1: 0, 5: 0, 60: 10, 900: 60} {
		s := Spec{Name: "min", Metrics: &MetricsSpec{WindowSeconds: &window, Measures: []string{"b", "a"}}}
		wants := resolve(t, build(t, s))
		m, ok := wants["metrics/event_source"].(spec.EventSource)
		if !ok || m.TumblingWindowSeconds != int32(window) || m.BatchWindowSeconds != wait || m.Bisect ||
			m.PartialResponses || m.ParallelizationFactor != 1 {
			t.Errorf("a window of %d s: %+v", window, m)
		}
		f, ok := wants["function/metrics"].(spec.Function)
		if !ok || f.Environment["IOT_METRICS_MEASURES"] != `["a","b"]` ||
			f.Environment["IOT_METRICS_KEEP_DAYS"] != "30" || f.Environment["IOT_METRICS_TABLE"] != "min-metrics" {
			t.Errorf("environment %v", f.Environment)
		}
	}
}

// TestMetricsExport: the export has what it needs, also without an archive in batches, and can be left out.
func TestMetricsExport(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
	perMessage := DeliveryPerMessage
	s := Spec{Name: "a-b", Metrics: &MetricsSpec{},
		Archive: &ArchiveSpec{Delivery: &perMessage, KMSKeyID: ptr(key), ExpireAfterDays: ptr(int64(90))}}
	stream := must[spec.DeliveryStream](t, s, "metrics/export")
	if stream.SourceARN != "" || !stream.Encrypted || stream.KMSKeyARN != key || !stream.Gzip ||
		stream.Prefix != "metrics/day=!{timestamp:yyyy-MM-dd}/" || stream.ErrorPrefix == "" {
		t.Errorf("stream %+v", stream)
	}
	table := must[spec.GlueTable](t, s, "metrics/export_table")
	if len(table.Columns) != len(contract.MetricsColumns()) ||
		table.Location != "s3://a-b-123456789012-eu-west-1/metrics/" || !strings.HasSuffix(table.SerDe, "JsonSerDe") {
		t.Errorf("table %+v", table)
	}
	must[spec.GlueDatabase](t, s, "archive/database")
	bucket := must[spec.Bucket](t, s, "bucket")
	if last := bucket.Lifecycle[len(bucket.Lifecycle)-1]; last.Prefix != "metrics/" || last.ExpireDays != 90 {
		t.Errorf("the last rule of the lifecycle is %+v", last)
	}
	role := must[spec.Role](t, s, "role/export").Inline["pipeline"]
	for _, part := range []string{key, "/metrics/*", "s3:PutObject"} {
		if !strings.Contains(role, part) {
			t.Errorf("the role's policy has no %s: %s", part, role)
		}
	}
	if out := OutputsOf(s, testEnv(), nil); out.MetricsDatabase == nil || *out.MetricsDatabase != "a_b" {
		t.Errorf("database %v", out.MetricsDatabase)
	}
	function := must[spec.Function](t, s, "function/metrics").Environment[contract.EnvMetricsStream]
	if grants := must[spec.Role](t, s, "role/metrics").Inline["pipeline"]; function != "a-b-metrics" ||
		!strings.Contains(grants, "firehose:PutRecordBatch") {
		t.Errorf("the function writes to %q with %s", function, grants)
	}
	s.Metrics.Export = ptr(false)
	without := resolve(t, build(t, s))
	for _, part := range []string{"metrics/export", "metrics/export_table", "role/export", "archive/database"} {
		if without[part] != nil {
			t.Errorf("%s exists without an export", part)
		}
	}
	if must[spec.Function](t, s, "function/metrics").Environment[contract.EnvMetricsStream] != "" ||
		strings.Contains(must[spec.Role](t, s, "role/metrics").Inline["pipeline"], "firehose") ||
		OutputsOf(s, testEnv(), nil).MetricsDatabase != nil {
		t.Error("the function knows of an export that does not exist")
	}
}
