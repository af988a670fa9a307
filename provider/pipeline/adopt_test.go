package pipeline_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
)

// adopting is the description of a device that adopts what was made by hand.
func adopting(h awstest.HandMade) string {
	return fmt.Sprintf(`{ adopt = { thing_arn = %q, certificate_arns = [%q] } }`, h.ThingARN, h.CertificateARN)
}

// A device is adopted; the block stays, goes, and makes no difference; a removal gives the device back.
func TestAdoptedDevice(t *testing.T) {
	w := newLocalAWS(t)
	h := w.MakeByHand(t, "soil-001", nil)
	owned := func(want bool) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if _, is := w.Intact(t, "after a step", h)["iot-pipeline"]; is != want {
				return fmt.Errorf("the thing has an owner: %t, want %t", is, want)
			}
			return nil
		}
	}
	fleet := func(body, more string) string {
		return w.config(pipeline("name = \"greenhouse\"\n devices = { " + body + " }\n" + more))
	}
	w.run(
		resource.TestStep{
			Config: fleet(`soil-001 = `+adopting(h)+`, soil-002 = {}`, ""),
			Check:  owned(true),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("identities", "soil-001", "certificate_id"),
					knownvalue.StringExact(h.CertificateID)),
				statecheck.ExpectKnownValue(address, at("devices", "soil-001", "adopt"), knownvalue.Null()),
			},
		},
		resource.TestStep{
			Config: fleet(`soil-001 = {}, soil-002 = {}`, ""),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: owned(true),
		},
		resource.TestStep{ // whose key the provider does not have
			Config: fleet(`soil-001 = {}, soil-002 = {}`, "credentials = { certificate_version = 2 }"),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: plannedVersions(map[string]int64{"soil-001": 0, "soil-002": 2}, "soil-002"),
			},
			Check: owned(true),
		},
		resource.TestStep{Config: fleet(`soil-002 = {}`, ""), Check: owned(false)},
		resource.TestStep{
			Config:      fleet(`soil-001 = {}, soil-002 = {}`, ""),
			ExpectError: words(`"soil-001" (owned by no pipeline); nothing is adopted by name alone`),
		},
		resource.TestStep{
			Config: fleet(`soil-001 = `+adopting(h)+`, soil-002 = {}`, "force_destroy = true"),
			Check:  owned(true),
		},
	)
}

// What cannot be adopted fails at plan, before anything is made.
func TestAdoptionIsCheckedAtPlan(t *testing.T) {
	w := newLocalAWS(t)
	h := w.MakeByHand(t, "soil-001", nil)
	other := h
	other.CertificateARN = strings.Replace(h.CertificateARN, h.CertificateID, strings.Repeat("0", 64), 1)
	elsewhere := h
	elsewhere.ThingARN = strings.Replace(h.ThingARN, "us-east-1", "eu-west-1", 1)
	elsewhere.CertificateARN = strings.Replace(h.CertificateARN, "us-east-1", "eu-west-1", 1)
	named := h
	named.ThingARN += "-a"
	step := func(body string, says *regexp.Regexp) resource.TestStep {
		return resource.TestStep{
			PreConfig:   w.mark,
			Config:      w.config(pipeline("name = \"greenhouse\"\n devices = { soil-001 = " + body + " }")),
			PlanOnly:    true,
			ExpectError: says,
		}
	}
	w.run(
		step(adopting(other), words(`device "soil-001": the certificate `+h.CertificateID+` is attached to its thing and `+
			`not named; name it as well, or detach it first`)),
		step(adopting(elsewhere), words(`Device "soil-001" adopts a thing of another account or region`)),
		step(adopting(named), words(`The thing is "soil-001-a". A device has the name of its thing`)),
		step(strings.Replace(adopting(h), "} }", `}, csr_pem = "x" }`, 1), words(`Device "soil-001" adopts certificates `+
			`and names another`)),
		resource.TestStep{
			PreConfig: func() {
				if sent := w.writes(); len(sent) > 0 {
					t.Errorf("the refused plans sent %v", sent)
				}
			},
			Config: w.config(pipeline("name = \"greenhouse\"\n devices = { soil-001 = " + adopting(h) +
				" }\n force_destroy = true")),
		},
	)
}

// four is a description of more attributes than a thing without a type can have.
const four = `attributes = { a = "1", b = "2", c = "3", d = "4" }`

// A device that had no thing type and has too many attributes: the plan of its adoption warns, and the plans of its
// removal, of the destroy and of a replacement refuse it.
func TestAdoptedDeviceThatCannotBeReleased(t *testing.T) {
	w := newLocalAWS(t)
	h := w.MakeByHand(t, "soil-001", nil)
	config := func(name, body, more string) string {
		return w.config(pipeline(fmt.Sprintf("name = %q\n devices = { %s }\n %s", name, body, more)))
	}
	refused := func(config string, destroy bool) resource.TestStep {
		return resource.TestStep{PreConfig: w.mark, Config: config, Destroy: destroy,
			ExpectError: words(`1 adopted devices cannot be released: device "soil-001": it had no thing type before its ` +
				`adoption, and without one a thing can have 3 attributes; it has 4 (a, b, c, d)`)}
	}
	with := strings.Replace(adopting(h), "{ adopt", "{ "+four+", adopt", 1)
	w.run(
		resource.TestStep{Config: config("greenhouse", "soil-001 = "+with+", soil-002 = {}", "")},
		refused(config("greenhouse", "soil-002 = {}", ""), false),
		refused(config("glasshouse", "soil-001 = "+with+", soil-002 = {}", ""), false),
		refused(config("greenhouse", "soil-001 = { "+four+" }, soil-002 = {}", ""), true),
		resource.TestStep{
			PreConfig: func() {
				if sent := w.writes(); len(sent) > 0 {
					t.Errorf("the refused destroy sent %v", sent)
				}
			},
			Config: config("greenhouse", `soil-001 = { attributes = { a = "1" } }, soil-002 = {}`, ""),
		},
		resource.TestStep{Config: config("greenhouse", "soil-002 = {}", "")},
		resource.TestStep{Config: config("greenhouse", "soil-001 = "+adopting(h)+", soil-002 = {}", "force_destroy = true")},
	)
}

// A pipeline of another name adopts what the one before releases, if its configuration says so; else the plan refuses
// the replacement, which would end half-way.
func TestReplacementWithAdoptedDevices(t *testing.T) {
	w := newLocalAWS(t)
	h := w.MakeByHand(t, "soil-001", nil)
	config := func(name, body, more string) string {
		return w.config(pipeline(fmt.Sprintf("name = %q\n devices = { soil-001 = %s }\n %s", name, body, more)))
	}
	w.run(
		resource.TestStep{Config: config("greenhouse", adopting(h), "")},
		resource.TestStep{PreConfig: w.mark, Config: config("glasshouse", "{}", ""),
			ExpectError: words("It releases soil-001, and the new pipeline adopts nothing by name alone.")},
		resource.TestStep{
			PreConfig: func() {
				if sent := w.writes(); len(sent) > 0 {
					t.Errorf("the refused replacement sent %v", sent)
				}
			},
			Config: config("glasshouse", adopting(h), ""),
			Check: func(*terraform.State) error {
				if owner := w.Intact(t, "after the replacement", h)["iot-pipeline"]; owner == "" {
					return fmt.Errorf("the thing has no owner")
				}
				return nil
			},
		},
		resource.TestStep{Config: config("glasshouse", "{}", "force_destroy = true")},
	)
}

// A fleet moves into a file and back. Adopted devices stay adopted, and versions are as the registry has them.
func TestAdoptedDevicesMoveToAFile(t *testing.T) {
	w := newLocalAWS(t)
	h := w.MakeByHand(t, "soil-001", nil)
	file := newFleetFile(t)
	write := func(text string) func() {
		return func() {
			t.Helper()
			if err := os.WriteFile(file.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	intact := func(owned bool) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if _, is := w.Intact(t, "after a step", h)["iot-pipeline"]; is != owned {
				return fmt.Errorf("the thing has an owner: %t", is)
			}
			return nil
		}
	}
	inMap := func(body string) string {
		return w.config(pipeline("name = \"greenhouse\"\n devices = { " + body + " }"))
	}
	w.run(
		resource.TestStep{Config: inMap("soil-001 = " + adopting(h) + ", soil-002 = {}"), Check: intact(true)},
		resource.TestStep{PreConfig: write("name,certificate_version\nsoil-001,\nsoil-002,3\n"),
			Config: w.config(file.block("")), Check: intact(true)},
		resource.TestStep{Config: inMap("soil-001 = {}, soil-002 = {}"), Check: intact(true),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("identities", "soil-001", "certificate_version"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, at("identities", "soil-002", "certificate_version"),
					knownvalue.Int64Exact(3)),
			}},
		resource.TestStep{Config: inMap("soil-001 = { certificate_version = 2 }, soil-002 = {}"),
			ExpectError: words(`Device "soil-001" was adopted and has a certificate_version`)},
		resource.TestStep{PreConfig: write("name\nsoil-002\n"), Config: w.config(file.block("")), Check: intact(false)},
		resource.TestStep{Config: inMap("soil-001 = " + adopting(h)), Check: intact(true)},
		resource.TestStep{Config: w.config(pipeline("name = \"greenhouse\"\n devices = { soil-001 = {} }\n" +
			"force_destroy = true"))},
	)
}
