package versions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// The examples of data sources, ephemeral resources, list resources and imports do what they show.
func TestExamples(t *testing.T) {
	_, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	p.Write("main.tf", providerBlock+small("greenhouse", "greenhouse", `
  tags         = { team = "plants" }
  devices      = { "soil-001" = { attributes = { bay = "1" } }, "soil-002" = {} }
  provisioning = { claim = {} }
`))
	p.Apply()

	r := tftest.On(t, tftest.Current, env...)
	r.Write("main.tf", providerBlock)
	for file, example := range map[string]string{
		"pipeline.tf": "data-sources/iot_pipeline/data-source.tf", "devices.tf": "data-sources/iot_devices/data-source.tf",
		"device.tf": "ephemeral-resources/iot_device_credentials/ephemeral-resource.tf",
		"claim.tf":  "ephemeral-resources/iot_claim_credentials/ephemeral-resource.tf",
	} {
		r.Write(file, readExample(t, example))
	}
	requireSays(t, r.Try("apply", "-auto-approve"), `missing = tolist([ "soil-001", ])`, "athena:StartQueryExecution")
	for _, file := range []string{"soil-001.json", "claim.json"} {
		if !strings.Contains(content(t, filepath.Join(r.Path, file)), "PRIVATE KEY") {
			t.Errorf("%s has no key", file)
		}
	}

	q := tftest.On(t, tftest.Current, env...)
	q.Write("main.tf", providerBlock)
	q.Write("find.tfquery.hcl", readExample(t, "list-resources/iot_pipeline/list-resource.tfquery.hcl"))
	q.Run("query", "-generate-config-out=pipelines.tf")
	if text := content(t, filepath.Join(q.Path, "pipelines.tf")); !strings.Contains(text, `"greenhouse"`) {
		t.Errorf("the query wrote\n%s", text)
	}
	p.Destroy()
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
