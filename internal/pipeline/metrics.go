package pipeline

import (
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// Arguments of the metrics block.
var (
	// MetricsWindowSeconds is the length of a window [AWS 5 ESM parameter].
	MetricsWindowSeconds = Limit{Min: 1, Max: 900, Default: value(60), Source: "Lambda"}
	// DynamoDB keeps items for any time, but nobody means more than a century.
	MetricsKeepDays = Limit{Min: 1, Max: 36_500, Default: value(30), Source: "this provider"}
)

const (
	// maxMetricsMeasures bounds the names of measures in the environment of the function, of which Lambda allows 4 KB
	// in all. The telemetry options may take 2,000 bytes of it.
	maxMetricsMeasures = 1_000
	// maxMeasureName is the longest name that the function counts.
	maxMeasureName = 256

	// MetricsMemoryMB is the memory of the function. It holds the statistics of a window, or of a part of a very large
	// one.
	MetricsMemoryMB       = 512
	metricsTimeoutSeconds = 300
	// MetricsBatchSize is large: the state is read and written with each batch, which waits for a sixth of a window.
	MetricsBatchSize          = 1000
	metricsBatchesPerWindow   = 6
	metricsMaxBatchWaitSecond = 60
	// A batch fails only if the table does, and metrics without it would be wrong: it is repeated for a day.
	metricsMaxRetries          = -1
	metricsMaxRecordAgeSeconds = day
)

// MetricsSpec are statistics per device and measure over windows of time.
type MetricsSpec struct {
	WindowSeconds *int64   `json:"window_seconds,omitzero"`
	Measures      []string `json:"measures,omitzero"` // nil: all
	KeepDays      *int64   `json:"keep_days,omitzero"`
	Export        *bool    `json:"export,omitzero"`
}

// metrics computes statistics of each device's measures over windows of time. It exists when its block is written.
func metrics() capability {
	return capability{
		shapes: []shape{
			{arguments: []string{"metrics"}, outputs: []string{"metrics_table_name", "metrics_reader_policy_json",
				"function_arns"}},
			{arguments: []string{"metrics", "metrics.export"}, parts: true,
				outputs: []string{"metrics_database", "archive_reader_policy_json"}},
		},
		defaults: func(s *Spec) {
			if s.Metrics != nil {
				m := block(s.Metrics)
				m.WindowSeconds = MetricsWindowSeconds.Or(m.WindowSeconds)
				m.KeepDays = MetricsKeepDays.Or(m.KeepDays)
				m.Export = or(m.Export, true)
				s.Metrics = m
			}
		},
		check: func(c *checker, s Spec) { c.checkMetrics(s.Metrics) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasMetrics() {
				return nil
			}
			return append([]assembly.Part{b.metricsTable(), b.metricsEventSource()}, b.exportParts()...)
		},
		function: &function{
			name: "metrics", exists: (*builder).hasMetrics, configure: (*builder).metricsFunction,
			keys: func(b *builder) []statement {
				return append(b.useKey("kms:Decrypt", b.config.Stream.KMSKeyID),
					b.encryptWith(b.config.Archive.KMSKeyID)...)
			},
		},
		resources: func(b *builder) map[needs.Resource]string {
			if !b.hasMetrics() {
				return nil
			}
			r := map[needs.Resource]string{needs.MetricsTable: b.arn.table(b.names.metrics())}
			if b.exportsMetrics() {
				r[needs.MetricsStream] = b.arn.firehose(b.names.metrics())
			}
			return r
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			if b.hasMetrics() {
				out.MetricsTableName = ptr(b.names.metrics())
				out.MetricsReaderPolicyJSON = ptr(policy(allow([]string{"dynamodb:GetItem", "dynamodb:Query"},
					b.arn.table(b.names.metrics()))))
			}
			if b.exportsMetrics() {
				out.MetricsDatabase = ptr(b.names.glueDatabase())
			}
		},
	}
}

func (b *builder) hasMetrics() bool { return b.config.Metrics != nil }

func (b *builder) metricsTable() assembly.Part {
	name := b.names.metrics()
	return b.part("metrics/table", spec.KindTable, name, b.arn.table(name), nil, spec.Table{
		HashKey:      contract.DeviceKey,
		RangeKey:     contract.WindowStartKey,
		TTLAttribute: contract.ExpiryAttribute,
		// What is in it expires; a backup of 35 days would cost more than it does.
		PointInTimeRecovery: false,
		Tags:                b.env.Tags,
	})
}

func (b *builder) metricsFunction() spec.Function {
	m := b.config.Metrics
	e := map[string]string{
		contract.EnvDataField:       *b.config.Telemetry.DataField,
		contract.EnvTimeField:       *b.config.Telemetry.TimeField,
		contract.EnvTelemetry:       b.telemetry,
		contract.EnvMetricsTable:    b.names.metrics(),
		contract.EnvMetricsKeepDays: itoa(int(*m.KeepDays)),
	}
	if b.exportsMetrics() {
		e[contract.EnvMetricsStream] = b.names.metrics()
	}
	if len(m.Measures) > 0 {
		e[contract.EnvMetricsMeasures] = measuresText(m.Measures)
	}
	return spec.Function{
		Description:    "Computes the metrics of pipeline " + b.config.Name,
		MemoryMB:       MetricsMemoryMB,
		TimeoutSeconds: metricsTimeoutSeconds,
		Environment:    e,
	}
}

// MetricsBatchWindowSeconds is how long Lambda collects a batch for a window of this length.
func MetricsBatchWindowSeconds(window int32) int32 {
	return min(window/metricsBatchesPerWindow, metricsMaxBatchWaitSecond)
}

// measuresText is the value of the environment variable; the order of the names has no meaning.
func measuresText(names []string) string { return encode(sorted(slices.Clone(names))) }

// metricsEventSource invokes the function with the batches of a window. A batch that fails is repeated as it was, with
// the state that belongs to it: halves would have to agree about the state.
func (b *builder) metricsEventSource() assembly.Part {
	stream, name := b.names.pipeline, b.names.function("metrics")
	window := int32(*b.config.Metrics.WindowSeconds)
	needed := []string{"bucket", "function/metrics", "metrics/table", contract.KeyStream}
	if b.exportsMetrics() {
		needed = append(needed, "metrics/export")
	}
	return b.part(keyMetricsMapping, spec.KindEventSource, spec.NameIn(stream, name), "", needed, spec.EventSource{
		SourceARN:             b.arn.stream(stream),
		FunctionName:          name,
		FunctionARN:           b.arn.function(name),
		BatchSize:             MetricsBatchSize,
		BatchWindowSeconds:    MetricsBatchWindowSeconds(window),
		ParallelizationFactor: 1,
		MaxRetries:            metricsMaxRetries,
		MaxRecordAgeSeconds:   metricsMaxRecordAgeSeconds,
		TumblingWindowSeconds: window,
		OnFailureARN:          b.arn.bucket(b.names.bucket()),
		CountsEvents:          b.hasAlarm("failed_batches"),
		Tags:                  b.env.Tags,
	})
}

func (c *checker) checkMetrics(m *MetricsSpec) {
	if m == nil {
		return
	}
	c.number("metrics.window_seconds", m.WindowSeconds, MetricsWindowSeconds)
	c.number("metrics.keep_days", m.KeepDays, MetricsKeepDays)
	if m.Measures == nil || !c.known("metrics.measures") {
		return
	}
	if len(m.Measures) == 0 {
		c.fail("metrics.measures", "measures is empty",
			"No measure would have metrics. List names of measures, or leave measures out to have metrics of all.")
	}
	for i, name := range m.Measures {
		path := item("metrics.measures", i)
		switch {
		case !c.known(path):
			return
		case name == "":
			c.fail(path, "A measure has no name",
				"Write the name of a measure, with dots for nested objects: \"wind.speed\".")
		case len(name) > maxMeasureName:
			c.fail(path, "The name of a measure is too long",
				"%s has %d bytes, and the longest name with metrics has %d.", excerpt(name), len(name), maxMeasureName)
		case slices.Contains(m.Measures[:i], name):
			c.fail(path, "A measure is listed twice", "%s is in the list before. Remove one of the two.", excerpt(name))
		}
	}
	if size := len(measuresText(m.Measures)); size > maxMetricsMeasures {
		c.fail("metrics.measures", "measures is too long", "The function gets the names in its environment, which "+
			"Lambda limits. They take %d bytes, and may take %d. List fewer names, or leave measures out to have "+
			"metrics of all.", size, maxMetricsMeasures)
	}
}
