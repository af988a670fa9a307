// Package archives embeds the code of the Lambda functions that the provider ships, as built by the package build below
// it: one zip per architecture, which all functions share.
//
// The zips are not in the repository. A provider built without them can do everything except create functions; its
// error says how to build them. The package must not know what the functions do.
package archives

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed all:zips
var embedded embed.FS

// Archive is the functions' code for one architecture, ready for CreateFunction and UpdateFunctionCode.
type Archive struct {
	Zip        []byte // shared: not to be changed
	CodeSHA256 string // base64 of the SHA-256 of Zip, as Lambda reports it in CodeSha256
}

// Architectures lists the architectures that the functions are built for, by Lambda's names.
func Architectures() []string { return []string{"arm64", "x86_64"} }

// FileName is the name of an architecture's zip.
func FileName(architecture string) string { return "bootstrap_" + architecture + ".zip" }

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
				"run `make build` in its source directory, or give the function your own package",
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

// load reads the embedded files once: their sums take some milliseconds, which a plan without functions does not need.
var load = sync.OnceValues(func() (map[string]Archive, error) { return read(embedded) })

func read(files fs.FS) (map[string]Archive, error) {
	all := map[string]Archive{}
	for _, architecture := range Architectures() {
		zip, err := fs.ReadFile(files, "zips/"+FileName(architecture))
		if err != nil {
			continue // not built; Lookup says so
		}
		if len(zip) == 0 {
			return nil, fmt.Errorf("reading the archive of the functions for %s: it is empty", architecture)
		}
		sum := sha256.Sum256(zip)
		all[architecture] = Archive{Zip: zip, CodeSHA256: base64.StdEncoding.EncodeToString(sum[:])}
	}
	return all, nil
}
