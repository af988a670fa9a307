package delivery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// A layout is the form of a stream's objects.
type layout struct {
	prefix, errorPrefix prefix
	suffix              string
	gzip                bool
	fields              []field // of Parquet; empty: objects hold what the function answers
	schema              *parquet.Schema
	codec               compress.Codec
}

// codecs are Firehose's names of the compressions inside a Parquet file.
var codecs = map[string]compress.Codec{"SNAPPY": &parquet.Snappy, "GZIP": &parquet.Gzip,
	"UNCOMPRESSED": &parquet.Uncompressed}

// newLayout returns an error for what cannot be played here.
func newLayout(c Config) (l layout, err error) {
	if l.prefix, err = parsePrefix(c.Prefix); err != nil {
		return l, err
	}
	if l.errorPrefix, err = parseErrorPrefix(c.ErrorPrefix); err != nil {
		return l, err
	}
	switch {
	case c.Table != nil:
		l.suffix = ".parquet"
		if l.codec = codecs[c.Table.Codec]; l.codec == nil {
			return l, fmt.Errorf("iot-local does not compress Parquet files with %s", c.Table.Codec)
		}
		root := table{Group: parquet.Group{}}
		for _, column := range c.Table.Columns {
			f, err := newField(column)
			if err != nil {
				return l, err
			}
			l.fields = append(l.fields, f)
			root.Group[f.name] = f.node
			root.order = append(root.order, f.name)
		}
		l.schema = parquet.NewSchema("hive_schema", root)
	case c.Compression == "GZIP":
		l.suffix, l.gzip = ".gz", true
	case c.Compression != "" && c.Compression != "UNCOMPRESSED":
		return l, fmt.Errorf("iot-local does not compress objects with %s", c.Compression)
	}
	if c.Extension != "" {
		l.suffix = c.Extension
	}
	return l, nil
}

// table is the root of a Parquet schema; its columns are in the order of the Glue table, not of their names.
type table struct {
	parquet.Group
	order []string
}

// Fields implements parquet.Node.
func (t table) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range t.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(t.order))
	for i, name := range t.order {
		fields[i] = byName[name]
	}
	return fields
}

// rows converts the documents of a record, which follow each other with or without white space, to rows.
func (l layout) rows(data []byte) ([]parquet.Row, error) {
	var rows []parquet.Row
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	for {
		var document any
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, fmt.Errorf("parsing JSON: %w", err)
		}
		object, ok := document.(map[string]any)
		if !ok {
			return nil, mismatch(document, "an object as row")
		}
		row, err := l.row(object)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// row converts one document. Names of columns have no case, in Hive as in Glue.
func (l layout) row(object map[string]any) (parquet.Row, error) {
	members := make(map[string]any, len(object))
	for name, value := range object {
		members[strings.ToLower(name)] = value
	}
	var row parquet.Row
	leaf := 0
	for _, f := range l.fields {
		var err error
		if row, err = f.appendTo(row, leaf, members[f.name]); err != nil {
			return nil, fmt.Errorf("column %q: %w", f.name, err)
		}
		leaf += f.leaves
	}
	return row, nil
}

// parquet writes rows to a Parquet file.
func (l layout) parquet(rows []parquet.Row) ([]byte, error) {
	var out bytes.Buffer
	w := parquet.NewWriter(&out, l.schema, parquet.Compression(l.codec))
	if _, err := w.WriteRows(rows); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// pack compresses data that is not converted.
func (l layout) pack(data []byte) ([]byte, error) {
	if !l.gzip {
		return data, nil
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
