package versions

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// The outputs say until when the certificates are valid that the configuration brings, and validate and plan warn of one
// that expires soon, wherever it is written.
func TestExpiryOfCertificates(t *testing.T) {
	_, env := account(t)
	soon := pemtest.SelfSigned(t, "a") // valid for an hour
	p := tftest.New(t, env...)
	p.Write("main.tf", providerBlock+fmt.Sprintf(`
resource "iot_pipeline" "greenhouse" {
  name    = "greenhouse"
  devices = { a = { certificate_pem = %q }, b = {} }
  archive = { enabled = false }
}

data "iot_pipeline" "greenhouse" {
  name       = "greenhouse"
  depends_on = [iot_pipeline.greenhouse]
}

output "resource" { value = iot_pipeline.greenhouse.certificates_expire }
output "data"     { value = data.iot_pipeline.greenhouse.certificates_expire }
`, soon))
	for _, command := range []string{"validate", "plan"} {
		requireSays(t, p.Try(command), `The certificate of device "a" expires in less than a day`,
			"removes this one")
	}
	p.Apply()
	var outputs map[string]struct{ Value map[string]string }
	if err := json.Unmarshal([]byte(p.Run("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": pemtest.Certificate(t, soon).NotAfter.UTC().Format("2006-01-02T15:04:05Z")}
	for name, output := range outputs {
		if diff := cmp.Diff(want, output.Value); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if result := p.Try("plan", "-detailed-exitcode"); result.Code != 0 || len(outputs) != 2 {
		t.Errorf("%d outputs; the plan afterwards:\n%s", len(outputs), result.Output)
	}

	line, err := json.Marshal(map[string]string{"name": "c", "certificate_pem": soon})
	if err != nil {
		t.Fatal(err)
	}
	file := tftest.New(t, env...)
	file.Write("fleet.ndjson", string(line)+"\n")
	file.Write("main.tf", providerBlock+`
resource "iot_pipeline" "orchard" {
  name         = "orchard"
  devices_from = { file = "fleet.ndjson" }
  archive      = { enabled = false }
}
`)
	result := file.Try("plan")
	requireSays(t, result, `The certificate of device "c" expires in less than a day`,
		"- c expires in less than a day")
	if strings.Contains(result.Output, pipeline.ExpiresJITP) {
		t.Errorf("there is no authority, and yet:\n%s", result.Output)
	}
}
