package pipeline_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/edgezip"
)

// Another program is another version of the component and a revision of the deployment; other settings are a revision
// alone; the same again is nothing. What gateways may still ask for stays until the destroy.
func TestGreengrass(t *testing.T) {
	w := newLocalAWS(t)
	path := filepath.Join(t.TempDir(), "iot-edge.zip")
	step := func(devices, more string) string {
		return w.config(block(map[string]string{"name": `"plant"`, "force_destroy": "true", "devices": devices,
			"edge": fmt.Sprintf(`{ greengrass = { artifacts = { arm64 = %q } } %s }`, path, more)}))
	}
	const one, two = `{ "gw-1" = { gateway = {} } }`, `{ "gw-1" = { gateway = {} }, "gw-2" = { gateway = {} } }`
	const rule = `, rules = { hot = { sql = "SELECT * FROM 'plant/+/telemetry' WHERE t > 30" } }`
	holds := func(versions, revisions int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			have, all := w.Versions(t, "iot.pipeline.plant.edge"), w.Revisions(t, "plant-gateways")
			if len(have) != versions || len(all) != revisions || all[len(all)-1] != "ACTIVE" {
				return fmt.Errorf("there are the versions %v and the revisions %v, want %d and %d", have, all, versions,
					revisions)
			}
			return nil
		}
	}
	update := resource.ConfigPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
	}
	w.run(
		resource.TestStep{
			PreConfig: func() { edgezip.Write(t, path, "arm64", "first") }, Config: step(one, ""), Check: holds(1, 1),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("greengrass", "role_alias"), knownvalue.StringExact("plant-greengrass")),
			},
		},
		resource.TestStep{
			PreConfig: func() { edgezip.Write(t, path, "arm64", "second"); w.mark() },
			Config:    step(one, ""), ConfigPlanChecks: update,
			Check: resource.ComposeTestCheckFunc(holds(2, 2), w.wrote("greengrassv2:CreateComponentVersion",
				"greengrassv2:CreateDeployment", "s3:PutObject")),
		},
		resource.TestStep{
			PreConfig: w.mark, Config: step(one, rule), ConfigPlanChecks: update,
			Check: resource.ComposeTestCheckFunc(holds(2, 3), w.wrote("greengrassv2:CreateDeployment", manifest),
				w.counted(map[string]int{}, "iot-data:GetThingShadow", "iot-data:DeleteThingShadow")),
		},
		resource.TestStep{ // back to what there was, whose version is still there
			PreConfig: func() { edgezip.Write(t, path, "arm64", "first"); w.mark() },
			Config:    step(one, rule), ConfigPlanChecks: update,
			Check: resource.ComposeTestCheckFunc(holds(2, 4), w.wrote("greengrassv2:CreateComponentVersion",
				"greengrassv2:CreateDeployment")),
		},
		resource.TestStep{ // a machine without the zip changes what does not need it
			PreConfig: func() { remove(t, path) }, Config: step(two, rule), ConfigPlanChecks: update, Check: holds(2, 4),
		},
		resource.TestStep{RefreshState: true, Check: holds(2, 4)},
		resource.TestStep{
			PreConfig:   func() { edgezip.Write(t, path, "x86_64", "first") },
			Config:      step(two, rule),
			ExpectError: words("The zip of iot-edge is for another architecture"),
		},
		resource.TestStep{
			PreConfig: func() { edgezip.Write(t, path, "arm64", "first") }, Config: step(two, rule),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
		resource.TestStep{ // no Greengrass any more
			PreConfig: w.mark,
			Config: w.config(block(map[string]string{"name": `"plant"`, "force_destroy": "true", "devices": two,
				"edge": `{` + rule[1:] + `}`})),
			Check: resource.ComposeTestCheckFunc(w.counted(map[string]int{"iot-data:UpdateThingShadow": 2, "iot:UpdateThing": 2},
				"iot-data:UpdateThingShadow", "iot-data:DeleteThingShadow", "iot:UpdateThing"), func(*terraform.State) error {
				for _, object := range w.Objects(t) {
					if strings.Contains(object, "gateways") || strings.Contains(object, "greengrass") ||
						strings.HasPrefix(object, "component") || strings.HasSuffix(object, "-edge") {
						return fmt.Errorf("left is %s", object)
					}
				}
				return nil
			}),
		},
		resource.TestStep{ // and again, over the settings that a gateway refuses in its shadow
			PreConfig: func() {
				w.ChangeShadow(t, "gw-2", contract.EdgeShadow, strings.ReplaceAll(
					`{"state":{"reported":{"version":VERSION,"status":"rejected","error":"no such rule"}}}`,
					"VERSION", w.settingsVersion(t, "gw-2")))
				w.mark()
			},
			Config: step(two, rule), ConfigPlanChecks: update,
			Check: resource.ComposeTestCheckFunc(holds(1, 1), w.counted(map[string]int{"iot-data:DeleteThingShadow": 2,
				"iot:UpdateThing": 2}, "iot-data:UpdateThingShadow", "iot-data:DeleteThingShadow", "iot:UpdateThing")),
		},
		resource.TestStep{Config: step(two, rule), ResourceName: address, ImportState: true, ImportStateId: "plant",
			ImportStateVerify: true, ImportStateVerifyIgnore: []string{"force_destroy", "edge.greengrass.artifacts"}},
	)
}
