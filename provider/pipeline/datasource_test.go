package pipeline_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

const look = `
data "iot_pipeline" "test" {
  name       = iot_pipeline.test.name
  depends_on = [iot_pipeline.test]
}

data "iot_devices" "all" {
  pipeline   = iot_pipeline.test.name
  depends_on = [iot_pipeline.test]
}

data "iot_devices" "bay" {
  pipeline   = iot_pipeline.test.name
  status     = "never_seen"
  attributes = { bay = "1" }
  depends_on = [iot_pipeline.test]
}
`

// The data source has everything that the resource computes, with the same values; the devices are listed and filtered.
func TestDataSources(t *testing.T) {
	w := newLocalAWS(t)
	arguments := everything(t)
	arguments["devices"] = `{ "soil-001" = { attributes = { bay = "1" } }, "soil-002" = { attributes = { bay = "2" } },
		"gw-1" = { gateway = {} }, "gw-1:press" = {} }`
	w.run(
		resource.TestStep{Config: w.config(block(arguments))},
		resource.TestStep{
			Config:           w.config(block(arguments), look),
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			Check: resource.ComposeAggregateTestCheckFunc(
				sameOutputs,
				resource.TestCheckResourceAttr("data.iot_devices.all", "names.#", "4"),
				resource.TestCheckResourceAttr("data.iot_devices.all", "names.2", "soil-001"),
				resource.TestCheckResourceAttr("data.iot_devices.all", "devices.3.attributes.bay", "2"),
				resource.TestCheckResourceAttr("data.iot_devices.all", "devices.1.gateway", "gw-1"),
				resource.TestCheckNoResourceAttr("data.iot_devices.all", "devices.0.gateway"),
				resource.TestCheckResourceAttr("data.iot_devices.bay", "names.#", "1"),
				resource.TestCheckResourceAttr("data.iot_devices.bay", "devices.0.status", "never_seen"),
				resource.TestCheckNoResourceAttr("data.iot_devices.bay", "devices.0.last_seen"),
			),
		},
	)
}

// sameOutputs compares every attribute of the data source with the resource's.
func sameOutputs(s *terraform.State) error {
	of := func(address string) map[string]string { return s.RootModule().Resources[address].Primary.Attributes }
	have, want := of("data.iot_pipeline.test"), of(address)
	var differ []string
	for key, value := range have {
		if key != "%" && value != want[key] { // the number of attributes, of which the resource has more
			differ = append(differ, fmt.Sprintf("%s is %q, and of the resource %q", key, value, want[key]))
		}
	}
	if len(differ) > 0 || len(have) < 100 {
		return fmt.Errorf("%d attributes, these differ:\n%s", len(have), strings.Join(differ, "\n"))
	}
	return nil
}

func TestDataSourcesOfWhatIsNotThere(t *testing.T) {
	w := newLocalAWS(t)
	w.run(
		resource.TestStep{
			Config:      w.config("data \"iot_pipeline\" \"x\" {\n  name = \"nobody\"\n}\n"),
			ExpectError: regexp.MustCompile(`(?s)Reading pipeline "nobody" failed.*does\s+not\s+exist\s+in\s+account`),
		},
		resource.TestStep{
			Config:      w.config("data \"iot_devices\" \"x\" {\n  pipeline = \"nobody\"\n}\n"),
			ExpectError: regexp.MustCompile(`(?s)Listing the devices of pipeline "nobody" failed.*does\s+not\s+exist`),
		},
		resource.TestStep{
			Config:      w.config("data \"iot_devices\" \"x\" {\n  pipeline = \"nobody\"\n  status = \"asleep\"\n}\n"),
			ExpectError: regexp.MustCompile(`(?s)one of.*"online" "offline"`),
		},
	)
}
