// Package archives embeds the zips of the Lambda functions that the provider ships, as built by the package build below
// it.
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

	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

//go:embed all:zips
var embedded embed.FS

// Archive is one function built for one architecture, ready for CreateFunction and UpdateFunctionCode.
type Archive struct {
	Zip        []byte // shared: not to be changed
	CodeSHA256 string // base64 of the SHA-256 of Zip, as Lambda reports it in CodeSha256
}

// Functions returns the names of the shipped functions, each a command below lambda/.
func Functions() []string { return needs.Functions() }

// Architectures lists the architectures that the functions are built for, by Lambda's names.
func Architectures() []string { return []string{"arm64", "x86_64"} }

// FileName is the name of a function's zip.
func FileName(function, architecture string) string { return function + "_" + architecture + ".zip" }

// Lookup returns a function's archive. It fails for an unknown name, and if the provider was built without archives.
func Lookup(function, architecture string) (Archive, error) {
	if !slices.Contains(Functions(), function) {
		return Archive{}, fmt.Errorf("looking up function %q: the functions are %s", function,
			strings.Join(Functions(), ", "))
	}
	if !slices.Contains(Architectures(), architecture) {
		return Archive{}, fmt.Errorf("looking up function %q: architecture %q is not one of %s", function, architecture,
			strings.Join(Architectures(), ", "))
	}
	all, err := load()
	if err != nil {
		return Archive{}, err
	}
	archive, ok := all[key{function, architecture}]
	if !ok {
		return Archive{}, fmt.Errorf(
			"looking up function %q for %s: this provider was built without the Lambda archives; "+
				"run `make build` in its source directory, or give the function your own package",
			function,
			architecture,
		)
	}
	return archive, nil
}

// FindBySHA256 returns the function with a CodeSha256, so that a local runtime knows what a deployed function runs.
func FindBySHA256(sum string) (function, architecture string, ok bool) {
	all, err := load()
	if err != nil {
		return "", "", false
	}
	for k, archive := range all {
		if archive.CodeSHA256 == sum {
			return k.function, k.architecture, true
		}
	}
	return "", "", false
}

type key struct{ function, architecture string }

// load reads the embedded files once: their sums take some milliseconds, which a plan without functions does not need.
var load = sync.OnceValues(func() (map[key]Archive, error) { return read(embedded) })

func read(files fs.FS) (map[key]Archive, error) {
	all := map[key]Archive{}
	for _, function := range Functions() {
		for _, architecture := range Architectures() {
			zip, err := fs.ReadFile(files, "zips/"+FileName(function, architecture))
			if err != nil {
				continue // not built; Lookup says so
			}
			if len(zip) == 0 {
				return nil, fmt.Errorf("reading the archive of function %q for %s: it is empty", function, architecture)
			}
			sum := sha256.Sum256(zip)
			all[key{function, architecture}] = Archive{Zip: zip, CodeSHA256: base64.StdEncoding.EncodeToString(sum[:])}
		}
	}
	return all, nil
}
