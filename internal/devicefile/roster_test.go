package devicefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/devicefile"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// write puts files into a new folder and gives the path of the first.
func write(t testing.TB, files ...string) string {
	t.Helper()
	folder := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(folder, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, files[0])
}

func TestRead(t *testing.T) {
	want := map[string]spec.Device{
		"a": {Attributes: map[string]string{"bay": "1", "row": "x"}},
		"b": {Disabled: true, CSRPEM: "request"},
		"c": {CertificatePEM: "certificate", Gateway: true},
	}
	tests := []struct {
		name  string
		files []string
	}{
		{
			"CSV",
			[]string{
				"fleet.csv",
				"name,enabled,attributes.bay,attributes.row,csr_file,certificate_pem,gateway\na,,1,x,,,false\nb,false,,,b.csr,,\nc,TRUE,,,,certificate,true\n",
				"b.csr",
				"request",
			},
		},
		{
			"CSV with other column order, byte order mark and CRLF",
			[]string{
				"fleet.csv",
				"\ufeffcertificate_file,csr_pem,attributes.row,name,attributes.bay,enabled,gateway\r\n,,x,a,1,true,\r\n,request,,b,,False,\r\nc.pem,,,c,,,TRUE\r\n",
				"c.pem",
				"certificate",
			},
		},
		{
			"NDJSON with empty lines",
			[]string{
				"fleet.ndjson",
				"{\"name\":\"a\",\"attributes\":{\"bay\":\"1\",\"row\":\"x\"}}\n\n{\"name\":\"b\",\"enabled\":false,\"csr_file\":\"b.csr\"}\n  \n{\"name\":\"c\",\"enabled\":true,\"gateway\":true,\"certificate_pem\":\"certificate\"}",
				"b.csr",
				"request",
			},
		},
		{
			"JSON lines under their other name",
			[]string{
				"fleet.JSONL",
				"{\"name\":\"a\",\"attributes\":{\"bay\":\"1\",\"row\":\"x\"}}\n{\"name\":\"b\",\"enabled\":false,\"csr_pem\":\"request\"}\n{\"name\":\"c\",\"gateway\":true,\"certificate_file\":\"c.pem\"}\n",
				"c.pem",
				"certificate",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := devicefile.Read(write(t, test.files...), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, r.Devices); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(r.Digest, "sha256:") || len(r.Digest) != 71 {
				t.Errorf("digest %q", r.Digest)
			}
		})
	}
}

func TestFaultsHaveLines(t *testing.T) {
	noX := func(name string, _ spec.Device) []error {
		if strings.HasPrefix(name, "x") {
			return []error{fmt.Errorf("device %q: starts with x", name), errors.New("and again")}
		}
		return nil
	}
	long := strings.Repeat("x", 4097)
	tests := []struct {
		name  string
		files []string
		want  []devicefile.Fault
	}{
		{
			"empty CSV",
			[]string{"f.csv", ""},
			[]devicefile.Fault{
				{1, `there is no header line with the names of the columns, of which "name" must be one`},
			},
		},
		{
			"semicolons",
			[]string{"f.csv", "name;enabled\na;true\n"},
			[]devicefile.Fault{{1, "the columns are to be separated by commas"}},
		},
		{"unknown and double columns", []string{"f.csv", "enabled,bay,enabled\n"}, []devicefile.Fault{
			{
				1,
				`column "bay" is not known; columns are name, enabled, gateway, silence_minutes, certificate_version, csr_pem, csr_file, certificate_pem, certificate_file and attributes.KEY`,
			},
			{1, `column "enabled" appears twice`}, {1, `there is no column "name"`}}},
		{
			"every line its own fault, after a cell over several lines",
			[]string{
				"f.csv",
				"name,enabled,csr_pem,csr_file\na,,\"1\n2\n3\",\na,,,\n,,,\nb,maybe,,\nc,,x,y\nd,,,missing.csr\nxy,,,\ne,\nf,,,long.csr\ng,,,empty.csr\n",
				"long.csr",
				long,
				"empty.csr",
				"",
			},
			[]devicefile.Fault{
				{
					5,
					`device "a" is already in line 2`,
				}, {6, "the device has no name"}, {7, `enabled is "maybe"; it must be true or false`},
				{8, `device "c": at most one of csr_pem, csr_file, certificate_pem and certificate_file may be given`},
				{
					9,
					`device "d": open missing.csr: no such file or directory`,
				}, {10, `device "xy": starts with x`}, {10, "and again"},
				{
					11,
					"2 cells where the header has 4 columns",
				}, {12, `device "f": long.csr is longer than the 4096 bytes that AWS takes`},
				{13, `device "g": empty.csr is empty`}},
		},
		{
			"stray quote",
			[]string{"f.csv", "name\na\nb\"b\nc\n"},
			[]devicefile.Fault{{3, "bare \" in non-quoted-field; what follows was not read"}},
		},
		{
			"NDJSON",
			[]string{
				"f.ndjson",
				"{\"name\":\"a\"}\n{\"name\":\"a\"}\nnot " +
					"json\n{\"name\":\"b\",\"enabled\":\"yes\"}\n{\"name\":\"c\",\"colour\":\"red\"}\n{\"name\":\"d\"}{\"name\":\"e\"}\n{\"name\":\"f\",\"attributes\":{\"n\":1}}\n{\"name\":\"g\",\"attributes\":[]}\n",
			},
			[]devicefile.Fault{
				{
					2,
					`device "a" is already in line 1`,
				}, {3, "not a device in JSON: invalid character 'o' in literal null (expecting 'u')"},
				{
					4,
					"enabled must be true or false, not string",
				}, {5, `not a device in JSON: json: unknown field "colour"`},
				{6, "more than one JSON value in the line"},
				{
					7,
					"every value in attributes must be a string, not number",
				}, {8, "attributes must be an object, not array"}},
		},
		{
			"endless line",
			[]string{"f.ndjson", "{\"name\":\"a\"}\n{\"name\":\"" + strings.Repeat("b", 300<<10) + "\"}\n"},
			[]devicefile.Fault{{2, "the line is longer than 262144 bytes; what follows was not read"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.files...)
			_, err := devicefile.Read(path, noX)
			var faults *devicefile.FaultsError
			if !errors.As(err, &faults) {
				t.Fatalf("got %v", err)
			}
			for i := range faults.Faults {
				faults.Faults[i].Message = strings.ReplaceAll(faults.Faults[i].Message,
					filepath.Dir(path)+string(filepath.Separator), "")
			}
			if diff := cmp.Diff(test.want, faults.Faults); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	_, err := devicefile.Read(write(t, "f.csv", "name,enabled\n"+strings.Repeat("a,perhaps\n", 30)), nil)
	if err == nil || !strings.Contains(err.Error(), "59 faults") || !strings.HasSuffix(err.Error(), "and 39 more") ||
		!strings.Contains(err.Error(), "\n  line 2: enabled is") {
		t.Errorf("got %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	if _, err := devicefile.Read(filepath.Join(t.TempDir(), "none.csv"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := devicefile.Read(write(t, "fleet.xlsx", ""), nil); err == nil ||
		!strings.Contains(err.Error(), "must end in .csv, .ndjson or .jsonl") {
		t.Errorf("unknown kind: got %v", err)
	}
}

func TestDigestSeesEveryFile(t *testing.T) {
	digest := func(files ...string) string {
		t.Helper()
		r, err := devicefile.Read(write(t, files...), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.Digest
	}
	base := []string{"f.csv", "name,csr_file\na,1.csr\nb,2.csr\n", "1.csr", "one", "2.csr", "two"}
	first := digest(base...)
	if digest(base...) != first {
		t.Error("the same files give another digest")
	}
	for name, other := range map[string][]string{
		"the roster": {"f.csv", "name,csr_file\na,1.csr\nb,2.csr\nc,\n", "1.csr", "one", "2.csr",
			"two"},
		"a file it names":              {"f.csv", base[1], "1.csr", "one", "2.csr", "TWO"},
		"text moved from file to file": {"f.csv", base[1], "1.csr", "onet", "2.csr", "wo"},
		"only white space at the end":  {"f.csv", base[1] + "\n", "1.csr", "one", "2.csr", "two"},
		"the two files' texts swapped": {"f.csv", base[1], "1.csr", "two", "2.csr", "one"},
		"another line end in the roster": {"f.csv", strings.ReplaceAll(base[1], "\n", "\r\n"), "1.csr", "one", "2.csr",
			"two"},
	} {
		if digest(other...) == first {
			t.Errorf("a change of %s is not seen", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("name,enabled\na,true\n", true)
	f.Add("{\"name\":\"a\"}\n", false)
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		name := "f.ndjson"
		if csv {
			name = "f.csv"
		}
		r, err := devicefile.Read(write(t, name, text), nil)
		if (r == nil) == (err == nil) {
			t.Fatalf("roster %v and error %v", r, err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString("name,enabled,attributes.bay,attributes.row\n")
	for i := range 10000 {
		fmt.Fprintf(&text, "device-%05d,true,%d,%d\n", i, i%100, i)
	}
	path := write(b, "fleet.csv", text.String())
	b.ReportAllocs()
	for b.Loop() {
		if r, err := devicefile.Read(path, nil); err != nil || len(r.Devices) != 10000 {
			b.Fatal(err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for name, text := range map[string]string{
		"fleet.csv":    "name,silence_minutes,certificate_version\na,60,2\nb,,\n",
		"fleet.ndjson": "{\"name\":\"a\",\"silence_minutes\":60,\"certificate_version\":2}\n{\"name\":\"b\"}\n",
	} {
		r, err := devicefile.Read(write(t, name, text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := r.Devices["a"], r.Devices["b"]; a.SilenceMinutes != 60 || b.SilenceMinutes != 0 ||
			a.CertificateVersion != 2 || b.CertificateVersion != 0 {
			t.Errorf("%s: %+v", name, r.Devices)
		}
	}
	for text, want := range map[string]string{
		"name,silence_minutes\na,0\n":          `line 2: silence_minutes is "0"; it must be a whole number of minutes`,
		"name,silence_minutes\na,soon\n":       `line 2: silence_minutes is "soon"`,
		"name,certificate_version\na,0\n":      `line 2: certificate_version is "0"; it must be a whole number from 1`,
		`{"name":"a","certificate_version":0}`: "line 1: certificate_version is 0; it must be a whole number from 1",
		`{"name":"a","silence_minutes":-1}`:    "line 1: silence_minutes is -1",
		`{"name":"a","silence_minutes":1.5}`:   "line 1: silence_minutes must be a whole number, not number 1.5",
		`{"name":"a","silence_minutes":"5"}`:   "line 1: silence_minutes must be a whole number, not string",
	} {
		name := "fleet.csv"
		if text[0] == '{' {
			name = "fleet.ndjson"
		}
		if _, err := devicefile.Read(write(t, name, text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
