package pipeline_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// Adding, changing, disabling or removing one device out of many touches that one only.
func TestOneDeviceOutOfMany(t *testing.T) {
	w := newLocalAWS(t)
	devices := map[string]string{}
	for n := range 12 {
		devices[fmt.Sprintf("soil-%03d", n)] = "{}"
	}
	keep := statecheck.CompareValue(compareSame{})
	step := func(name, value string, counts map[string]int, checks ...plancheck.PlanCheck) resource.TestStep {
		if devices[name] = value; value == "" {
			delete(devices, name)
		}
		return resource.TestStep{
			PreConfig: w.mark, Config: w.config(pipeline(fleetOf(devices))),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: checks},
			ConfigStateChecks: []statecheck.StateCheck{
				keep.AddStateValue(address, at("identities", "soil-000", "certificate_id")),
			},
			Check: w.counted(counts),
		}
	}
	w.run(
		resource.TestStep{Config: w.config(pipeline(fleetOf(devices))),
			ConfigStateChecks: []statecheck.StateCheck{
				keep.AddStateValue(address, at("identities", "soil-000", "certificate_id")),
			}},
		step("soil-100", "{}",
			map[string]int{"iot:CreateThing": 1, "iot:CreateCertificateFromCsr": 1, "iot:AttachThingPrincipal": 1},
			plancheck.ExpectUnknownValue(address, at("identities", "soil-100", "certificate_id")),
			plancheck.ExpectKnownValue(address, at("identities", "soil-000", "certificate_id"), knownvalue.NotNull())),
		step("soil-100", `{ attributes = { bay = "7" } }`, map[string]int{"iot:UpdateThing": 1},
			plancheck.ExpectKnownValue(address, at("identities", "soil-100", "certificate_id"), knownvalue.NotNull())),
		step("soil-100", `{ attributes = { bay = "7" }, enabled = false }`, map[string]int{"iot:UpdateCertificate": 1}),
		step("soil-100", "", map[string]int{
			"iot:DeleteThing":          1,
			"iot:DeleteCertificate":    1,
			"iot:DetachThingPrincipal": 1,
			"ssm:DeleteParameters":     1,
		}),
	)
}

func fleetOf(groups ...map[string]string) string {
	devices := map[string]string{}
	for _, group := range groups {
		maps.Copy(devices, group)
	}
	var text strings.Builder
	text.WriteString("  name = \"greenhouse\"\n  devices = {\n")
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		fmt.Fprintf(&text, "    %q = %s\n", name, devices[name])
	}
	text.WriteString("  }\n")
	return text.String()
}

// counted checks how often operations on devices were called since the mark: those named as often as said, and no other
// device written to; more are operations that may be called more often.
func (w *localAWS) counted(want map[string]int, more ...string) resource.TestCheckFunc {
	perDevice := []string{
		"iot:CreateThing",
		"iot:UpdateThing",
		"iot:DeleteThing",
		"iot:CreateCertificateFromCsr",
		"iot:CreateKeysAndCertificate",
		"iot:AttachThingPrincipal",
		"iot:DetachThingPrincipal",
		"iot:UpdateCertificate",
		"iot:DeleteCertificate",
		"ssm:DeleteParameters",
		"iot-data:UpdateThingShadow",
		"iot-data:DeleteThingShadow",
	}
	return func(*terraform.State) error {
		got := map[string]int{}
		for _, r := range w.Server.Requests(w.t)[w.seen:] {
			got[r.Service+":"+r.Operation]++
		}
		for _, operation := range perDevice {
			if n, named := want[operation]; got[operation] > 1 && !slices.Contains(more, operation) ||
				named && got[operation] != n {
				return fmt.Errorf("%s was called %d times, want %d", operation, got[operation], n)
			}
		}
		return nil
	}
}

// compareSame wants every value to be the first one.
type compareSame struct{}

func (compareSame) CompareValues(values ...any) error {
	for _, v := range values[1:] {
		if v != values[0] {
			return fmt.Errorf("%v became %v", values[0], v)
		}
	}
	return nil
}
