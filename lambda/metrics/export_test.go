package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// delivery is a Firehose stream that keeps what it gets. refuse decides about a record of a call.
type delivery struct {
	t      *testing.T
	got    []byte
	calls  int
	refuse func(call, record int) bool
	err    error
}

func (d *delivery) PutRecordBatch(
	_ context.Context,
	in *firehose.PutRecordBatchInput,
	_ ...func(*firehose.Options),
) (*firehose.PutRecordBatchOutput, error) {
	d.calls++
	if d.err != nil {
		return nil, d.err
	}
	out, size := &firehose.PutRecordBatchOutput{}, 0
	failed := int32(0)
	for i, r := range in.Records {
		if len(r.Data) > 1000<<10 {
			d.t.Errorf("a record of %d bytes", len(r.Data))
		}
		size += len(r.Data)
		if d.refuse != nil && d.refuse(d.calls, i) {
			failed++
			out.RequestResponses = append(out.RequestResponses,
				types.PutRecordBatchResponseEntry{ErrorCode: aws.String("ServiceUnavailableException")})
			continue
		}
		d.got = append(d.got, r.Data...)
		out.RequestResponses = append(out.RequestResponses, types.PutRecordBatchResponseEntry{RecordId: aws.String("r")})
	}
	if size > 4<<20 || len(in.Records) > 500 {
		d.t.Errorf("a call of %d records with %d bytes", len(in.Records), size)
	}
	out.FailedPutCount = &failed
	return out, nil
}

// exporting is a handler with an export.
func exporting(t *testing.T) (*handler, *memoryTable, *delivery) {
	t.Helper()
	h, m := start(t, nil)
	d := &delivery{t: t}
	h.export = &export{client: d, stream: "greenhouse-metrics", pause: h.table.pause}
	return h, m, d
}

func TestExport(t *testing.T) {
	h, _, d := exporting(t)
	invoke(t, h, windowEvent{final: true, records: []lambdatest.Record{
		record(1, 10, `{"wind":{"speed":1.5}}`), record(2, 20, `{"wind":{"speed":2}}`)}})
	at := func(after time.Duration) string { return windowStart.Add(after).Format("2006-01-02 15:04:05.000") }
	var row map[string]any
	if err := json.Unmarshal(d.got, &row); err != nil {
		t.Fatalf("%s: %v", d.got, err)
	}
	part, _ := row["part"].(string)
	if len(part) != 8 || !bytes.HasSuffix(d.got, []byte("}\n")) {
		t.Errorf("row %q", d.got)
	}
	var columns []string
	for _, c := range contract.MetricsColumns() {
		columns = append(columns, c.Name)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(columns)), slices.Sorted(maps.Keys(row))); diff != "" {
		t.Errorf("columns of the table and of a row (-want +got):\n%s", diff)
	}
	delete(row, "part")
	want := map[string]any{"thing": "soil-001", "measure": "wind.speed", "window_start": at(0),
		"window_end": at(time.Minute), "count": 2.0, "sum": 3.5, "minimum": 1.5, "maximum": 2.0, "average": 1.75,
		"first_value": 1.5, "first_at": at(10 * time.Second), "last_value": 2.0, "last_at": at(20 * time.Second)}
	if diff := cmp.Diff(want, row); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

// TestExportOfALargeWindow: every series is a row, in records and calls that Firehose takes, also when it refuses some.
func TestExportOfALargeWindow(t *testing.T) {
	for _, limit := range []int{maxState, 10_000} {
		h, m, d := exporting(t)
		h.maxState = limit
		d.refuse = func(call, record int) bool { return call%2 == 1 && record%3 == 0 }
		var state json.RawMessage
		for from := 0; from < 6000; from += 1000 {
			state = invoke(t, h, windowEvent{state: state, records: batch(from, 1000, 6000)})
		}
		invoke(t, h, windowEvent{state: state, final: true})
		rows := map[string]bool{}
		for line := range strings.Lines(string(d.got)) {
			var row struct{ Thing, Measure string }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			rows[row.Thing+" "+row.Measure] = true
		}
		if n := strings.Count(string(d.got), "\n"); n != 24_000 || len(rows) != n || len(results(t, m)) != n {
			t.Errorf("%d rows of %d series", n, len(rows))
		}
	}
}

// A window whose export fails is not done: Lambda repeats it, and the table then has the same items.
func TestExportThatFails(t *testing.T) {
	h, m, d := exporting(t)
	d.err = errBroken
	e := windowEvent{final: true, records: []lambdatest.Record{record(1, 1, `{"v":1}`)}}
	if _, err := try(t, h, e); err == nil || !strings.Contains(err.Error(), `Firehose stream "greenhouse-metrics"`) {
		t.Errorf("error %v", err)
	}
	before := fmt.Sprint(len(m.items))
	d.err = nil
	invoke(t, h, e)
	if after := fmt.Sprint(len(m.items)); after != before || len(d.got) == 0 {
		t.Errorf("items %s and then %s, exported %q", before, after, d.got)
	}
}
