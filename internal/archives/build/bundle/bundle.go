// Package bundle builds the executable of the Lambda functions, for provided.al2023. The bytes are the same wherever it
// is built.
package bundle

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Toolchain compiles the functions. It is pinned because another compiler produces other bytes, which every user of the
// provider would see as a change of code.
const Toolchain = "go1.26.8"

// platforms maps Lambda's architectures to Go's; the levels are the lowest that all of Lambda's hosts support.
var platforms = map[string][]string{
	"arm64":  {"GOARCH=arm64", "GOARM64=v8.0"},
	"x86_64": {"GOARCH=amd64", "GOAMD64=v1"},
}

// Compile builds the command lambda/bootstrap of the module at root.
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
