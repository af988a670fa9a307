// Package parquettext reads columns of text from Parquet files as Firehose writes them. It knows only what such columns
// take: no nesting, no other types, two kinds of pages, three compressions. The whole reader of parquet-go, whose parts
// it uses, would add 5 MB to the provider.
//
// Sources: https://parquet.apache.org/docs/file-format/, sections "Data Pages", "Encodings", "Compression".
package parquettext

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/plain"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	magic = "PAR1"
	// tail is what follows the footer: its length, and the magic.
	tail = 4 + len(magic)
	// maxPage bounds the memory that a page may ask for. Pages have 1 MiB unless a value is larger.
	maxPage, maxValues = 256 << 20, 16 << 20
)

// Columns returns the values of columns in the order of the names, one value per row of the file. Null is "".
func Columns(file []byte, names ...string) (columns [][]string, err error) {
	defer func() {
		if r := recover(); r != nil { // the decoders of parquet-go trust the lengths that they read
			columns, err = nil, fmt.Errorf("the file is damaged: %v", r)
		}
	}()
	meta, err := footer(file)
	if err != nil {
		return nil, err
	}
	columns = make([][]string, len(names))
	for i, name := range names {
		optional, err := find(meta.Schema, name)
		if err != nil {
			return nil, err
		}
		for _, group := range meta.RowGroups {
			if columns[i], err = appendChunk(columns[i], file, group, name, optional); err != nil {
				return nil, fmt.Errorf("column %q: %w", name, err)
			}
		}
		if int64(len(columns[i])) != meta.NumRows {
			return nil, fmt.Errorf("column %q has %d values, and the file has %d rows", name, len(columns[i]),
				meta.NumRows)
		}
	}
	return columns, nil
}

func footer(file []byte) (*format.FileMetaData, error) {
	if len(file) < len(magic)+tail || !bytes.HasPrefix(file, []byte(magic)) || !bytes.HasSuffix(file, []byte(magic)) {
		return nil, errors.New("it is not a Parquet file")
	}
	end := len(file) - tail
	length := uint64(binary.LittleEndian.Uint32(file[end:]))
	if length > uint64(end-len(magic)) {
		return nil, errors.New("it is a Parquet file that was cut off")
	}
	meta, _, err := new(format.FooterDecoder).Decode(file[end-int(length) : end]) //nolint:gosec // at most end
	return meta, err
}

// find reports whether a column of the schema's first level may be null.
func find(schema []format.SchemaElement, name string) (optional bool, err error) {
	for i := 1; i < len(schema); i = after(schema, i) {
		e := schema[i]
		if e.Name != name {
			continue
		}
		if kind, ok := e.Type.Get(); !ok || kind != format.ByteArray || e.RepetitionType.V == format.Repeated {
			return false, fmt.Errorf("column %q is not text", name)
		}
		return e.RepetitionType.V == format.Optional, nil
	}
	return false, fmt.Errorf("there is no column %q", name)
}

// after is the index of the element that follows an element and everything below it.
func after(schema []format.SchemaElement, i int) int {
	for open := 1; open > 0 && i < len(schema); i++ {
		open += int(max(schema[i].NumChildren.V, 0)) - 1
	}
	return i
}

// appendChunk appends the values that a row group has in a column.
func appendChunk(values []string, file []byte, group format.RowGroup, name string, optional bool) ([]string, error) {
	for _, c := range group.Columns {
		m := c.MetaData
		if len(m.PathInSchema) != 1 || m.PathInSchema[0] != name {
			continue
		}
		start := m.DataPageOffset
		if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < start {
			start = m.DictionaryPageOffset
		}
		size := int64(len(file))
		if start < 0 || m.TotalCompressedSize < 0 || start > size || m.TotalCompressedSize > size-start {
			return nil, errors.New("its pages are not in the file")
		}
		r := chunk{pages: file[start : start+m.TotalCompressedSize], codec: m.Codec, optional: optional, values: values}
		for missing := m.NumValues; missing > 0; {
			n := len(r.values)
			if err := r.page(); err != nil {
				return nil, err
			}
			missing -= int64(len(r.values) - n)
		}
		values = r.values
	}
	return values, nil
}

// chunk is the part of a column that is in one row group.
type chunk struct {
	pages      []byte // that are still to be read
	codec      format.CompressionCodec
	optional   bool
	dictionary []string
	values     []string
}

// page reads the next page.
func (c *chunk) page() error {
	if len(c.pages) == 0 {
		return errors.New("a page is missing")
	}
	var protocol thrift.CompactProtocol
	reader := protocol.NewReaderFromBytes(c.pages)
	var header format.PageHeader
	if err := thrift.NewDecoder(reader).Decode(&header); err != nil {
		return fmt.Errorf("reading the header of a page: %w", err)
	}
	rest := c.pages[reader.BytesRead():]
	if header.CompressedPageSize < 0 || int(header.CompressedPageSize) > len(rest) ||
		header.UncompressedPageSize < 0 || header.UncompressedPageSize > maxPage {
		return errors.New("a page was cut off")
	}
	body := rest[:header.CompressedPageSize]
	c.pages = rest[header.CompressedPageSize:]
	switch {
	case header.Type == format.DictionaryPage && header.DictionaryPageHeader.Valid:
		body, err := c.inflate(body, header.UncompressedPageSize)
		if err != nil {
			return err
		}
		c.dictionary, err = texts(body)
		return err
	case header.Type == format.DataPage && header.DataPageHeader.Valid:
		return c.dataPage(body, header.UncompressedPageSize, header.DataPageHeader.V)
	case header.Type == format.DataPageV2 && header.DataPageHeaderV2.Valid:
		return c.dataPageV2(body, header.UncompressedPageSize, header.DataPageHeaderV2.V)
	}
	return nil // index pages say nothing that is not elsewhere
}

func (c *chunk) dataPage(body []byte, size int32, header format.DataPageHeader) error {
	body, err := c.inflate(body, size)
	if err != nil {
		return err
	}
	var levels []byte
	if c.optional {
		if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
			return errors.New("a page was cut off")
		}
		length := int(binary.LittleEndian.Uint32(body))
		levels, body = body[4:4+length], body[4+length:]
	}
	return c.add(levels, body, header.NumValues, header.Encoding)
}

// dataPageV2 reads a page whose levels are not compressed.
func (c *chunk) dataPageV2(body []byte, size int32, header format.DataPageHeaderV2) error {
	n := header.DefinitionLevelsByteLength
	if header.RepetitionLevelsByteLength != 0 || n < 0 || int(n) > len(body) {
		return errors.New("a page was cut off")
	}
	levels, body := body[:n], body[n:]
	if compressed, said := header.IsCompressed.Get(); compressed || !said {
		var err error
		if body, err = c.inflate(body, size-n); err != nil {
			return err
		}
	}
	return c.add(levels, body, header.NumValues, header.Encoding)
}

// add appends the values of a data page.
func (c *chunk) add(levels, body []byte, n int32, encoding format.Encoding) error {
	if n < 0 || n > maxValues {
		return fmt.Errorf("a page has %d values", n)
	}
	present, err := c.decode(body, encoding)
	if err != nil {
		return err
	}
	if !c.optional {
		if len(present) < int(n) {
			return fmt.Errorf("a page has %d of %d values", len(present), n)
		}
		c.values = append(c.values, present[:n]...)
		return nil
	}
	defined, err := (&rle.Encoding{BitWidth: 1}).DecodeLevels(nil, levels)
	if err != nil {
		return err
	}
	if len(defined) < int(n) { // the last bits may be padding
		return fmt.Errorf("a page has the levels of %d of %d values", len(defined), n)
	}
	for _, level := range defined[:n] {
		value := ""
		if level == 1 {
			if len(present) == 0 {
				return errors.New("a page has fewer values than it says")
			}
			value, present = present[0], present[1:]
		}
		c.values = append(c.values, value)
	}
	return nil
}

// decode returns the values of a data page that are not null.
func (c *chunk) decode(body []byte, encoding format.Encoding) ([]string, error) {
	switch encoding {
	case format.Plain:
		return texts(body)
	case format.PlainDictionary, format.RLEDictionary:
		indexes, err := new(rle.DictionaryEncoding).DecodeInt32(nil, body)
		if err != nil {
			return nil, err
		}
		values := make([]string, len(indexes))
		for i, index := range indexes {
			if index < 0 || int(index) >= len(c.dictionary) {
				return nil, fmt.Errorf("the dictionary has %d values, and a page asks for number %d", len(c.dictionary),
					index)
			}
			values[i] = c.dictionary[index]
		}
		return values, nil
	case format.DeltaLengthByteArray:
		return split(new(delta.LengthByteArrayEncoding).DecodeByteArray(nil, body, nil))
	case format.DeltaByteArray:
		return split(new(delta.ByteArrayEncoding).DecodeByteArray(nil, body, nil))
	default:
		return nil, fmt.Errorf("the encoding %s is not read here", encoding)
	}
}

// split cuts a text at offsets.
func split(text []byte, offsets []uint32, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	values := make([]string, max(len(offsets)-1, 0))
	for i := range values {
		if offsets[i] > offsets[i+1] || int(offsets[i+1]) > len(text) {
			return nil, errors.New("a page was cut off")
		}
		values[i] = string(text[offsets[i]:offsets[i+1]])
	}
	return values, nil
}

func texts(body []byte) (values []string, err error) {
	err = plain.RangeByteArray(body, func(value []byte) error {
		values = append(values, string(value))
		return nil
	})
	return values, err
}

func (c *chunk) inflate(body []byte, size int32) ([]byte, error) {
	switch c.codec {
	case format.Uncompressed:
		return body, nil
	case format.Snappy:
		if n, err := snappy.DecodedLen(body); err != nil || n > maxPage {
			return nil, errors.Join(errors.New("a page cannot be unpacked"), err)
		}
		return snappy.Decode(nil, body)
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(r, int64(size)))
	default:
		return nil, fmt.Errorf("the compression %s is not read here", c.codec)
	}
}
