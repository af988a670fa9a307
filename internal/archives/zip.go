package archives

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"time"

	"github.com/klauspost/compress/flate"
)

// level is the strongest compression that does not take seconds: the next one saves 1 %.
const level = 7

// part is how much of an executable is compressed at a time; io.Copy moves less.
const part = 64 << 10

// epoch is the earliest time that a zip can contain, and the time of every file in ours.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// Zip returns the archive that Lambda takes, with the executable as bootstrap. It does not depend on when, where or by
// which Go it is made: the compressor is the one of go.mod.
func Zip(executable []byte) ([]byte, error) {
	return zipOf(bytes.NewReader(executable), int64(len(executable)))
}

// zipOf is Zip of an executable of that many bytes, which need not be in memory as a whole.
func zipOf(executable io.Reader, size int64) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(int(size/8) * 3) // a little more than it takes
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) })
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	header.ModifiedDate, header.ModifiedTime = dosTime(epoch) // Modified itself would add a field with a zone
	f, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	// In parts of one size, whatever the reader is, so that the compressor sees the same.
	parts := bufio.NewWriterSize(f, part)
	if _, err := io.Copy(struct{ io.Writer }{parts}, struct{ io.Reader }{executable}); err != nil {
		return nil, err
	}
	if err := parts.Flush(); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// dosTime encodes a time as zips do: years since 1980, two-second steps.
func dosTime(t time.Time) (date, clock uint16) {
	date = uint16(t.Year()-1980)<<9 | uint16(t.Month())<<5 | uint16(t.Day())
	clock = uint16(t.Hour())<<11 | uint16(t.Minute())<<5 | uint16(t.Second()/2)
	return date, clock
}

// CodeSHA256 returns the sum of a zip in Lambda's format.
func CodeSHA256(zip []byte) string {
	sum := sha256.Sum256(zip)
	return base64.StdEncoding.EncodeToString(sum[:])
}
