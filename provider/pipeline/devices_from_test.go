package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// fleetFile is a file of devices in a folder of the test's own.
type fleetFile struct{ path, report string }

func newFleetFile(t *testing.T) fleetFile {
	folder := t.TempDir()
	return fleetFile{path: filepath.Join(folder, "fleet.csv"), report: filepath.Join(folder, "report.csv")}
}

// with gives a function that writes these lines below the header.
func (f fleetFile) with(t *testing.T, lines ...string) func() {
	return func() {
		t.Helper()
		text := "name,enabled,attributes.bay\n" + strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (f fleetFile) block(more string) string {
	return pipeline(
		fmt.Sprintf("  name = \"greenhouse\"\n  devices_from = { file = %q, report = %q }\n%s", f.path, f.report, more),
	)
}

// plans checks how many devices a plan touches, and the names of the first.
func plans(added, changed, removed []string) []plancheck.PlanCheck {
	var checks []plancheck.PlanCheck
	for kind, names := range map[string][]string{"added": added, "changed": changed, "removed": removed} {
		exact := []knownvalue.Check{}
		for _, name := range names {
			exact = append(exact, knownvalue.StringExact(name))
		}
		checks = append(checks, plancheck.ExpectKnownValue(address, at("fleet", "changes", kind, "count"),
			knownvalue.Int64Exact(int64(len(names)))),
			plancheck.ExpectKnownValue(address, at("fleet", "changes", kind, "first"), knownvalue.ListExact(exact)))
	}
	return checks
}

// A fleet lives in a file: created, changed, repaired, imported after its state is lost. Only what differs is
// written, and the framework checks after each step that the next plan is empty.
func TestFleetOfAFile(t *testing.T) {
	w := newLocalAWS(t)
	file := newFleetFile(t)
	config := w.config(file.block(""))
	w.run(
		resource.TestStep{
			PreConfig: file.with(t, "soil-001,,1", "soil-002,false,1", "soil-003,,2"), Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: append(
					plans([]string{"soil-001", "soil-002", "soil-003"}, nil, nil),
					plancheck.ExpectKnownValue(
						address,
						at("fleet", "digest"),
						knownvalue.StringRegexp(regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)),
					),
				),
			},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("fleet", "devices"), knownvalue.Int64Exact(3)),
				statecheck.ExpectKnownValue(address, at("naming", "thing_arn"),
					knownvalue.StringExact("arn:aws:iot:us-east-1:123456789012:thing/{thing}")),
				statecheck.ExpectKnownValue(address, at("naming", "credentials"),
					knownvalue.StringExact("/iot-pipeline/greenhouse/devices/{thing}")),
				statecheck.ExpectKnownValue(address, at("identities"),
					knownvalue.MapExact(map[string]knownvalue.Check{})),
				statecheck.ExpectKnownValue(address, at("devices"), knownvalue.Null()),
			},
			Check: func(*terraform.State) error {
				w.Parameter(t, "/iot-pipeline/greenhouse/devices/soil-003") // where naming.credentials says
				return nil
			},
		},
		resource.TestStep{ // one of each
			PreConfig: func() { file.with(t, "soil-001,,1", "soil-002,true,1", "soil-004,,2")(); w.mark() },
			Config:    config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: plans([]string{"soil-004"}, []string{"soil-002"}, []string{"soil-003"}),
			},
			Check: resource.ComposeTestCheckFunc(
				file.reports("added,soil-004", "changed,soil-002", "removed,soil-003"),
				w.counted(map[string]int{
					"iot:CreateThing": 1, "iot:DeleteThing": 1, "iot:CreateCertificateFromCsr": 1,
					"iot:DeleteCertificate": 1, "ssm:DeleteParameters": 1,
				}, "iot:UpdateCertificate"),
			),
		},
		resource.TestStep{ // the file says the same in other words: nothing to do but to note the digest
			PreConfig: func() { file.with(t, "soil-004,,2", "soil-002,,1", "soil-001,TRUE,1")(); w.mark() },
			Config:    config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
				},
			},
			Check: w.wrote(),
		},
		resource.TestStep{ // drift of the registry
			PreConfig: func() { w.ChangeThing(t, "soil-001", map[string]string{"bay": "9"}) }, Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: plans(nil, []string{"soil-001"}, nil)},
		},
		resource.TestStep{ // a lost state does no harm
			ResourceName: address, ImportState: true, ImportStateId: "greenhouse", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"fleet.changes"}, // of the last apply
		},
	)
}

// reports checks what the plan wrote for the person who asked.
func (f fleetFile) reports(want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		text, err := os.ReadFile(f.report)
		if err != nil {
			return err
		}
		if got := string(text); got != "change,name\n"+strings.Join(want, "\n")+"\n" {
			return fmt.Errorf("the report is\n%s", got)
		}
		return nil
	}
}

// A pipeline that outgrows the map moves into a file, and back, without a device being touched.
func TestFromMapToFileAndBack(t *testing.T) {
	w := newLocalAWS(t)
	file := newFleetFile(t)
	mapped := w.config(
		pipeline(
			"  name = \"greenhouse\"\n  devices = { \"soil-001\" = { attributes = { bay = \"1\" } }, \"soil-002\" = " +
				"{ enabled = false } }",
		),
	)
	untouched := resource.ComposeTestCheckFunc(w.counted(map[string]int{
		"iot:CreateThing": 0, "iot:UpdateThing": 0, "iot:DeleteThing": 0, "iot:CreateCertificateFromCsr": 0,
		"iot:UpdateCertificate": 0}))
	w.run(
		resource.TestStep{Config: mapped},
		resource.TestStep{
			PreConfig:        func() { file.with(t, "soil-001,,1", "soil-002,false,")(); w.mark() },
			Config:           w.config(file.block("")),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: plans(nil, nil, nil)},
			Check:            untouched,
		},
		resource.TestStep{
			PreConfig: w.mark, Config: mapped, Check: untouched,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("fleet"), knownvalue.Null()),
				statecheck.ExpectKnownValue(
					address,
					at("identities", "soil-002", "certificate_id"),
					knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f]{64}$`)),
				),
			},
		},
	)
}

// Every fault of a file is reported with its line, before anything is made.
func TestFaultsOfAFile(t *testing.T) {
	w := newLocalAWS(t)
	file := newFleetFile(t)
	step := func(says string, lines ...string) resource.TestStep {
		return resource.TestStep{
			PreConfig:   file.with(t, lines...),
			Config:      w.config(file.block("")),
			ExpectError: regexp.MustCompile(says),
		}
	}
	w.run(
		step(
			`(?s)3 faults in the device file.*line 2: Device name "soil 1" is not valid.*line 4: .*enabled is "maybe".*line 5: .*is already in line 3`,
			"soil 1,,",
			"soil-002,,",
			"soil-003,maybe,",
			"soil-002,,",
		),
		step(
			`(?s)A fault in the device file.*line 2: Attribute name.*|line 2: .*value of attribute "bay"`,
			"soil-001,,hall 3",
		),
		resource.TestStep{Config: w.config(pipeline(`name = "greenhouse"
			devices_from = { file = "nowhere.csv" }`)), ExpectError: regexp.MustCompile(`nowhere\.csv: no such\s+file`)},
		resource.TestStep{Config: w.config(pipeline(`name = "greenhouse"
			devices      = { "soil-001" = {} }
			devices_from = { file = "fleet.csv" }`)), ExpectError: regexp.MustCompile("exclude each other")},
	)
	if sent := w.writes(); len(sent) > 0 {
		t.Errorf("requests that write: %v", sent)
	}
}
