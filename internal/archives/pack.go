package archives

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

// The files of the embedded zip.
const (
	listFile        = "functions.json"
	executablesFile = "executables"
)

// window lets the second executable refer to the first one.
const window = 32 << 20

// Executable is a built bootstrap.
type Executable struct {
	Architecture string
	Code         []byte
}

// entry is what the embedded file says of an executable.
type entry struct {
	Architecture string `json:"architecture"`
	Bytes        int64  `json:"bytes"`
	CodeSHA256   string `json:"code_sha256"` // of the zip that Zip makes of it
}

// Pack returns the file that the provider embeds: a list, and all executables one after the other, compressed together.
// That takes a fifth less than the zips that Lambda wants, which are made of it when a function is uploaded. The list
// has their sums, which each plan needs.
func Pack(executables []Executable) ([]byte, error) {
	var entries []entry
	var all []byte
	for _, e := range executables {
		archive, err := Zip(e.Code)
		if err != nil {
			return nil, fmt.Errorf("zipping the functions for %s: %w", e.Architecture, err)
		}
		entries = append(entries, entry{Architecture: e.Architecture, Bytes: int64(len(e.Code)),
			CodeSHA256: CodeSHA256(archive)})
		all = append(all, e.Code...)
	}
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor(zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1)))
	for _, f := range []struct {
		name    string
		method  uint16
		content []byte
	}{{listFile, zip.Store, text}, {executablesFile, zstd.ZipMethodWinZip, all}} {
		header := &zip.FileHeader{Name: f.name, Method: f.method}
		header.ModifiedDate, header.ModifiedTime = dosTime(epoch)
		file, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// list opens a packed file, which is read where it is: a copy would take 10 MB in every plan.
func list(packed fs.File) (*zip.Reader, []entry, error) {
	info, err := packed.Stat()
	if err != nil {
		return nil, nil, err
	}
	at, ok := packed.(io.ReaderAt)
	if !ok {
		return nil, nil, errors.New("it can only be read from its beginning")
	}
	r, err := zip.NewReader(at, info.Size())
	if err != nil {
		return nil, nil, err
	}
	r.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor())
	text, err := fs.ReadFile(r, listFile)
	if err != nil {
		return nil, nil, err
	}
	var entries []entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.Bytes <= 0 || e.CodeSHA256 == "" {
			return nil, nil, fmt.Errorf("its list says nothing of the executable for %s", e.Architecture)
		}
	}
	return r, entries, nil
}

// unpack lets read have an executable. Nothing behind that is unpacked.
func unpack(r *zip.Reader, entries []entry, i int, read func(io.Reader) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("unpacking the functions for %s: %w", entries[i].Architecture, err)
		}
	}()
	f, err := r.Open(executablesFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var before int64
	for _, e := range entries[:i] {
		before += e.Bytes
	}
	if _, err := io.CopyN(io.Discard, f, before); err != nil {
		return err
	}
	return read(io.LimitReader(f, entries[i].Bytes))
}
