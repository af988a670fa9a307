package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	tstypes "github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"
)

// timestreamRecords is how many attributes one message may have. [AWS 2.1]
const timestreamRecords = 100

type timestreamAction struct {
	caller
	database, table text
	dimensions      []dimension
	time            text // "" for the time of arrival
	unit            tstypes.TimeUnit
}

type dimension struct {
	name  string
	value text
}

func (p *preparer) timestream(a *types.TimestreamAction) action {
	t := &timestreamAction{caller: p.caller("TimestreamAction", "timestream"), database: p.text(a.DatabaseName), table: p.text(a.TableName), unit: tstypes.TimeUnitMilliseconds}
	for _, d := range a.Dimensions {
		t.dimensions = append(t.dimensions, dimension{*d.Name, p.text(d.Value)})
	}
	if a.Timestamp != nil {
		t.time = p.text(a.Timestamp.Value)
		if a.Timestamp.Unit != nil {
			t.unit = tstypes.TimeUnit(*a.Timestamp.Unit)
		}
	}
	return t
}

// do writes one single-measure record per attribute of the result. [IoT-SQL 17 timestream]
func (a *timestreamAction) do(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.database, a.table, a.time)
	if err != nil {
		return a.database.fixed + "/" + a.table.fixed, err
	}
	resource := v[0] + "/" + v[1]
	if v[2] == "" {
		v[2] = strconv.FormatInt(in.execution.message.Time.UnixMilli(), 10)
	}
	fields, err := object(in)
	if err != nil {
		return resource, err
	}
	if len(fields) > timestreamRecords {
		return resource, fmt.Errorf("the rule's result has %d attributes; the action writes at most %d", len(fields), timestreamRecords)
	}
	common := &tstypes.Record{Time: &v[2], TimeUnit: a.unit}
	for _, d := range a.dimensions {
		value, err := d.value.of(ctx, in)
		if err != nil {
			return resource, err
		}
		common.Dimensions = append(common.Dimensions, tstypes.Dimension{Name: &d.name, Value: &value})
	}
	var records []tstypes.Record
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if value, kind, ok := measure(fields[name]); ok {
			records = append(records, tstypes.Record{MeasureName: &name, MeasureValue: &value, MeasureValueType: kind})
		}
	}
	if len(records) == 0 {
		return resource, fmt.Errorf("the rule's result has no attribute that can be stored")
	}
	return resource, a.persist(ctx, func() error {
		_, err := a.clients.Timestream.WriteRecords(ctx, &timestreamwrite.WriteRecordsInput{DatabaseName: &v[0], TableName: &v[1], CommonAttributes: common, Records: records})
		return err
	})
}

// measure is a value's text and type: a number with a point is a double, one without a bigint. Null is not stored.
func measure(v any) (text string, kind tstypes.MeasureValueType, ok bool) {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v), tstypes.MeasureValueTypeBoolean, true
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return v.String(), tstypes.MeasureValueTypeDouble, true
		}
		return v.String(), tstypes.MeasureValueTypeBigint, true
	case string:
		return v, tstypes.MeasureValueTypeVarchar, v != ""
	case nil:
		return "", "", false
	}
	nested, err := json.Marshal(v)
	return string(nested), tstypes.MeasureValueTypeVarchar, err == nil
}
