package migrate

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
)

var update = flag.Bool("update", false, "write the golden files")

// migrated is what Write makes of a state.
func migrated(t *testing.T, state string, o Options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Write(&out, strings.NewReader(state), o)
	return out.String(), err
}

func readState(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The states are in the forms that Terraform documents, with the attributes that hashicorp/aws documents.
func TestConfiguration(t *testing.T) {
	for name, o := range map[string]Options{
		"greenhouse.tfstate": {Pipeline: "greenhouse"},
		"module.show.json":   {Pipeline: "north-1"},
	} {
		t.Run(name, func(t *testing.T) {
			state := readState(t, name)
			got, err := migrated(t, state, o)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(got, "PRIVATE") || strings.Contains(got, "BEGIN CERTIFICATE") {
				t.Error("the configuration holds a key or a certificate")
			}
			if _, diags := hclparse.NewParser().ParseHCL([]byte(got), name); diags.HasErrors() {
				t.Error(diags)
			}
			golden := filepath.Join("testdata", name+".golden.tf")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got; go test -update writes it)\n%s", diff)
			}
		})
	}
}

// A selection of things takes over what belongs to these, and forgets single instances of their resources.
func TestSelection(t *testing.T) {
	got, err := migrated(t, readState(t, "greenhouse.tfstate"), Options{Pipeline: "farm", Things: []string{"soil-002"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`terraform state rm 'aws_iot_thing.soil["soil-002"]'`, `terraform state rm 'aws_iot_certificate.soil["soil-002"]'`,
		`- aws_iot_thing.soil["soil-001"]: the thing soil-001 is not taken over`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "removed {") {
		t.Errorf("all instances of a resource are forgotten:\n%s", got)
	}
}

func TestRefusedStates(t *testing.T) {
	thing := `{"version":4,"resources":[{"mode":"managed","type":"aws_iot_thing","name":"a","instances":[` +
		`{"attributes":{"name":"NAME","arn":"arn:aws:iot:eu-west-1:123456789012:thing/NAME"}},` +
		`{"index_key":1,"attributes":{"name":"b","arn":"arn:aws:iot:us-east-1:123456789012:thing/b"}}]}]}`
	for _, test := range []struct {
		state, says string
		options     Options
	}{
		{"not JSON", "it is not the output of terraform show -json", Options{Pipeline: "farm"}},
		{`{"version":3}`, "it is not the output of terraform show -json", Options{Pipeline: "farm"}},
		{`{"format_version":"1.0"}`, "it is empty", Options{Pipeline: "farm"}},
		{`{"format_version":"1.2","planned_values":{}}`, "this is a plan", Options{Pipeline: "farm"}},
		{`{"version":4,"resources":[]}`, "no aws_iot_thing to take over", Options{Pipeline: "farm"}},
		{thing, "in the regions eu-west-1, us-east-1, and a pipeline is in one: choose it with --region",
			Options{Pipeline: "farm"}},
		{thing, "no aws_iot_thing with the name c", Options{Pipeline: "farm", Things: []string{"c"}}},
		{thing, "name", Options{Pipeline: "no name", Region: "us-east-1"}},
		{strings.ReplaceAll(thing, "NAME", "a:b:c"), "can take over none of the things",
			Options{Pipeline: "farm", Region: "eu-west-1"}},
	} {
		if got, err := migrated(t, test.state, test.options); err == nil || !strings.Contains(err.Error(), test.says) ||
			got != "" {
			t.Errorf("%.40s: %v, want %q; written: %q", test.state, err, test.says, got)
		}
	}
}
