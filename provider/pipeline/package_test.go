package pipeline_test

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// writePackage writes a function's zip.
func writePackage(t *testing.T, path, content string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	member, err := archive.Create("bootstrap")
	if err == nil {
		_, err = member.Write([]byte(content))
	}
	if err == nil {
		err = archive.Close()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The user's own function replaces the shipped one; new content of its file is a change of the code and of nothing
// else.
func TestPackageOfTheUsersOwn(t *testing.T) {
	w := newLocalAWS(t)
	path := filepath.Join(t.TempDir(), "processor.zip")
	config := w.config(pipeline(minimal + fmt.Sprintf("processor = { package = %q }", path)))
	update := resource.ConfigPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
	}
	w.run(
		resource.TestStep{Config: w.config(pipeline(minimal))},
		resource.TestStep{
			PreConfig: func() { writePackage(t, path, "first"); w.mark() },
			Config:    config, ConfigPlanChecks: update, Check: w.wrote("awslambda:UpdateFunctionCode", manifest),
		},
		resource.TestStep{
			PreConfig: func() { writePackage(t, path, "second"); w.mark() },
			Config:    config, ConfigPlanChecks: update, Check: w.wrote("awslambda:UpdateFunctionCode"),
		},
	)
}

// A refresh, a plan that changes nothing of the function, and a destroy do not need the user's zip. What has to write
// the code again does, and says so before it writes anything.
func TestPackageThatIsGone(t *testing.T) {
	w := newLocalAWS(t)
	path := filepath.Join(t.TempDir(), "processor.zip")
	moved := path + ".2"
	step := func(path, more string) string {
		return w.config(pipeline(minimal + fmt.Sprintf("processor = { package = %q }\n", path) + more))
	}
	w.run(
		resource.TestStep{PreConfig: func() { writePackage(t, path, "first") }, Config: step(path, "")},
		resource.TestStep{
			PreConfig:    func() { remove(t, path); w.mark() },
			RefreshState: true, Check: w.wrote(),
		},
		resource.TestStep{
			Config: step(path, "functions = { log_level = \"DEBUG\" }"),
			Check:  w.wrote("awslambda:UpdateFunctionConfiguration", manifest),
		},
		resource.TestStep{
			PreConfig:   w.mark,
			Config:      step(moved, ""),
			ExpectError: words("The function's package cannot be read"),
		},
		resource.TestStep{
			Config:      step(path, "functions = { architecture = \"x86_64\" }"),
			ExpectError: words("The function's package cannot be read"),
		},
		resource.TestStep{
			PreConfig: func() {
				if got := w.writes(); len(got) > 0 {
					t.Errorf("a refused apply wrote %v", got)
				}
				writePackage(t, moved, "first")
				w.mark()
			},
			Config: step(moved, "functions = { log_level = \"DEBUG\" }"), Check: w.wrote(manifest),
		},
		resource.TestStep{PreConfig: func() { remove(t, moved) }, Config: step(moved, ""), Destroy: true},
	)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

// The bundles move to another store, and the devices keep what they prove themselves with.
func TestCredentialsMoveToAnotherStore(t *testing.T) {
	w := newLocalAWS(t)
	keep := statecheck.CompareValue(compareSame{})
	step := func(more, credentials string) resource.TestStep {
		return resource.TestStep{
			Config: w.config(pipeline(minimal + more)),
			ConfigStateChecks: []statecheck.StateCheck{
				keep.AddStateValue(address, at("identities", "soil-001", "certificate_id")),
			},
			Check: resource.TestMatchResourceAttr(address, "identities.soil-001.credentials", words(credentials)),
		}
	}
	moved := func(s resource.TestStep) resource.TestStep {
		s.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{
			plancheck.ExpectKnownValue(address, at("identities", "soil-001", "certificate_id"), knownvalue.NotNull()),
			plancheck.ExpectUnknownValue(address, at("identities", "soil-001", "credentials")),
		}
		return s
	}
	w.run(
		step("", ":parameter/iot-pipeline/greenhouse/devices/soil-001"),
		moved(step(`credentials = { store = "secretsmanager" }`, "arn:aws:secretsmanager:")),
		moved(step(`credentials = { store = "ssm", path = "/elsewhere" }`, ":parameter/elsewhere/soil-001")),
	)
}
