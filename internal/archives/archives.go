// Package archives embeds the code of the Lambda functions that the provider ships, as built by the package build below
// it: one executable per architecture, which all functions share.
//
// The embedded file is not in the repository. A provider built without it can do everything except create functions;
// its error says how to build it. The package must not know what the functions do.
package archives

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed all:zips
var embedded embed.FS

// FileName is the name of the embedded file in the directory zips. Pack makes its content.
const FileName = "functions.zip"

// Archive is the functions' code for one architecture.
type Archive struct {
	CodeSHA256 string // base64 of the SHA-256 of the zip, as Lambda reports it in CodeSha256
	open       opener
	zip        func() ([]byte, error)
}

// opener lets a function read an executable.
type opener func(read func(io.Reader) error) error

// Zip returns the archive for CreateFunction and UpdateFunctionCode. It is shared: not to be changed. The first call
// takes some tenths of a second, as the zip is not what is embedded: see Pack.
func (a Archive) Zip() ([]byte, error) { return a.zip() }

// Executable returns the file bootstrap of the zip.
func (a Archive) Executable() (code []byte, err error) {
	err = a.open(func(r io.Reader) (err error) {
		code, err = io.ReadAll(r)
		return err
	})
	return code, err
}

// Architectures lists the architectures that the functions are built for, by Lambda's names.
func Architectures() []string { return []string{"arm64", "x86_64"} }

// Lookup returns the archive for an architecture. It fails for an unknown one, and if the provider was built without
// archives.
func Lookup(architecture string) (Archive, error) {
	if !slices.Contains(Architectures(), architecture) {
		return Archive{}, fmt.Errorf("looking up the functions: architecture %q is not one of %s", architecture,
			strings.Join(Architectures(), ", "))
	}
	all, err := load()
	if err != nil {
		return Archive{}, err
	}
	archive, ok := all[architecture]
	if !ok {
		return Archive{}, fmt.Errorf(
			"looking up the functions for %s: this provider was built without the Lambda archives; "+
				"run `make build` or `go run ./internal/archives/build` in its source directory, or give the "+
				"function your own package",
			architecture,
		)
	}
	return archive, nil
}

// FindBySHA256 returns the architecture of the archive with a CodeSha256, so that a local runtime knows whether a
// deployed function has the code of this build.
func FindBySHA256(sum string) (architecture string, ok bool) {
	all, err := load()
	if err != nil {
		return "", false
	}
	for architecture, archive := range all {
		if archive.CodeSHA256 == sum {
			return architecture, true
		}
	}
	return "", false
}

// load reads the list of the embedded file once. What it lists is unpacked when it is needed.
var load = sync.OnceValues(func() (map[string]Archive, error) { return read(embedded) })

func read(files fs.FS) (map[string]Archive, error) {
	packed, err := files.Open("zips/" + FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // not built; Lookup says so
	}
	if err != nil {
		return nil, err
	}
	reader, entries, err := list(packed)
	if err != nil {
		return nil, fmt.Errorf("reading the functions that this provider contains: %w", err)
	}
	all := map[string]Archive{}
	for i, e := range entries {
		open := func(read func(io.Reader) error) error { return unpack(reader, entries, i, read) }
		all[e.Architecture] = Archive{CodeSHA256: e.CodeSHA256, open: open,
			zip: sync.OnceValues(func() ([]byte, error) { return e.zip(open) })}
	}
	return all, nil
}

// zip makes the zip of an executable, which must be the one that was made when the functions were built.
func (e entry) zip(open opener) (archive []byte, err error) {
	err = open(func(code io.Reader) (err error) {
		archive, err = zipOf(code, e.Bytes)
		return err
	})
	if err != nil {
		return nil, err
	}
	if sum := CodeSHA256(archive); sum != e.CodeSHA256 {
		return nil, fmt.Errorf("zipping the functions for %s: the zip has the sum %s, and had %s when this provider "+
			"was built; run `make build` in its source directory, or take a released provider", e.Architecture, sum,
			e.CodeSHA256)
	}
	return archive, nil
}
