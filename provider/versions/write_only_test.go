package versions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// hooked is a pipeline whose route posts with a secret header.
const hooked = `
variable "secret" {
  type      = string
  ephemeral = true
}

variable "code" {
  type    = number
  default = 1
}

variable "devices" {
  type    = set(string)
  default = []
}

resource "iot_pipeline" "greenhouse" {
  name    = "greenhouse"
  devices = { for name in var.devices : name => {} }
  archive = { enabled = false }
  routes = {
    hook = {
      sql  = "SELECT * FROM 'greenhouse/+/telemetry'"
      http = {
        url = "https://example.com/hook"
        http_header = [
          { key = "x-farm", value = "north" },
          { key = "authorization", value_wo = var.secret, value_wo_version = var.code },
        ]
      }
    }
  }
}
`

// A write-only header reaches the rule and nothing else: not the plan, the state, the manifest or a log. Another value
// alone plans nothing; another version does, and any other apply brings the value as well.
func TestWriteOnlyHeaders(t *testing.T) {
	for name, cli := range map[string]tftest.CLI{
		"found": tftest.Found, "current": tftest.Current, "OpenTofu": tftest.OpenTofu,
	} {
		t.Run(name, func(t *testing.T) {
			server, env := account(t)
			log := filepath.Join(t.TempDir(), "log")
			p := tftest.On(t, cli, append(env, "TF_LOG=TRACE", "TF_LOG_PATH="+log)...)
			aws := awstest.New(t, server.Config(t))
			header := func() string { return aws.HTTPHeaders(t, "greenhouse_hook")["authorization"] }
			p.Write("main.tf", providerBlock+hooked)

			out := p.Run("plan", "-out=plan.bin", "-var=secret=first-5ecret")
			out += p.Run("show", "-json", "plan.bin") + content(t, filepath.Join(p.Path, "plan.bin"))
			out += p.Run("apply", "-var=secret=first-5ecret", "plan.bin") + p.Run("show", "-json") + content(t, state(p))
			if header() != "first-5ecret" || aws.HTTPHeaders(t, "greenhouse_hook")["x-farm"] != "north" {
				t.Errorf("the rule has the headers %v", aws.HTTPHeaders(t, "greenhouse_hook"))
			}
			p.Unchanged("-var=secret=second-5ecret")
			if header() != "first-5ecret" {
				t.Errorf("without an apply, the header is %q", header())
			}
			out += p.Apply("-var=secret=second-5ecret", `-var=devices=["a"]`)
			if header() != "second-5ecret" {
				t.Errorf("after an apply for another reason, the header is %q", header())
			}
			out += p.Apply("-var=secret=third-5ecret", `-var=devices=["a"]`, "-var=code=2")
			if header() != "third-5ecret" {
				t.Errorf("with another version, the header is %q", header())
			}
			p.Unchanged("-var=secret=third-5ecret", `-var=devices=["a"]`, "-var=code=2")
			out += content(t, state(p)) + aws.Parameter(t, "/iot-pipeline/greenhouse/manifest")
			logged, err := os.ReadFile(log)
			if err != nil || !strings.Contains(string(logged), "iot_pipeline") {
				t.Fatalf("a log of %d bytes, %v", len(logged), err)
			}
			if strings.Contains(out, "5ecret") {
				t.Error("the secret is in the plan, the state, the manifest or the output")
			}
			for line := range strings.Lines(string(logged)) {
				// Terraform itself logs the arguments of its command.
				if strings.Contains(line, "5ecret") && !strings.Contains(line, "-var=secret=") {
					t.Fatalf("the secret is in the log: %s", line)
				}
			}
			p.Destroy("-var=secret=x")
		})
	}
}

// What is written for a header is checked before a plan.
func TestWriteOnlyHeadersRefuse(t *testing.T) {
	_, env := account(t)
	p := tftest.On(t, tftest.Found, env...)
	for header, says := range map[string]string{
		`value = "a", value_wo = "b", value_wo_version = 1`: "The header has two values",
		`value = "a", value_wo_version = 1`:                 "The header has two values",
		`value_wo = "b"`:                                    "The value has no version",
		`value_wo_version = 1`:                              "The version has no value",
		`value_wo = "b", value_wo_version = 0`:              "value_wo_version",
		``:                                                  "The header has no value",
	} {
		p.Write("main.tf", providerBlock+strings.Replace(hooked, "value_wo = var.secret, value_wo_version = var.code",
			strings.TrimPrefix(header, ", "), 1))
		requireSays(t, p.Try("validate"), says)
	}
}
