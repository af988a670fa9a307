package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// decoder is telemetry.Decoder.Append.
type decoder func(list []telemetry.Reading, payload string, arrival time.Time) ([]telemetry.Reading, error)

func newDecoder(c config) (decoder, error) {
	d, err := telemetry.New(c.telemetry)
	if err != nil {
		return nil, err
	}
	return d.Append, nil
}

// decodeShare is how many records justify a decoder of their own.
const decodeShare = 500

// decode reads every record. It splits a large batch into as many runs as there are processors and decoders.
func (p *processor) decode(ctx context.Context, b *batch, metrics *emf.Recorder) {
	n := len(b.records)
	runs := make([]run, max(1, min(len(p.decoders), n/decodeShare)))
	var workers sync.WaitGroup
	for r := range runs {
		workers.Go(func() {
			runs[r].decode = p.decoders[r]
			p.decodeRun(ctx, b, &runs[r], n*r/len(runs), n*(r+1)/len(runs))
			p.decoders[r] = runs[r].decode
		})
	}
	workers.Wait()
	b.readings, b.presences = runs[0].readings, runs[0].presences
	skipped, implausible := runs[0].skipped, runs[0].implausible
	for _, r := range runs[1:] {
		b.readings = append(b.readings, r.readings...)
		b.presences = append(b.presences, r.presences...)
		skipped, implausible = skipped+r.skipped, implausible+r.implausible
	}
	metrics.Count(contract.ReceivedMetric, n)
	metrics.Count("Accepted", n-len(b.rejected))
	metrics.Count("SkippedValues", skipped)
	if implausible > 0 {
		metrics.Count("ImplausibleTime", implausible)
	}
}

// run decodes a part of a batch.
type run struct {
	decode   decoder
	readings []reading
	decoded  []telemetry.Reading // of one record; its memory is reused
	// presences are the events about connections.
	presences []presence

	skipped, implausible int
}

// decodeRun reads the records from start up to end.
func (p *processor) decodeRun(ctx context.Context, b *batch, r *run, start, end int) {
	debug := p.log.Enabled(ctx, slog.LevelDebug)
	r.readings = make([]reading, 0, end-start)
	for i := start; i < end; i++ {
		record := &b.records[i]
		if debug {
			p.log.DebugContext(ctx, "record", "thing", record.PartitionKey, "sequence_number", record.SequenceNumber,
				"payload", record.Data)
		}
		if err := p.readOne(ctx, r, record, i); err != nil {
			var refused *telemetry.Error
			errors.As(err, &refused)
			b.reject(i, string(refused.Reason), refused.Detail)
		}
	}
}

// The processor's own reasons; the decoder's are in package telemetry, the stores' next to their checks.
const (
	damagedRecord = telemetry.Reason("damaged_record")
	invalidThing  = telemetry.Reason("invalid_thing")
	panicked      = telemetry.Reason("panic")
)

// readOne decodes one record. A mistake in the program that shows with this record costs the record, not its batch. The
// error is a *telemetry.Error.
func (p *processor) readOne(ctx context.Context, r *run, record *stream.Record, index int) (err error) {
	readings, presences := len(r.readings), len(r.presences)
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		p.log.ErrorContext(ctx, "decoding a record panicked; sending it to the dead-letter queue", "thing",
			record.PartitionKey, "sequence_number", record.SequenceNumber, "error", fmt.Sprint(v), "stack",
			string(debug.Stack()))
		r.readings, r.presences = r.readings[:readings], r.presences[:presences]
		err = &telemetry.Error{Reason: panicked, Detail: "the processor has a mistake that this record shows"}
		// The decoder may be in any state.
		if fresh, failure := newDecoder(p.config); failure == nil {
			r.decode, r.decoded = fresh, nil
		}
	}()
	return r.read(record, index)
}

// read decodes one record. The error is a *telemetry.Error.
func (r *run) read(record *stream.Record, index int) error {
	if record.Damaged {
		return &telemetry.Error{Reason: damagedRecord, Detail: "the record's data is not base64"}
	}
	if !thing.Valid(record.PartitionKey) {
		return &telemetry.Error{Reason: invalidThing, Detail: "the partition key is not a thing's name"}
	}
	switch envelope.KindOf(record.Data) {
	case envelope.Status:
		return r.readStatus(record, index)
	case envelope.Presence:
		return r.readPresence(record, index)
	case envelope.CommandResult:
		return r.readResult(record, index)
	}
	return r.readTelemetry(record, index)
}

func (r *run) readTelemetry(record *stream.Record, index int) error {
	var err error
	if r.decoded, err = r.decode(r.decoded[:0], record.Data, record.Arrival()); err != nil {
		return err
	}
	for _, one := range r.decoded {
		r.readings = append(r.readings, reading{Reading: one, record: index})
		r.skipped += one.Skipped
		if one.Implausible {
			r.implausible++
		}
	}
	return nil
}
