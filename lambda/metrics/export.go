package metrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// firehoseAPI is the part of the Firehose client that the function uses.
type firehoseAPI interface {
	PutRecordBatch(
		context.Context,
		*firehose.PutRecordBatchInput,
		...func(*firehose.Options),
	) (*firehose.PutRecordBatchOutput, error)
}

// export writes metrics as JSON lines to a Firehose stream, which delivers them to S3. What Lambda repeats is written
// again: readers drop equal rows.
type export struct {
	client firehoseAPI
	stream string
	pause  func(ctx context.Context, attempt int) error // before what was refused is sent again
}

const (
	// Firehose takes 1,000 KiB a record and 4 MiB a call, and charges each record as a multiple of 5 KB: many lines
	// make a record. A line with the longest names has less than 4 KB.
	recordBytes = 500 << 10
	callRecords = 8
	// timestampLayout is how Athena reads a timestamp in JSON.
	timestampLayout = "2006-01-02 15:04:05.000"
)

// write sends the series of the keys.
func (e *export) write(ctx context.Context, w *window, all series, keys []key) error {
	var records []types.Record
	for len(keys) > 0 {
		var lines []byte
		for len(keys) > 0 && len(lines) < recordBytes {
			lines = appendLine(lines, w, keys[0], all[keys[0]])
			keys = keys[1:]
		}
		records = append(records, types.Record{Data: lines})
		if len(records) == callRecords || len(keys) == 0 {
			if err := e.send(ctx, records); err != nil {
				return fmt.Errorf("writing to Firehose stream %q: %w", e.stream, err)
			}
			records = nil
		}
	}
	return nil
}

// send makes one call, and others for the records that Firehose refuses in a good answer.
func (e *export) send(ctx context.Context, records []types.Record) error {
	for attempt := 1; ; attempt++ {
		out, err := e.client.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{
			DeliveryStreamName: &e.stream, Records: records,
		})
		if err != nil {
			return err
		}
		if aws.ToInt32(out.FailedPutCount) == 0 {
			return nil
		}
		var again []types.Record
		for i, r := range out.RequestResponses {
			if r.ErrorCode != nil && i < len(records) {
				again = append(again, records[i])
			}
		}
		if len(again) > 0 { // an answer that counts failures names them
			records = again
		}
		if err := e.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// appendLine writes a row, with the columns of the Glue table.
func appendLine(out []byte, w *window, k key, s *statistics) []byte {
	text := func(name, value string) {
		out = append(append(out, `,"`...), name...)
		out = jsontext.AppendString(append(out, `":`...), value)
	}
	number := func(name string, value float64) {
		out = append(append(out, `,"`...), name...)
		out = strconv.AppendFloat(append(out, `":`...), value, 'g', -1, 64)
	}
	moment := func(name string, ms int64) { text(name, time.UnixMilli(ms).UTC().Format(timestampLayout)) }
	out = jsontext.AppendString(append(out, `{"thing":`...), k.device)
	text("measure", k.measure)
	moment("window_start", w.Start.UnixMilli())
	moment("window_end", w.End.UnixMilli())
	out = strconv.AppendInt(append(out, `,"count":`...), s.count, 10)
	number("sum", s.sum.value())
	number("minimum", s.minimum)
	number("maximum", s.maximum)
	number("average", s.average())
	number("first_value", s.first.value)
	moment("first_at", s.first.at)
	number("last_value", s.last.value)
	moment("last_at", s.last.at)
	text("part", w.part())
	return append(out, "}\n"...)
}
