package influx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
)

// RefusedError means that InfluxDB did not take all lines of a write, because of what they say.
type RefusedError struct {
	Message string // InfluxDB's own
	// Lines has InfluxDB's reason for each line that it names, by its index in the write. Only version 3 names lines,
	// and not more than 100; it is empty when nothing is known about single lines.
	Lines map[int]string
}

func (e *RefusedError) Error() string { return "InfluxDB refused lines: " + e.Message }

// answer is the body of an error, of all versions: 1 {"error"}, 2 {"code","message"}, 3 {"error","data"}.
type answer struct {
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// refusedLine is what version 3 says about a line.
type refusedLine struct {
	LineNumber   int    `json:"line_number"`
	ErrorMessage string `json:"error_message"`
}

// readAnswer returns what an answer says, and its JSON if it is one.
func readAnswer(r *http.Response) (string, answer) {
	var a answer
	text, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		return "the answer broke off", a
	}
	if json.Unmarshal(text, &a) != nil {
		return shorten(cmp.Or(string(text), "no reason given")), answer{}
	}
	return shorten(cmp.Or(a.Message, a.Error, string(text))), a
}

func refused(r *http.Response, auth *authorization) *RefusedError {
	text, a := readAnswer(r)
	e := &RefusedError{Message: auth.redact(text)}
	if len(a.Data) == 0 {
		return e
	}
	var list []refusedLine
	data := a.Data
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) { // a single line, of a write that was refused as a whole
		data = append(append([]byte{'['}, data...), ']')
	}
	if json.Unmarshal(data, &list) != nil {
		return e
	}
	for _, line := range list {
		if line.LineNumber > 0 {
			if e.Lines == nil {
				e.Lines = make(map[int]string, len(list))
			}
			e.Lines[line.LineNumber-1] = auth.redact(shorten(cmp.Or(line.ErrorMessage, text)))
		}
	}
	return e
}
