package main

import (
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// multiName is the measure name of every record of the multi layout.
const multiName = "telemetry"

// request is the memory of one WriteRecords call. The SDK's types are full of pointers; here they point into a few slices that
// are used again for the next call, instead of to one allocation each.
type request struct {
	records    []types.Record
	values     []types.MeasureValue
	dimensions []types.Dimension
	times      []string
	text       []byte
}

var requests = sync.Pool{New: func() any { return new(request) }}

// release gives the memory back, empty: its pointers would keep a whole batch alive.
func (q *request) release() {
	clear(q.records)
	clear(q.values)
	clear(q.dimensions)
	clear(q.times)
	requests.Put(q)
}

// build fills the memory with the rows. The input is good until the next build.
func (q *request) build(h *history, b *batch, rows []row) *timestreamwrite.WriteRecordsInput {
	q.fillTimes(b, rows)
	q.fillValues(b, rows)
	common := &types.Record{TimeUnit: types.TimeUnitMilliseconds}
	if !h.single {
		common.MeasureName, common.MeasureValueType = aws.String(multiName), types.MeasureValueTypeMulti
	}
	if oneDevice(b, rows) {
		common.Dimensions = []types.Dimension{dimension(b, rows[0])}
	} else {
		q.dimensions = q.dimensions[:0]
		for _, r := range rows {
			q.dimensions = append(q.dimensions, dimension(b, r))
		}
	}
	q.records = q.records[:0]
	value := 0
	for i := range rows {
		r := &rows[i]
		record := types.Record{Time: &q.times[i], Version: &r.version}
		if common.Dimensions == nil {
			record.Dimensions = q.dimensions[i : i+1 : i+1]
		}
		if measures := b.messages[r.message].Measures; r.measure >= 0 {
			m := &measures[r.measure]
			record.MeasureName, record.MeasureValue, record.MeasureValueType = &m.Name, &m.Text, valueType(m.Kind)
		} else {
			end := value + countValues(measures)
			record.MeasureValues = q.values[value:end:end]
			value = end
		}
		q.records = append(q.records, record)
	}
	return &timestreamwrite.WriteRecordsInput{
		DatabaseName: &h.database, TableName: &h.table, CommonAttributes: common, Records: q.records,
	}
}

// fillTimes writes the times of all rows into one string and cuts it up.
func (q *request) fillTimes(b *batch, rows []row) {
	q.text, q.times = q.text[:0], q.times[:0]
	var ends [maxRecords]int
	for i, r := range rows {
		q.text = strconv.AppendInt(q.text, b.messages[r.message].Time.UnixMilli(), 10)
		ends[i] = len(q.text)
	}
	all, start := string(q.text), 0
	for i := range rows {
		q.times = append(q.times, all[start:ends[i]])
		start = ends[i]
	}
}

// fillValues lays out the measures of all multi-measure rows one after the other.
func (q *request) fillValues(b *batch, rows []row) {
	q.values = q.values[:0]
	for _, r := range rows {
		if r.measure >= 0 {
			continue
		}
		measures := b.messages[r.message].Measures
		for i := range measures {
			if m := &measures[i]; m.Text != "" { // Timestream has no empty value
				q.values = append(q.values, types.MeasureValue{Name: &m.Name, Value: &m.Text, Type: valueType(m.Kind)})
			}
		}
	}
}

func countValues(measures []telemetry.Measure) (n int) {
	for i := range measures {
		if measures[i].Text != "" {
			n++
		}
	}
	return n
}

func oneDevice(b *batch, rows []row) bool {
	for _, r := range rows[1:] {
		if b.records[r.message].PartitionKey != b.records[rows[0].message].PartitionKey {
			return false
		}
	}
	return true
}

func dimension(b *batch, r row) types.Dimension {
	return types.Dimension{Name: aws.String("device_id"), Value: &b.records[r.message].PartitionKey}
}

func valueType(k telemetry.Kind) types.MeasureValueType {
	switch k {
	case telemetry.Bool:
		return types.MeasureValueTypeBoolean
	case telemetry.String:
		return types.MeasureValueTypeVarchar
	}
	return types.MeasureValueTypeDouble
}
