package devicefile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// maxLine limits one line of NDJSON. Fifty attributes of maximum length and a certificate fit in it.
const maxLine = 256 << 10

// line is one record of NDJSON.
type line struct {
	Name            string            `json:"name"`
	Enabled         *bool             `json:"enabled"`
	Gateway         bool              `json:"gateway"`
	SilenceMinutes  *int64            `json:"silence_minutes"`
	Version         *int64            `json:"certificate_version"`
	Attributes      map[string]string `json:"attributes"`
	CSRPEM          string            `json:"csr_pem"`
	CSRFile         string            `json:"csr_file"`
	CertificatePEM  string            `json:"certificate_pem"`
	CertificateFile string            `json:"certificate_file"`
}

// parseNDJSON reads one JSON object per line and skips empty lines.
func parseNDJSON(text io.Reader, r *reader) {
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		content := lines.Bytes()
		if n == 1 {
			content = bytes.TrimPrefix(content, []byte(byteOrderMark))
		}
		if content = bytes.TrimSpace(content); len(content) == 0 {
			continue
		}
		l, err := decodeLine(content)
		if err != nil {
			r.fault(n, "%v", err)
			continue
		}
		silence, minutes := r.member(n, "silence_minutes", l.SilenceMinutes, ofMinutes)
		version, counted := r.member(n, "certificate_version", l.Version, fromOne)
		if !minutes || !counted {
			continue
		}
		r.add(record{line: n, name: l.Name, silence: silence, version: version, enabled: l.Enabled, gateway: l.Gateway,
			attributes: l.Attributes,
			csrPEM:     l.CSRPEM, csrFile: l.CSRFile, certificatePEM: l.CertificatePEM, certFile: l.CertificateFile})
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		r.fault(n+1, "the line is longer than %d bytes; what follows was not read", maxLine)
	} else if err != nil {
		r.fault(0, "%v", err)
	}
}

// member reads a number; without one it is 0. It reports whether it is as it must be.
func (r *reader) member(line int, name string, value *int64, must string) (int64, bool) {
	if value == nil {
		return 0, true
	}
	if *value < 1 {
		r.fault(line, "%s is %d; it must be %s", name, *value, must)
	}
	return *value, *value >= 1
}

func decodeLine(content []byte) (line, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Type.Kind() == reflect.String && strings.HasPrefix(kind.Field, "attributes") {
			return l, fmt.Errorf("every value in attributes must be a string, not %s", kind.Value)
		}
		if errors.As(err, &kind) {
			return l, fmt.Errorf("%s must be %s, not %s", kind.Field, jsonKind(kind), kind.Value)
		}
		return l, fmt.Errorf("not a device in JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return l, errors.New("more than one JSON value in the line")
	}
	return l, nil
}

// jsonKind returns the JSON name of a member's Go type.
func jsonKind(e *json.UnmarshalTypeError) string {
	switch e.Type.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Int64:
		return "a whole number"
	}
	return "a string"
}
