package archives

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
	"time"
)

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
