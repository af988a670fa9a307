package costs

import (
	"math"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// The function metrics.
const (
	metricsMetrics = 3 // Received, Windows, Series
	exportMetrics  = 1 // Exported

	// metricsRowBytes is a row of the export, one for each measure. gzip leaves a tenth of it.
	metricsRowBytes  = 400
	metricsRowStored = 0.1
)

// metricsItemBytes is the size of an item with the statistics of a device's measures, at most.
func metricsItemBytes(measures float64) float64 { return 150 + 130*measures }

// windows is what the function metrics does in a month, and when a window ends on a shard.
type windows struct {
	ends     float64 // of windows, on all shards
	batches  float64 // before that
	batch    float64 // messages in one of them
	items    float64 // that the end of a window writes
	requests float64 // that it sends
	export   float64 // bytes that it exports
}

func (s Setup) windows() windows {
	t, m := s.traffic(), s.Metrics
	if t.messages == 0 {
		return windows{}
	}
	busy := min(t.shards, max(1, math.Floor(s.Devices)))
	wait := max(1, float64(pipeline.MetricsBatchWindowSeconds(int32(m.WindowSeconds))))
	fits := math.Floor(invocationBytes / (s.MessageBytes*4/3 + eventRecordBytes))
	w := windows{batch: max(1, min(pipeline.MetricsBatchSize, fits, 1+t.perSecond/busy*wait))}
	w.batches = t.messages / w.batch
	// Lambda ends the windows of a shard that has had messages in them.
	perMonth := secondsPerMonth / m.WindowSeconds
	w.ends = min(t.messages, busy*perMonth)
	w.items = min(t.messages, s.Devices*perMonth) / w.ends
	w.requests = units(w.items, dynamoBatch)
	if m.Export {
		w.export = w.items * s.MeasuresPerReading * metricsRowBytes
		w.requests++
	}
	return w
}

// windows are the metrics over windows of time: a function that reads the stream, its table, and what it exports.
func (b *bill) windows() {
	s, m := b.setup, b.setup.Metrics
	if m == nil {
		return
	}
	w := s.windows()
	items, item := w.ends*w.items, metricsItemBytes(s.MeasuresPerReading)
	count := float64(metricsMetrics)
	b.function("metrics", w.batches, w.batch, 0, pipeline.MetricsMemoryMB)
	b.function("metrics, ends of windows", w.ends, 0, w.requests, pipeline.MetricsMemoryMB)
	b.perMessage("dynamodb_write", "DynamoDB: metrics", items/1e6*units(item, dynamoWriteUnit))
	b.perMessage("dynamodb_storage", "DynamoDB: metrics, storage", items*m.KeepDays/daysPerMonth*item/gib)
	if m.Export && w.ends > 0 {
		count += exportMetrics
		b.perMessage("firehose_in", "Firehose: metrics",
			w.ends*units(w.export, firehoseUnit)*firehoseUnit/gib)
		b.perMessage("s3_put", "S3: metrics, objects", flushes(w.ends, w.ends*w.export,
			pipeline.ExportBufferSeconds, pipeline.ExportBufferMB*megabyte)/1e6)
		b.perMessage("s3_storage", "S3: metrics of one month", w.ends*w.export*metricsRowStored/gib)
	}
	b.metrics("metrics", count)
}
