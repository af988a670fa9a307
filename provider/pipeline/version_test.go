package pipeline_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// plannedVersions checks, for each device, the version that its certificate will have, and whether the plan has another
// certificate for it.
func plannedVersions(versions map[string]int64, rotated ...string) []plancheck.PlanCheck {
	var checks []plancheck.PlanCheck
	same := maps.Clone(versions)
	for _, name := range rotated {
		delete(same, name)
		checks = append(checks, plancheck.ExpectUnknownValue(address, at("identities", name, "certificate_id")))
	}
	for name := range same {
		checks = append(checks, plancheck.ExpectKnownValue(address, at("identities", name, "certificate_id"),
			knownvalue.NotNull()))
	}
	for name, version := range versions {
		var want knownvalue.Check = knownvalue.Int64Exact(version)
		if version == 0 {
			want = knownvalue.Null()
		}
		checks = append(checks, plancheck.ExpectKnownValue(address, at("identities", name, "certificate_version"), want))
	}
	return checks
}

// A higher version, of the fleet or of one device, rotates those that have a lower one and nobody else; the plan says
// which. After each step, the framework checks that the next plan is empty.
func TestCertificateVersion(t *testing.T) {
	w := newLocalAWS(t)
	csr, _ := pemtest.Request(t, "asked")
	config := func(fleet, one string) string {
		return w.config(pipeline(fmt.Sprintf("  name = \"greenhouse\"\n  credentials = { %s }\n  devices = {\n"+
			"    one = { %s }\n    two = {}\n    asked = { csr_pem = %q }\n  }\n", fleet, one, csr)))
	}
	step := func(config string, counts map[string]int, checks ...plancheck.PlanCheck) resource.TestStep {
		return resource.TestStep{PreConfig: w.mark, Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: checks},
			Check: w.counted(counts, "iot:UpdateThing", "iot:AttachThingPrincipal", "iot:DetachThingPrincipal",
				"iot:CreateCertificateFromCsr", "iot:UpdateCertificate", "iot:DeleteCertificate")}
	}
	w.run(
		resource.TestStep{Config: config("", ""), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectKnownValue(address, at("identities", "one", "certificate_version"), knownvalue.Int64Exact(1)),
			plancheck.ExpectKnownValue(address, at("identities", "asked", "certificate_version"), knownvalue.Null()),
		}}},
		step(config("certificate_version = 2", ""),
			map[string]int{"iot:CreateCertificateFromCsr": 2, "iot:DeleteCertificate": 0},
			plannedVersions(map[string]int64{"one": 2, "two": 2, "asked": 0}, "one", "two")...),
		// One device more: its first certificate is deleted, the second stays.
		step(config("certificate_version = 2", "certificate_version = 3"),
			map[string]int{"iot:CreateCertificateFromCsr": 1, "iot:DeleteCertificate": 1},
			plannedVersions(map[string]int64{"one": 3, "two": 2, "asked": 0}, "one")...),
		// Lower ones change nothing, and what they had been does not count.
		step(config("certificate_version = 1", ""),
			map[string]int{"iot:CreateCertificateFromCsr": 0, "iot:DeleteCertificate": 0, "iot:UpdateThing": 0},
			plannedVersions(map[string]int64{"one": 3, "two": 2, "asked": 0})...),
		step(config("certificate_version = 3", ""),
			map[string]int{"iot:CreateCertificateFromCsr": 1, "iot:DeleteCertificate": 1},
			plannedVersions(map[string]int64{"one": 3, "two": 3, "asked": 0}, "two")...),
		resource.TestStep{
			Config: config("", "certificate_version = 5"),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("identities", "one", "certificate_version"),
					knownvalue.Int64Exact(5)),
				statecheck.ExpectKnownValue(address, at("identities", "two", "certificate_version"),
					knownvalue.Int64Exact(3)),
			},
			Check: func(s *terraform.State) error {
				if text := fmt.Sprint(s.RootModule().Resources[address].Primary.Attributes); strings.Contains(text,
					"PRIVATE KEY") {
					return fmt.Errorf("a key is in the state: %s", text)
				}
				return nil
			},
		},
	)
}

// A version that is known only after apply may rotate every device, and the plan says so.
func TestCertificateVersionThatIsNotKnown(t *testing.T) {
	w := newLocalAWS(t)
	config := func(number string) string {
		return w.config("resource \"terraform_data\" \"count\" {\n  input = " + number + "\n}\n" +
			pipeline("  name = \"greenhouse\"\n  credentials = { certificate_version = terraform_data.count.output }\n"+
				"  devices = { one = {} }\n"))
	}
	w.run(
		resource.TestStep{Config: config("1")},
		resource.TestStep{Config: config("2"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectUnknownValue(address, at("identities", "one", "certificate_id")),
				plancheck.ExpectUnknownValue(address, at("identities", "one", "certificate_version")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("identities", "one", "certificate_version"),
					knownvalue.Int64Exact(2)),
			}},
	)
}

// The devices of a file rotate by the version of the fleet and by their own.
func TestCertificateVersionOfAFile(t *testing.T) {
	w := newLocalAWS(t)
	file := newFleetFile(t)
	with := func(lines ...string) func() {
		return func() {
			t.Helper()
			text := "name,certificate_version\n" + strings.Join(lines, "\n") + "\n"
			if err := os.WriteFile(file.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	config := func(version int) string {
		return w.config(file.block(fmt.Sprintf("  credentials = { certificate_version = %d }\n", version)))
	}
	rotates := func(names ...string) []plancheck.PlanCheck {
		first := []knownvalue.Check{}
		for _, name := range names {
			first = append(first, knownvalue.StringExact(name))
		}
		return append(plans(nil, names, nil),
			plancheck.ExpectKnownValue(address, at("fleet", "changes", "rotated", "count"),
				knownvalue.Int64Exact(int64(len(names)))),
			plancheck.ExpectKnownValue(address, at("fleet", "changes", "rotated", "first"), knownvalue.ListExact(first)))
	}
	w.run(
		resource.TestStep{PreConfig: with("soil-001,", "soil-002,2"), Config: config(1)},
		resource.TestStep{PreConfig: w.mark, Config: config(2),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: rotates("soil-001")},
			Check: resource.ComposeAggregateTestCheckFunc(w.counted(map[string]int{"iot:CreateCertificateFromCsr": 1},
				"iot:UpdateThing"), func(*terraform.State) error {
				text, err := os.ReadFile(file.report)
				if err == nil && string(text) != "change,name\nchanged,soil-001\nrotated,soil-001\n" {
					err = fmt.Errorf("the report: %s", text)
				}
				return err
			})},
		resource.TestStep{PreConfig: with("soil-001,", "soil-002,3"), Config: config(2),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: rotates("soil-002")}},
	)
}
