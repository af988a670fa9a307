package examples_test

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

const mistypedRoot = `
resource "iot_pipeline" "one" {
  name    = "g-one"
  archive = { expire_after_dayz = 1 }
  devices = { d1 = { attribute = { bay = "1" } } }
  alerts  = { rules = { hot = { when = "temperature > 1", cooldown_second = 5 } } }
  routes = {
    out = {
      sql        = "SELECT * FROM 'a'"
      republish  = { topic = "b" }
      iot_events = { input = "c" }
    }
  }
}

module "fleet" {
  source   = "./fleet"
  for_each = toset(["north", "south"])
  site     = each.key
}
`

const mistypedModule = `
variable "site" {}

resource "iot_pipeline" "this" {
  name    = "fleet-${var.site}"
  devices = { for n in ["a", "b"] : n => { disable = true } }
}
`

// Terraform drops keys that a nested argument does not have; the provider reads the files and tells of each once.
func TestTypingErrors(t *testing.T) {
	t.Parallel()
	p := tftest.New(t, mototest.Start(t).Env()...)
	p.Write("versions.tf", requiredProviders)
	p.Write("main.tf", mistypedRoot)
	p.Write("fleet/main.tf", requiredProviders+mistypedModule)
	p.Run("get")
	for _, command := range []string{"validate", "plan"} {
		result := p.Try(command, "-no-color")
		if result.Err() == nil {
			t.Errorf("%s finds nothing", command)
		}
		for _, want := range []string{
			`main.tf:4: archive has no key "expire_after_dayz", and Terraform would drop it without a word. ` +
				`Did you mean "expire_after_days"?`,
			`main.tf:5: devices["d1"] has no key "attribute"`,
			`main.tf:6: alerts.rules["hot"] has no key "cooldown_second"`,
			`main.tf:11: routes["out"] has no key "iot_events"`,
			`fleet/main.tf:11: devices[*] has no key "disable"`,
		} {
			if n := strings.Count(flat(result.Output), flat(want)); n != 1 {
				t.Errorf("%s says %d times: %s\n%s", command, n, want, result.Output)
			}
		}
	}
}

// flat undoes Terraform's line breaks and frames.
func flat(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '│' || r == ' ' || r == '\n' }), " ")
}
