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

// TestSameSourceSameBytes builds functions here and in a copy of their source somewhere else, under another
// environment and at another time.
func TestSameSourceSameBytes(t *testing.T) {
	functions := []string{"processor", "provisioning"}
	here := map[string][]byte{}
	for _, function := range functions {
		executable, err := Compile(t.Context(), root, function, "arm64")
		if err != nil {
			t.Fatal(err)
		}
		here[function] = executable
	}
	elsewhere := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "lambda", "internal"} {
		copyGo(t, filepath.Join(root, name), filepath.Join(elsewhere, name))
	}
	t.Setenv("GOFLAGS", "-ldflags=-X=main.who=me")
	t.Setenv("GOARM64", "v9.0")
	t.Setenv("CGO_ENABLED", "1")
	for _, function := range functions {
		there, err := Compile(t.Context(), elsewhere, function, "arm64")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(here[function], there) {
			t.Errorf("%s: %d bytes with sum %s here, %d bytes with sum %s in %s", function,
				len(here[function]), CodeSHA256(here[function]), len(there), CodeSHA256(there), elsewhere)
		}
		if bytes.Contains(there, []byte(elsewhere)) {
			t.Errorf("the executable of %s has the path of its source", function)
		}
	}
}

// copyGo copies a file, or the Go files of a tree, with new times.
func copyGo(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") ||
			(path != from && filepath.Ext(path) != ".go") {
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
	for _, c := range []struct{ function, architecture, want string }{
		{"processor", "amd64", `unknown architecture "amd64"`},
		{"nothing", "x86_64", `building function "nothing" for x86_64: exit status 1`},
	} {
		if _, err := Build(t.Context(), root, c.function, c.architecture); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want one with %q", c.function, c.architecture, err, c.want)
		}
	}
}
