package archives

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRead(t *testing.T) {
	zip := []byte("a zip")
	all, err := read(fstest.MapFS{
		"zips/bootstrap_arm64.zip": {Data: zip},
		"zips/.gitignore":          {Data: []byte("*")},
		"zips/other_arm64.zip":     {Data: zip},
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(zip)
	got, ok := all["arm64"]
	if len(all) != 1 || !ok || string(got.Zip) != "a zip" ||
		got.CodeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("read %v", all)
	}
	if _, err := read(fstest.MapFS{"zips/bootstrap_arm64.zip": {}}); err == nil ||
		!strings.Contains(err.Error(), `the functions for arm64: it is empty`) {
		t.Errorf("an empty archive: error %v", err)
	}
}

func TestLookupSaysWhatIsWrong(t *testing.T) {
	want := `architecture "amd64" is not one of arm64, x86_64`
	if _, err := Lookup("amd64"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
	if _, ok := FindBySHA256("none of ours"); ok {
		t.Error("an unknown sum is found")
	}
}

// TestLookupAndFindAgree holds with and without built archives: what can be looked up is found by its sum, what
// cannot says how to build.
func TestLookupAndFindAgree(t *testing.T) {
	for _, architecture := range Architectures() {
		archive, err := Lookup(architecture)
		if err != nil {
			if !strings.Contains(err.Error(), "make build") {
				t.Errorf("%s: error %v does not say how to build", architecture, err)
			}
			continue
		}
		if a, ok := FindBySHA256(archive.CodeSHA256); !ok || a != architecture {
			t.Errorf("%s is found as %s, %v", architecture, a, ok)
		}
	}
}
