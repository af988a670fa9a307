package bundle

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		t.Errorf("%d bytes with sum %s here, %d bytes with sum %s in %s", len(here), CodeSHA256(here), len(there),
			CodeSHA256(there), elsewhere)
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

func executable(t *testing.T, archive []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Open("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestZip(t *testing.T) {
	archive, err := Zip([]byte("an executable"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Zip([]byte("an executable")); err != nil || !bytes.Equal(archive, again) {
		t.Errorf("another archive of the same is another one: %v", err)
	}
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 || len(r.File[0].Extra) != 0 ||
		!r.File[0].Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the archive has %+v", r.File[0].FileHeader)
	}
	if got := executable(t, archive); string(got) != "an executable" {
		t.Errorf("bootstrap is %q", got)
	}
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ root, architecture, want string }{
		{root, "amd64", `unknown architecture "amd64"`},
		{t.TempDir(), "x86_64", "building the functions for x86_64: exit status 1"},
	} {
		if _, err := Build(t.Context(), c.root, c.architecture); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %s: error %v, want one with %q", c.architecture, c.root, err, c.want)
		}
	}
}
