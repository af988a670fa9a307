package pipeline

import (
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Limits of [AWS 5 ESM parameter] and of Lambda. -1 retries until the record expires, and keeps a record until the
// stream drops it.
var (
	ProcessorBatchSize             = Limit{Min: 1, Max: 10_000, Default: value(100), Source: "Lambda"}
	ProcessorBatchWindowSeconds    = Limit{Min: 0, Max: 300, Default: value(1), Source: "Lambda"}
	ProcessorParallelizationFactor = Limit{Min: 1, Max: 10, Default: value(1), Source: "Lambda"}
	ProcessorMemoryMB              = Limit{Min: 128, Max: 10_240, Default: value(256), Source: "Lambda"}
	ProcessorTimeoutSeconds        = Limit{Min: 1, Max: 900, Default: value(60), Source: "Lambda"}
	ProcessorMaxRetries            = Limit{Min: 0, Max: 10_000, Extra: value(-1), Default: value(10), Source: "Lambda"}
	ProcessorMaxRecordAgeSeconds   = Limit{Min: 60, Max: 7 * day, Extra: value(-1), Default: value(day),
		Source: "Lambda"}
)

// ProcessorSpec is the stream processor function and how the stream invokes it.
type ProcessorSpec struct {
	BatchSize             *int64  `json:"batch_size,omitzero"`
	BatchWindowSeconds    *int64  `json:"batch_window_seconds,omitzero"`
	ParallelizationFactor *int64  `json:"parallelization_factor,omitzero"`
	MemoryMB              *int64  `json:"memory_mb,omitzero"`
	TimeoutSeconds        *int64  `json:"timeout_seconds,omitzero"`
	MaxRetries            *int64  `json:"max_retries,omitzero"`
	MaxRecordAgeSeconds   *int64  `json:"max_record_age_seconds,omitzero"`
	MaxConcurrency        *int64  `json:"max_concurrency,omitzero"` // only with StreamQueue
	Package               *string `json:"package,omitzero"`         // path of a zip that replaces the shipped function
}

// processor is the function that reads the stream and stores telemetry.
func processor() capability {
	return capability{
		defaults: func(s *Spec) {
			p := block(s.Processor)
			p.BatchSize = ProcessorBatchSize.Or(p.BatchSize)
			p.BatchWindowSeconds = ProcessorBatchWindowSeconds.Or(p.BatchWindowSeconds)
			p.MemoryMB = ProcessorMemoryMB.Or(p.MemoryMB)
			p.TimeoutSeconds = ProcessorTimeoutSeconds.Or(p.TimeoutSeconds)
			p.MaxRetries = ProcessorMaxRetries.Or(p.MaxRetries)
			if s.Stream.hasQueue() {
				p.MaxConcurrency = ProcessorMaxConcurrency.Or(p.MaxConcurrency)
			}
			if s.Stream.hasStream() {
				p.ParallelizationFactor = ProcessorParallelizationFactor.Or(p.ParallelizationFactor)
				p.MaxRecordAgeSeconds = ProcessorMaxRecordAgeSeconds.Or(p.MaxRecordAgeSeconds)
			}
			s.Processor = p
		},
		check: func(c *checker, s Spec) {
			c.checkProcessor(s.Processor)
			c.checkConcurrency(s)
		},
		parts: func(b *builder) []assembly.Part {
			if !b.hasStream() {
				return nil // the queue has its own
			}
			return []assembly.Part{b.eventSource()}
		},
		function: &function{
			name: "processor",
			configure: func(b *builder) spec.Function {
				return spec.Function{
					Description:    "Stores the telemetry of pipeline " + b.config.Name,
					MemoryMB:       int32(*b.config.Processor.MemoryMB),
					TimeoutSeconds: int32(*b.config.Processor.TimeoutSeconds),
					Environment:    b.processorEnvironment(),
					Network:        b.processorNetwork(),
				}
			},
			replacement: func(b *builder) *string { return b.config.Processor.Package },
			late:        func(b *builder) *lateSettings { return b.influxDBLate() },
			keys: func(b *builder) []statement {
				return slices.Concat(b.useKey("kms:Decrypt", b.config.Stream.KMSKeyID),
					b.encryptWith(b.config.Archive.KMSKeyID), b.influxDBKeys())
			},
		},
	}
}

func (b *builder) processorEnvironment() map[string]string {
	e := map[string]string{
		contract.EnvDataField:     *b.config.Telemetry.DataField,
		contract.EnvTimeField:     *b.config.Telemetry.TimeField,
		contract.EnvTelemetry:     b.telemetry,
		contract.EnvDeviceTTLDays: itoa(int(*b.config.DeviceState.TTLDays)),

		contract.EnvSeenSlotSeconds:     itoa(int(b.seenSlot().Seconds())),
		contract.EnvStateRefreshSeconds: itoa(int(*b.config.DeviceState.RefreshSeconds)),
	}
	if t := b.config.Timestream; t != nil {
		e[contract.EnvTimestreamDatabase] = *t.Database
		e[contract.EnvTimestreamTable] = *t.Table
		e[contract.EnvTimestreamLayout] = *t.Layout
	}
	maps.Copy(e, b.influxDBEnvironment())
	if r := b.config.Recent; r != nil {
		e[contract.EnvReadingsTable] = b.names.readings()
		e[contract.EnvReadingsHours] = itoa(int(*r.Hours))
	}
	if b.alertsInStream() {
		e[contract.EnvAlertsFunction] = b.names.function("alerts")
	}
	if b.hasAPI() {
		e[contract.EnvCommandsTable] = b.names.commands()
	}
	return e
}

// storeParts are what the processor's mapping needs: the source, the function and every store, so that a record finds
// them all.
func (b *builder) storeParts(source string) []string {
	stores := []string{"bucket", "device_table", "function/processor", source}
	if b.hasTimestream() {
		stores = append(stores, "timestream/table")
	}
	if b.hasRecent() {
		stores = append(stores, "recent/table")
	}
	if b.hasAPI() {
		stores = append(stores, "api/commands")
	}
	stores = append(stores, b.streamingAlerts()...)
	return stores
}

// eventSource invokes the processor with records of the stream.
func (b *builder) eventSource() assembly.Part {
	p, stream, name := b.config.Processor, b.names.pipeline, b.names.function("processor")
	needed := b.storeParts(contract.KeyStream)
	return b.part(keyProcessorMapping, spec.KindEventSource, spec.NameIn(stream, name), "", needed, spec.EventSource{
		SourceARN:             b.arn.stream(stream),
		FunctionName:          name,
		FunctionARN:           b.arn.function(name),
		BatchSize:             int32(*p.BatchSize),
		BatchWindowSeconds:    int32(*p.BatchWindowSeconds),
		ParallelizationFactor: int32(*p.ParallelizationFactor),
		MaxRetries:            int32(*p.MaxRetries),
		MaxRecordAgeSeconds:   int32(*p.MaxRecordAgeSeconds),
		// One bad record must not block its shard.
		Bisect: true, PartialResponses: true,
		// Only S3 keeps the payload: a queue would get only metadata [AWS 5 DestinationConfig.OnFailure].
		OnFailureARN: b.arn.bucket(b.names.bucket()),
		CountsEvents: b.hasAlarm("failed_batches"),
		Tags:         b.env.Tags,
	})
}

func (c *checker) checkProcessor(s *ProcessorSpec) {
	if s == nil {
		return
	}
	c.number("processor.batch_size", s.BatchSize, ProcessorBatchSize)
	c.number("processor.batch_window_seconds", s.BatchWindowSeconds, ProcessorBatchWindowSeconds)
	c.number("processor.parallelization_factor", s.ParallelizationFactor, ProcessorParallelizationFactor)
	c.number("processor.memory_mb", s.MemoryMB, ProcessorMemoryMB)
	c.number("processor.timeout_seconds", s.TimeoutSeconds, ProcessorTimeoutSeconds)
	c.number("processor.max_retries", s.MaxRetries, ProcessorMaxRetries)
	c.number("processor.max_record_age_seconds", s.MaxRecordAgeSeconds, ProcessorMaxRecordAgeSeconds)
	if s.Package != nil && c.known("processor.package") && *s.Package == "" {
		c.fail("processor.package", "package is empty", "Write the path of a zip with an executable called bootstrap, "+
			"or leave package out to use the function that comes with the provider.")
	}
}
