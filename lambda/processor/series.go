package processor

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/influx"
)

// series writes the measures of every message to InfluxDB: a line per reading, tagged with the thing.
type series struct {
	client      *influx.Client
	measurement string
}

func newSeries(c config, cfg aws.Config) *series {
	return &series{
		client:      influx.New(*c.influx, secretsmanager.NewFromConfig(cfg), concurrency),
		measurement: c.influx.Measurement,
	}
}

// influxReason is the reason of dead letters for what InfluxDB refused; the detail is InfluxDB's own.
const influxReason = "influxdb_rejected"

// Limits of one write. InfluxData recommends 5,000 lines; servers take 10 MB (version 3) and more.
const (
	maxLines     = 5000
	maxLineBytes = 4 << 20
)

// line is one reading in line protocol.
type line struct {
	reading int
	text    []byte
}

// store encodes the readings and adds the calls that write them to w. order is grouped by device.
func (s *series) store(ctx context.Context, b *batch, order []int, w *work) {
	lines := s.encode(b, order)
	// A job ends with the last line of a device, and a job's writes are made one after the other: of two readings of
	// one device and time, InfluxDB keeps the one that comes later.
	for start := 0; start < len(lines); {
		end := min(start+maxLines, len(lines))
		for end < len(lines) &&
			b.of(lines[end].reading).PartitionKey == b.of(lines[end-1].reading).PartitionKey {
			end++
		}
		job := lines[start:end]
		*w = append(*w, func() { s.writeAll(ctx, b, job) })
		start = end
	}
}

// encode returns the lines of the readings that have one. A reading that cannot be expressed is rejected.
func (s *series) encode(b *batch, order []int) []line {
	encoder := influx.NewEncoder(s.measurement)
	lines := make([]line, 0, len(order))
	text := make([]byte, 0, 128*len(order))
	for _, i := range order {
		m := &b.readings[i]
		if m.status != "" {
			continue
		}
		start := len(text)
		var err error
		if text, err = encoder.Append(text, b.of(i).PartitionKey, &m.Reading); err != nil {
			b.reject(m.record, badMeasureName, err.Error())
		} else if len(text) > start {
			// The slice stays valid when text grows: then it keeps the memory that it was cut from.
			lines = append(lines, line{i, text[start:len(text):len(text)]})
		}
	}
	return lines
}

// writeAll writes the lines of a job in as many writes as their number and size ask for.
func (s *series) writeAll(ctx context.Context, b *batch, lines []line) {
	for start := 0; start < len(lines); {
		end, size := start, 0
		for end < len(lines) && end-start < maxLines &&
			(end == start || size+len(lines[end].text) <= maxLineBytes) {
			size += len(lines[end].text)
			end++
		}
		s.write(ctx, b, lines[start:end])
		start = end
	}
}

// write makes one write and reports the result of each line to the batch.
func (s *series) write(ctx context.Context, b *batch, lines []line) {
	for len(lines) > 0 {
		texts := make([][]byte, len(lines))
		for i := range lines {
			texts[i] = lines[i].text
		}
		err := s.client.Write(ctx, texts)
		var refused *influx.RefusedError
		switch {
		case err == nil:
			return
		case errors.As(err, &refused) && s.rejectNamed(b, lines, refused.Lines):
			lines = without(lines, refused.Lines)
		case (refused != nil || errors.Is(err, influx.ErrTooLarge)) && len(lines) > 1:
			// InfluxDB does not say which lines it refuses, or takes fewer at once: divide them. Those that it took are
			// written again, which changes nothing.
			half := len(lines) / 2
			s.write(ctx, b, lines[:half])
			lines = lines[half:]
		case refused != nil:
			b.reject(b.readings[lines[0].reading].record, influxReason, refused.Message)
			return
		case errors.Is(err, influx.ErrTooLarge):
			b.reject(b.readings[lines[0].reading].record, recordTooLarge,
				fmt.Sprintf("InfluxDB takes no line of %d bytes", len(lines[0].text)))
			return
		default:
			for _, l := range lines {
				b.fail(b.readings[l.reading].record, err)
			}
			return
		}
	}
}

// rejectNamed rejects the lines that InfluxDB names. It returns false if it names none, or one that was not sent.
func (s *series) rejectNamed(b *batch, lines []line, named map[int]string) bool {
	for i := range named {
		if i >= len(lines) {
			return false
		}
	}
	for i, reason := range named {
		b.reject(b.readings[lines[i].reading].record, influxReason, reason)
	}
	return len(named) > 0
}

// without returns the lines that are not named, to be written again: whether InfluxDB took them depends on its version.
func without(lines []line, named map[int]string) []line {
	rest := make([]line, 0, len(lines))
	for i, l := range lines {
		if _, found := named[i]; !found {
			rest = append(rest, l)
		}
	}
	return rest
}
