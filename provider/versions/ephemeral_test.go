package versions

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// field is a pipeline with a generated key in the given store and a claim certificate.
func field(store string) string {
	return `
resource "iot_pipeline" "field" {
  name         = "field"
  credentials  = { store = "` + store + `" }
  devices      = { a = {}, b = {} }
  archive      = { expire_after_days = 1 }
  provisioning = { claim = {} }
}
`
}

// reader passes secrets to a program, as one that flashes devices does: it writes them to a file. What is not secret
// goes there through the state.
const reader = `
ephemeral "iot_device_credentials" "a" {
  pipeline = "field"
  device   = "a"
}

ephemeral "iot_claim_credentials" "field" {
  pipeline = "field"
}

resource "terraform_data" "flash" {
  provisioner "local-exec" {
    command = "printf '%s' \"$BUNDLE\" > secrets.json"
    environment = {
      BUNDLE = jsonencode({
        device   = ephemeral.iot_device_credentials.a
        claim    = ephemeral.iot_claim_credentials.field
      })
    }
  }
}
`

// Credentials are read from each store, on each command line that has ephemeral resources, and nothing of them is in a
// plan or a state.
func TestEphemeralCredentials(t *testing.T) {
	for store, cli := range map[string]tftest.CLI{
		"ssm": tftest.Current, "secretsmanager": tftest.Found, "s3": tftest.OpenTofu,
	} {
		t.Run(store, func(t *testing.T) {
			_, env := account(t)
			p := tftest.On(t, cli, env...)
			p.Write("main.tf", providerBlock+field(store))
			p.Apply()

			r := tftest.On(t, cli, env...)
			r.Write("main.tf", providerBlock+reader)
			out := r.Run("plan", "-out=plan.bin")
			out += r.Run("show", "-json", "plan.bin")
			out += r.Run("apply", "plan.bin")
			out += r.Run("show", "-json")
			out += content(t, filepath.Join(r.Path, "plan.bin")) + content(t, state(r))

			var read map[string]struct {
				CertificatePEM string `json:"certificate_pem"`
				PrivateKey     string `json:"private_key"`
				CAPEM          string `json:"ca_pem"`
				Endpoint       string
				Topics         map[string]string
			}
			if err := json.Unmarshal([]byte(content(t, filepath.Join(r.Path, "secrets.json"))), &read); err != nil {
				t.Fatal(err)
			}
			for name, bundle := range read {
				if !strings.Contains(bundle.PrivateKey, "PRIVATE KEY") || !strings.Contains(bundle.CAPEM, "CERTIFICATE") ||
					!strings.Contains(bundle.CertificatePEM, "CERTIFICATE") || bundle.Endpoint == "" {
					t.Errorf("%s is incomplete", name)
				}
				for _, line := range strings.Split(bundle.PrivateKey+bundle.CertificatePEM, "\n") {
					if len(line) > 20 && strings.Contains(out, line) {
						t.Errorf("a line of the bundle of %s is in the plan, the state or the output: %q", name, line)
					}
				}
			}
			if got := read["device"].Topics["telemetry"]; got != "field/a/telemetry" || len(read) != 2 {
				t.Errorf("the topic of device a is %q of %d bundles", got, len(read))
			}
			r.Destroy()
			p.Destroy()
		})
	}
}

// content is a file's, unzipped if it is a plan.
func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return unzipped(t, text)
}

// In the configuration that makes the pipeline, the read waits for it, and later for a device that is added.
func TestEphemeralCredentialsOfAPipelineToBe(t *testing.T) {
	_, env := account(t)
	p := tftest.On(t, tftest.Current, env...)
	config := func(device string) string {
		return strings.NewReplacer(
			`pipeline = "field"`, "pipeline = iot_pipeline.field.name\n  pipeline_id = iot_pipeline.field.id",
			`device   = "a"`, "device = \""+device+"\"\n  certificate_id = iot_pipeline.field.identities[\""+device+
				"\"].certificate_id",
			`"flash" {`, "\"flash\" {\n  triggers_replace = \""+device+"\"").Replace(providerBlock + field("ssm") + reader)
	}
	p.Write("main.tf", config("a"))
	p.Apply()
	p.Write("main.tf", strings.Replace(config("c"), "b = {}", "b = {}, c = {}", 1))
	p.Apply()
	if secrets := content(t, filepath.Join(p.Path, "secrets.json")); !strings.Contains(secrets, "field/c/telemetry") {
		t.Error("the credentials of the device that was added have not been read")
	}
	p.Unchanged()
	p.Destroy()
}

// A device that does not exist, or whose key nobody has, is an error that says so.
func TestEphemeralCredentialsThatAreNotThere(t *testing.T) {
	_, env := account(t)
	p := tftest.On(t, tftest.Found, env...)
	p.Write("main.tf", providerBlock+small("field", "field", "  devices = { a = {} }\n"))
	p.Apply()
	for _, c := range []struct{ block, says string }{
		{`ephemeral "iot_device_credentials" "x" {
  pipeline = "field"
  device   = "b"
}`, `Pipeline "field" has no device "b"`},
		{`ephemeral "iot_device_credentials" "x" {
  pipeline = "other"
  device   = "b"
}`, `Pipeline "other" does not exist in account 123456789012 and region us-east-1`},
		{`ephemeral "iot_claim_credentials" "x" {
  pipeline = "field"
}`, `Pipeline "field" has no claim certificate`},
	} {
		r := tftest.On(t, tftest.Found, env...)
		r.Write("main.tf", providerBlock+c.block)
		requireSays(t, r.Try("plan"), c.says)
	}
	p.Destroy()
}
