package versions

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// small is a pipeline with little in it.
func small(label, name, more string) string {
	return fmt.Sprintf("resource \"iot_pipeline\" %q {\n  name = %q\n  archive = { expire_after_days = 1 }\n%s}\n",
		label, name, more)
}

const queries = `
provider "iot" {
  s3_use_path_style = true
}

list "iot_pipeline" "all" {
  provider = iot
}

list "iot_pipeline" "plants" {
  provider = iot
  config {
    tags = { team = "plants", stage = "production" }
  }
}

list "iot_pipeline" "elsewhere" {
  provider = iot
  config {
    region = "eu-central-1"
  }
}
`

// terraform query finds pipelines by region and tag, and writes the configuration that imports them.
func TestQuery(t *testing.T) {
	server, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	p.Write("main.tf", providerBlock+
		small("a", "farm-a", "  tags = { team = \"plants\", stage = \"production\" }\n  devices = { manifest = {} }\n")+
		small("b", "farm-b", "  tags = { team = \"plants\", stage = \"test\" }\n")+
		small("c", "farm-c", "  region = \"eu-central-1\"\n"))
	p.Apply()

	q := tftest.On(t, tftest.Current, env...)
	q.Write("main.tf", tftest.Header)
	q.Write("find.tfquery.hcl", queries)
	found := q.Run("query")
	for query, want := range map[string]string{
		"all": "farm-a farm-b", "plants": "farm-a", "elsewhere": "farm-c",
	} {
		if got := strings.Join(names(found, query), " "); got != want {
			t.Errorf("list.iot_pipeline.%s found %q, want %q:\n%s", query, got, want, found)
		}
	}

	before := len(server.Requests(t))
	q.Write("find.tfquery.hcl", "provider \"iot\" {\n  s3_use_path_style = true\n}\n"+
		"list \"iot_pipeline\" \"all\" {\n  provider = iot\n  include_resource = true\n}\n")
	q.Run("query", "-generate-config-out=generated.tf")
	for _, r := range server.Requests(t)[before:] {
		if !strings.HasPrefix(r.Operation, "Get") && !strings.HasPrefix(r.Operation, "List") &&
			!strings.HasPrefix(r.Operation, "Describe") && !strings.HasPrefix(r.Operation, "Head") &&
			!strings.HasPrefix(r.Operation, "BatchGet") {
			t.Errorf("the query sent %s:%s", r.Service, r.Operation)
		}
	}
	text, err := os.ReadFile(filepath.Join(q.Path, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"farm-a"`, `"farm-b"`, `region     = "` + mototest.Region + `"`, "import {"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the generated configuration lacks %s:\n%s", want, text)
		}
	}
	q.Write("main.tf", providerBlock)
	if err := os.Remove(filepath.Join(q.Path, "find.tfquery.hcl")); err != nil {
		t.Fatal(err)
	}
	requireSays(t, q.Try("apply", "-auto-approve"), "2 imported, 0 added, 0 changed, 0 destroyed")
	q.Unchanged()
	p.Destroy()
}

// names are the names in the output of one query, sorted.
func names(output, query string) []string {
	var found []string
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "list.iot_pipeline."+query {
			found = append(found, fields[len(fields)-1])
		}
	}
	slices.Sort(found)
	return found
}
