package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/firehose"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// maxState is how large the state in an answer gets, in bytes: Lambda ends a window whose state passes 1 MB.
const maxState = 800_000

// maxName is how long a measure's name can be, in bytes. It is the limit of a Timestream column as well.
const maxName = 256

// handler handles invocations one at a time, as Lambda sends them to a process.
type handler struct {
	config
	table    *table
	export   *export // nil without a Firehose stream
	decoder  *telemetry.Decoder
	maxState int
	log      *slog.Logger
	level    string
	out      io.Writer // the function's own metrics
	now      func() time.Time
	connect  func() // opens a connection to DynamoDB

	readings []telemetry.Reading // of one record; its memory is reused
}

func newHandler(getenv func(string) string, out io.Writer) (*handler, error) {
	c, err := loadConfig(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Load(getenv)
	if err != nil {
		return nil, err
	}
	decoder, err := telemetry.New(c.telemetry)
	if err != nil {
		return nil, err
	}
	tables := dynamodb.NewFromConfig(cfg)
	h := &handler{
		config:  c,
		connect: func() { awsenv.ConnectTables(cfg, tables) },
		table:   &table{client: tables, name: c.table, keep: c.keep, pause: awsenv.Pause},
		decoder: decoder, maxState: maxState, level: getenv("AWS_LAMBDA_LOG_LEVEL"), out: out, now: time.Now,
	}
	h.log = lambdalog.New(out, h.level)
	if c.stream != "" {
		h.export = &export{client: firehose.NewFromConfig(cfg), stream: c.stream, pause: awsenv.Pause}
	}
	return h, nil
}

// Invoke takes the next batch of a window. An error makes Lambda repeat it with the same state; a batch is never
// reported in part, because the state would then have to belong to the other part.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	from, records, err := stream.ParseWindow(event)
	if err != nil {
		return nil, err
	}
	ctx, cancel := reserve(ctx, h.now())
	defer cancel()
	own := emf.New(h.pipeline, "metrics", h.level)
	state, err := h.advance(ctx, from, records, own)
	if err != nil {
		own.Count("Failed", 1)
	}
	if _, err := own.WriteTo(h.out); err != nil {
		h.log.ErrorContext(ctx, "printing metrics", "error", err.Error())
	}
	if err != nil {
		return nil, fmt.Errorf("window %s of %s: %w", from.Start.Format(time.RFC3339), from.Shard, err)
	}
	return stream.Continue(state), nil
}

// reserve leaves time for the answer: an invocation that times out takes its environment with it.
func reserve(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	left := deadline.Sub(now)
	return context.WithDeadline(ctx, deadline.Add(-min(max(left/10, 100*time.Millisecond), 2*time.Second)))
}

// advance adds the records to the window, stores it if it ends, and returns the state for its next invocation.
func (h *handler) advance(
	ctx context.Context,
	from stream.Window,
	records []stream.Record,
	own *emf.Recorder,
) (map[string]string, error) {
	w, err := openWindow(from)
	if err != nil {
		// Repeating the invocation would repeat the error, and keep the shard from going on.
		h.log.ErrorContext(ctx, "what the window held so far is lost; going on with the rest of it", "error",
			err.Error(), "shard", from.Shard, "window", from.Start)
		own.Count("StatesLost", 1)
	}
	own.Count(contract.ReceivedMetric, len(records))
	for i := range records {
		h.take(w, &records[i], own)
	}
	if from.Final || from.TerminatedEarly {
		return nil, h.finish(ctx, w, own)
	}
	state := w.state()
	if size(state) <= h.maxState {
		return state, nil
	}
	own.Count("SpilledSeries", len(w.series))
	if err := h.table.spill(ctx, w, h.now()); err != nil {
		return nil, err
	}
	return w.state(), nil
}

// The function's own reasons; the decoder's are in package telemetry.
const (
	repeated      = "repeated"
	damagedRecord = "damaged_record"
	invalidThing  = "invalid_thing"
)

// take adds a record to the window. A record that cannot be read is counted and passed over: the processor makes a dead
// letter of it.
func (h *handler) take(w *window, record *stream.Record, own *emf.Recorder) {
	switch {
	case !w.advance(record.SequenceNumber):
		own.CountReason("Skipped", repeated, 1)
		return
	case record.Damaged:
		own.CountReason("Skipped", damagedRecord, 1)
		return
	case !thing.Valid(record.PartitionKey):
		own.CountReason("Skipped", invalidThing, 1)
		return
	case envelope.KindOf(record.Data) != envelope.Telemetry:
		return
	}
	var err error
	h.readings, err = h.decoder.Append(h.readings[:0], record.Data, record.Arrival())
	if err != nil {
		var refused *telemetry.Error
		errors.As(err, &refused)
		own.CountReason("Skipped", string(refused.Reason), 1)
		return
	}
	for i := range h.readings {
		r := &h.readings[i]
		at := r.Time.UnixMilli()
		for j := range r.Measures {
			m := &r.Measures[j]
			if !h.wants(m, r) {
				continue
			}
			v, ok := valueOf(m)
			if !ok || len(m.Name) > maxName {
				own.Count("SkippedValues", 1)
				continue
			}
			w.series.at(key{record.PartitionKey, m.Name}).add(sample{at, v})
		}
	}
}

// wants reports whether a measure has metrics: text has none, and the time of a device without a clock is no measure.
func (h *handler) wants(m *telemetry.Measure, r *telemetry.Reading) bool {
	if m.Kind == telemetry.String || r.Implausible && m.Name == telemetry.DeviceTime {
		return false
	}
	return h.measures == nil || h.measures[m.Name]
}

// valueOf returns a number, or 1 and 0 for true and false: the average of a Boolean is how often it was true.
func valueOf(m *telemetry.Measure) (float64, bool) {
	if m.Kind == telemetry.Bool {
		if m.Text == "true" {
			return 1, true
		}
		return 0, true
	}
	v := m.Float()
	return v, countable(v)
}

// finish stores the window.
func (h *handler) finish(ctx context.Context, w *window, own *emf.Recorder) error {
	own.Count("Windows", 1)
	keys := w.series.sorted()
	if len(w.spills) == 0 {
		return h.write(ctx, w, w.series, keys, own)
	}
	for p, mine := range byPartition(keys) {
		merged, lost, err := h.table.load(ctx, w, p, mine)
		if err != nil {
			return err
		}
		if lost > 0 {
			h.log.ErrorContext(ctx, "spilled series are no longer in the table; storing the rest of the window",
				"pieces", lost, "shard", w.Shard, "window", w.Start)
			own.Count("SpillsLost", lost)
		}
		if err := h.write(ctx, w, merged, merged.sorted(), own); err != nil {
			return err
		}
	}
	return nil
}

// write puts series into the table, and then into the export: rows of it can be repeated, and should be the exception.
func (h *handler) write(ctx context.Context, w *window, all series, keys []key, own *emf.Recorder) error {
	own.Count("Series", len(keys))
	if err := h.table.store(ctx, w, all, keys); err != nil || h.export == nil {
		return err
	}
	if err := h.export.write(ctx, w, all, keys); err != nil {
		return err
	}
	own.Count("Exported", len(keys))
	return nil
}
