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

// timestreamRecords is the largest number of attributes in one result. [AWS 2.1]
const timestreamRecords = 100

type timestreamAction struct {
	engine          *Engine
	database, table text
	dimensions      []dimension
	time            text // "" for the time of arrival
	unit            tstypes.TimeUnit
}

type dimension struct {
	name  string
	value text
}

func (p *preparer) timestream(a *types.TimestreamAction) perform {
	t := &timestreamAction{
		engine:   p.engine,
		database: p.text(a.DatabaseName),
		table:    p.text(a.TableName),
		unit:     tstypes.TimeUnitMilliseconds,
	}
	for _, d := range a.Dimensions {
		t.dimensions = append(t.dimensions, dimension{*d.Name, p.text(d.Value)})
	}
	if a.Timestamp != nil {
		t.time = p.text(a.Timestamp.Value)
		if a.Timestamp.Unit != nil {
			t.unit = tstypes.TimeUnit(*a.Timestamp.Unit)
		}
	}
	return t.perform
}

// perform writes one single-measure record per attribute of the result. [IoT-SQL 17 timestream]
func (a *timestreamAction) perform(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.database, a.table, a.time)
	if err != nil {
		return a.database.fixed + "/" + a.table.fixed, err
	}
	resource, write := v[0]+"/"+v[1], &timestreamwrite.WriteRecordsInput{DatabaseName: &v[0], TableName: &v[1]}
	if v[2] == "" {
		v[2] = strconv.FormatInt(in.execution.message.Time.UnixMilli(), 10)
	}
	write.CommonAttributes = &tstypes.Record{Time: &v[2], TimeUnit: a.unit}
	for _, d := range a.dimensions {
		value, err := d.value.of(ctx, in)
		if err != nil {
			return resource, err
		}
		write.CommonAttributes.Dimensions = append(
			write.CommonAttributes.Dimensions, tstypes.Dimension{Name: &d.name, Value: &value},
		)
	}
	if write.Records, err = measures(in); err != nil {
		return resource, err
	}
	return resource, a.engine.persist(ctx, func() error {
		_, err := a.engine.options.Clients.TimestreamWrite().WriteRecords(ctx, write)
		return err
	})
}

// measures returns one record per attribute of the result that can be stored.
func measures(in *input) ([]tstypes.Record, error) {
	fields, err := object(in)
	if err != nil {
		return nil, err
	}
	if len(fields) > timestreamRecords {
		return nil, fmt.Errorf(
			"the rule's result has %d attributes; the action writes at most %d", len(fields), timestreamRecords,
		)
	}
	var records []tstypes.Record
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if value, kind, ok := measure(fields[name]); ok {
			records = append(records, tstypes.Record{MeasureName: &name, MeasureValue: &value, MeasureValueType: kind})
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("the rule's result has no attribute that can be stored")
	}
	return records, nil
}

// measure returns a value's text and type. Numbers with a decimal point are doubles, others bigints; null is not
// stored.
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
