package pipeline_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Gateways and the devices behind them come, change and go, each with the requests that it takes.
func TestGateways(t *testing.T) {
	w := newLocalAWS(t)
	config := func(devices, edge string) string {
		return w.config(pipeline("  name = \"greenhouse\"\n  devices = " + devices + "\n  edge = " + edge + "\n" +
			"  archive = { enabled = false }\n"))
	}
	const (
		gateways = `{ "gw-1" = { gateway = {} }, "gw-2" = { gateway = {} }, "gw-1:soil-1" = { attributes = { bay = "1" } } }`
		rules    = `{ rules = { hot = { sql = "SELECT * FROM 'greenhouse/+/telemetry' WHERE t > 40", priority = "high" } } }`
	)
	step := func(config string, counts map[string]int, checks ...plancheck.PlanCheck) resource.TestStep {
		return resource.TestStep{PreConfig: w.mark, Config: config, Check: w.counted(counts, "iot:CreateThing", "iot:CreateCertificateFromCsr",
			"iot:AttachThingPrincipal", "iot:UpdateThing", "iot-data:UpdateThingShadow"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: checks}}
	}
	w.run(
		step(config(gateways, `{}`), map[string]int{"iot:CreateThing": 3, "iot:CreateCertificateFromCsr": 2},
			plancheck.ExpectKnownValue(address, at("identities", "gw-1:soil-1", "certificate_id"), knownvalue.Null())),
		step(config(gateways, rules), map[string]int{"iot-data:UpdateThingShadow": 2, "iot:UpdateThing": 0}),
		repaired(w, config(gateways, rules), func() {
			w.ChangeShadow(t, "gw-2", contract.EdgeShadow, `{"state":{"desired":{"unmatched":"drop"}}}`)
		}),
		resource.TestStep{
			PreConfig: func() {
				w.ChangeShadow(t, "gw-2", contract.EdgeShadow, strings.ReplaceAll(
					`{"state":{"reported":{"version":VERSION,"status":"rejected","error":"rule hot: no such priority"}}}`,
					"VERSION", w.settingsVersion(t, "gw-2")))
			},
			Config:           config(gateways, rules), // a warning, and no change
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
		resource.TestStep{Config: config(gateways, rules), ResourceName: address, ImportState: true,
			ImportStateId: "greenhouse", ImportStateVerify: true},
		step(config(`{ "gw-1" = { gateway = {} }, "gw-2" = {}, "gw-1:soil-1" = { attributes = { bay = "2" } } }`, rules),
			map[string]int{"iot-data:DeleteThingShadow": 1, "iot-data:UpdateThingShadow": 0}),
		resource.TestStep{Config: config(`{ "gw-1" = {}, "gw-1:soil-1" = {} }`, rules),
			ExpectError: regexp.MustCompile(`(?s)gateway of device "gw-1:soil-1" is no gateway`)},
		resource.TestStep{Config: config(`{ "gw-1" = {}, "gw-2" = {} }`, rules),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("identities"), knownvalue.MapSizeExact(2))}},
	)
}

// settingsVersion is the version in the shadow of a gateway.
func (w *localAWS) settingsVersion(t *testing.T, gateway string) string {
	t.Helper()
	text := w.Shadow(t, gateway, contract.EdgeShadow)
	var shadow struct {
		State struct {
			Desired struct{ Version json.Number }
		}
	}
	if err := json.Unmarshal(text, &shadow); err != nil || shadow.State.Desired.Version == "" {
		t.Fatalf("%s: %v", text, err)
	}
	return shadow.State.Desired.Version.String()
}
