package processor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"
	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// timestreamAPI is the part of the Timestream client that the processor uses.
type timestreamAPI interface {
	WriteRecords(
		context.Context,
		*timestreamwrite.WriteRecordsInput,
		...func(*timestreamwrite.Options),
	) (*timestreamwrite.WriteRecordsOutput, error)
}

// history writes the measures of every message to Timestream.
type history struct {
	client          timestreamAPI
	database, table string
	single          bool

	// first lets one call run ahead of the others until one has succeeded. The client then knows its endpoint, so
	// endpoint discovery happens once per process, not once per concurrent call.
	first sync.Mutex
	known bool
}

func newHistory(c config, cfg aws.Config) *history {
	return &history{client: timestreamwrite.NewFromConfig(cfg), database: c.database, table: c.table, single: c.single}
}

// Limits of Timestream [AWS 6.1].
const (
	maxRecords     = 100  // records in one WriteRecords
	maxRecordBytes = 2048 // one record, names and values
	maxMeasures    = 256  // measures of a multi-measure record
	maxNameBytes   = 256  // a measure's name
)

// Reasons for dead letters that only Timestream has.
const (
	tooManyMeasures  = "too_many_measures"
	badMeasureName   = "measure_name"
	recordTooLarge   = "record_too_large"
	timestreamReason = "timestream_rejected"
)

// row is one future Timestream record: a reading or, with the single layout, one measure of it.
type row struct {
	reading int
	measure int // -1: all of them
	version int64
}

// store checks the readings and adds the calls that write them to w. order is grouped by device, so most calls concern
// one device and name it once.
func (h *history) store(ctx context.Context, b *batch, order []int, w *work) {
	rows := make([]row, 0, len(order))
	for at, i := range order {
		m := &b.readings[i]
		if m.status != "" || !h.hasValue(m.Measures) {
			continue
		}
		setVersion(b, order[:at], i)
		if reason, detail := h.check(&m.Reading, b.of(i).PartitionKey); reason != "" {
			b.reject(m.record, reason, detail)
			continue
		}
		if !h.single {
			rows = append(rows, row{reading: i, measure: -1, version: m.version})
			continue
		}
		for measure := range m.Measures {
			if h.writes(&m.Measures[measure]) {
				rows = append(rows, row{reading: i, measure: measure, version: m.version})
			}
		}
	}
	for start := 0; start < len(rows); start += maxRecords {
		chunk := rows[start:min(start+maxRecords, len(rows))]
		*w = append(*w, func() { h.write(ctx, b, chunk) })
	}
}

// writes reports whether a measure has a place in Timestream: there are no empty values, and in the multi layout no
// second column with the dimension's name. A payload that names its device adds nothing to the topic.
func (h *history) writes(m *telemetry.Measure) bool {
	return m.Text != "" && (h.single || m.Name != deviceDimension)
}

func (h *history) hasValue(measures []telemetry.Measure) bool {
	for i := range measures {
		if h.writes(&measures[i]) {
			return true
		}
	}
	return false
}

// A record with a higher version replaces one with the same device, time and name; the same version with the same
// values is accepted and changes nothing [AWS 6.1 Upsert]. The arrival time is the same in every replay and grows with
// the stream, so it is the version. Thousandths of it order messages that share a device, a time and an arrival
// millisecond.
const versionsPerMilli = 1000

// lookBack limits the search for such a message. If it misses one, Timestream rejects the record, and again corrects
// the version.
const lookBack = 64

// setVersion gives reading i its version. before holds the readings that precede it in order; those of its device are
// at the end.
func setVersion(b *batch, before []int, i int) {
	m := &b.readings[i]
	m.version = max(1, b.of(i).ArrivalMillis*versionsPerMilli)
	for n := 1; n <= len(before) && n <= lookBack; n++ {
		j := before[len(before)-n]
		if b.of(j).PartitionKey != b.of(i).PartitionKey || b.of(j).ArrivalMillis < b.of(i).ArrivalMillis {
			return
		}
		if b.readings[j].Time.UnixMilli() == m.Time.UnixMilli() && b.readings[j].version >= m.version {
			m.version = b.readings[j].version + 1
		}
	}
}

// check rejects a reading for which Timestream would reject the whole call. It returns the reason, or "".
func (h *history) check(m *telemetry.Reading, thing string) (reason, detail string) {
	if len(m.Measures) > maxMeasures && !h.single {
		return tooManyMeasures, fmt.Sprintf(
			"the reading has %d measures, a record takes %d",
			len(m.Measures),
			maxMeasures,
		)
	}
	const fixed = len(deviceDimension) + len(multiName) + 8 // the dimension's and the measure's name, and the time
	size := fixed + len(thing)
	for i := range m.Measures {
		measure := &m.Measures[i]
		if problem := h.nameProblem(measure.Name); problem != "" {
			return badMeasureName, problem
		}
		bytes := len(measure.Name) + valueBytes(measure)
		if size += bytes; h.single {
			size = fixed + len(thing) + bytes
		}
		if size > maxRecordBytes {
			return recordTooLarge, fmt.Sprintf("the record is larger than %d bytes", maxRecordBytes)
		}
	}
	return "", ""
}

func valueBytes(m *telemetry.Measure) int {
	switch m.Kind {
	case telemetry.Number:
		return 8
	case telemetry.Bool:
		return 1
	}
	return len(m.Text)
}

// nameProblem checks a measure's name; in the multi layout, it is also a column's name.
func (h *history) nameProblem(name string) string {
	switch {
	case len(name) > maxNameBytes:
		return fmt.Sprintf("a measure's name has %d bytes, the limit is %d", len(name), maxNameBytes)
	case h.single:
		return ""
	case name == "time" || name == "measure_name" || strings.HasPrefix(name, "ts_") ||
		strings.HasPrefix(name, "measure_value") || strings.Contains(name, ":"):
		return fmt.Sprintf("the measure name %q is reserved by Timestream in the multi layout", name)
	}
	return ""
}

// write sends the rows of one call and reports the result of each to the batch.
func (h *history) write(ctx context.Context, b *batch, rows []row) {
	for len(rows) > 0 {
		err := h.call(ctx, b, rows)
		var (
			rejected *types.RejectedRecordsException
			api      smithy.APIError
		)
		switch {
		case err == nil:
			return
		case errors.As(err, &rejected) && len(rejected.RejectedRecords) > 0:
			rows = again(b, rows, rejected.RejectedRecords)
		case errors.As(err, &api) && api.ErrorCode() == "ValidationException" && len(rows) > 1:
			// Timestream rejects the call because of one record, and does not say which: find it.
			half := len(rows) / 2
			h.write(ctx, b, rows[:half])
			rows = rows[half:]
		case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
			b.reject(rows[0].record(b), timestreamReason, rows[0].describe(b, api.ErrorMessage()))
			return
		default:
			for _, r := range rows {
				b.fail(r.record(b), fmt.Errorf("writing to Timestream table %q: %w", h.table, err))
			}
			return
		}
	}
}

// again reads the response about each rejected row and returns the rows to send once more; the others become dead
// letters with AWS's own reason. Rows that the response does not name are stored [AWS 6.1 RejectedRecordsException].
func again(b *batch, rows []row, rejected []types.RejectedRecord) []row {
	retry := make([]row, 0, len(rejected))
	for _, r := range rejected {
		i := int(r.RecordIndex)
		if i < 0 || i >= len(rows) {
			for _, r := range rows {
				b.fail(r.record(b), fmt.Errorf("Timestream rejected record %d of a call with %d", i, len(rows)))
			}
			return nil
		}
		switch existing := aws.ToInt64(r.ExistingVersion); {
		case existing == rows[i].version:
			// Two messages have the same device, time and arrival millisecond. The later one, this one, takes the next.
			next := rows[i]
			next.version = existing + 1
			retry = append(retry, next)
			continue
		case existing > rows[i].version:
			// This is the earlier message of two with the same device and time, in a replay, or from a queue that has
			// delivered the later one first. The later one is stored, as if they had come in order.
			continue
		}
		b.reject(rows[i].record(b), timestreamReason, rows[i].describe(b, aws.ToString(r.Reason)))
	}
	return retry
}

func (r row) record(b *batch) int { return b.readings[r.reading].record }

func (r row) describe(b *batch, reason string) string {
	if r.measure < 0 {
		return reason
	}
	return fmt.Sprintf("%s: %s", b.readings[r.reading].Measures[r.measure].Name, reason)
}

// call makes one WriteRecords call. Until one call of the process has succeeded, calls run one by one.
func (h *history) call(ctx context.Context, b *batch, rows []row) error {
	h.first.Lock()
	if h.known {
		h.first.Unlock()
		return h.writeRecords(ctx, b, rows)
	}
	defer h.first.Unlock()
	err := h.writeRecords(ctx, b, rows)
	var rejected *types.RejectedRecordsException
	h.known = err == nil || errors.As(err, &rejected)
	return err
}
