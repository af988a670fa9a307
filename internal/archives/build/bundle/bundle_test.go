package bundle

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../../.."

// TestSameSourceSameBytes builds the functions here and in a copy of their source somewhere else, under another
// environment and at another time.
func TestSameSourceSameBytes(t *testing.T) {
	here, err := Compile(t.Context(), root, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "lambda", "internal"} {
		copySource(t, filepath.Join(root, name), filepath.Join(elsewhere, name))
	}
	t.Setenv("GOFLAGS", "-ldflags=-X=main.who=me")
	t.Setenv("GOARM64", "v9.0")
	t.Setenv("CGO_ENABLED", "1")
	there, err := Compile(t.Context(), elsewhere, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(here, there) {
		t.Errorf("%d bytes here, %d other bytes in %s", len(here), len(there), elsewhere)
	}
	if bytes.Contains(there, []byte(elsewhere)) {
		t.Error("the executable has the path of its source")
	}
}

// copySource copies a file, or the Go files of a tree and what they embed, with new times.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") ||
			(path != from && filepath.Ext(path) != ".go" && entry.Name() != "openapi.json") {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ root, architecture, want string }{
		{root, "amd64", `unknown architecture "amd64"`},
		{t.TempDir(), "x86_64", "building the functions for x86_64: exit status 1"},
	} {
		if _, err := Compile(t.Context(), c.root, c.architecture); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: error %v, want one with %q", c.architecture, c.root, err, c.want)
		}
	}
}
