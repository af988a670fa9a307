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
		"zips/processor_arm64.zip": {Data: zip},
		"zips/.gitignore":          {Data: []byte("*")},
		"zips/other_arm64.zip":     {Data: zip},
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(zip)
	got, ok := all[key{"processor", "arm64"}]
	if len(all) != 1 || !ok || string(got.Zip) != "a zip" ||
		got.CodeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("read %v", all)
	}
	if _, err := read(fstest.MapFS{"zips/processor_arm64.zip": {}}); err == nil ||
		!strings.Contains(err.Error(), `function "processor" for arm64: it is empty`) {
		t.Errorf("an empty archive: error %v", err)
	}
}

func TestLookupSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ function, architecture, want string }{
		{"procesor", "arm64", "the functions are alerts, api, archiver, metrics, processor, provisioning, watch"},
		{"processor", "amd64", `architecture "amd64" is not one of arm64, x86_64`},
	} {
		if _, err := Lookup(c.function, c.architecture); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: error %v, want one with %q", c.function, c.architecture, err, c.want)
		}
	}
	if _, _, ok := FindBySHA256("none of ours"); ok {
		t.Error("an unknown sum is found")
	}
}

// TestLookupAndFindAgree holds with and without built archives: what can be looked up is found by its sum, what
// cannot says how to build.
func TestLookupAndFindAgree(t *testing.T) {
	for _, function := range Functions() {
		for _, architecture := range Architectures() {
			archive, err := Lookup(function, architecture)
			if err != nil {
				if !strings.Contains(err.Error(), "make build") {
					t.Errorf("%s for %s: error %v does not say how to build", function, architecture, err)
				}
				continue
			}
			if f, a, ok := FindBySHA256(archive.CodeSHA256); !ok || f != function || a != architecture {
				t.Errorf("%s for %s is found as %s for %s, %v", function, architecture, f, a, ok)
			}
		}
	}
}
