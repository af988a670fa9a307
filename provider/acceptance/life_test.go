package acceptance

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
)

const address = "iot_pipeline.test"

// account leads the provider to AWS when IOT_ACC_AWS is set, with the credentials of the environment, else to a local
// AWS. It gives the provider block.
func account(t *testing.T) string {
	if os.Getenv("IOT_ACC_AWS") != "" {
		return "provider \"iot\" {}\n"
	}
	for _, pair := range mototest.Start(t).Env() {
		key, value, _ := strings.Cut(pair, "=")
		t.Setenv(key, value)
	}
	return "provider \"iot\" {\n  s3_use_path_style = true\n}\n"
}

// The life of a pipeline, on each command line that the provider supports. On AWS it runs on one of them: what they do
// differently is not a matter of the account.
func TestAccPipelineLife(t *testing.T) {
	all := []tftest.CLI{tftest.Found, tftest.Current, tftest.OpenTofu}
	if os.Getenv("IOT_ACC_AWS") != "" {
		all = all[:1]
	}
	for _, cli := range all {
		t.Run(cli.Name, func(t *testing.T) { life(t, cli) })
	}
}

func life(t *testing.T, cli tftest.CLI) {
	if err := tftest.ForFrameworkOn(cli, func(key, value string) error { t.Setenv(key, value); return nil }); err != nil {
		t.Fatal(err)
	}
	block := account(t)
	// Of its own in a shared account, and to be told apart when a run is cut off.
	name := fmt.Sprintf("acc-%d", time.Now().Unix())
	config := func(retention int, devices string) string {
		return block + fmt.Sprintf(`
resource "iot_pipeline" "test" {
  name          = %q
  force_destroy = true
  stream        = { retention_hours = %d }
  devices       = { %s }
  archive       = { expire_after_days = 1 }
  functions     = { log_retention_days = 1 }
  alerts = {
    rules = {
      hot = { when = "data.temperature > 50", severity = "critical", message = "Too hot: $${data.temperature}", command = jsonencode({ action = "enter_safe_mode" }) }
    }
  }
}
`, name, retention, devices)
	}
	one, two := `"a" = { attributes = { bay = "1" } }`, `"a" = { attributes = { bay = "2" } }, "b" = {}`
	unchanged := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		IsUnitTest: true, // runs without TF_ACC: nothing here is skipped
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"iot": providerserver.NewProtocol6WithError(provider.New("test")()),
		},
		Steps: []resource.TestStep{
			{Config: config(24, one), ConfigPlanChecks: unchanged, Check: resource.ComposeAggregateTestCheckFunc(
				resource.TestCheckResourceAttr(address, "parts.stream.status", "ready"),
				resource.TestMatchResourceAttr(
					address,
					"identities.a.certificate_id",
					regexp.MustCompile(`^[0-9a-f]{64}$`),
				),
				resource.TestCheckResourceAttrSet(address, "mqtt_endpoint"),
				resource.TestCheckResourceAttr(address, "topics.telemetry", name+"/{thing}/telemetry"),
			)},
			{Config: config(48, two), ConfigPlanChecks: unchanged, Check: resource.ComposeAggregateTestCheckFunc(
				resource.TestCheckResourceAttrSet(address, "identities.b.certificate_id"),
				resource.TestCheckResourceAttr(address, "devices.a.attributes.bay", "2"),
			)},
			{ResourceName: address, ImportState: true, ImportStateId: name, ImportStateVerify: true},
		},
	})
}
