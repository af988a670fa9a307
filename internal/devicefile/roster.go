// Package devicefile reads the file that describes a large fleet: CSV or NDJSON, one device per record. It reports
// every fault with its line, and a digest that shows whether the file, or a file it names, has changed.
//
// It must not know AWS, Terraform, or what a valid device is: the caller checks that.
package devicefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Limits of the PEM texts that AWS accepts [AWS 1.3 certificate id].
const (
	maxCSR         = 4096
	maxCertificate = 65536
)

// Roster is a fleet as described in a file.
type Roster struct {
	Devices map[string]spec.Device
	// Digest is "sha256:" and 64 hex digits over the file and every file it names, in the order of the records.
	Digest string
}

// Fault is an error in one line.
type Fault struct {
	Line    int // from 1; 0 for the file as a whole
	Message string
}

// FaultsError lists all errors in a file, in order of lines.
type FaultsError struct {
	File   string
	Faults []Fault
}

// maxShown is how many faults an error message shows.
const maxShown = 20

func (e *FaultsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "reading devices from %q: %d faults", e.File, len(e.Faults))
	if len(e.Faults) == 1 {
		b.Reset()
		fmt.Fprintf(&b, "reading devices from %q:", e.File)
	}
	for _, f := range e.Faults[:min(len(e.Faults), maxShown)] {
		b.WriteString("\n  ")
		if f.Line > 0 {
			fmt.Fprintf(&b, "line %d: ", f.Line)
		}
		b.WriteString(f.Message)
	}
	if n := len(e.Faults) - maxShown; n > 0 {
		fmt.Fprintf(&b, "\n  and %d more", n)
	}
	return b.String()
}

// record is one device as described, before the files it names are read.
type record struct {
	line                     int
	name                     string
	enabled                  *bool
	gateway                  bool
	silence                  int64 // minutes; 0: none of its own
	version                  int64 // of its certificate; 0: none of its own
	attributes               map[string]string
	csrPEM, csrFile          string
	certificatePEM, certFile string
}

// Read reads a roster from a file whose name ends in .csv, .ndjson or .jsonl. Files named in it are relative to its own
// folder. Read calls check, unless it is nil, for each device, and reports the result with the line. The error is a
// *FaultsError if the file could be opened.
func Read(path string, check func(name string, d spec.Device) []error) (*Roster, error) {
	parse, err := parserOf(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading devices: %w", err)
	}
	defer file.Close()

	sum := sha256.New()
	r := &reader{
		folder: filepath.Dir(path),
		check:  check,
		lines:  map[string]int{},
		sum:    sum,
		roster: &Roster{Devices: map[string]spec.Device{}},
	}
	parse(io.TeeReader(file, sum), r)
	if _, err := io.Copy(sum, file); err != nil { // what a parser that gave up has left
		return nil, fmt.Errorf("reading devices from %q: %w", path, err)
	}
	r.resolve()
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, &FaultsError{File: path, Faults: r.faults}
	}
	r.roster.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return r.roster, nil
}

func parserOf(path string) (func(io.Reader, *reader), error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return parseCSV, nil
	case ".ndjson", ".jsonl":
		return parseNDJSON, nil
	}
	return nil, fmt.Errorf("reading devices from %q: the name must end in .csv, .ndjson or .jsonl", path)
}

// reader collects records and faults.
type reader struct {
	folder  string
	check   func(string, spec.Device) []error
	lines   map[string]int // where each name stands
	records []record
	faults  []Fault
	sum     hash.Hash
	roster  *Roster
}

func (r *reader) fault(line int, format string, args ...any) {
	r.faults = append(r.faults, Fault{Line: line, Message: fmt.Sprintf(format, args...)})
}

// add adds one record, after the checks that need no other file.
func (r *reader) add(rec record) {
	if rec.name == "" {
		r.fault(rec.line, "the device has no name")
		return
	}
	if first, ok := r.lines[rec.name]; ok {
		r.fault(rec.line, "device %q is already in line %d", rec.name, first)
		return
	}
	r.lines[rec.name] = rec.line
	given := 0
	for _, text := range []string{rec.csrPEM, rec.csrFile, rec.certificatePEM, rec.certFile} {
		if text != "" {
			given++
		}
	}
	if given > 1 {
		r.fault(rec.line,
			"device %q: at most one of csr_pem, csr_file, certificate_pem and certificate_file may be given", rec.name)
		return
	}
	r.records = append(r.records, rec)
}

// resolve reads the files that records name and calls the caller's check. The parsers have already read the whole
// roster, so the digest covers the roster first and the other files after it.
func (r *reader) resolve() {
	for _, rec := range r.records {
		d := spec.Device{
			Attributes: rec.attributes, Disabled: rec.enabled != nil && !*rec.enabled,
			Gateway: rec.gateway,
			CSRPEM:  rec.csrPEM, CertificatePEM: rec.certificatePEM, SilenceMinutes: rec.silence,
			CertificateVersion: rec.version,
		}
		if rec.csrFile != "" {
			d.CSRPEM = r.file(rec, rec.csrFile, maxCSR)
		}
		if rec.certFile != "" {
			d.CertificatePEM = r.file(rec, rec.certFile, maxCertificate)
		}
		r.roster.Devices[rec.name] = d
		if r.check == nil {
			continue
		}
		for _, err := range r.check(rec.name, d) {
			r.fault(rec.line, "%v", err)
		}
	}
	r.records = nil
}

// file returns the text of a file that a record names. The digest includes its length, so text cannot move from one
// file to the next unnoticed.
func (r *reader) file(rec record, name string, limit int64) string {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.folder, path)
	}
	file, err := os.Open(path)
	if err != nil {
		r.fault(rec.line, "device %q: %v", rec.name, err)
		return ""
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		r.fault(rec.line, "device %q: %v", rec.name, err)
	case int64(len(text)) > limit:
		r.fault(rec.line, "device %q: %s is longer than the %d bytes that AWS takes", rec.name, name, limit)
	case len(text) == 0:
		r.fault(rec.line, "device %q: %s is empty", rec.name, name)
	}
	fmt.Fprintf(r.sum, "\x00%d\x00%s", len(text), text) // a hash never fails
	return string(text)
}
