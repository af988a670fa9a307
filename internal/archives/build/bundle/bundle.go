// Package bundle builds the Lambda functions into the zip that Lambda runs: an executable named bootstrap, for
// provided.al2023. The bytes are the same wherever it is built.
package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Toolchain compiles the functions. It is pinned because another compiler produces other bytes, which every user of the
// provider would see as a change of code.
const Toolchain = "go1.26.8"

// platforms maps Lambda's architectures to Go's; the levels are the lowest that all of Lambda's hosts support.
var platforms = map[string][]string{
	"arm64":  {"GOARCH=arm64", "GOARM64=v8.0"},
	"x86_64": {"GOARCH=amd64", "GOAMD64=v1"},
}

// Build compiles the command lambda/bootstrap of the module at root and returns its zip.
func Build(ctx context.Context, root, architecture string) ([]byte, error) {
	binary, err := Compile(ctx, root, architecture)
	if err != nil {
		return nil, err
	}
	archive, err := Zip(binary)
	if err != nil {
		return nil, fmt.Errorf("zipping the functions: %w", err)
	}
	return archive, nil
}

// Compile returns only the executable.
func Compile(ctx context.Context, root, architecture string) ([]byte, error) {
	platform, ok := platforms[architecture]
	if !ok {
		return nil, fmt.Errorf("building the functions: unknown architecture %q", architecture)
	}
	dir, err := os.MkdirTemp("", "bootstrap")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "bootstrap")
	// The build ID and the source path differ between machines, the state of the checkout between commits.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc",
		"-ldflags", "-s -w -buildid=", "-o", out, "./lambda/bootstrap")
	cmd.Dir = root
	// The builder's GOFLAGS, GOEXPERIMENT and GODEBUG must not reach the binary.
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOTOOLCHAIN="+Toolchain, "GOFLAGS=", "GOEXPERIMENT=",
		"GODEBUG=", "GOWORK=off", "GOFIPS140=off")
	cmd.Env = append(cmd.Env, platform...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building the functions for %s: %w\n%s", architecture, err, stderr.Bytes())
	}
	return os.ReadFile(out)
}

// epoch is the earliest time that a zip can contain, and the time of every file in ours.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// Zip returns an archive with the executable as bootstrap. It does not depend on when or where it was built.
func Zip(executable []byte) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate,
		func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	header.ModifiedDate, header.ModifiedTime = dosTime(epoch) // Modified itself would add a field with a zone
	f, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(executable); err != nil {
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
