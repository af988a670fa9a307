// Package costs computes what a pipeline costs per month, from a dated price table and from what the pipeline does with
// each message. It knows neither Terraform nor AWS's API. Quantities are those of a month of 730 hours.
package costs

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// Setup is a fleet, and what of its pipeline decides about the costs. Members that an argument of iot_pipeline has as
// well have its name and its default.
type Setup struct {
	Devices            float64 `json:"devices"`
	IntervalSeconds    float64 `json:"interval_seconds"`     // between two messages of one device
	MessageBytes       float64 `json:"message_bytes"`        // payload
	ReadingsPerMessage float64 `json:"readings_per_message"` // the message's bytes are shared evenly
	MeasuresPerReading float64 `json:"measures_per_reading"`
	// BasicIngest is whether devices publish telemetry straight to the rule: $aws/rules/<rule>/<topic>.
	BasicIngest bool `json:"basic_ingest"`
	Connected   bool `json:"connected"` // all the time

	Stream      Stream      `json:"stream"`
	Processor   Processor   `json:"processor"`
	DeviceState DeviceState `json:"device_state"`
	Archive     Archive     `json:"archive"`
	Timestream  *Timestream `json:"timestream"`
	Recent      *Recent     `json:"recent"`
	Metrics     *Metrics    `json:"metrics"`
	InfluxDB    *InfluxDB   `json:"influxdb"`
	Alerts      *Alerts     `json:"alerts"`
	Monitoring  *Monitoring `json:"monitoring"`
	API         *API        `json:"api"`
	Edge        *Edge       `json:"edge"`
	Credentials Credentials `json:"credentials"`
	Queries     *Queries    `json:"queries"`

	// Prices replace list prices, by key: those of another region, or negotiated ones.
	Prices map[string]float64 `json:"prices"`
}

// Stream is the Kinesis stream, or the queue in its place.
type Stream struct {
	Mode   string  `json:"mode"`
	Shards float64 `json:"shards"` // provisioned only
}

// Processor is the function that reads the stream or the queue.
type Processor struct {
	BatchSize          float64 `json:"batch_size"`
	BatchWindowSeconds float64 `json:"batch_window_seconds"`
	MemoryMB           float64 `json:"memory_mb"`
}

// DeviceState is the table with the latest state of each device.
type DeviceState struct {
	RefreshSeconds float64 `json:"refresh_seconds"`
}

// Archive is the archive in S3.
type Archive struct {
	Enabled       bool    `json:"enabled"`
	Delivery      string  `json:"delivery"`
	Format        string  `json:"format"` // batched only
	BufferSeconds float64 `json:"buffer_seconds"`
	BufferMB      float64 `json:"buffer_mb"`
}

// Timestream is a table of Timestream for LiveAnalytics.
type Timestream struct {
	Layout               string  `json:"layout"`
	MemoryRetentionHours float64 `json:"memory_retention_hours"`
}

// Recent is the table of recent readings.
type Recent struct {
	Hours float64 `json:"hours"`
}

// Metrics are statistics of each device over windows of time, of all its measures.
type Metrics struct {
	WindowSeconds float64 `json:"window_seconds"`
	KeepDays      float64 `json:"keep_days"`
	Export        bool    `json:"export"`
}

// InfluxDB is where the processor writes line protocol.
type InfluxDB struct {
	Instance *Instance `json:"instance"` // nil: a server that exists already
}

// Instance is an instance of Timestream for InfluxDB that the pipeline creates.
type Instance struct {
	Type string `json:"type"`
}

// Alerts are the alerts.
type Alerts struct {
	Evaluate         string  `json:"evaluate"`          // by a topic rule, or by the processor
	Share            float64 `json:"share"`             // of the messages, which raise an alert and a notification
	EmailSubscribers float64 `json:"email_subscribers"` // each gets every notification
}

// Monitoring is what watches the pipeline.
type Monitoring struct {
	Alarms    float64 `json:"alarms"` // metrics of alarms that are on
	Dashboard bool    `json:"dashboard"`
}

// API is the device management API.
type API struct {
	RequestsPerDay float64 `json:"requests_per_day"`
	MemoryMB       float64 `json:"memory_mb"`
}

// Credentials is where the devices' keys are kept.
type Credentials struct {
	Store string `json:"store"`
}

// Queries are those of Athena over the archive.
type Queries struct {
	PerDay float64 `json:"per_day"`
	Days   float64 `json:"days"` // of the archive that a query reads
}

// Values of arguments.
const (
	onDemand   = "on_demand"
	batched    = pipeline.DeliveryBatched
	perMessage = pipeline.DeliveryPerMessage
	parquet    = pipeline.FormatParquet
	multi      = "multi"
	inStream   = pipeline.EvaluateInStream
)

// instanceTypes are those of Timestream for InfluxDB, with their size in units of db.influx.medium.
var instanceTypes = map[string]float64{
	"db.influx.medium": 1, "db.influx.large": 2, "db.influx.xlarge": 4, "db.influx.2xlarge": 8,
	"db.influx.4xlarge": 16, "db.influx.8xlarge": 32, "db.influx.12xlarge": 48, "db.influx.16xlarge": 64,
}

// Default is the pipeline that has nothing but a name, with one device that sends 1 KB each minute. Optional blocks
// that are written get the defaults of the other functions.
func Default() Setup {
	return Setup{
		Devices: 1, IntervalSeconds: 60, MessageBytes: kilobyte, ReadingsPerMessage: 1, MeasuresPerReading: 4,
		Connected: true,
		Stream:    Stream{Mode: pipeline.StreamModes.Default, Shards: 1},
		Processor: Processor{
			BatchSize:          float64(*pipeline.ProcessorBatchSize.Default),
			BatchWindowSeconds: float64(*pipeline.ProcessorBatchWindowSeconds.Default),
			MemoryMB:           float64(*pipeline.ProcessorMemoryMB.Default),
		},
		DeviceState: DeviceState{float64(*pipeline.DeviceStateRefreshSeconds.Default)},
		Archive: Archive{Enabled: true, Delivery: pipeline.ArchiveDeliveries.Default,
			Format:        pipeline.ArchiveFormats.Default,
			BufferSeconds: float64(*pipeline.ArchiveBufferSeconds.Default),
			BufferMB:      float64(*pipeline.ArchiveBufferMB.Default)},
		Credentials: Credentials{Store: pipeline.StoreFor(1)},
	}
}

// DefaultTimestream is the block timestream with nothing in it.
func DefaultTimestream() *Timestream {
	return &Timestream{Layout: pipeline.TimestreamLayouts.Default,
		MemoryRetentionHours: float64(*pipeline.TimestreamMemoryRetentionHours.Default)}
}

// DefaultRecent is the block recent with nothing in it.
func DefaultRecent() *Recent { return &Recent{Hours: float64(*pipeline.RecentHours.Default)} }

// DefaultAlerts is the block alerts with nothing in it.
func DefaultAlerts() *Alerts { return &Alerts{Evaluate: pipeline.AlertEvaluations.Default} }

// DefaultMetrics is the block metrics with nothing in it.
func DefaultMetrics() *Metrics {
	return &Metrics{WindowSeconds: float64(*pipeline.MetricsWindowSeconds.Default),
		KeepDays: float64(*pipeline.MetricsKeepDays.Default), Export: true}
}

// usualAlarmMetrics is how many metrics the alarms of a pipeline have that has only a name and monitoring.
const usualAlarmMetrics = 22

// DefaultMonitoring is the block monitoring with nothing in it.
func DefaultMonitoring() *Monitoring { return &Monitoring{Alarms: usualAlarmMetrics, Dashboard: true} }

// DefaultAPI is the block api with nothing in it, and some people who look at their devices.
func DefaultAPI() *API {
	return &API{RequestsPerDay: 1000, MemoryMB: float64(*pipeline.APIMemoryMB.Default)}
}

// DefaultQueries is the block queries with nothing in it.
func DefaultQueries() *Queries { return &Queries{PerDay: 1, Days: 1} }

// Check reports the first member of a setup that is not valid, as an *argument.Error.
func (s Setup) Check() error {
	for _, check := range []func() error{s.checkNumbers, s.checkChoices, s.checkIngest, s.checkShards, s.checkQueue,
		s.checkEdge, s.checkPrices} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// bound is the range of a number.
type bound struct {
	path        string
	value       float64
	least, most float64
}

func within(path string, v float64, l pipeline.Limit) bound {
	return bound{path, v, float64(l.Min), float64(l.Max)}
}

func (s Setup) checkNumbers() error {
	const many = 1e9
	bounds := []bound{
		{"devices", s.Devices, 0, many},
		{"interval_seconds", s.IntervalSeconds, 0.001, many},
		{"message_bytes", s.MessageBytes, 1, 128 * kilobyte}, // AWS IoT's limit
		{"readings_per_message", s.ReadingsPerMessage, 1, 100_000},
		{"measures_per_reading", s.MeasuresPerReading, 1, 100_000},
		within("stream.shards", s.Stream.Shards, pipeline.StreamShards),
		within("processor.batch_size", s.Processor.BatchSize, pipeline.ProcessorBatchSize),
		within("processor.batch_window_seconds", s.Processor.BatchWindowSeconds, pipeline.ProcessorBatchWindowSeconds),
		within("processor.memory_mb", s.Processor.MemoryMB, pipeline.ProcessorMemoryMB),
		within("device_state.refresh_seconds", s.DeviceState.RefreshSeconds, pipeline.DeviceStateRefreshSeconds),
		within("archive.buffer_seconds", s.Archive.BufferSeconds, pipeline.ArchiveBufferSeconds),
		within("archive.buffer_mb", s.Archive.BufferMB, pipeline.ArchiveBufferMB),
	}
	if t := s.Timestream; t != nil {
		bounds = append(bounds, within("timestream.memory_retention_hours", t.MemoryRetentionHours,
			pipeline.TimestreamMemoryRetentionHours))
	}
	if r := s.Recent; r != nil {
		bounds = append(bounds, bound{"recent.hours", r.Hours, 1, many})
	}
	if m := s.Metrics; m != nil {
		bounds = append(bounds, within("metrics.window_seconds", m.WindowSeconds, pipeline.MetricsWindowSeconds),
			within("metrics.keep_days", m.KeepDays, pipeline.MetricsKeepDays))
	}
	if a := s.Alerts; a != nil {
		bounds = append(bounds, bound{"alerts.share", a.Share, 0, 1},
			bound{"alerts.email_subscribers", a.EmailSubscribers, 0, many})
	}
	if m := s.Monitoring; m != nil {
		bounds = append(bounds, bound{"monitoring.alarms", m.Alarms, 0, many})
	}
	if a := s.API; a != nil {
		bounds = append(bounds, bound{"api.requests_per_day", a.RequestsPerDay, 0, many},
			within("api.memory_mb", a.MemoryMB, pipeline.APIMemoryMB))
	}
	if e := s.Edge; e != nil {
		bounds = append(bounds, bound{"edge.gateways", e.Gateways, 1, many},
			bound{"edge.status_seconds", e.StatusSeconds, 10, 86_400},
			bound{"edge.commands_per_day", e.CommandsPerDay, 0, many})
	}
	if q := s.Queries; q != nil {
		bounds = append(bounds, bound{"queries.per_day", q.PerDay, 0, many}, bound{"queries.days", q.Days, 0, 36_500})
	}
	for _, b := range []bound{{path: "devices", value: s.Devices}, {path: "stream.shards", value: s.Stream.Shards},
		{path: "processor.batch_size", value: s.Processor.BatchSize}} {
		if b.value != math.Trunc(b.value) {
			return argument.Fail(b.path, "%v is not a whole number", b.value)
		}
	}
	for _, b := range bounds {
		if !(b.least <= b.value && b.value <= b.most) {
			return argument.Fail(b.path, "%v is not between %v and %v", b.value, b.least, b.most)
		}
	}
	return nil
}

func (s Setup) checkChoices() error {
	type choice struct {
		path, value string
		allowed     []string
	}
	choices := []choice{
		{"stream.mode", s.Stream.Mode, pipeline.StreamModes.Values},
		{"archive.delivery", s.Archive.Delivery, pipeline.ArchiveDeliveries.Values},
		{"archive.format", s.Archive.Format, pipeline.ArchiveFormats.Values},
		{"credentials.store", s.Credentials.Store, pipeline.CredentialsStores.Values},
	}
	if t := s.Timestream; t != nil {
		choices = append(choices, choice{"timestream.layout", t.Layout, pipeline.TimestreamLayouts.Values})
	}
	if a := s.Alerts; a != nil {
		choices = append(choices, choice{"alerts.evaluate", a.Evaluate, pipeline.AlertEvaluations.Values})
	}
	if i := s.InfluxDB; i != nil && i.Instance != nil {
		choices = append(choices,
			choice{"influxdb.instance.type", i.Instance.Type, slices.Sorted(maps.Keys(instanceTypes))})
	}
	for _, c := range choices {
		if !slices.Contains(c.allowed, c.value) {
			return argument.Fail(c.path, "%q is not one of %s", c.value, strings.Join(c.allowed, ", "))
		}
	}
	return nil
}

// checkIngest refuses what Basic Ingest does not deliver: such a message reaches the one rule that its topic names
// [AWS IoT: Basic Ingest].
func (s Setup) checkIngest() error {
	const why = "with Basic Ingest, a message reaches the telemetry rule only, and not the rule of %s"
	switch {
	case !s.BasicIngest:
	case s.Alerts != nil && s.Alerts.Evaluate != inStream:
		return argument.Fail("basic_ingest",
			why+"; use alerts.evaluate = %q, remove alerts, or let the devices publish to the broker", "the alerts",
			inStream)
	case s.Archive.Enabled && s.Archive.Delivery == perMessage:
		return argument.Fail("basic_ingest",
			why+"; use archive.delivery = %q, or let the devices publish to the broker",
			"the archive", batched)
	}
	return nil
}

// checkShards refuses a stream that cannot take the fleet's messages.
func (s Setup) checkShards() error {
	if s.Stream.Mode == onDemand || s.queued() {
		return nil
	}
	if need := shardsFor(s.Devices/s.IntervalSeconds, s.MessageBytes); need > s.Stream.Shards {
		return argument.Fail("stream.shards",
			"%.0f messages of %.0f bytes per second need %.0f shards, and there are %.0f",
			math.Ceil(s.Devices/s.IntervalSeconds), s.MessageBytes, need, s.Stream.Shards)
	}
	return nil
}

// checkQueue refuses what a queue does not have.
func (s Setup) checkQueue() error {
	if s.queued() && s.Metrics != nil {
		return argument.Fail("metrics", "metrics need a stream; remove metrics, or use stream.mode = %q", onDemand)
	}
	return nil
}

func (s Setup) checkPrices() error {
	for _, key := range slices.Sorted(maps.Keys(s.Prices)) {
		path := "prices." + key
		switch usd := s.Prices[key]; {
		case priceOf(key).Key == "":
			return argument.Fail(path, "there is no such price; there are %s", strings.Join(PriceKeys(), ", "))
		case !(0 <= usd && usd <= 1e6):
			return argument.Fail(path, "%v is not a price in %s", usd, Currency)
		}
	}
	return nil
}

// PriceKeys returns the keys of the price table, in its order.
func PriceKeys() []string {
	keys := make([]string, len(prices))
	for i, p := range prices {
		keys[i] = p.Key
	}
	return keys
}

// Cheapest is the setup of the guide "Costs" that costs least per message: Basic Ingest, a batched archive, and batches
// of the processor over five minutes.
func Cheapest(devices float64) Setup {
	s := Default()
	s.Devices, s.BasicIngest = devices, true
	s.Processor.BatchSize = float64(pipeline.ProcessorBatchSize.Max)
	s.Processor.BatchWindowSeconds = float64(pipeline.ProcessorBatchWindowSeconds.Max)
	return s
}
