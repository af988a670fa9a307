package versions

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// The version of the configuration and the steps of an action rotate the same devices in turns, in each store: a plan
// names who gets another certificate and who loses one, shows nothing after either, and no key is in a plan or state.
func TestCertificateVersion(t *testing.T) {
	for _, store := range []string{"ssm", "secretsmanager", "s3"} {
		t.Run(store, func(t *testing.T) {
			server, env := account(t)
			csr, _ := pemtest.Request(t, "b")
			p := tftest.On(t, tftest.Current, env...)
			p.Write("rotate.tf", readExample(t, "actions/iot_rotate_certificates/action.tf"))
			configure := func(fleet int, device string) {
				p.Write("main.tf", providerBlock+fmt.Sprintf(`
resource "iot_pipeline" "greenhouse" {
  name        = "greenhouse"
  credentials = { store = %q, certificate_version = %d }
  devices     = { a = { %s }, b = { csr_pem = %q } }
  archive     = { enabled = false }
}
`, store, fleet, device, csr))
			}
			unchanged := func(after string) {
				t.Helper()
				if result := p.Try("plan", "-detailed-exitcode"); result.Code != 0 {
					t.Errorf("the plan after %s:\n%s", after, result.Output)
				}
			}
			apply := func(certificates int, says ...string) {
				t.Helper()
				requireSays(t, p.Try("plan", "-out=planned"), says...)
				text, err := os.ReadFile(p.Path + "/planned")
				if err != nil {
					t.Fatal(err)
				}
				p.Run("apply", "planned")
				recorded, err := os.ReadFile(state(p))
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(unzipped(t, text)+string(recorded), "PRIVATE KEY") {
					t.Error("a key is in the plan or in the state")
				}
				requireCertificates(t, server, certificates)
				unchanged("an apply")
			}
			configure(1, "")
			apply(2)
			first := bundle(t, server)
			configure(2, "")
			apply(3, "The certificate of a device of pipeline \"greenhouse\" will be rotated",
				"another key and certificate: a.", "certificate_version = 1 -> 2")
			if bundle(t, server).CertificateID == first.CertificateID {
				t.Error("the credentials hold the earlier certificate")
			}
			invoke := func(step string, certificates int) {
				t.Helper()
				requireSays(t, p.Try("apply", "-auto-approve", "-invoke=action.iot_rotate_certificates."+step),
					"1 of 1 devices changed")
				requireCertificates(t, server, certificates)
				unchanged(step)
			}
			invoke("retire", 2)
			invoke("issue", 3)
			configure(2, "certificate_version = 3")
			apply(3, "Devices with an earlier certificate that nobody has retired: a. The apply deletes")
			configure(1, "")
			apply(3, "A lower certificate_version changes nothing", "- credentials: from 2 to 1", "- device a: from 3 to 1")
			configure(2, "certificate_version = 3")
			apply(3)

			p.Run("state", "rm", "iot_pipeline.greenhouse")
			p.Run("import", "iot_pipeline.greenhouse", "greenhouse")
			unchanged("an import")
			p.Destroy()
			requireCertificates(t, server, 0)
		})
	}
}
