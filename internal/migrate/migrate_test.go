package migrate

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
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
		{`{"serial":1,"lineage":"a","meta":{},"encrypted_data":"abc","encryption_version":"v0"}`,
			"it is encrypted; in the configuration that it belongs to, run tofu show -json", Options{Pipeline: "farm"}},
		{strings.Replace(thing, "{\"name\":\"NAME\"", "[], \"no\":{\"name\":\"NAME\"", 1), "the values of aws_iot_thing.a",
			Options{Pipeline: "farm"}},
		{strings.NewReplacer("us-east-1:1", "eu-west-1:2").Replace(thing), "in the accounts 123456789012, 223456789012",
			Options{Pipeline: "farm"}},
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

// keyed is an instance of a resource with for_each, in the form of a state file.
func keyed(key, attributes string) string {
	quoted, _ := json.Marshal(key)
	return fmt.Sprintf(`{"index_key":%s,"attributes":%s}`, quoted, attributes)
}

// Keys of instances can hold anything. What is written is a configuration, and commands for a shell.
func TestKeysOfInstances(t *testing.T) {
	keys := []string{`a"b`, `c${d}`, `e%{f}`, "it's", `back\slash`, "new\nline", "ü", "for"}
	var things, certificates, attachments, policies []string
	for i, key := range keys {
		name := fmt.Sprintf("soil-%d", i)
		thing, certificate := "arn:aws:iot:eu-west-1:123456789012:thing/"+name,
			fmt.Sprintf("arn:aws:iot:eu-west-1:123456789012:cert/%064x", i)
		things = append(things, keyed(key, fmt.Sprintf(`{"name":%q,"arn":%q}`, name, thing)))
		certificates = append(certificates, keyed(key, fmt.Sprintf(`{"arn":%q,"active":true}`, certificate)))
		attachments = append(attachments, keyed(key, fmt.Sprintf(`{"thing":%q,"principal":%q}`, name, certificate)))
		policies = append(policies, keyed(key, fmt.Sprintf(`{"policy":"sensors","target":%q}`, certificate)))
	}
	var resources []string
	for kind, instances := range map[string][]string{kindThing: things, kindCertificate: certificates,
		kindAttachment: attachments, kindPolicyAttachment: policies} {
		resources = append(resources, fmt.Sprintf(`{"module":"module.farm[\"a$${b}\"]","mode":"managed","type":%q,`+
			`"name":"soil","instances":[%s]}`, kind, strings.Join(instances, ",")))
	}
	state := `{"version":4,"resources":[` + strings.Join(resources, ",") + `]}`

	text, err := migrated(t, state, Options{Pipeline: "farm"})
	if err != nil {
		t.Fatal(err)
	}
	file, diags := hclsyntax.ParseConfig([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s in\n%s", diags, text)
	}
	var found []string
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if len(block.Labels) > 0 && block.Labels[0] == kindPolicyAttachment {
			all, diags := block.Body.Attributes["for_each"].Expr.Value(nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			for key := range all.AsValueMap() {
				found = append(found, key)
			}
		}
	}
	slices.Sort(found)
	if diff := cmp.Diff(slices.Sorted(slices.Values(keys)), found); diff != "" {
		t.Errorf("keys of the policies (-want +got):\n%s", diff)
	}
	if got := strings.Count(text, "removed {"); got != 3 || !strings.Contains(text, "module.farm.aws_iot_thing.soil") {
		t.Errorf("%d resources are forgotten in\n%s", got, text)
	}

	text, err = migrated(t, state, Options{Pipeline: "farm", Things: []string{"soil-1", "soil-3"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`'module.farm["a$${b}"].aws_iot_thing.soil["c$${d}"]'`,
		`'module.farm["a$${b}"].aws_iot_thing.soil["it'\''s"]'`} {
		if !strings.Contains(text, "terraform state rm "+want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}

// Two things of one name are in two regions: what belongs to one of them is not taken for the other's.
func TestThingsOfOneNameInTwoRegions(t *testing.T) {
	resource := func(kind, name, attributes string) string {
		return fmt.Sprintf(`{"mode":"managed","type":%q,"name":%q,"instances":[{"attributes":%s}]}`, kind, name, attributes)
	}
	var resources []string
	for i, region := range []string{"eu-west-1", "us-east-1"} {
		place := "arn:aws:iot:" + region + ":123456789012:"
		certificate := fmt.Sprintf("%scert/%064x", place, i)
		label := []string{"europe", "america"}[i]
		resources = append(resources,
			resource(kindThing, label, fmt.Sprintf(`{"name":"soil","arn":%q}`, place+"thing/soil")),
			resource(kindCertificate, label, fmt.Sprintf(`{"arn":%q,"active":true}`, certificate)),
			resource(kindMembership, label, fmt.Sprintf(`{"thing_name":"soil","region":%q}`, region)),
			resource(kindAttachment, label, fmt.Sprintf(`{"thing":"soil","principal":%q}`, certificate)))
	}
	text, err := migrated(t, `{"version":4,"resources":[`+strings.Join(resources, ",")+`]}`,
		Options{Pipeline: "farm", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{kindThing, kindCertificate, kindMembership, kindAttachment} {
		if !strings.Contains(text, "from = "+kind+".america") || strings.Contains(text, "from = "+kind+".europe") {
			t.Errorf("%s: not the one of the region is forgotten in\n%s", kind, text)
		}
	}
}
