package delivery

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
)

// A scalar is a Hive type of single values: how Parquet stores it, and how JSON becomes it.
type scalar struct {
	node    parquet.Node
	convert func(value any) (parquet.Value, error)
}

var scalars = map[string]scalar{
	"string":    {parquet.String(), toText},
	"boolean":   {parquet.Leaf(parquet.BooleanType), toBool},
	"int":       {parquet.Leaf(parquet.Int32Type), toInt32},
	"bigint":    {parquet.Leaf(parquet.Int64Type), toInt64},
	"double":    {parquet.Leaf(parquet.DoubleType), toDouble},
	"timestamp": {parquet.Leaf(parquet.Int96Type), toTimestamp}, // as Hive's writer has it
}

// A field is a column of the table.
type field struct {
	name   string
	node   parquet.Node
	leaves int
	// appendTo appends the values of the column's leaves, the first of which is number leaf, to a row. A nil value is
	// null.
	appendTo func(row parquet.Row, leaf int, value any) (parquet.Row, error)
}

// newField reads a Hive type: one of scalars, or a map of strings to these. It returns an error for the others.
func newField(c Column) (field, error) {
	text := strings.ToLower(strings.ReplaceAll(c.Type, " ", ""))
	if s, ok := scalars[text]; ok {
		return field{name: c.Name, node: parquet.Optional(s.node), leaves: 1, appendTo: s.append}, nil
	}
	if inner, ok := strings.CutPrefix(text, "map<string,"); ok && strings.HasSuffix(inner, ">") {
		if s, ok := scalars[strings.TrimSuffix(inner, ">")]; ok {
			return field{name: c.Name, node: parquet.Optional(parquet.Map(parquet.String(), parquet.Optional(s.node))),
				leaves: 2, appendTo: s.appendMap}, nil
		}
	}
	return field{}, fmt.Errorf("the column %q has the type %s; iot-local converts %s, and map<string,…> of these",
		c.Name, c.Type, strings.Join(slices.Sorted(maps.Keys(scalars)), ", "))
}

func (s scalar) append(row parquet.Row, leaf int, value any) (parquet.Row, error) {
	if value == nil {
		return append(row, parquet.NullValue().Level(0, 0, leaf)), nil
	}
	v, err := s.convert(value)
	return append(row, v.Level(0, 1, leaf)), err
}

// Levels of a column that is an optional map: what is defined, from the outside in.
const (
	noMap = iota
	emptyMap
	mapKey
	mapValue
)

func (s scalar) appendMap(row parquet.Row, leaf int, value any) (parquet.Row, error) {
	members, ok := value.(map[string]any)
	switch {
	case value == nil, ok && len(members) == 0:
		level := noMap
		if ok {
			level = emptyMap
		}
		return append(row, parquet.NullValue().Level(0, level, leaf), parquet.NullValue().Level(0, level, leaf+1)), nil
	case !ok:
		return row, mismatch(value, "an object")
	}
	keys := slices.Sorted(maps.Keys(members))
	for i, key := range keys { // all keys, then all values: a row has its values by column
		row = append(row, parquet.ByteArrayValue([]byte(key)).Level(min(i, 1), mapKey, leaf))
	}
	for i, key := range keys {
		if members[key] == nil {
			row = append(row, parquet.NullValue().Level(min(i, 1), mapKey, leaf+1))
			continue
		}
		v, err := s.convert(members[key])
		if err != nil {
			return row, fmt.Errorf("member %q: %w", key, err)
		}
		row = append(row, v.Level(min(i, 1), mapValue, leaf+1))
	}
	return row, nil
}

func mismatch(value any, want string) error {
	kind := "an object"
	switch value.(type) {
	case string:
		kind = "a string"
	case json.Number:
		kind = "a number"
	case bool:
		kind = "a Boolean"
	case []any:
		kind = "an array"
	}
	return fmt.Errorf("%s where the column needs %s", kind, want)
}

func toText(value any) (parquet.Value, error) {
	switch v := value.(type) {
	case string:
		return parquet.ByteArrayValue([]byte(v)), nil
	case json.Number:
		return parquet.ByteArrayValue([]byte(v)), nil
	case bool:
		return parquet.ByteArrayValue(strconv.AppendBool(nil, v)), nil
	}
	return parquet.Value{}, mismatch(value, "a string")
}

func toBool(value any) (parquet.Value, error) {
	if v, ok := value.(bool); ok {
		return parquet.BooleanValue(v), nil
	}
	return parquet.Value{}, mismatch(value, "a Boolean")
}

func toInt32(value any) (parquet.Value, error) {
	v, err := integer(value, 32)
	return parquet.Int32Value(int32(v)), err
}

func toInt64(value any) (parquet.Value, error) {
	v, err := integer(value, 64)
	return parquet.Int64Value(v), err
}

func integer(value any, bits int) (int64, error) {
	n, ok := value.(json.Number)
	if !ok {
		return 0, mismatch(value, "an integer")
	}
	v, err := strconv.ParseInt(string(n), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("the number %s is no integer of %d bits", n, bits)
	}
	return v, nil
}

func toDouble(value any) (parquet.Value, error) {
	n, ok := value.(json.Number)
	if !ok {
		return parquet.Value{}, mismatch(value, "a number")
	}
	v, err := n.Float64()
	if err != nil || math.IsInf(v, 0) {
		return parquet.Value{}, fmt.Errorf("the number %s is beyond the range of a double", n)
	}
	return parquet.DoubleValue(v), nil
}

// TimestampLayout is the form of timestamps that Hive's JSON reader always takes.
const TimestampLayout = "2006-01-02 15:04:05.999999999"

func toTimestamp(value any) (parquet.Value, error) {
	text, ok := value.(string)
	if !ok {
		return parquet.Value{}, mismatch(value, "a timestamp as text")
	}
	t, err := time.Parse(TimestampLayout, text)
	if err != nil {
		return parquet.Value{}, fmt.Errorf("%q is no timestamp of the form yyyy-MM-dd HH:mm:ss[.fff]", text)
	}
	return parquet.Int96Value(int96(t)), nil
}

// unixDay is the Julian day of 1970-01-01.
const unixDay = 2440588

// int96 is a time as Hive and Impala write it: the nanoseconds of the day, then the Julian day.
func int96(t time.Time) deprecated.Int96 {
	seconds := t.Unix()
	day := seconds / 86400
	if seconds%86400 < 0 {
		day--
	}
	nanos := uint64(seconds-day*86400)*1e9 + uint64(t.Nanosecond())
	return deprecated.Int96{uint32(nanos), uint32(nanos >> 32), uint32(day + unixDay)}
}

// Time is the time of an INT96 timestamp, UTC.
func Time(v deprecated.Int96) time.Time {
	var raw [12]byte
	for i, word := range v {
		binary.LittleEndian.PutUint32(raw[4*i:], word)
	}
	nanos := int64(binary.LittleEndian.Uint64(raw[:8]))
	return time.Unix((int64(v[2])-unixDay)*86400, nanos).UTC()
}
