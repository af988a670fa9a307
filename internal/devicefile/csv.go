package devicefile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// attributeColumn is the prefix of the columns that hold attributes.
const attributeColumn = "attributes."

// columns of a CSV file besides the attributes.
var columns = []string{"name", "enabled", "gateway", "silence_minutes", "certificate_version", "csr_pem",
	"csr_file", "certificate_pem", "certificate_file"}

// byteOrderMark is what spreadsheet programs write before UTF-8 text.
const byteOrderMark = "\ufeff"

// parseCSV reads RFC 4180 text whose first record names the columns: those above in any order, of which only name is
// required, and attributes.KEY for each attribute. An empty cell counts as absent.
func parseCSV(text io.Reader, r *reader) {
	in := bufio.NewReader(text)
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // just peeked
	}
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = -1 // counted here, so that a short row does not hide what follows
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		r.fault(1, "there is no header line with the names of the columns, of which %q must be one", "name")
		return
	}
	header = slices.Clone(header)
	if !validHeader(header, r) {
		return
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		var fault *csv.ParseError
		if errors.As(err, &fault) {
			r.fault(fault.StartLine, "%v; what follows was not read", fault.Err)
			return
		}
		if err != nil {
			r.fault(0, "%v", err)
			return
		}
		line, _ := rows.FieldPos(0)
		if len(row) != len(header) {
			r.fault(line, "%d cells where the header has %d columns", len(row), len(header))
			continue
		}
		addRow(header, row, line, r)
	}
}

func validHeader(header []string, r *reader) bool {
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
		r.fault(1, "the columns are to be separated by commas")
		return false
	}
	before := len(r.faults)
	for i, column := range header {
		key, isAttribute := strings.CutPrefix(column, attributeColumn)
		switch {
		case slices.Contains(header[:i], column):
			r.fault(1, "column %q appears twice", column)
		case isAttribute && key != "", slices.Contains(columns, column):
		default:
			r.fault(1, "column %q is not known; columns are %s and %sKEY", column, strings.Join(columns, ", "),
				attributeColumn)
		}
	}
	if !slices.Contains(header, "name") {
		r.fault(1, "there is no column %q", "name")
	}
	return len(r.faults) == before
}

// truth reads true or false; anything else is a fault and counts as true.
func (r *reader) truth(line int, column, cell string) bool {
	switch strings.ToLower(cell) {
	case "true":
	case "false":
		return false
	default:
		r.fault(line, "%s is %q; it must be true or false", column, cell)
	}
	return true
}

// What a number of a record must be.
const (
	ofMinutes = "a whole number of minutes"
	fromOne   = "a whole number from 1"
)

// count reads a cell with a number; 0 stands for one that is a fault.
func (r *reader) count(line int, column, cell, must string) int64 {
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || n < 1 {
		r.fault(line, "%s is %q; it must be %s", column, cell, must)
		return 0
	}
	return n
}

func addRow(header, row []string, line int, r *reader) {
	rec := record{line: line}
	for i, column := range header {
		cell := row[i]
		if cell == "" {
			continue
		}
		switch column {
		case "name":
			rec.name = cell
		case "enabled":
			if !r.truth(line, column, cell) {
				rec.enabled = new(bool)
			}
		case "gateway":
			rec.gateway = r.truth(line, column, cell)
		case "silence_minutes":
			rec.silence = r.count(line, column, cell, ofMinutes)
		case "certificate_version":
			rec.version = r.count(line, column, cell, fromOne)
		case "csr_pem":
			rec.csrPEM = cell
		case "csr_file":
			rec.csrFile = cell
		case "certificate_pem":
			rec.certificatePEM = cell
		case "certificate_file":
			rec.certFile = cell
		default:
			if rec.attributes == nil {
				rec.attributes = make(map[string]string, len(header)-i)
			}
			rec.attributes[column[len(attributeColumn):]] = cell
		}
	}
	r.add(rec)
}
