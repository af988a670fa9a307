package archives

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

// executables are two that have much in common, as those of two architectures have.
func executables() []Executable {
	random := rand.New(rand.NewPCG(1, 2))
	common := make([]byte, 1<<20)
	for i := range common {
		common[i] = byte(random.IntN(256))
	}
	return []Executable{
		{Architecture: "arm64", Code: append([]byte("for arm64"), common...)},
		{Architecture: "x86_64", Code: append([]byte("for x86_64"), common...)},
	}
}

func pack(t *testing.T, executables ...Executable) fstest.MapFS {
	t.Helper()
	packed, err := Pack(executables)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"zips/" + FileName: {Data: packed}, "zips/.gitignore": {Data: []byte("*")}}
}

// TestPackAndRead expects of what is embedded the very zips that the executables have.
func TestPackAndRead(t *testing.T) {
	want := executables()
	files := pack(t, want...)
	if n := len(files["zips/"+FileName].Data); n > 1<<20*5/4 {
		t.Errorf("two executables that have 1 MiB in common take %d bytes", n)
	}
	if again := pack(t, want...); !bytes.Equal(files["zips/"+FileName].Data, again["zips/"+FileName].Data) {
		t.Error("the same executables are packed into other bytes")
	}
	all, err := read(files)
	if err != nil || len(all) != len(want) {
		t.Fatalf("read %v, %v", all, err)
	}
	for _, w := range want {
		got := all[w.Architecture]
		code, err := got.Executable()
		if err != nil || !bytes.Equal(code, w.Code) {
			t.Errorf("%s: an executable of %d bytes, %v", w.Architecture, len(code), err)
		}
		archive, err := got.Zip()
		if err != nil || got.CodeSHA256 != CodeSHA256(archive) || !bytes.Equal(executable(t, archive), w.Code) {
			t.Errorf("%s: a zip of %d bytes with sum %s, wanted %s, %v", w.Architecture, len(archive),
				CodeSHA256(archive), got.CodeSHA256, err)
		}
	}
}

func TestReadWithoutFunctions(t *testing.T) {
	if all, err := read(fstest.MapFS{"zips/.gitignore": {}}); err != nil || len(all) != 0 {
		t.Errorf("read %v, %v", all, err)
	}
	all, err := read(pack(t, executables()[1]))
	if _, ok := all["x86_64"]; err != nil || len(all) != 1 || !ok {
		t.Errorf("read %v, %v", all, err)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for name, content := range map[string][]byte{"nothing": {}, "text": []byte("no zip")} {
		if _, err := read(fstest.MapFS{"zips/" + FileName: {Data: content}}); err == nil ||
			!strings.Contains(err.Error(), "reading the functions that this provider contains") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	files := pack(t, executables()...)
	sum := CodeSHA256(files["zips/"+FileName].Data)
	all, err := read(files)
	if err != nil {
		t.Fatal(err)
	}
	e := entry{Architecture: "arm64", CodeSHA256: sum}
	if _, err := e.zip(all["arm64"].open); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("a zip with another sum than the one that was promised: error %v", err)
	}
	data := files["zips/"+FileName].Data
	for i := len(data) / 4; i < len(data)/2; i++ { // damaged in the middle
		data[i] = 0
	}
	all, err = read(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all["arm64"].Zip(); err == nil || !strings.Contains(err.Error(), "the functions for arm64") {
		t.Errorf("a damaged file: error %v", err)
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

// TestLookupAndFindAgree holds with and without built archives: what can be looked up is found by its sum and becomes a
// zip, what cannot says how to build.
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
		code, err := archive.Executable()
		if err != nil || !bytes.HasPrefix(code, []byte("\x7fELF")) {
			t.Errorf("%s: the executable begins with %x, %v", architecture, code[:min(4, len(code))], err)
		}
		if _, err := archive.Zip(); err != nil {
			t.Error(err)
		}
	}
}

// TestZipIsTheSameEverywhere fixes the bytes of a zip. The sum of the functions' code is in states and in AWS, so the
// compressor must not depend on the machine or change with its version: it has its own code for some processors.
func TestZipIsTheSameEverywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	code := make([]byte, 1<<20)
	for i := range code { // few values, so that there are matches of all lengths
		code[i] = byte(random.IntN(4) * random.IntN(4))
	}
	archive, err := Zip(code)
	if err != nil {
		t.Fatal(err)
	}
	if got := CodeSHA256(archive); got != "uUEucbp6YWwNu5Gj14BHneV1dKotGY6I3DgJSOMKkt4=" {
		t.Errorf("a zip of %d bytes with sum %s", len(archive), got)
	}
}
