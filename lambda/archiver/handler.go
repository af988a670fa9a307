package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// archiver handles invocations one at a time, as Lambda sends them to a process.
type archiver struct {
	pipeline string
	options  telemetry.Options
	level    string
	out      io.Writer // metrics
	log      *slog.Logger
	// decode reads a payload; it is the Append of a decoder.
	decode func(list []telemetry.Reading, payload string, arrival time.Time) ([]telemetry.Reading, error)
	// limit is how many bytes an answer may have.
	limit int

	readings []telemetry.Reading // of one record; its memory is reused
	rows     []byte              // of one record; its memory is reused
}

// maxAnswer is the most that a function may answer. Lambda takes 6 MiB; the rest is a reserve.
const maxAnswer = 6_000_000

// newArchiver does the work of a cold start.
func newArchiver(getenv func(string) string, out io.Writer) (*archiver, error) {
	options, err := telemetry.ParseOptions(getenv(contract.EnvTelemetry), getenv(contract.EnvDataField),
		getenv(contract.EnvTimeField))
	if err != nil {
		return nil, fmt.Errorf("reading the archiver's environment: %w", err)
	}
	a := &archiver{pipeline: getenv(contract.EnvPipeline), options: options,
		level: getenv("AWS_LAMBDA_LOG_LEVEL"), out: out, limit: maxAnswer}
	a.log = lambdalog.New(out, a.level)
	if err := a.renewDecoder(); err != nil {
		return nil, fmt.Errorf("reading the archiver's environment: %w", err)
	}
	return a, nil
}

func (a *archiver) renewDecoder() error {
	decoder, err := telemetry.New(a.options)
	if err != nil {
		return err
	}
	a.decode = decoder.Append
	return nil
}

// Why Firehose keeps a record below the error prefix instead of in the table.
const (
	damagedRecord  = telemetry.Reason("damaged_record")
	answerTooLarge = telemetry.Reason("answer_too_large")
	panicked       = telemetry.Reason("panic")
)

// Invoke converts one batch. It returns an error only if the event is not one; everything else is in the answer.
func (a *archiver) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	records, err := stream.ParseFirehose(event)
	if err != nil {
		return nil, err
	}
	metrics := emf.New(a.pipeline, "archiver", a.level)
	answer := newAnswer(records, len(event), a.limit)
	t := tally{Recorder: metrics}
	for i := range records {
		a.answer(ctx, answer, &records[i], &t)
	}
	if t.surplus > 0 {
		a.log.ErrorContext(ctx, "rows do not fit into the answer; Firehose keeps their records below the error prefix",
			"records", t.surplus, "of", len(records), "first_sequence_number", t.firstSurplus, "limit_bytes", a.limit)
	}
	metrics.Count(contract.ReceivedMetric, len(records))
	metrics.Count(contract.ArchivedMetric, t.archived)
	metrics.Count("Rows", t.rows)
	metrics.Count(contract.ProcessingFailedMetric, 0)
	if _, err := metrics.WriteTo(a.out); err != nil {
		a.log.ErrorContext(ctx, "printing metrics", "error", err.Error())
	}
	return answer.done(), nil
}

// tally counts what became of the records of a batch.
type tally struct {
	*emf.Recorder
	archived, rows, surplus int
	firstSurplus            string // sequence number
}

// answer answers one record.
func (a *archiver) answer(ctx context.Context, to *answer, d *stream.Delivery, t *tally) {
	refuse := func(reason telemetry.Reason) {
		t.CountReason(contract.ProcessingFailedMetric, string(reason), 1)
		to.failed(d.ID)
	}
	if d.Damaged {
		a.log.ErrorContext(ctx, "the data of a record is not base64; Firehose keeps it below the error prefix",
			"thing", d.PartitionKey, "sequence_number", d.SequenceNumber)
		refuse(damagedRecord)
		return
	}
	rows, err := a.convert(d)
	var unreadable *telemetry.Error
	if err != nil && !errors.As(err, &unreadable) {
		a.log.ErrorContext(ctx, "converting a record panicked; Firehose keeps it below the error prefix",
			"thing", d.PartitionKey, "sequence_number", d.SequenceNumber, "error", err.Error())
		refuse(panicked)
		return
	}
	if !to.ok(d.ID, a.rows) {
		if t.surplus++; t.surplus == 1 {
			t.firstSurplus = d.SequenceNumber
		}
		refuse(answerTooLarge)
		return
	}
	if unreadable != nil {
		// It is archived as it is. The processor sends the same message to the dead letters, with the details.
		t.CountReason("Unreadable", string(unreadable.Reason), 1)
	}
	t.archived, t.rows = t.archived+1, t.rows+rows
}

// convert writes the rows of a record to a.rows, and counts them. A *telemetry.Error says why the record's row is of
// the kind "other"; any other error means that there are no rows.
func (a *archiver) convert(d *stream.Delivery) (rows int, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The decoder may be in any state.
			err = errors.Join(fmt.Errorf("%v\n%s", p, debug.Stack()), a.renewDecoder())
		}
	}()
	a.rows = a.rows[:0]
	return a.appendRows(d)
}
